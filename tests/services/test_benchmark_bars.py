"""The benchmark's daily bars, from simulated gateways through their protocol into the tables and into comparisons."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import psycopg
import pytest
from typer.testing import CliRunner

from fntx_dagster.accounting.calendar import sessions
from fntx_dagster.cli import app
from fntx_dagster.errors import FntxError, Permanent
from fntx_dagster.model.period import Period
from fntx_dagster.report import clock
from fntx_dagster.services.against_market import against_market
from fntx_dagster.services.benchmark_bars import UpdatedBars, update, update_when_due
from fntx_dagster.services.building.current import refresh_current_day
from fntx_dagster.services.reporting import report
from fntx_dagster.services.statements import fetch_statements
from fntx_dagster.settings import Settings
from fntx_dagster.simulate.account import Account, Accounts
from fntx_dagster.simulate.contracts import SPY
from fntx_dagster.simulate.gateway import SimulatedGateway, serve, unused_port
from fntx_dagster.simulate.gateway_accounts import july_28
from fntx_dagster.simulate.gateway_bars import HISTORICAL_BARS, PACING
from fntx_dagster.store import daily_bars
from fntx_dagster.store.database import Database
from tests.dbt.conftest import Platform

ACCOUNTS = Accounts(2_620_001)
DELIVERED = (ACCOUNTS,)
MINE = "U2620001"
DAYS = [session.day for session in sessions(date(2025, 6, 2), date(2025, 7, 17))]
RANGE = Period(date(2025, 7, 1), date(2025, 7, 17))
BARS = [session.day for session in sessions(date(2024, 5, 1), date(2025, 7, 18))]
AFTER = datetime(2025, 7, 18, 9, 0, tzinfo=UTC)
"""17:00 in Hong Kong, the morning after the 17th."""


def mark_of(number: int) -> Decimal:
    return Decimal(600) + number % 7


@ACCOUNTS.account(base="USD", cash={"USD": "100000"})
def holder(account: Account) -> None:
    """Holds 80 shares, which the statements mark."""
    for number, day in enumerate(DAYS):
        statement = account.day(str(day), {SPY: str(mark_of(number))})
        if not number:
            statement.trade(SPY, 80, str(mark_of(number)))


def adjusted(factor: str = "1", last: date = date(2025, 7, 17)) -> dict[date, Decimal]:
    """The closes of the broker's bars: a fall on each second day; before 10 July times what a dividend takes off."""
    return {
        day: (Decimal(500) + number % 2 * 5) * (Decimal(factor) if day < date(2025, 7, 10) else 1)
        for number, day in enumerate(BARS)
        if day <= last
    }


def settings_with(home: Path, *addresses: SimulatedGateway | int, benchmark: str = "SPY") -> Settings:
    ports = [each if isinstance(each, int) else each.port for each in addresses]
    named = {f"U100000{number}": f"127.0.0.1:{port}" for number, port in enumerate(ports, start=1)}
    return Settings(home=home, gateway={"addresses": named, "timeout": 5}, report={"benchmark": benchmark})


def kept(db: Database, symbol: str = "SPY") -> dict[date, Decimal]:
    return daily_bars.closes_of(db, symbol, Period(date.min, date.max))


@pytest.fixture
def gateway() -> Iterator[SimulatedGateway]:
    with serve(july_28(), now=AFTER, closes={"SPY": adjusted()}) as serving:
        yield serving


def test_only_sessions_that_are_over_are_kept(database: Database, tmp_path: Path, gateway: SimulatedGateway) -> None:
    gateway.bars.closes["SPY"] = adjusted(last=date(2025, 7, 18))
    gateway.now = datetime(2025, 7, 18, 20, 59, tzinfo=UTC)
    settings = settings_with(tmp_path, gateway)
    assert str(update(settings, database, AFTER)) == f"{len(kept(database))} daily bars of SPY, all of them anew"
    assert max(kept(database)) == date(2025, 7, 17)
    gateway.now += timedelta(minutes=1)
    assert update(settings, database, AFTER) == UpdatedBars("SPY", 1)
    assert max(kept(database)) == date(2025, 7, 18)


