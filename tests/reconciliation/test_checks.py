"""Each check can fail, and can be left without an answer; the summary and the statuses that follow."""

from __future__ import annotations

import json
from typing import Any

import pytest

from fntx_dagster.services.reconciling.calculator import check
from tests.calculated import answers
from tests.reconciliation.vectors_of import Change, cases, changed

X, S = ["observed", "xrpl"], ["observed", "stellar"]
XRPL = ("issuer", "treasury", "escrow", "attestation", "amm", "trading")
STELLAR = ("issuer", "distribution", "anchor")
FLAGS = ("auth_required", "auth_revocable", "auth_clawback_enabled")
AWAY = {"error": "no answer in 5 s"}
LINE = {"currency": "ODD", "issuer": "rStK6TWWzC9p9vybWPTervdn4MpvvAUsh", "limit": "1", "authorized": True}

MISMATCHES: dict[str, list[Change]] = {
    **{f"xrpl.balance.{role}": [[[*X, "accounts", role, "balance"], "1"]] for role in XRPL},
    "xrpl.trustlines.issuer": [
        [["config", "xrpl", "accounts", "issuer", "trustlines"], [{**LINE, "authorized": True}]],
    ],
    **{f"xrpl.trustlines.{role}": [[[*X, "accounts", role, "lines"], [LINE]]] for role in XRPL[1:]},
    "xrpl.default_ripple.issuer": [[[*X, "accounts", "issuer", "flags"], ["default_ripple", "require_auth"]]],
    "xrpl.escrows": [[[*X, "escrows", "rows"], []]],
    **{f"stellar.balance.{role}": [[[*S, "accounts", role, "balance"], "2.9999999"]] for role in STELLAR},
    **{f"stellar.flag.{flag}": [[[*S, "accounts", "issuer", "flags", flag], False]] for flag in FLAGS},
    **{f"stellar.signers.{role}": [[[*S, "accounts", role, "thresholds", "master"], 1]] for role in STELLAR},
    "cross.governance": [[[*X, "accounts", "amm", "regular_key"], "rStK6TWWzC9p9vybWPTervdn4MpvvAUsh"]],
    "cross.attestation": [[["observed", "anchors", "xrpl", "rows", 0, "root"], "cc" * 32]],
    "supply.xrpl": [[[*X, "obligations", "locked"], {}]],
    "supply.stellar": [[[*S, "supply", "total"], "750000.0000001"]],
    "escrow.custody": [[["records", "custodian"], "249974.99"]],
    "audit.coverage": [[["records", "first_unanchored_age_s"], 86400]],
    "ledger.signatures": [[["records", "confirmed", 0, "signers"], ["treasury", "trustee"]]],
}
ERRORS: dict[str, list[Change]] = {
    **{f"xrpl.balance.{role}": [[[*X, "accounts", role, "balance"]]] for role in XRPL},
    **{f"xrpl.trustlines.{role}": [[[*X, "accounts", role, "lines"], AWAY]] for role in XRPL},
    "xrpl.default_ripple.issuer": [[[*X, "accounts", "issuer", "flags"], None]],
    "xrpl.escrows": [[[*X, "escrows"], AWAY]],
    **{f"stellar.balance.{role}": [[[*S, "accounts", role, "subentries"], None]] for role in STELLAR},
    **{f"stellar.flag.{flag}": [[[*S, "accounts", "issuer", "flags", flag]]] for flag in FLAGS},
    **{f"stellar.signers.{role}": [[[*S, "accounts", role, "thresholds"], AWAY]] for role in STELLAR},
    "cross.governance": [[[*X, "accounts", "amm", "signer_list"], AWAY]],
    "cross.attestation": [[["observed", "anchors", "stellar"], AWAY]],
    "supply.xrpl": [[[*X, "obligations"], AWAY]],
    "supply.stellar": [[[*S, "supply"], AWAY]],
    "escrow.custody": [[["records", "escrow_total"], AWAY]],
    "audit.coverage": [[["records", "audited"], AWAY]],
    "ledger.signatures": [[["observed", "account_transactions"], AWAY]],
}


def judged(*changes: Change) -> dict[str, Any]:
    """What the calculator makes of the agreeing case with these changes."""
    return dict(check(changed(*changes)))


def statuses(*changes: Change) -> dict[str, str]:
    """What does not match, by id."""
    return {item["id"]: item["status"] for item in judged(*changes)["items"] if item["status"] != "MATCH"}


