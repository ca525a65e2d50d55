"""Signing and posting: what is refused, and what heals. A real PostgreSQL and chain; the marts are written by hand."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path

import pytest

from fntx_dagster import signatures
from fntx_dagster.chain.client import Chain, connect
from fntx_dagster.errors import Permanent
from fntx_dagster.samples import SAMPLE_ACCOUNT
from fntx_dagster.settings import Settings
from fntx_dagster.store.database import Database
from fntx_dagster.store.marts import SUMMARY_FIELDS
from fntx_dagster.store.signatures import posted_days

DAY = date(2025, 7, 17)
ACCOUNT, OTHER = "U7000001", "U7000002"
TEXTS = {"account_id": "text", "trading_day": "date", "base_currency": "text", "difference_parts": "jsonb"}
METRICS = ("total_return", "volatility", "sharpe", "max_drawdown", "win_rate", "dpi", "tvpi", "rvpi")


@pytest.fixture
def told(database: Database) -> Database:
    """A database with the marts that signing reads, empty."""
    columns = ", ".join(f"{name} {TEXTS.get(name, 'numeric')}" for name in SUMMARY_FIELDS)
    metrics = ", ".join(f"{name} double precision" for name in METRICS)
    with database.connect() as connection:
        connection.execute(f"create table alm_reporting.daily_summary ({columns})")
        connection.execute(
            f"""create table alm_reporting.rolling_metrics
            (account_id text, trading_day date, metric_window text, {metrics})"""
        )
        connection.execute(
            """create table alm_reporting.daily_verification
            (account_id text, trading_day date, kind text, equation text, left_side numeric, relation text,
             right_side numeric, difference numeric, tolerance numeric, passed boolean)"""
        )
    return database


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(home=tmp_path)


@pytest.fixture
def chain(settings: Settings) -> Iterator[Chain]:
    with connect(settings) as connected:
        yield connected


def tell(db: Database, account: str = ACCOUNT, day: date = DAY, *, net_pnl: str = "12.5", passed: bool = True) -> None:
    values = dict.fromkeys(SUMMARY_FIELDS, Decimal(1)) | {
        "account_id": account,
        "trading_day": day,
        "base_currency": "HKD",
        "difference_parts": "{}",
        "net_pnl": Decimal(net_pnl),
        "margin_used": None,
    }
    with db.connect() as connection:
        connection.execute(
            f"insert into alm_reporting.daily_summary values ({', '.join(['%s'] * len(values))})", list(values.values())
        )
        connection.execute(
            "insert into alm_reporting.trading_sessions values (%s, %s, %s, %s, false) on conflict do nothing",
            (day, *[f"{day - timedelta(days=back)} {hour}:00Z" for back, hour in ((1, 20), (0, 13), (0, 20))]),
        )
        for window in ("30d", "mtd", "ytd", "all"):
            connection.execute(
                "insert into alm_reporting.rolling_metrics values (%s, %s, %s, 0.1, 0.2, 0.3, -0.4, 50, 0, 1, 1)",
                (account, day, window),
            )
        for kind in signatures.BLOCKING_KINDS:
            connection.execute(
                "insert into alm_reporting.daily_verification values (%s, %s, %s, 'a = b', 1, '=', 2, -1, 0, %s)",
                (account, day, kind, passed),
            )


def sign(db: Database, chain: Chain, settings: Settings, account: str | None = None) -> signatures.Signing:
    return signatures.sign(db, chain, settings.paths.keys, DAY, DAY, account)


def test_a_day_is_signed_once_and_posted_once(told: Database, chain: Chain, settings: Settings) -> None:
    tell(told)
    assert len(sign(told, chain, settings).new) == 1
    assert len(sign(told, chain, settings).kept) == 1
    assert len(signatures.post(told, chain, DAY, DAY).new) == 1
    assert len(signatures.post(told, chain, DAY, DAY).kept) == 1
    verdict = signatures.verify_day(told, chain, settings.paths.keys, ACCOUNT, DAY)
    assert verdict.holds
    assert signatures.prove_on_chain(chain, verdict.day, settings.paths.keys, "net_pnl")


def test_a_day_whose_verification_failed_is_not_signed(told: Database, chain: Chain, settings: Settings) -> None:
    tell(told, passed=False)
    with pytest.raises(Permanent, match="2025-07-17 of account U…0001 fails its verification: a = b: 1 = 2"):
        sign(told, chain, settings)


@pytest.mark.parametrize("kind", signatures.BLOCKING_KINDS)
def test_a_day_that_lacks_a_kind_of_verification_is_not_signed(
    told: Database, chain: Chain, settings: Settings, kind: str
) -> None:
    tell(told)
    with told.connect() as connection:
        connection.execute("delete from alm_reporting.daily_verification where kind = %s", (kind,))
    with pytest.raises(Permanent, match="is not verified"):
        sign(told, chain, settings)


def test_a_day_without_all_its_metrics_is_not_signed(told: Database, chain: Chain, settings: Settings) -> None:
    tell(told)
    with told.connect() as connection:
        connection.execute("delete from alm_reporting.rolling_metrics where metric_window = 'ytd'")
    with pytest.raises(Permanent, match="no metrics for ytd"):
        sign(told, chain, settings)


def test_a_day_behind_a_change_is_not_signed(told: Database, chain: Chain, settings: Settings) -> None:
    tell(told)
    with told.connect() as connection:
        connection.execute("insert into alm_reporting.untold_changes values (%s, '2025-07-10')", (ACCOUNT,))
    with pytest.raises(Permanent, match="have changed since 2025-07-10 was told"):
        sign(told, chain, settings)


def test_a_signed_day_that_drifts_stays_signed_and_is_named(told: Database, chain: Chain, settings: Settings) -> None:
    tell(told)
    sign(told, chain, settings)
    with told.connect() as connection:
        connection.execute("update alm_reporting.daily_summary set net_pnl = 13")
    again = sign(told, chain, settings)
    assert again.new == []
    assert [difference.metric for difference in again.drifted[0][1]] == ["net_pnl"]
    assert "U…0001 stays as it was signed" in again.warnings[0]


def test_a_record_that_vanished_from_the_chain_is_posted_again_with_the_same_root(
    told: Database, chain: Chain, settings: Settings
) -> None:
    tell(told)
    root = sign(told, chain, settings).new[0].root
    before = signatures.post(told, chain, DAY, DAY).new[0]
    chain.close()
    for file in settings.paths.chain.iterdir():
        file.unlink()
    with connect(settings) as fresh:
        assert fresh.record_of(before.trader, DAY) is None
        assert len(signatures.post(told, fresh, DAY, DAY).new) == 1
        assert fresh.record_of(before.trader, DAY).root == root
    assert len(posted_days(told, DAY, DAY)) == 1


def test_a_stored_receipt_that_was_changed_is_named(told: Database, chain: Chain, settings: Settings) -> None:
    tell(told)
    sign(told, chain, settings)
    signatures.post(told, chain, DAY, DAY)
    with told.connect() as connection:
        connection.execute("alter table alm_reporting.chain_receipts disable trigger all")
        connection.execute("update alm_reporting.chain_receipts set block_number = 1")
    verdict = signatures.verify_day(told, chain, settings.paths.keys, ACCOUNT, DAY)
    assert verdict.differences == []
    assert "the stored receipt names block 1" in verdict.problems[0]


def test_a_lost_salt_secret_is_noticed_before_anything_is_signed(
    told: Database, chain: Chain, settings: Settings
) -> None:
    tell(told)
    sign(told, chain, settings)
    (settings.paths.keys / "salt.secret").write_text("11" * 32)
    with told.connect() as connection:
        connection.execute("update alm_reporting.daily_summary set trading_day = '2025-07-18'")
        connection.execute("update alm_reporting.rolling_metrics set trading_day = '2025-07-18'")
        connection.execute("update alm_reporting.daily_verification set trading_day = '2025-07-18'")
        connection.execute("update alm_reporting.trading_sessions set session = '2025-07-18'")
    with pytest.raises(Permanent, match="salt secret is not the one"):
        signatures.sign(told, chain, settings.paths.keys, DAY, DAY + timedelta(days=1))


def test_two_accounts_do_not_share_a_traders_key(told: Database, tmp_path: Path) -> None:
    settings = Settings(home=tmp_path, trader_key="0x" + "22" * 32)
    tell(told, ACCOUNT)
    tell(told, OTHER)
    with connect(settings) as chain:
        chain.trader = lambda account: super(type(chain), chain).trader(
            account
        )  # the configured key, as on a public chain
        assert len(sign(told, chain, settings, ACCOUNT).new) == 1
        with pytest.raises(Permanent, match="signs for account U…0001 already"):
            sign(told, chain, settings, OTHER)


def test_made_up_days_are_not_signed_on_a_public_chain(told: Database, chain: Chain, settings: Settings) -> None:
    tell(told, SAMPLE_ACCOUNT)
    chain.is_embedded = False
    with pytest.raises(Permanent, match="made up"):
        sign(told, chain, settings)
