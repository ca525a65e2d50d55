"""A strategy of signals is an account: its days are closed, explained, measured, signed and posted, and its trades are
what its book realised."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from fntx_dagster.model.period import Period
from fntx_dagster.services.ledger_accounts.closing import close_days
from fntx_dagster.services.ledger_accounts.explaining import explain_days, prove_days
from fntx_dagster.services.ledger_accounts.statements import statement_of_day
from fntx_dagster.services.orders.verifying import verify
from fntx_dagster.services.performance import rolling_metrics, summary_rows
from fntx_dagster.services.reporting import report
from fntx_dagster.services.signals.performance import AskedPerformance, performance
from fntx_dagster.services.signatures.verifying import signed_day
from fntx_dagster.settings import Settings
from fntx_dagster.store.ledger import books, reading
from fntx_dagster.store.marts.verification import verifications
from tests.dbt.conftest import fresh
from tests.services.signals.provider import STRIKE, Provider

ACCOUNT = "LEDGER-strategy:STRATEGY_001-paper"
DAYS = Period(date(2026, 3, 5), date(2026, 3, 9))
SATURDAY = date(2026, 3, 7)
KINDS = ("mathematical", "logical", "cross_reference", "historical")

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def traded(
    postgres: str, story_home: Settings, deployed: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[Settings, Provider]]:
    """From Thursday to Monday: a signal a day and one sold short, in prices of parts of a cent, at an exchange that
    takes fees; one is open over the weekend, and Sunday is quiet."""
    home = tmp_path_factory.mktemp("strategy") / "home"
    shutil.copytree(story_home.home, home)
    shutil.copytree(deployed, home, dirs_exist_ok=True)
    settings = Settings.model_validate(
        {"home": home, "database": story_home.database, "chain": {"embedded": True}, "keys": {"make": True}}
    )
    with fresh(postgres, settings) as platform:
        provider = Provider(platform.database)
        provider.now = datetime(2026, 3, 5, 9, 30, tzinfo=UTC)
        provider.wishes = [{"user_id": f"user{number}", "qty": number, "fee_bps": "5"} for number in range(1, 6)]
        costly: dict[str, Any] = {"strike_data": STRIKE | {"exchange": "kraken"}}
        provider.enter("thursday", "100.0037", **costly)
        provider.later(hours=4)
        provider.leave("thursday", quote={"bid": "104.0011", "bid_size": "4"})
        provider.leave("thursday", "103.0019")
        provider.later(days=1)
        provider.enter("over the weekend", "101.0003", **costly)
        provider.later(days=1)
        provider.enter("saturday", "99.0041", "SELL_ENTRY", **costly)
        provider.later(hours=2)
        provider.leave("saturday", "97.0053", "SELL_EXIT")
        provider.now = datetime(2026, 3, 9, 11, tzinfo=UTC)
        provider.leave("over the weekend", "96.0007")
        close_days(settings, platform.database, DAYS.last)
        assert explain_days(settings, platform.database, DAYS, lambda _words: None) == (5, [], [])
        yield settings, provider


def test_every_day_is_explained_weekends_included_and_nothing_is_left_over(
    traded: tuple[Settings, Provider],
) -> None:
    settings, provider = traded
    db = provider.desk.db
    rows = summary_rows(settings, db, DAYS, ACCOUNT)
    assert [row["trading_day"] for row in rows] == [DAYS.first + timedelta(days=number) for number in range(5)]
    assert {row["unexplained"] for row in rows} == {row["broker_residual"] for row in rows} == {0}
    assert verifications(db, DAYS, ACCOUNT, kinds=KINDS, failed_only=True) == []
    by_day = {row["trading_day"]: row for row in rows}
    # 15 x 1.9988 of the short, 15 x -3.995 of what is open, and 26 bps of both fills
    assert by_day[SATURDAY]["net_pnl"] == Decimal("-37.5873666")
    assert by_day[date(2026, 3, 8)]["net_pnl"] == 0
    [whole] = [row for row in rolling_metrics(db, Period.on(DAYS.last), ACCOUNT) if row["metric_window"] == "all"]
    assert (whole["observations"], whole["wins"], whole["losses"]) == (5, 2, 1)
    text = report(settings, db, Period.on(SATURDAY), ZoneInfo("UTC"), ACCOUNT, "md")
    assert "Saturday, March 7, 2026" in text
    assert STRIKE["symbol"] in text
    assert "user1" not in statement_of_day(db, "strategy:STRATEGY_001", True, SATURDAY)


def test_the_trades_are_what_the_book_realised_within_the_rounding_of_cents(
    traded: tuple[Settings, Provider],
) -> None:
    _, provider = traded
    db = provider.desk.db
    book_id = books.book_of(db, "strategy:STRATEGY_001", True)
    assert book_id is not None
    realised = sum((Fraction(day.realized) for day in reading.days(db, book_id)), Fraction(0))
    asked = AskedPerformance("STRATEGY_001", None, None, None, True, None, "", 100)
    data = performance(provider.desk, asked)["data"]
    difference = realised - Fraction(data["total_pnl"])
    # exits: 4 x 3.9974 = 15.9896 and 11 x 2.9982 = 32.9802, 15 x 1.9988 = 29.982, 15 x -4.9996 = -74.994
    assert realised == Fraction("3.9578")
    assert (data["total_pnl"], difference) == ("3.96", Fraction("-0.0022"))
    assert abs(difference) <= Fraction("0.005") * 4, "half a cent for each exit"
    assert sum(Decimal(user["pnl"]) for user in data["users"]) == Decimal(data["total_pnl"])
    assert [book.faults for book in verify(provider.desk)] == [()]


def test_every_day_is_signed_and_posted_with_the_head_of_its_book(traded: tuple[Settings, Provider]) -> None:
    settings, provider = traded
    db = provider.desk.db
    proved = prove_days(settings, db, DAYS, lambda _words: None)
    assert (proved.signed, proved.posted, proved.refused) == (5, 5, [])
    saturday, monday = (signed_day(db, ACCOUNT, day) for day in (SATURDAY, DAYS.last))
    [row] = summary_rows(settings, db, Period.on(SATURDAY), ACCOUNT)
    assert saturday.values["net_pnl"] == row["net_pnl"] * 10**8
    assert saturday.extension is not None
    assert monday.extension is not None
    [book] = verify(provider.desk)
    heads = [each.values["ledger_entries"] or 0 for each in (saturday.extension, monday.extension)]
    assert 0 < heads[0] < heads[1] == book.entries
