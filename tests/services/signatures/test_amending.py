"""A day that the broker corrects after it was signed: noticed, and amended by a person only."""

from __future__ import annotations

import json
from datetime import date, timedelta
from pathlib import Path

import pytest

from fntx_dagster.adapters.evm.client import Chain
from fntx_dagster.adapters.evm.keys import key_ring
from fntx_dagster.errors import Permanent
from fntx_dagster.model.chain import SignedDay
from fntx_dagster.model.period import Period
from fntx_dagster.services.signatures.posting import post
from fntx_dagster.services.signatures.signing import amend, proposals, sign
from fntx_dagster.services.signatures.verifying import prove_on_chain, signed_day, verify_day
from fntx_dagster.settings import Settings
from fntx_dagster.store.database import Database
from fntx_dagster.store.outbox.sendings import unfinished
from fntx_dagster.store.outbox.signatures import posted_days, signed_days
from tests import by_hand
from tests.services.signatures.conftest import amended

ACCOUNT, DAY = "U7000001", date(2025, 7, 17)
REASON = "the broker corrected a commission"


def correct(db: Database, net_pnl: int = 13) -> None:
    with db.connect() as connection:
        connection.execute("update alm_reporting.daily_summary set net_pnl = %s", (net_pnl,))


def posted(db: Database, settings: Settings, chain: Chain) -> SignedDay:
    by_hand.build(db, ACCOUNT, DAY)
    [signed] = sign(settings, db, Period.on(DAY)).new
    assert len(post(settings, db, chain, Period.on(DAY)).new) == 1
    return signed


def test_an_amendment_is_a_second_version_and_the_first_stays(
    built: Database, settings: Settings, chain: Chain
) -> None:
    first = posted(built, settings, chain)
    correct(built)
    [second] = amended(built, settings, DAY, DAY, f" {REASON}\n")
    assert (second.version, second.previous_root, second.reason) == (2, first.root, REASON)
    post(settings, built, chain, Period.on(DAY))
    stored = [chain.version_of(first.trader, DAY, version) for version in (1, 2)]
    assert [one.record.root for one in stored] == [first.root, second.root]
    assert (stored[1].previous_root, stored[1].reason) == (first.root, REASON)
    assert verify_day(built, chain, key_ring(settings), ACCOUNT, DAY).holds
    for version in (1, 2):
        assert prove_on_chain(chain, signed_day(built, ACCOUNT, DAY, version), key_ring(settings), "net_pnl")
    assert [one.version for one in posted_days(built, Period.on(DAY))] == [2]


def test_nothing_is_amended_by_signing_again(built: Database, settings: Settings, chain: Chain) -> None:
    first = posted(built, settings, chain)
    correct(built)
    again = sign(settings, built, Period.on(DAY))
    assert (again.new, again.kept) == ([], [first])
    assert "net_pnl" in again.warnings[0]
    assert "amend" in again.warnings[0]
    assert post(settings, built, chain, Period.on(DAY)).new == []


def test_a_day_whose_figures_are_unchanged_is_not_amended(built: Database, settings: Settings, chain: Chain) -> None:
    posted(built, settings, chain)
    with pytest.raises(Permanent, match="nothing to amend"):
        amended(built, settings, DAY, DAY, REASON)


def test_a_version_is_not_amended_before_it_is_on_the_chain(built: Database, settings: Settings, chain: Chain) -> None:
    posted(built, settings, chain)
    correct(built)
    amended(built, settings, DAY, DAY, REASON)
    correct(built, 14)
    with pytest.raises(Permanent, match="version 2 of 2025-07-17 is not on the chain yet"):
        amended(built, settings, DAY, DAY, REASON)


def test_a_day_that_must_not_be_signed_is_not_amended(built: Database, settings: Settings, chain: Chain) -> None:
    posted(built, settings, chain)
    correct(built)
    with built.connect() as connection:
        connection.execute("update alm_reporting.daily_verification set passed = false")
    with pytest.raises(Permanent, match="fails its verification"):
        amended(built, settings, DAY, DAY, REASON)