def test_every_vector_has_its_summary_and_its_items() -> None:
    given = cases()
    results = answers("reconcile", "check", cases=given)
    for case, answer in zip(given, results, strict=True):
        expected, result = case["expected"], answer["result"]
        assert (answer["id"], result["summary"]) == (case["id"], expected["summary"])
        assert len(result["items"]) == len(expected["items"]), case["id"]
        for item, wanted in zip(result["items"], expected["items"], strict=True):
            assert wanted.items() <= item.items(), case["id"]


def test_there_are_30_checks_and_each_is_made_to_fail_and_to_be_without_an_answer() -> None:
    ids = [item["id"] for item in judged()["items"]]
    assert len(ids) == 30
    assert sorted(ids) == sorted(MISMATCHES) == sorted(ERRORS)


@pytest.mark.parametrize("id_", MISMATCHES)
def test_a_difference_is_a_critical_mismatch_of_its_check_alone_and_says_what_differs(id_: str) -> None:
    result = judged(*MISMATCHES[id_])
    [item] = [item for item in result["items"] if item["status"] != "MATCH"]
    assert (item["id"], item["status"], item["severity"]) == (id_, "MISMATCH", "critical")
    assert all(item["details"])
    assert result["summary"]["overall_status"] == "DISCREPANCIES_FOUND"


@pytest.mark.parametrize("id_", ERRORS)
def test_no_answer_is_an_error_of_its_check_alone_and_never_a_match(id_: str) -> None:
    result = judged(*ERRORS[id_])
    [item] = [item for item in result["items"] if item["status"] != "MATCH"]
    assert (item["id"], item["status"], item["severity"]) == (id_, "ERROR", "critical")
    assert all(item["details"])
    assert result["summary"] == {
        "total_checks": 30,
        "matched": 29,
        "mismatched": 0,
        "pending": 0,
        "errors": 1,
        "overall_status": "ERROR",
    }


@pytest.mark.parametrize("role", XRPL)
def test_an_account_that_the_ledger_does_not_have_is_a_mismatch_of_what_needs_it(role: str) -> None:
    found = statuses([[*X, "accounts", role], {"found": False}])
    needs = {f"xrpl.balance.{role}", f"xrpl.trustlines.{role}", "cross.governance"}
    needs |= {"xrpl.default_ripple.issuer"} if role == "issuer" else set()
    assert found == dict.fromkeys(needs, "MISMATCH")


@pytest.mark.parametrize("role", STELLAR)
def test_an_account_that_stellar_does_not_have_is_a_mismatch_of_what_needs_it(role: str) -> None:
    found = statuses([[*S, "accounts", role], {"found": False}])
    needs = {f"stellar.balance.{role}", f"stellar.signers.{role}", "cross.governance"}
    needs |= {f"stellar.flag.{flag}" for flag in FLAGS} if role == "issuer" else set()
    assert found == dict.fromkeys(needs, "MISMATCH")


def test_an_unreachable_xrp_ledger_is_an_error_of_each_of_its_checks() -> None:
    found = statuses([X, AWAY])
    assert set(found.values()) == {"ERROR"}
    assert {id_ for id_ in found if not id_.startswith("xrpl.")} == {"cross.governance", "supply.xrpl"}
    assert len(found) == 16


@pytest.mark.parametrize("ledger", ["xrpl", "stellar"])
@pytest.mark.parametrize("part", [True, None, [], {}, {"accounts": {}}, {"accounts": []}])
def test_a_configuration_without_accounts_leaves_their_checks_without_an_answer(ledger: str, part: Any) -> None:
    items = {item["id"]: item["status"] for item in judged([["config", ledger], part])["items"]}
    assert len(items) == 30
    assert items[f"{ledger}.balance.issuer"] == "ERROR"


def test_governance_is_an_error_where_one_account_gives_no_answer_though_another_differs() -> None:
    found = statuses(
        [[*X, "accounts", "amm", "signer_list", "quorum"], 1], [[*S, "accounts", "anchor", "signers"], AWAY]
    )
    assert found == {"cross.governance": "ERROR", "stellar.signers.anchor": "ERROR"}


@pytest.mark.parametrize(
    "changes",
    [
        [[*X, "accounts", "amm", "signer_list"], None],
        [[*X, "accounts", "amm", "signer_list", "quorum"], 3],
        [[*X, "accounts", "amm", "signer_list", "signers", 0, "weight"], 2],
        [[*X, "accounts", "amm", "signer_list", "signers", 0, "account"], "rStK6TWWzC9p9vybWPTervdn4MpvvAUsh"],
        [[*X, "accounts", "amm", "signer_list", "signers"], []],
        [[*X, "accounts", "amm", "master_disabled"], False],
    ],
)
def test_governance_sees_every_way_in_which_an_account_can_be_governed_otherwise(changes: Change) -> None:
    assert statuses(changes) == {"cross.governance": "MISMATCH"}


