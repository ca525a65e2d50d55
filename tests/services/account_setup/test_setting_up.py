"""Accounts set up on simulated ledgers, by their own keys, in the only order that their ledgers take."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any
from uuid import UUID, uuid4

import pytest
from psycopg.errors import InsufficientPrivilege
from typer.testing import CliRunner

from fntx_dagster.adapters.xrpl.sentences import sentences
from fntx_dagster.cli import app
from fntx_dagster.errors import Permanent
from fntx_dagster.governance.machines import StepImpossible
from fntx_dagster.intents.refusal import TransactionRefused
from fntx_dagster.report.clock import HONG_KONG
from fntx_dagster.services.account_setup import setting_up
from fntx_dagster.services.account_setup.carrying_out import ensure_covered, listed, send_all
from fntx_dagster.services.account_setup.setting_up import look, set_up
from fntx_dagster.services.governance.configuration import configured
from fntx_dagster.services.governance.proposing import propose
from fntx_dagster.services.governance.reading import list_proposals, show
from fntx_dagster.services.transactions.opening import opened
from fntx_dagster.services.transactions.queueing import queue
from fntx_dagster.services.treasury.signing import read_signing_file
from fntx_dagster.services.visitors.visitor import OWNER, Visitor
from fntx_dagster.store.treasury.proposals import add_proposal
from fntx_dagster.web.asking import Site
from tests.services.account_setup.desks import SetupDesk, signed_by_master
from tests.services.transactions.worlds import SIGNERS, STELLAR_KEYS, XRPL_NAMES, events, issue, refused_twice
from tests.simulate.horizon.parts import ISSUER as STELLAR_ISSUER
from tests.simulate.horizon.parts import key
from tests.simulate.xrpl.people import address, signers
from tests.web.trading.pages import page, words

LOST_KEY = key("lost")
ISSUER_STEPS = ["require_auth", "allow_trustline_locking", "signers", "disable_master"]


def test_an_issuer_of_the_xrp_ledger_is_set_up_in_the_order_that_works(desk: SetupDesk) -> None:
    seen = look(desk.settings, desk.db, "xrpl", "issuer")
    assert [(each.step, each.done) for each in seen.accounts[0].steps] == [(step, False) for step in ISSUER_STEPS]
    assert (seen.next, seen.proposal) == ("propose", None)
    asked = set_up(desk.settings, desk.db, "xrpl", "issuer", desk.folder)
    assert asked.next == "decide"
    assert set_up(desk.settings, desk.db, "xrpl", "issuer", desk.folder).proposal == asked.proposal
    desk.approve(asked.proposal)
    signing = set_up(desk.settings, desk.db, "xrpl", "issuer", desk.folder)
    assert (signing.next, [each.step for each in signing.transactions]) == ("sign", ISSUER_STEPS)
    files = [read_signing_file(file.read_bytes()) for file in signing.files]
    first = desk.town.info("issuer")["account_data"]["Sequence"]
    assert [file["tx_json"]["Sequence"] for file in files] == [*range(first, first + 4)]
    assert [(file["signing"], file["signers"]) for file in files] == [
        ("single", [{"id": "master", "account": address("issuer")}])
    ] * 4
    assert {file["fee"] for file in files} == {"15"}
    for file in signing.files[:2]:
        desk.sign(file, "issuer")
    half = set_up(desk.settings, desk.db, "xrpl", "issuer", desk.folder, wait=10)
    assert [each.state for each in half.transactions] == ["confirmed", "confirmed", "prepared", "prepared"]
    assert half.files == signing.files[2:]
    for file in half.files:
        desk.sign(file, "issuer")
    done = set_up(desk.settings, desk.db, "xrpl", "issuer", desk.folder, wait=10)
    assert (done.next, done.is_done) == ("nothing", True)
    info = desk.town.info("issuer")
    [listed] = info["signer_lists"]
    assert listed["SignerQuorum"] == 2
    assert {entry["SignerEntry"]["Account"] for entry in listed["SignerEntries"]} == {
        address(XRPL_NAMES[signer]) for signer in SIGNERS
    }
    flags = info["account_flags"]
    assert [flags[name] for name in ("requireAuthorization", "allowTrustLineLocking", "disableMasterKey")] == [True] * 3
    assert not flags["defaultRipple"]
    assert desk.town.send("issuer", "AccountSet") == "tefMASTER_DISABLED"
    said = events(desk.db)
    assert (said.count("transaction_confirm"), said.count("config_changed")) == (4, 5)
    assert set_up(desk.settings, desk.db, "xrpl", "issuer", desk.folder).next == "nothing"


def test_an_account_of_stellar_is_set_up_by_one_transaction(desk: SetupDesk) -> None:
    asked = set_up(desk.settings, desk.db, "stellar", "issuer", desk.folder)
    desk.approve(asked.proposal)
    signing = set_up(desk.settings, desk.db, "stellar", "issuer", desk.folder)
    [file] = signing.files
    assert file.name == "stellar-issuer-1-options.json"
    [queued] = queue(desk.db)
    assert queued.role == "issuer"
    assert queued.step in ("batch", "account.options")
    assert read_signing_file(file.read_bytes())["signers"][0]["public_key"] == STELLAR_ISSUER.public_key
    desk.sign(file, "issuer")
    assert set_up(desk.settings, desk.db, "stellar", "issuer", desk.folder, wait=10).is_done
    entry = desk.network.accounts[STELLAR_ISSUER.public_key]
    assert (entry.master, entry.low, entry.med, entry.high, entry.flags) == (0, 2, 2, 3, 1 | 2 | 8)
    assert dict(entry.signers) == {STELLAR_KEYS[signer].public_key: 1 for signer in SIGNERS}
    assert look(desk.settings, desk.db, "stellar", "issuer").next == "nothing"


def test_what_an_account_lacks_since_it_changed_is_proposed_anew_and_covered_by_no_older_approval(
    desk: SetupDesk, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = set_up(desk.settings, desk.db, "stellar", "issuer", desk.folder)
    desk.approve(asked.proposal)

    def sent_while_somebody_adds_a_signer(*arguments: Any) -> None:
        send_all(*arguments)
        entry = desk.network.accounts[STELLAR_ISSUER.public_key]
        desk.network.put(replace(entry, signers={LOST_KEY.public_key: 1}))

    monkeypatch.setattr(setting_up, "send_all", sent_while_somebody_adds_a_signer)
    done = set_up(desk.settings, desk.db, "stellar", "issuer", desk.folder)
    assert (done.next, done.files, done.transactions) == ("decide", [], [])
    assert done.proposal != asked.proposal
    assert asked.proposal
    assert len(listed(desk.db, [asked.proposal])) == 1


def test_an_approval_covers_nothing_but_what_it_asks_for(desk: SetupDesk) -> None:
    asked = set_up(desk.settings, desk.db, "xrpl", "issuer", desk.folder)
    assert asked.proposal
    [first, *_] = asked.accounts[0].payloads
    with pytest.raises(Permanent, match="covers no transactions"):
        ensure_covered(desk.settings, desk.db, asked.proposal, [first])
    desk.approve(asked.proposal)
    intent = first["intent"] | {"params": {"set": "default_ripple"}}
    for other in (first | {"intent": intent}, first | {"network_id": 0}):
        with pytest.raises(Permanent, match="not what was approved"):
            ensure_covered(desk.settings, desk.db, asked.proposal, [first, other])
    assert listed(desk.db, [asked.proposal]) == []
    single = propose(desk.settings, desk.db, "account.configure", first)
    desk.approve(single)
    with pytest.raises(Permanent, match="covers no transactions"):
        ensure_covered(desk.settings, desk.db, single, [first])


def test_a_name_that_looks_like_an_approval_covers_nothing(desk: SetupDesk) -> None:
    asked = set_up(desk.settings, desk.db, "xrpl", "treasury", desk.folder)
    desk.approve(asked.proposal)
    assert asked.proposal
    [first, *_] = asked.accounts[0].payloads
    row, own = show(desk.db, propose(desk.settings, desk.db, "account.configure", first)).row, uuid4()
    with desk.db.connect() as connection:
        named = row._replace(proposal_id=own, nonce=row.nonce + 1, proposed_by=f"proposal:{asked.proposal}")
        add_proposal(connection, named)
    view = show(desk.db, own)
    assert (view.approvals, sorted(view.to_sign)) == ([], ["approve", "reject"])
    assert listed(desk.db, [asked.proposal]) == []
    ensure_covered(desk.settings, desk.db, asked.proposal, [first])
    [covered] = listed(desk.db, [asked.proposal])
    with desk.db.connect() as connection, pytest.raises(InsufficientPrivilege, match="what is decided on stays"):
        connection.execute("update treasury.proposal set covered_by = null where proposal_id = %s", [covered[0]])


def test_what_is_covered_shows_who_approved_it_and_is_decided_nowhere_else(desk: SetupDesk) -> None:
    asked = set_up(desk.settings, desk.db, "xrpl", "treasury", desk.folder)
    desk.approve(asked.proposal)
    done = set_up(desk.settings, desk.db, "xrpl", "treasury", desk.folder)
    view = show(desk.db, done.transactions[0].proposal_id)
    assert (view.approvals, view.to_sign) == (sorted(SIGNERS), {})
    for each in list_proposals(desk.db, "all"):
        assert each == show(desk.db, each.row.proposal_id)
    assert str(asked.proposal) in view.sentences[-1]
    site, path = Site(desk.settings, desk.db, HONG_KONG), f"/treasury/proposals/{view.row.proposal_id}"
    status, text = page(site, path, Visitor("olga", OWNER))
    assert (status, view.sentences[-1] in words(text)) == (200, True)
    assert page(site, f"{path}/approve.bin", Visitor("olga", OWNER))[0] == 404
    assert asked.proposal
    assert len(show(desk.db, asked.proposal).to_sign) == 2


def test_an_issuer_that_owns_something_is_refused_before_anything_is_proposed(desk: SetupDesk) -> None:
    assert desk.town.does("issuer", "TicketCreate", TicketCount=1) == "tesSUCCESS"
    assert "owns 1 entries" in look(desk.settings, desk.db, "xrpl", "issuer").accounts[0].problem
    with pytest.raises(Permanent, match=r"issuer .* cannot be set up: require_auth"):
        set_up(desk.settings, desk.db, "xrpl", "issuer", desk.folder)
    assert "fund it first" in look(desk.settings, desk.db, "xrpl", "amm").accounts[0].problem


def test_a_step_that_became_impossible_is_refused_before_it_costs_a_fee(desk: SetupDesk) -> None:
    asked = set_up(desk.settings, desk.db, "xrpl", "issuer", desk.folder)
    desk.approve(asked.proposal)
    assert desk.town.does("issuer", "TicketCreate", TicketCount=1) == "tesSUCCESS"
    with pytest.raises(Permanent, match="owns 1 entries"):
        set_up(desk.settings, desk.db, "xrpl", "issuer", desk.folder)


def test_a_step_that_failed_on_its_ledger_is_made_again_and_nothing_after_it_is_sent(desk: SetupDesk) -> None:
    asked = set_up(desk.settings, desk.db, "xrpl", "treasury", desk.folder)
    desk.approve(asked.proposal)
    signing = set_up(desk.settings, desk.db, "xrpl", "treasury", desk.folder)
    assert [each.step for each in signing.transactions] == ["signers", "disable_master"]
    desk.sign(signing.files[0], "treasury")
    assert desk.town.does("treasury", "AccountSet") == "tesSUCCESS"  # another transaction uses its sequence
    again = set_up(desk.settings, desk.db, "xrpl", "treasury", desk.folder, wait=5)
    assert [each.state for each in again.transactions] == ["failed", "cancelled", "prepared", "prepared"]
    for file in again.files:
        desk.sign(file, "treasury")
    assert set_up(desk.settings, desk.db, "xrpl", "treasury", desk.folder, wait=10).is_done


def test_another_key_and_a_list_of_signers_sign_nothing_of_a_set_up(desk: SetupDesk) -> None:
    from fntx_dagster.services.transactions.importing import import_part

    asked = set_up(desk.settings, desk.db, "xrpl", "treasury", desk.folder)
    desk.approve(asked.proposal)
    files = set_up(desk.settings, desk.db, "xrpl", "treasury", desk.folder).files
    with pytest.raises(TransactionRefused) as refused:
        import_part(desk.settings, desk.db, signed_by_master(files[0], "escrow"))
    assert refused.value.code == "unknown_signer"


def test_an_account_without_signers_pays_nobody(desk: SetupDesk) -> None:
    assert refused_twice(desk.settings, desk.db, "iou.issue", issue()) == "no_signers"


def test_the_command_says_what_is_left_and_goes_on(desk: SetupDesk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FNTX_HOME", str(desk.settings.home))
    monkeypatch.setenv("FNTX_DATABASE_URL", desk.db.url)
    monkeypatch.setenv("FNTX_XRPL_URL", desk.server.url)
    monkeypatch.setenv("FNTX_TREASURY_CONFIG", str(desk.settings.treasury.config))
    assert _said("escrow")["next"] == "propose"
    assert "propose" in CliRunner().invoke(app, ["treasury", "setup", "xrpl", "escrow"]).stdout
    asked = _said("escrow", "-o", str(desk.folder), code=75)
    assert asked["accounts"][0]["steps"][-1] == {"step": "disable_master", "done": False}
    desk.approve(UUID(asked["proposal"]))
    listed = CliRunner().invoke(app, ["treasury", "queue"]).stdout
    assert "`fntx treasury setup xrpl -o DIR` goes on with it." in " ".join(listed.split())
    refused = CliRunner().invoke(app, ["treasury", "export", asked["proposal"], "-o", str(desk.folder)]).exception
    assert isinstance(refused, StepImpossible)
    assert "fntx treasury setup xrpl -o DIR" in refused.way_out
    files = _said("escrow", "-o", str(desk.folder), code=75)["files"]
    for file in files:
        signed = desk.folder / "signed.txt"
        signed.write_bytes(signed_by_master(desk.folder / file, "escrow"))
        assert CliRunner().invoke(app, ["treasury", "import", str(signed)]).exit_code == 0
    assert _said("escrow", "-o", str(desk.folder))["is_done"]
    done = CliRunner().invoke(app, ["treasury", "setup", "xrpl", "nobody"])
    assert done.exit_code == 1
    assert "It is one of issuer, treasury" in str(done.exception)


def _said(*arguments: str, code: int = 0) -> Any:
    done = CliRunner().invoke(app, ["treasury", "setup", "xrpl", *arguments, "--json"])
    assert done.exit_code == code, done.output
    return json.loads(done.stdout)


def test_answers_that_are_lost_on_the_way_make_no_step_twice(desk: SetupDesk) -> None:
    asked = set_up(desk.settings, desk.db, "xrpl", "escrow", desk.folder)
    desk.approve(asked.proposal)
    for file in set_up(desk.settings, desk.db, "xrpl", "escrow", desk.folder).files:
        desk.sign(file, "escrow")
    first = desk.town.info("escrow")["account_data"]["Sequence"]
    desk.server.fail(on="submit", do="cut", taken=True)
    assert set_up(desk.settings, desk.db, "xrpl", "escrow", desk.folder, wait=10).is_done
    assert desk.town.info("escrow")["account_data"]["Sequence"] == first + 2
    assert events(desk.db).count("transaction_submit") == events(desk.db).count("transaction_confirm") == 2


def test_a_regular_key_is_set_by_the_signers_and_taken_away_while_somebody_is_left(desk: SetupDesk) -> None:
    own = {"op": "account.key", "account": address("attestation"), "params": {"key": address("anchors")}}
    payload = {"ledger": "xrpl", "network_id": 1, "intent": own}
    assert desk.town.does("issuer", "Payment", Destination=address("attestation"), Amount="20000000") == "tesSUCCESS"
    assert desk.town.does("attestation", "SignerListSet", **signers(2, *XRPL_NAMES.values())) == "tesSUCCESS"
    assert desk.town.does("attestation", "AccountSet", SetFlag=4) == "tesSUCCESS"
    with opened(desk.settings, configured(desk.settings), "xrpl") as ledger:
        terms = ledger.terms(payload, 3)
        assert (terms.needed, len(terms.signers)) == (3, 3)
        unsigned = ledger.build(payload, terms, terms.sequence, None).text
        assert sentences(unsigned)[0] == f"Lets {address('anchors')} sign alone for {address('attestation')}."
        away = {**payload, "intent": {**own, "params": {}}}
        assert ledger.terms(away, 3).needed == 3