def test_the_second_of_two_amendments_at_once_is_told_that_its_reason_is_not_kept(
    built: Database, settings: Settings, chain: Chain
) -> None:
    posted(built, settings, chain)
    correct(built)
    one, other = (proposals(settings, built, ACCOUNT, Period.on(DAY)) for _ in range(2))
    amend(settings, built, one, REASON)
    with pytest.raises(Permanent, match="another command has made version 2 of 2025-07-17 first: its reason stands"):
        amend(settings, built, other, "another reason")
    [kept] = signed_days(built, Period.on(DAY))
    assert (kept.version, kept.reason) == (2, REASON)


def test_what_was_shown_is_what_is_frozen(built: Database, settings: Settings, chain: Chain) -> None:
    posted(built, settings, chain)
    correct(built)
    shown = proposals(settings, built, ACCOUNT, Period.on(DAY))
    correct(built, 14)
    [frozen] = amend(settings, built, shown, REASON)
    assert frozen.values["net_pnl"] == 13 * 10**8


def test_a_record_is_not_amended_for_another_contract_than_it_was_posted_to(
    built: Database, settings: Settings, chain: Chain, tmp_path: Path
) -> None:
    posted(built, settings, chain)
    correct(built)
    elsewhere = tmp_path / "contracts.json"
    elsewhere.write_text(json.dumps({"chain_id": 1, "FNTX": "0x" + "11" * 20, "TrackRecord": "0x" + "22" * 20}))
    public = Settings(home=settings.home, chain={"rpc_url": "http://127.0.0.1:1", "contracts": elsewhere})
    with pytest.raises(Permanent, match="settings name another"):
        proposals(public, built, ACCOUNT, Period.on(DAY))


def test_a_day_signed_anew_after_a_restore_is_amended_behind_what_the_chain_holds(
    built: Database, settings: Settings, chain: Chain
) -> None:
    """The database was restored from before the day was signed, and the day rebuilt with other figures since."""
    first = posted(built, settings, chain)
    with built.connect() as connection:
        for table in ("chain_receipts", "chain_postings", "chain_attempts", "chain_sendings", "daily_signatures"):
            connection.execute(f"alter table alm_reporting.{table} disable trigger all")
            connection.execute(f"delete from alm_reporting.{table}")
            connection.execute(f"alter table alm_reporting.{table} enable trigger all")
    correct(built)
    [again] = sign(settings, built, Period.on(DAY)).new
    done = post(settings, built, chain, Period.on(DAY))
    assert "another record" in str(done.failed[0].error)
    assert done.refused == []
    shown = proposals(
        settings, built, ACCOUNT, Period.on(DAY), lambda one: chain.record_of(one.trader, one.trading_day)
    )
    [second] = amend(settings, built, shown, "the database was restored")
    assert (second.version, second.previous_root, again.version) == (2, first.root, 1)
    assert post(settings, built, chain, Period.on(DAY)).failed == []
    assert chain.record_of(first.trader, DAY).root == second.root
    assert unfinished(built) == []


@pytest.mark.parametrize("reason", ["", "  ", "a" * 257, "ö" * 129, "two\nlines", "\x1b[31mred"])
def test_a_reason_is_given_and_fits_on_a_line(built: Database, settings: Settings, chain: Chain, reason: str) -> None:
    posted(built, settings, chain)
    correct(built)
    with pytest.raises(Permanent, match="a reason has 1 to 256 bytes of printable text"):
        amended(built, settings, DAY, DAY, reason)
    assert [one.version for one in signed_days(built, Period.on(DAY))] == [1]


def test_only_the_days_that_drifted_are_amended(built: Database, settings: Settings, chain: Chain) -> None:
    later = DAY + timedelta(days=1)
    by_hand.build(built, ACCOUNT, DAY)
    by_hand.build(built, ACCOUNT, later)
    sign(settings, built, Period(DAY, later))
    post(settings, built, chain, Period(DAY, later))
    with built.connect() as connection:
        connection.execute("update alm_reporting.daily_summary set net_pnl = 1 where trading_day = %s", (later,))
    assert [one.trading_day for one in amended(built, settings, DAY, later, REASON)] == [later]
    assert [one.trading_day for one in unfinished(built)] == [later]


def test_a_newer_file_with_the_same_rows_is_no_drift(built: Database, settings: Settings, chain: Chain) -> None:
    by_hand.fetched(built, ACCOUNT, DAY)
    posted(built, settings, chain)
    with built.connect() as connection:
        connection.execute("update raw_flex.files set sha256 = 'another'")
    assert sign(settings, built, Period.on(DAY)).drifted == []