def test_a_signer_who_is_listed_twice_has_two_votes() -> None:
    signers = changed()["observed"]["xrpl"]["accounts"]["amm"]["signer_list"]["signers"]
    twice = [[*X, "accounts", "amm", "signer_list", "signers"], [*signers, signers[0]]]
    assert statuses(twice) == {"cross.governance": "MISMATCH"}


@pytest.mark.parametrize(
    ("path", "value", "differs"),
    [
        (["signers", 0, "weight"], 2, {"stellar.signers.issuer"}),
        (["signers", 0, "weight"], 0, {"stellar.signers.issuer", "cross.governance"}),
        (["signers", 3, "weight"], 1, {"stellar.signers.issuer"}),
        (["signers", 0, "account"], "G" * 56, {"stellar.signers.issuer", "cross.governance"}),
        (["thresholds", "low"], 1, {"stellar.signers.issuer"}),
        (["thresholds", "high"], 2, {"stellar.signers.issuer"}),
    ],
)
def test_signers_of_stellar_are_compared_with_their_weights_and_thresholds(
    path: list[Any], value: Any, differs: set[str]
) -> None:
    found = statuses([[*S, "accounts", "issuer", *path], value])
    assert found == dict.fromkeys(differs, "MISMATCH")


def test_the_key_of_a_standing_approval_may_sign_alone_where_it_cannot_change_who_signs() -> None:
    key = "rStK6TWWzC9p9vybWPTervdn4MpvvAUsh"
    row = {"account": "G" * 56, "weight": 2}
    named = {"xrpl": {"attestation": [key]}, "stellar": {"anchor": ["G" * 56]}}
    signers = changed()["observed"]["stellar"]["accounts"]["anchor"]["signers"]
    there = [
        [[*X, "accounts", "attestation", "regular_key"], key],
        [[*S, "accounts", "anchor", "signers"], [*signers, row]],
    ]
    assert statuses(*there) == {"cross.governance": "MISMATCH", "stellar.signers.anchor": "MISMATCH"}
    allowed = [["records", "standing_keys"], named]
    assert statuses(*there, allowed) == {}
    strong = [[*S, "accounts", "anchor", "signers"], [*signers, row | {"weight": 3}]]
    assert statuses(there[0], strong, allowed) == {"stellar.signers.anchor": "MISMATCH"}


@pytest.mark.parametrize("limit", ["1e8", "100000000.000", "1.0E+8", 100000000])
def test_numbers_are_compared_as_numbers(limit: Any) -> None:
    assert statuses([[*X, "accounts", "treasury", "lines", 0, "limit"], limit]) == {}
    more = [[*X, "accounts", "treasury", "lines", 0, "limit"], "100000000.0000001"]
    assert statuses(more) == {"xrpl.trustlines.treasury": "MISMATCH"}


def test_a_token_is_the_same_in_hex_and_as_text() -> None:
    code = b"OPTKAS.BOND".ljust(20, b"\0").hex()
    changes = [
        [[*X, "accounts", "treasury", "lines", 0, "currency"], code],
        [[*X, "obligations", "rows"], {code.upper(): "1e6", "OPTKAS.ESCROW": "500000"}],
    ]
    assert statuses(*changes) == {}


def test_three_letters_in_hex_are_another_token_than_the_three_letters() -> None:
    lines = [[["config", "xrpl", "accounts", "amm", "trustlines"], [LINE]]]
    there = [[*X, "accounts", "amm", "lines"], [LINE | {"currency": b"ODD".ljust(20, b"\0").hex()}]]
    assert statuses(*lines, there) == {"xrpl.trustlines.amm": "MISMATCH"}


@pytest.mark.parametrize(
    "change",
    [
        [[*X, "accounts", "treasury", "lines", 0, "frozen"], True],
        [[*X, "accounts", "treasury", "lines", 0, "authorized"], False],
        [[*X, "accounts", "treasury", "lines", 0, "issuer"], "rStK6TWWzC9p9vybWPTervdn4MpvvAUsh"],
        [[*X, "accounts", "treasury", "lines"], []],
    ],
)
def test_a_line_is_compared_in_all_that_matters(change: Change) -> None:
    assert statuses(change) == {"xrpl.trustlines.treasury": "MISMATCH"}


