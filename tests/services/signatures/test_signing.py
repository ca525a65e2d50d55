"""Signing and posting: what is refused, and what heals. A real PostgreSQL and chain; the marts are written by hand."""

from __future__ import annotations

import json
from datetime import date, timedelta
from pathlib import Path

import pytest

from fntx_dagster.adapters.evm.client import Chain, connect
from fntx_dagster.adapters.evm.keys import key_ring
from fntx_dagster.errors import Permanent
from fntx_dagster.metrics.catalogue import CATALOGUES, GREEKS
from fntx_dagster.model.period import Period
from fntx_dagster.proof.leaves import schema_hash_of
from fntx_dagster.samples import SAMPLE_ACCOUNT
from fntx_dagster.services.signatures.drifting import drifts
from fntx_dagster.services.signatures.posting import post
from fntx_dagster.services.signatures.refusals import BLOCKING_KINDS, Beginning, days_to_sign
from fntx_dagster.services.signatures.signing import Signing, sign
from fntx_dagster.services.signatures.verifying import prove_on_chain, verify_day
from fntx_dagster.settings import Settings
from fntx_dagster.store.database import Database
from fntx_dagster.store.outbox.sendings import unfinished
from fntx_dagster.store.outbox.signatures import freeze, posted_days
from tests import by_hand

DAY = date(2025, 7, 17)
ACCOUNT, OTHER = "U7000001", "U7000002"


def build_day(db: Database, account: str = ACCOUNT, day: date = DAY, *, passed: bool = True) -> None:
    by_hand.build(db, account, day, passed=passed)


def refusal(signing: Signing, text: str) -> bool:
    """Whether nothing new was signed, for that reason."""
    [refused] = signing.refused
    return signing.new == [] and text in str(refused.error)


def test_a_day_is_signed_once_and_posted_once(built: Database, chain: Chain, settings: Settings) -> None:
    build_day(built)
    assert len(sign(settings, built, Period.on(DAY)).new) == 1
    assert len(sign(settings, built, Period.on(DAY)).kept) == 1
    assert len(post(settings, built, chain, Period.on(DAY)).new) == 1
    assert len(post(settings, built, chain, Period.on(DAY)).kept) == 1
    verdict = verify_day(built, chain, key_ring(settings), ACCOUNT, DAY)
    assert verdict.holds
    assert prove_on_chain(chain, verdict.day, key_ring(settings), "net_pnl")


def test_a_day_whose_verification_failed_is_not_signed(built: Database, settings: Settings) -> None:
    build_day(built, passed=False)
    assert refusal(
        sign(settings, built, Period.on(DAY)), "2025-07-17 of account U7000001 fails its verification: a = b: 1 = 2"
    )


@pytest.mark.parametrize("kind", BLOCKING_KINDS)
def test_a_day_that_lacks_a_kind_of_verification_is_not_signed(built: Database, settings: Settings, kind: str) -> None:
    build_day(built)
    with built.connect() as connection:
        connection.execute("delete from alm_reporting.daily_verification where kind = %s", (kind,))
    assert refusal(sign(settings, built, Period.on(DAY)), "is not verified")


def test_a_day_without_all_its_metrics_is_not_signed(built: Database, settings: Settings) -> None:
    build_day(built)
    with built.connect() as connection:
        connection.execute("delete from alm_reporting.rolling_metrics where metric_window = 'ytd'")
    assert refusal(sign(settings, built, Period.on(DAY)), "no metrics for ytd")


def test_a_day_after_a_change_is_not_signed(built: Database, settings: Settings) -> None:
    build_day(built)
    with built.connect() as connection:
        connection.execute("insert into alm_reporting.untold_changes values (%s, '2025-07-10')", (ACCOUNT,))
    assert refusal(sign(settings, built, Period.on(DAY)), "have changed since 2025-07-10 was built")


def test_a_signed_day_that_drifts_stays_signed_and_is_reported(built: Database, settings: Settings) -> None:
    build_day(built)
    sign(settings, built, Period.on(DAY))
    with built.connect() as connection:
        connection.execute("update alm_reporting.daily_summary set net_pnl = 13")
    again = sign(settings, built, Period.on(DAY))
    assert again.new == []
    assert [difference.metric for difference in again.drifted[0][1]] == ["net_pnl"]
    assert again.warnings[0].startswith("U…0001: 2025-07-17 stays as it was signed")