def test_new_days_are_appended_with_when_they_were_heard(
    database: Database, tmp_path: Path, gateway: SimulatedGateway
) -> None:
    settings = settings_with(tmp_path, gateway)
    gateway.bars.closes["SPY"] = adjusted(last=date(2025, 7, 15))
    gateway.now = AFTER - timedelta(days=2)
    update(settings, database, AFTER)
    gateway.bars.closes["SPY"] = adjusted()
    gateway.now = AFTER
    assert update(settings, database, AFTER) == UpdatedBars("SPY", 2)
    assert gateway.asked[-1][17] == "19 D", "the new days, and those before them to compare"
    assert kept(database) == {day: close for day, close in adjusted().items() if day >= date(2024, 7, 1)}
    with database.connect() as connection:
        heard = dict(connection.execute("select day, heard_at from prices.daily_bars where day >= '2025-07-15'"))
        assert [heard[day] for day in sorted(heard)] == [AFTER - timedelta(days=2), AFTER, AFTER]
        [told] = connection.execute("select symbol, currency, source, adjustment from prices.series")
        assert told == ("SPY", "USD", "gateway", "ADJUSTED_LAST")
    assert update(settings, database, AFTER) == UpdatedBars("SPY", 0)


def test_a_changed_adjustment_begins_a_new_series_and_keeps_what_was_known(
    database: Database, tmp_path: Path, gateway: SimulatedGateway
) -> None:
    settings = settings_with(tmp_path, gateway)
    update(settings, database, AFTER)
    before = kept(database)
    gateway.bars.closes["SPY"] = adjusted("0.99")
    assert update(settings, database, AFTER) == UpdatedBars("SPY", len(before), is_whole=True)
    assert kept(database) == {day: close for day, close in adjusted("0.99").items() if day in before}
    with database.connect() as connection:
        [rows] = connection.execute("select count(*), count(distinct series_id) from prices.daily_bars").fetchall()
        assert rows == (2 * len(before), 2)
        for change in ("update prices.daily_bars set close = 1", "delete from prices.series"):
            with pytest.raises(psycopg.errors.InsufficientPrivilege), connection.transaction():
                connection.execute(change)


def test_a_gateway_that_is_away_leaves_what_is_kept_and_the_next_one_is_asked(
    database: Database, tmp_path: Path, gateway: SimulatedGateway
) -> None:
    update(settings_with(tmp_path, unused_port(), gateway), database, AFTER)
    before = kept(database)
    assert before
    with pytest.raises(FntxError, match="cannot be reached"):
        update(settings_with(tmp_path, unused_port()), database, AFTER)
    gateway.bars.refuses = PACING
    with pytest.raises(FntxError, match="pacing violation"):
        update(settings_with(tmp_path, gateway), database, AFTER)
    assert kept(database) == before
    question = daily_bars.last_question(database, "SPY")
    assert question is not None
    assert (question.asked_at, question.is_answered) == (AFTER, False)
    assert "162" in (question.said or "")


def test_bars_are_asked_for_when_a_session_is_missing_and_at_most_once_an_hour(
    database: Database, tmp_path: Path, gateway: SimulatedGateway
) -> None:
    settings = settings_with(tmp_path, gateway)
    gateway.bars.refuses = PACING
    first = update_when_due(settings, database, AFTER)
    assert first is not None
    assert "pacing violation" in (first.problem or "")
    assert update_when_due(settings, database, AFTER + timedelta(minutes=59)) is None
    gateway.bars.refuses = None
    second = update_when_due(settings, database, AFTER + timedelta(hours=1))
    assert second is not None
    assert second.is_whole
    assert update_when_due(settings, database, AFTER + timedelta(hours=9)) is None, "the 18th is not over"
    assert update_when_due(settings, database, AFTER + timedelta(hours=12)) == UpdatedBars("SPY", 0)


def test_nothing_is_asked_for_a_file_without_gateways_or_for_a_hostile_symbol(
    database: Database, tmp_path: Path, gateway: SimulatedGateway
) -> None:
    for settings in (settings_with(tmp_path, gateway, benchmark="spy.csv"), settings_with(tmp_path)):
        assert update_when_due(settings, database, AFTER) is None
        with pytest.raises(Permanent):
            update(settings, database, AFTER)
    hostile = update_when_due(settings_with(tmp_path, gateway, benchmark="SPY\0STK'; --"), database, AFTER)
    assert hostile is not None
    assert "no symbol of a share" in (hostile.problem or "")
    assert gateway.asked == []