def test_the_issuer_has_the_lines_of_its_holders_and_they_are_no_difference() -> None:
    assert statuses([[*X, "accounts", "issuer", "lines"], [LINE]]) == {}


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("amount", {"currency": "OPTKAS.ESCROW", "issuer": "rsHYN6ndveeRbq23UJm3MjqSFv9h2ntdnh", "value": "250001"}),
        ("amount", "250000"),
        ("destination", "rDW8kNcrJjW6LLJpDzGyWszHYyxL3JhEaB"),
        ("condition", None),
        ("finish_after", "2027-01-01T00:00:00Z"),
        ("cancel_after", "2027-03-30T00:00:01Z"),
        ("sequence", 42),
    ],
)
def test_an_altered_escrow_is_a_difference(name: str, value: Any) -> None:
    assert statuses([[*X, "escrows", "rows", 0, name], value]) == {"xrpl.escrows": "MISMATCH"}


def test_the_same_time_and_amount_in_other_words_is_no_difference() -> None:
    escrow = [*X, "escrows", "rows", 0]
    assert statuses([[*escrow, "cancel_after"], "2027-03-30T01:00:00+01:00"], [[*escrow, "sequence"], "41"]) == {}
    assert statuses([[*escrow, "amount", "value"], "2.5e5"]) == {}


@pytest.mark.parametrize("state", ["Proposed", "Approved", "Created", "Released", "Cancelled", "Rejected"])
def test_an_escrow_of_ours_that_is_not_open_must_not_be_on_the_ledger(state: str) -> None:
    assert statuses([["records", "escrows", 0, "state"], state]) == {"xrpl.escrows": "MISMATCH"}


@pytest.mark.parametrize("state", ["Active", "Finishing", "Cancelling", "Disputed"])
def test_an_open_escrow_of_ours_must_be_on_the_ledger(state: str) -> None:
    gone = [[*X, "escrows", "rows"], []]
    assert statuses([["records", "escrows", 0, "state"], state]) == {}
    assert statuses([["records", "escrows", 0, "state"], state], gone) == {"xrpl.escrows": "MISMATCH"}


A, B = {"size": 100, "root": "aa" * 32}, {"size": 220, "root": "bb" * 32}
ANCHORS = ["observed", "anchors"]


@pytest.mark.parametrize(
    ("changes", "status"),
    [
        ([[[*ANCHORS, "xrpl", "rows"], [A]]], "PENDING"),
        ([[[*ANCHORS, "xrpl", "rows"], []], [[*ANCHORS, "stellar", "rows"], []]], "PENDING"),
        ([[[*ANCHORS, "xrpl", "rows"], [A]], [["now_s"], 87400 + 86399]], "PENDING"),
        ([[[*ANCHORS, "xrpl", "rows"], [A]], [["now_s"], 87400 + 86400]], "MISMATCH"),
        ([[[*ANCHORS, "xrpl", "rows"], [B, A]]], "MISMATCH"),
        ([[[*ANCHORS, "xrpl", "rows"], [A, A, B]]], "MISMATCH"),
        ([[[*ANCHORS, "xrpl", "rows"], [A, B | {"root": "dd" * 32}]]], "MISMATCH"),
        ([[[*ANCHORS, "xrpl", "rows"], [A, B, {"size": 300, "root": "dd" * 32}]]], "MISMATCH"),
        ([[["records", "checkpoints"], []]], "MISMATCH"),
        ([[[*ANCHORS, "xrpl"], {"found": False}]], "MISMATCH"),
        ([[["records", "checkpoints"]]], "ERROR"),
    ],
)
def test_anchors_are_judged_by_the_checkpoints_and_by_their_age(changes: list[Change], status: str) -> None:
    assert statuses(*changes) == {"cross.attestation": status}


def test_before_the_first_checkpoint_the_anchors_are_pending() -> None:
    none = [[[*ANCHORS, ledger, "rows"], []] for ledger in ("xrpl", "stellar")]
    result = judged(*none, [["records", "checkpoints"], []])
    [item] = [item for item in result["items"] if item["status"] != "MATCH"]
    assert (item["id"], item["status"], item["severity"]) == ("cross.attestation", "PENDING", "info")
    assert result["summary"]["overall_status"] == "CLEAN"


@pytest.mark.parametrize(
    "changes",
    [
        [[["records", "funded", "OPTKAS.BOND"], "999999"]],
        [[[*X, "obligations", "rows", "NEW"], "1"]],
        [[[*X, "obligations", "rows", "OPTKAS.BOND"], "999999.999999"]],
        [[["records", "redeemed"], {"OPTKAS.BOND": "1"}]],
        [[[*X, "obligations"], {"found": False}]],
    ],
)
def test_supply_is_what_we_issued_less_what_came_back_and_not_more_than_is_funded(changes: list[Change]) -> None:
    assert statuses(*changes) == {"supply.xrpl": "MISMATCH"}