@pytest.mark.parametrize("version", [1, 2])
def test_greeks_signed_as_null_before_greeks_were_computed_are_no_drift(
    built: Database, settings: Settings, version: int
) -> None:
    build_day(built)
    build_day(built, day=DAY + timedelta(days=1))
    [today] = sign(settings, built, Period.on(DAY + timedelta(days=1))).new
    catalogue = CATALOGUES[version - 1]
    values = {name: today.values[name] for name in catalogue.by_name} | dict.fromkeys(GREEKS)
    close = values["session_close_utc"] - 86_400
    older = today._replace(
        trading_day=DAY,
        schema_hash=schema_hash_of(catalogue.canonical()),
        values=values | {"trading_day_num": 1, "session_close_utc": close},
        extension=None,
    )
    assert freeze(built, [older]) == [older]
    assert today.values["delta"] == 0, "what is signed now has Greeks"
    assert sign(settings, built, Period(DAY, DAY + timedelta(days=1))).drifted == []
    assert drifts(built).drifted == drifts(built).unjudged == []
    with built.connect() as connection:
        connection.execute("update alm_reporting.portfolio_greeks set delta = 0.25")
        connection.execute("update alm_reporting.daily_summary set fees = 3 where trading_day = %s", (DAY,))
    drifted = {one.signed.trading_day: [found.metric for found in one.differences] for one in drifts(built).drifted}
    assert drifted == {DAY: ["fees"], DAY + timedelta(days=1): ["delta"]}


def test_a_day_whose_greeks_are_not_computed_is_not_signed(built: Database, settings: Settings) -> None:
    build_day(built)
    with built.connect() as connection:
        connection.execute("update alm_reporting.portfolio_greeks set nav = 2")
    assert refusal(
        sign(settings, built, Period.on(DAY)), "the Greeks of 2025-07-17 of account U7000001 are not computed"
    )


def test_a_record_that_vanished_from_the_chain_is_posted_again_with_the_same_root(
    built: Database, chain: Chain, settings: Settings
) -> None:
    build_day(built)
    root = sign(settings, built, Period.on(DAY)).new[0].root
    before = post(settings, built, chain, Period.on(DAY)).new[0]
    chain.close()
    for file in settings.paths.chain.iterdir():
        file.unlink()
    with connect(settings) as fresh:
        assert fresh.record_of(before.trader, DAY) is None
        assert len(post(settings, built, fresh, Period.on(DAY)).new) == 1
        assert fresh.record_of(before.trader, DAY).root == root
    assert len(posted_days(built, Period.on(DAY))) == 1


def test_a_stored_receipt_that_was_changed_is_named(built: Database, chain: Chain, settings: Settings) -> None:
    build_day(built)
    sign(settings, built, Period.on(DAY))
    post(settings, built, chain, Period.on(DAY))
    with built.connect() as connection:
        connection.execute("alter table alm_reporting.chain_receipts disable trigger all")
        connection.execute("update alm_reporting.chain_receipts set block_number = 1")
    verdict = verify_day(built, chain, key_ring(settings), ACCOUNT, DAY)
    assert verdict.differences == []
    assert "the stored receipt names block 1" in verdict.problems[0]


def test_a_lost_salt_secret_is_noticed_before_anything_is_signed(built: Database, settings: Settings) -> None:
    build_day(built)
    sign(settings, built, Period.on(DAY))
    (settings.paths.keys / "salt.secret").write_text("11" * 32)
    with built.connect() as connection:
        connection.execute("update alm_reporting.daily_summary set trading_day = '2025-07-18'")
        connection.execute("update alm_reporting.rolling_metrics set trading_day = '2025-07-18'")
        connection.execute("update alm_reporting.daily_verification set trading_day = '2025-07-18'")
        connection.execute("update alm_reporting.portfolio_greeks set trading_day = '2025-07-18'")
        connection.execute("update alm_reporting.trading_sessions set session = '2025-07-18'")
    signing = sign(settings, built, Period(DAY, DAY + timedelta(days=1)))
    assert refusal(signing, "salt secret is not the one")


def on_a_node(settings: Settings, trader_key: str | None = None) -> Settings:
    """The settings of a chain behind an RPC URL that does not answer."""
    contracts = settings.paths.chain / "contracts.json"
    chain = {"rpc_url": "http://127.0.0.1:1", "contracts": contracts}
    return Settings(home=settings.home, chain=chain, keys={"trader_key": trader_key})


def test_two_accounts_do_not_share_a_traders_key(built: Database, settings: Settings) -> None:
    public = on_a_node(settings, trader_key="0x" + "22" * 32)
    build_day(built, ACCOUNT)
    build_day(built, OTHER)
    assert len(sign(public, built, Period.on(DAY), ACCOUNT).new) == 1
    assert refusal(sign(public, built, Period.on(DAY), OTHER), "signs for account U…0001 already")


def test_a_day_is_signed_and_queued_while_the_chain_is_away(built: Database, settings: Settings) -> None:
    build_day(built)
    assert len(sign(on_a_node(settings), built, Period.on(DAY)).new) == 1
    assert [waits.state for waits in unfinished(built)] == ["queued"]


def test_one_accounts_failed_verification_does_not_stop_another(
    built: Database, chain: Chain, settings: Settings
) -> None:
    build_day(built, ACCOUNT, passed=False)
    build_day(built, OTHER)
    signing = sign(settings, built, Period.on(DAY))
    assert [signed.account_id for signed in signing.new] == [OTHER]
    assert [refused.account_id for refused in signing.refused] == [ACCOUNT]
    assert [posted.account_id for posted in post(settings, built, chain, Period.on(DAY)).new] == [OTHER]