def test_the_fetch_of_statements_and_the_current_day_ask_for_bars(
    database: Database, tmp_path: Path, gateway: SimulatedGateway
) -> None:
    lines: list[str] = []
    fetch_statements(settings_with(tmp_path, gateway), database, RANGE, lines.append)
    assert gateway.kinds.count(HISTORICAL_BARS) == 1
    assert len(lines) == 1
    assert "daily bars of SPY" in lines[0]
    refresh_current_day(settings_with(tmp_path, gateway, benchmark="QQQ"), database)
    assert gateway.asked[-1][3] == "QQQ"
    assert gateway.asked[-3][2] == "72", "under the client id after those of the accounts"


def test_bars_come_before_the_statements_and_a_gap_of_them_is_theirs(built: Platform, tmp_path: Path) -> None:
    [by_marks] = against_market(built.settings, built.database, RANGE)
    assert by_marks.comparison is not None
    assert by_marks.comparison.source == "statements"
    closes = adjusted(last=date(2025, 7, 16))
    del closes[date(2025, 7, 8)]
    with serve(july_28(), now=AFTER, closes={"SPY": closes}) as gateway:
        settings = settings_with(tmp_path, gateway)
        update(settings, built.database, AFTER)
    assert min(kept(built.database)) == date(2025, 5, 23), "from ten days before the first statement"
    [view] = against_market(settings, built.database, RANGE)
    found = view.comparison
    assert found is not None
    by_statements = {date(2025, 7, 8), date(2025, 7, 9), date(2025, 7, 17)}
    assert {day.trading_day for day in view.days if day.source == "statements"} == by_statements
    assert (found.source, found.sessions, found.missing) == ("gateway, statements", len(view.days), 0)
    for day, marked in zip(view.days, by_marks.days, strict=True):
        if day.trading_day in by_statements:
            assert day.benchmark_return == marked.benchmark_return
        else:
            before = max(each for each in closes if each < day.trading_day)
            assert day.benchmark_return == pytest.approx(float(closes[day.trading_day] / closes[before]) - 1)
    linked = 1.0
    for day in view.days:
        linked *= 1 + (day.benchmark_return or 0)
    assert found.benchmark_return == pytest.approx(linked - 1)
    (tmp_path / "own.csv").write_text("date,close\n" + "".join(f"{day},{100 + day.day}\n" for day in DAYS))
    [by_file] = against_market(settings, built.database, RANGE, against=str(tmp_path / "own.csv"))
    assert by_file.comparison is not None
    assert by_file.comparison.source == "file"


@pytest.mark.parametrize("symbol", ["SPY\0", "'; drop schema prices; --", "<script>alert(1)</script>"])
def test_a_hostile_symbol_is_a_benchmark_without_prices(built: Platform, symbol: str) -> None:
    chosen = built.settings.report.model_copy(update={"benchmark": symbol})
    settings = built.settings.model_copy(update={"report": chosen})
    text = report(settings, built.database, RANGE, clock.HONG_KONG, form="html")
    assert "Costs" in text
    assert "Up capture" not in text
    assert "<script>alert" not in text


def test_the_source_is_in_every_form_and_an_absent_gateway_stops_none(
    built: Platform, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("FNTX_HOME", str(built.settings.home))
    monkeypatch.setenv("FNTX_DATABASE_URL", built.database.url)
    words = ["market", "--from", str(RANGE.first), "--to", str(RANGE.last)]
    with serve(july_28(), now=AFTER, closes={"SPY": adjusted()}) as gateway:
        monkeypatch.setenv("FNTX_GATEWAYS", json.dumps({MINE: f"127.0.0.1:{gateway.port}"}))
        told = CliRunner().invoke(app, [*words, "--update", "--json"])
        assert "daily bars of SPY" in told.stderr
    [document] = json.loads(told.stdout)
    assert document["comparison"]["source"] == "gateway"
    assert {day["source"] for day in document["days"]} == {"gateway"}
    away = CliRunner().invoke(app, [*words, "--update", "--format", "csv"])
    assert "warning: no new daily bars: IB Gateway" in " ".join(away.stderr.split())
    assert {line["source"] for line in csv.DictReader(io.StringIO(away.stdout))} == {"gateway"}
    for form in ("md", "html"):
        text = report(built.settings, built.database, RANGE, clock.HONG_KONG, form=form)
        assert "Closes of SPY: daily bars of IB Gateway, adjusted for dividends and splits." in text