def test_a_custodian_may_differ_by_a_ten_thousandth_of_the_larger_and_may_be_silent() -> None:
    custodian = ["records", "custodian"]
    assert statuses([custodian, "249975"]) == {}
    assert statuses([custodian, "250025.0025"]) == {}
    assert statuses([custodian, "250025.01"]) == {"escrow.custody": "MISMATCH"}
    assert statuses([custodian, None]) == statuses([custodian]) == {"escrow.custody": "PENDING"}


OURS = ["records", "confirmed"]
THERE = ["observed", "account_transactions", "rows"]
BY_ONE = {"hash": "T9", "signers": ["treasury"], "config_change": False}


@pytest.mark.parametrize(
    ("changes", "differs"),
    [
        ([[[*THERE, 0, "signers"], ["treasury", "trustee"]]], True),
        ([[[*THERE, 0, "signers"], ["treasury"]], [[*OURS, 0, "signers"], ["treasury"]]], True),
        ([[THERE, []]], True),
        ([[[*THERE, 0, "config_change"], True]], True),
        ([[[*THERE, 0, "hash"], "T3"]], True),
        ([[[*THERE, 0, "signers"], ["anchor"]], [[*OURS, 0, "signers"], ["anchor"]]], False),
        ([[[*THERE, 1, "signers"], ["anchor"]], [[*OURS, 1, "signers"], ["anchor"]]], True),
        (
            [
                [[*THERE, 1, "signers"], ["own key"]],
                [[*OURS, 1], {"hash": "T2", "signers": ["own key"], "covered_by": "setup"}],
            ],
            False,
        ),
        ([[[*THERE, 0, "hash"], "t1"]], False),
    ],
)
def test_signatures_are_those_that_we_recorded_and_as_many_as_are_needed(changes: list[Change], differs: bool) -> None:
    assert statuses(*changes) == ({"ledger.signatures": "MISMATCH"} if differs else {})


def test_a_confirmed_transaction_needs_its_event_and_nothing_that_waits_is_in_order() -> None:
    assert statuses([["records", "first_unanchored_age_s"], None]) == {}
    assert statuses([["records", "first_unanchored_age_s"], 86399]) == {}
    assert statuses([["records", "audited"], ["T1"]]) == {"audit.coverage": "MISMATCH"}


@pytest.mark.parametrize(("scope", "count"), [("full", 25), ("deep", 30), ("xrpl", 14), ("stellar", 9)])
def test_a_scope_has_its_checks(scope: str, count: int) -> None:
    items = judged([["scope"], scope])["items"]
    assert len(items) == count
    if scope in ("xrpl", "stellar"):
        assert {item["id"].split(".")[0] for item in items} == {scope}


def test_a_difference_weighs_more_than_an_error() -> None:
    summary = judged([[*X, "accounts", "amm", "balance"], "0"], [S, AWAY])["summary"]
    assert (summary["mismatched"], summary["errors"], summary["overall_status"]) == (1, 11, "DISCREPANCIES_FOUND")


@pytest.mark.parametrize("garbage", [None, 7, "text", [], [1], {}, {"rows": 5}, True, "NaN", "1e999999999"])
def test_whatever_a_server_says_nothing_that_cannot_be_read_matches(garbage: Any) -> None:
    """Every value of the observation in turn; what is no answer may differ or be without one, never break the rest."""
    paths: list[list[Any]] = []
    waiting: list[list[Any]] = [["observed"]]
    whole = changed()
    while waiting:
        path = waiting.pop()
        at: Any = whole
        for name in path:
            at = at[name]
        inner = at.keys() if isinstance(at, dict) else range(len(at)) if isinstance(at, list) else ()
        waiting += [[*path, name] for name in inner]
        paths.append(path)
    for path in paths[1::3]:
        assert len(judged([path, garbage])["items"]) == 30, path


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ([["scope"], "all"], "unknown_scope"),
        ([["kind"], "other"], "unknown_kind"),
        ([["config"]], "missing_field"),
        ([["now_s"], "90000"], "wrong_type"),
    ],
)
def test_a_case_that_is_none_is_refused(change: Change, code: str) -> None:
    [answer] = answers("reconcile", "check", cases=[changed(change)])
    assert answer["error"]["code"] == code
    assert json.dumps(answer)