def test_an_account_is_signed_up_to_the_day_before_the_first_one_that_is_refused(
    built: Database, settings: Settings
) -> None:
    for days, passed in enumerate((True, False, True)):
        build_day(built, ACCOUNT, DAY + timedelta(days=days), passed=passed)
    signing = sign(settings, built, Period(DAY, DAY + timedelta(days=2)))
    assert [signed.trading_day for signed in signing.new] == [DAY]
    assert [refused.day for refused in signing.refused] == [DAY + timedelta(days=1)]


def test_a_day_after_one_that_was_refused_is_not_signed_by_itself(built: Database, settings: Settings) -> None:
    for days, passed in enumerate((True, False, True)):
        build_day(built, ACCOUNT, DAY + timedelta(days=days), passed=passed)
    sign(settings, built, Period.on(DAY))
    last = DAY + timedelta(days=2)
    signing = sign(settings, built, Period.on(last))
    assert refusal(signing, "2025-07-18 of account U7000001 fails its verification")


def test_an_account_without_a_day_in_the_range_is_not_refused_for_an_earlier_day(
    built: Database, settings: Settings
) -> None:
    build_day(built, ACCOUNT)
    build_day(built, ACCOUNT, DAY + timedelta(days=1), passed=False)
    sign(settings, built, Period.on(DAY))
    last = DAY + timedelta(days=2)
    build_day(built, OTHER, last)
    signing = sign(settings, built, Period.on(last))
    assert [signed.account_id for signed in signing.new] == [OTHER]
    assert signing.refused == []


def test_made_up_days_are_not_signed_on_a_public_chain(built: Database, settings: Settings) -> None:
    build_day(built, SAMPLE_ACCOUNT)
    assert refusal(sign(on_a_node(settings), built, Period.on(DAY)), "made up")


@pytest.mark.parametrize(("beginning", "signed"), [("all", 2), ("latest", 1), ("nothing", 0)])
def test_a_scheduled_run_signs_no_history_of_an_account_that_has_never_signed(
    built: Database, settings: Settings, beginning: str, signed: int
) -> None:
    build_day(built, ACCOUNT)
    build_day(built, ACCOUNT, DAY + timedelta(days=1))
    kind = Beginning(beginning)
    last = DAY + timedelta(days=1)
    done = sign(settings, built, Period(DAY, last), beginning=kind)
    assert [one.trading_day for one in done.new] == [DAY, last][2 - signed :]


def test_a_refusal_of_another_account_does_not_stop_an_account_that_begins(built: Database, settings: Settings) -> None:
    """The run covers both accounts' days; the one that begins with its latest failed in its history before that."""
    for day, passed in ((DAY, False), (DAY + timedelta(days=1), True)):
        build_day(built, ACCOUNT, day)
        build_day(built, OTHER, day, passed=passed)
    sign(settings, built, Period.on(DAY), ACCOUNT)
    last = DAY + timedelta(days=1)
    latest = Beginning.LATEST
    assert days_to_sign(built, latest)[OTHER].days == [last]
    done = sign(settings, built, Period(DAY, last), beginning=latest)
    assert [(one.account_id, one.trading_day) for one in done.new] == [(ACCOUNT, last), (OTHER, last)]
    assert done.refused == []


def test_an_account_that_has_signed_on_a_chain_does_not_sign_on_another_by_mistake(
    built: Database, settings: Settings, tmp_path: Path
) -> None:
    """A shell without FNTX_RPC_URL would sign on a chain of its own, and the day would be missing on the other."""
    for day in (DAY, DAY + timedelta(days=1)):
        build_day(built, ACCOUNT, day)
    addresses = {"chain_id": 1, "FNTX": "0x" + "11" * 20, "TrackRecord": "0x" + "22" * 20}
    public, swapped = tmp_path / "public.json", tmp_path / "swapped.json"
    public.write_text(json.dumps(addresses))
    swapped.write_text(json.dumps(addresses | {"TrackRecord": "0x" + "33" * 20}))
    node = Settings(home=settings.home, chain={"rpc_url": "http://127.0.0.1:1", "contracts": public})
    assert len(sign(node, built, Period.on(DAY)).new) == 1
    later = DAY + timedelta(days=1)
    assert refusal(sign(settings, built, Period.on(later)), "has signed on chain 1 so far")
    elsewhere = Settings(home=settings.home, chain={"rpc_url": "http://127.0.0.1:1", "contracts": swapped})
    assert refusal(sign(elsewhere, built, Period.on(later)), "has signed for contract 0x2222")


def test_a_proof_makes_no_new_salt_secret_where_it_is_missing(
    built: Database, chain: Chain, settings: Settings
) -> None:
    build_day(built)
    sign(settings, built, Period.on(DAY))
    (settings.paths.keys / "salt.secret").unlink()
    with pytest.raises(Permanent, match="is missing"):
        verify_day(built, chain, key_ring(settings), ACCOUNT, DAY)
    assert not (settings.paths.keys / "salt.secret").exists()
