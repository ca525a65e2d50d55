"""The extension of a signed day: frozen with the record, disclosed over a node, and brought to days from before it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import date
from typing import Any

import pytest

from fntx_dagster.adapters.evm.client import Chain
from fntx_dagster.adapters.evm.keys import key_ring
from fntx_dagster.adapters.evm.served import serve
from fntx_dagster.errors import Permanent
from fntx_dagster.metrics.catalogue import CATALOGUE, EXTENSION, NOT_COMPUTED
from fntx_dagster.model.chain import SignedDay
from fntx_dagster.model.period import Period
from fntx_dagster.proof.leaves import schema_hash_of
from fntx_dagster.services.signatures import freezing
from fntx_dagster.services.signatures.checking import check_disclosure
from fntx_dagster.services.signatures.disclosing import disclose_day
from fntx_dagster.services.signatures.drifting import drifts
from fntx_dagster.services.signatures.freezing import rebuilt, rebuilt_extension
from fntx_dagster.services.signatures.posting import post
from fntx_dagster.services.signatures.signing import amend, proposals, sign
from fntx_dagster.services.signatures.verifying import prove_on_chain, verify_day
from fntx_dagster.settings import Settings
from fntx_dagster.store.database import Database
from fntx_dagster.store.outbox.signatures import signed_version
from tests import by_hand
from tests.services.signatures.conftest import as_before

ACCOUNT, DAY = "U7000001", date(2025, 7, 17)
WIN_RATES = [name for name in EXTENSION.by_name if name.startswith("win_rate_all_in")]


@pytest.fixture
def signed(built: Database, settings: Settings, chain: Chain) -> SignedDay:
    """A posted day with two wins, a loss, a trip that broke even and one of unknown result; the trips of others are not
    its own."""
    by_hand.build(built, ACCOUNT, DAY)
    by_hand.round_trips(built, ACCOUNT, DAY, "5", "-0.00000001", "0", "1e-9", None)
    by_hand.round_trips(built, ACCOUNT, date(2025, 7, 16), "1")
    by_hand.round_trips(built, "U7000002", DAY, "1")
    [one] = sign(settings, built, Period.on(DAY)).new
    post(settings, built, chain, Period.on(DAY))
    return one


@pytest.fixture
def before(built: Database, settings: Settings, chain: Chain, monkeypatch: pytest.MonkeyPatch) -> SignedDay:
    """A posted day that was signed by the third version of the catalogue."""
    by_hand.build(built, ACCOUNT, DAY)
    by_hand.round_trips(built, ACCOUNT, DAY, "5")

    def frozen_as_before(bound: freezing.Bound, day: date, values: dict[str, Any]) -> SignedDay:
        return as_before(settings, freezing.frozen(bound, day, values))

    with monkeypatch.context() as patch:
        patch.setattr("fntx_dagster.services.signatures.signing.frozen", frozen_as_before)
        [one] = sign(settings, built, Period.on(DAY)).new
    post(settings, built, chain, Period.on(DAY))
    return one


@pytest.fixture
def node(chain: Chain) -> Iterator[str]:
    """The URL of the embedded chain."""
    with serve(chain.web3.provider) as url:
        yield url


def test_a_new_day_is_signed_by_the_fourth_version_and_its_extension_is_in_slot_63(
    built: Database, settings: Settings, signed: SignedDay
) -> None:
    read = signed_version(built, ACCOUNT, DAY)
    assert read == signed
    assert signed.schema_hash == schema_hash_of(CATALOGUE.canonical())
    assert signed.extension is not None
    assert signed.extension.schema_hash == schema_hash_of(EXTENSION.canonical())
    assert {name: signed.extension.values[name] for name in ("wins", "losses", "break_evens")} == {
        "wins": 2,
        "losses": 1,
        "break_evens": 1,
    }
    both = {**signed.values, **signed.extension.values}
    assert [both[name] for name in NOT_COMPUTED] == [None] * 2
    assert (both["ledger_entries"], both["ledger_head"]) == (None, None), "the account has no book"
    tree = rebuilt_extension(signed, key_ring(settings))
    assert tree is not None
    assert f"0x{tree.root.hex()}" == signed.extension_root
    assert rebuilt(signed, key_ring(settings)).values[63] == int.from_bytes(tree.root, "big", signed=True)


def test_the_all_in_win_rates_are_those_of_the_windows(built: Database, settings: Settings) -> None:
    by_hand.build(built, ACCOUNT, DAY)
    with built.connect() as connection:
        for number, window in enumerate(("30d", "mtd", "ytd", "all")):
            connection.execute(
                "update alm_reporting.rolling_metrics set win_rate_all_in = %s where metric_window = %s",
                (None if window == "mtd" else 76.92 + number, window),
            )
    [one] = sign(settings, built, Period.on(DAY)).new
    assert one.extension is not None
    assert [one.extension.values[name] for name in WIN_RATES] == [7_692_000_000, None, 7_892_000_000, 7_992_000_000]


def test_a_day_without_a_round_trip_has_none_won_lost_or_broken_even(built: Database, settings: Settings) -> None:
    by_hand.build(built, ACCOUNT, DAY)
    [one] = sign(settings, built, Period.on(DAY)).new
    assert one.extension is not None
    assert [one.extension.values[name] for name in ("wins", "losses", "break_evens")] == [0, 0, 0]


def test_a_disclosure_of_the_extension_holds_by_itself_and_over_a_node(
    built: Database, settings: Settings, signed: SignedDay, node: str
) -> None:
    text = disclose_day(settings, built, ACCOUNT, DAY, ["losses", "net_pnl", "wins"])
    assert json.loads(text)["format"] == "fntx.disclosure/2"
    for checked in (check_disclosure(text), check_disclosure(text, node)):
        assert (checked.holds, checked.problems) == (True, ())
        assert [(metric.name, metric.value, leads) for metric, leads in checked.of_extension] == [
            ("losses", "1", True),
            ("wins", "2", True),
        ]
    assert checked.verdict == "HOLDS"
    alone = check_disclosure(disclose_day(settings, built, ACCOUNT, DAY, ["wins"]), node)
    assert (alone.verdict, alone.verdicts) == ("HOLDS", ())


def test_without_a_metric_of_the_extension_the_first_format_is_written(
    built: Database, settings: Settings, signed: SignedDay, node: str
) -> None:
    text = disclose_day(settings, built, ACCOUNT, DAY, ["net_pnl", "extension_root"])
    assert json.loads(text)["format"] == "fntx.disclosure/1"
    checked = check_disclosure(text, node)
    assert checked.verdict == "HOLDS"
    assert f"0x{checked.verdicts[1][0].value}" == signed.extension_root


def test_a_disclosure_holds_the_salts_of_what_it_shows_and_of_slot_63(
    built: Database, settings: Settings, signed: SignedDay
) -> None:
    text = disclose_day(settings, built, ACCOUNT, DAY, ["wins"])
    record, tree = rebuilt(signed, key_ring(settings)), rebuilt_extension(signed, key_ring(settings))
    assert tree is not None
    assert [slot for slot, salt in record.salts.items() if salt.hex() in text] == [63]
    assert [slot for slot, salt in tree.salts.items() if salt.hex() in text] == [4]


def test_a_round_trip_that_the_broker_corrects_is_a_drift_that_names_the_metrics_of_the_extension(
    built: Database, settings: Settings, chain: Chain, signed: SignedDay
) -> None:
    assert drifts(built).drifted == []
    with built.connect() as connection:
        connection.execute("update alm_reporting.round_trips set net_pnl = -5 where net_pnl = 5")
    [drift] = drifts(built).drifted
    assert [(found.metric, found.signed, found.found) for found in drift.differences] == [
        ("wins", 2, 1),
        ("losses", 1, 2),
    ]
    [second] = amend(settings, built, proposals(settings, built, ACCOUNT, Period.on(DAY)), "a price was corrected")
    assert second.extension_root != signed.extension_root
    post(settings, built, chain, Period.on(DAY))
    assert verify_day(built, chain, key_ring(settings), ACCOUNT, DAY).holds


@pytest.mark.parametrize(
    ("place", "problem"),
    [
        ("{extension,values,wins}", "the stored extension does not lead to its root in slot 63"),
        ("{values,extension_root}", "the stored record does not lead to its own root"),
    ],
)
def test_a_stored_extension_that_was_changed_is_named_and_not_disclosed(
    built: Database, settings: Settings, chain: Chain, signed: SignedDay, place: str, problem: str
) -> None:
    with built.connect() as connection:
        connection.execute("alter table alm_reporting.daily_signatures disable trigger all")
        connection.execute(
            "update alm_reporting.daily_signatures set record = jsonb_set(record, %s, %s)", (place, '"7"')
        )
    problems = verify_day(built, chain, key_ring(settings), ACCOUNT, DAY).problems
    assert problem in problems[0]
    with pytest.raises(Permanent, match=problem):
        disclose_day(settings, built, ACCOUNT, DAY, ["wins"])


def test_a_day_from_before_the_extension_verifies_and_is_disclosed_as_before(
    built: Database, settings: Settings, chain: Chain, before: SignedDay, node: str
) -> None:
    assert (before.extension, before.extension_root) == (None, None)
    assert drifts(built).drifted == drifts(built).unjudged == []
    assert verify_day(built, chain, key_ring(settings), ACCOUNT, DAY).holds
    assert prove_on_chain(chain, before, key_ring(settings), "net_pnl")
    assert check_disclosure(disclose_day(settings, built, ACCOUNT, DAY, ["net_pnl"]), node).verdict == "HOLDS"
    with pytest.raises(Permanent, match="was signed before the extension, so it has no wins") as refused:
        disclose_day(settings, built, ACCOUNT, DAY, ["net_pnl", "wins"])
    assert "amend --extend --date 2025-07-17" in str(refused.value)


def test_an_amendment_brings_a_day_from_before_its_extension_only_where_that_is_asked_for(
    built: Database, settings: Settings, chain: Chain, before: SignedDay, node: str
) -> None:
    with pytest.raises(Permanent, match="nothing to amend"):
        proposals(settings, built, ACCOUNT, Period.on(DAY))
    [proposal] = proposals(settings, built, ACCOUNT, Period.on(DAY), extend=True)
    assert proposal.differences == []
    [second] = amend(settings, built, [proposal], "the extension")
    assert (second.version, second.previous_root) == (2, before.root)
    post(settings, built, chain, Period.on(DAY))
    assert verify_day(built, chain, key_ring(settings), ACCOUNT, DAY).holds
    checked = check_disclosure(disclose_day(settings, built, ACCOUNT, DAY, ["wins"]), node)
    assert (checked.verdict, checked.of_extension[0][0].value) == ("HOLDS", "1")
    earlier = check_disclosure(disclose_day(settings, built, ACCOUNT, DAY, ["net_pnl"], 1), node)
    assert earlier.verdict == "HOLDS, but is superseded by version 2"
    with pytest.raises(Permanent, match="nothing to amend"):
        proposals(settings, built, ACCOUNT, Period.on(DAY), extend=True)
