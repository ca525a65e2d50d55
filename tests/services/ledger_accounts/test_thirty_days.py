"""A paper account over thirty days is explained, measured, signed, posted and verified as a broker's account is."""

from __future__ import annotations

import hashlib
import json
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from fntx_dagster.adapters.evm.client import connect
from fntx_dagster.api.app import make_app
from fntx_dagster.api.serving import served
from fntx_dagster.cli.demo_bot import DemoBot
from fntx_dagster.cli.ledger_demo import DAYS, FIRST, LAST, QUIET, close_and_show, prove, trade_thirty_days
from fntx_dagster.metrics.catalogue import EXTENSION
from fntx_dagster.model.period import Period
from fntx_dagster.services.bookkeeping.batch import BookOwner
from fntx_dagster.services.bookkeeping.importing import import_fills
from fntx_dagster.services.bookkeeping.pricing_days import price_days
from fntx_dagster.services.ledger_accounts.closing import close_days
from fntx_dagster.services.ledger_accounts.explaining import explain_days, prove_days
from fntx_dagster.services.ledger_accounts.following import follows
from fntx_dagster.services.ledger_accounts.statements import statement_of_day
from fntx_dagster.services.orders import requests
from fntx_dagster.services.orders.access import make_token
from fntx_dagster.services.orders.money import fund
from fntx_dagster.services.orders.overview import export_entries
from fntx_dagster.services.orders.turn import Desk
from fntx_dagster.services.orders.verifying import verify
from fntx_dagster.services.performance import rolling_metrics, summary_rows
from fntx_dagster.services.reporting import report
from fntx_dagster.services.signatures.disclosing import disclose_day
from fntx_dagster.services.signatures.drifting import drifts
from fntx_dagster.services.signatures.posting import disagreements, held_by
from fntx_dagster.services.signatures.refusals import BLOCKING_KINDS
from fntx_dagster.services.signatures.verifying import signed_day
from fntx_dagster.settings import Settings
from fntx_dagster.store.database import Database
from fntx_dagster.store.ledger import books, reading
from fntx_dagster.store.marts.verification import verifications
from fntx_dagster.store.outbox import signatures
from tests.dbt.conftest import fresh
from tests.services.auditing.test_order_books import told

from .paper_trader import PaperTrader

ROOT = Path(__file__).parents[3]
ACCOUNT = "LEDGER-ada-paper"

pytestmark = pytest.mark.slow


@dataclass
class Traded:
    """The home and its database, after the days were traded over HTTP and closed as the demo closes them."""

    settings: Settings
    db: Database
    trader: PaperTrader

    def rows(self) -> list[dict[str, Any]]:
        return summary_rows(self.settings, self.db, DAYS, ACCOUNT)

    def signed(self) -> list[date]:
        return [signed.trading_day for signed in signatures.signed_days(self.db, DAYS, ACCOUNT)]


@pytest.fixture(scope="module")
def traded(
    postgres: str, story_home: Settings, deployed: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Traded]:
    home = tmp_path_factory.mktemp("ledger") / "home"
    shutil.copytree(story_home.home, home)
    shutil.copytree(deployed, home, dirs_exist_ok=True)
    settings = Settings.model_validate(
        {"home": home, "database": story_home.database, "chain": {"embedded": True}, "keys": {"make": True}}
    )
    with fresh(postgres, settings) as platform:
        db = platform.database
        trader = PaperTrader(db)
        with served(make_app(trader.desk, simulated_time=True)) as url:
            assert trade_thirty_days(DemoBot(url, make_token(db, "ada", "trader"))) == 84
        PaperTrader(db, "bob").trade_in_several_currencies()
        imported = tmp_path_factory.mktemp("imported")
        import_a_month(trader.desk, imported)
        [refused] = [closed.refused for closed in close_days(settings, db, LAST, "eve") if closed.refused]
        assert "binance,BTC/USDT,2026-02-20,PRICE" in str(refused)
        assert price_days(db, "eve", True, imported / "prices.csv").added == 61
        close_and_show(settings, db)
        yield Traded(settings, db, trader)


def import_a_month(desk: Desk, folder: Path) -> None:
    """A book of eve: capital, and a purchase, a sale with a rebate or nothing on each of thirty days; beside it a file
    of prices of each day and two rates."""
    began = datetime.combine(FIRST, time(7), UTC)
    fund(desk, "eve", requests.funding(b'{"amount": "9000"}', None), began)
    fills, prices = [], []
    for number in range(30):
        day, at = FIRST + timedelta(days=number), began + timedelta(days=number, hours=2)
        side, fee = (("buy", "0.4"), ("sell", "-0.2"), ("", ""))[number % 3]
        if side:
            traded = f"{side},0.0{7 - number % 3},{60000 + 100 * number},{at.isoformat()},{number},{fee}"
            fills.append(f"binance,BTC/USDT,{traded},USDT")
        if number == 10:
            fills.append(f"luno,ETH/USDT,buy,0.5,2500,{at.isoformat()},e,0.001,BNB")
        prices += [
            f"binance,BTC/USDT,{day},{60050 + 90 * number},closes",
            f"luno,ETH/USDT,{day},{2400 + number},closes",
        ]
    prices.append(f"binance,BNB/USDT,{FIRST},600,closes")
    (folder / "fills.csv").write_text(
        "exchange,symbol,side,qty,price,timestamp,exchange_trade_id,fee,fee_currency\n" + "\n".join(fills) + "\n"
    )
    (folder / "prices.csv").write_text("exchange,symbol,day,price,source\n" + "\n".join(prices) + "\n")
    assert (
        import_fills(desk, BookOwner("eve", True, "USDT"), folder / "fills.csv", lambda done, whole: None).added == 21
    )


def test_the_days_of_an_imported_month_are_closed_at_the_prices_that_were_given(traded: Traded) -> None:
    rows = summary_rows(traded.settings, traded.db, DAYS, "LEDGER-eve-paper")
    assert len(rows) == 30
    assert {(row["unexplained"], row["broker_residual"]) for row in rows} == {(0, 0)}
    assert verifications(traded.db, DAYS, "LEDGER-eve-paper", kinds=BLOCKING_KINDS, failed_only=True) == []
    cash, held, ether, bnb = Decimal(9000), Decimal(0), Decimal(0), Decimal(0)
    for number, row in enumerate(rows):
        sign, fee = ((1, "0.4"), (-1, "-0.2"), (0, "0"))[number % 3]
        quantity = sign * Decimal(f"0.0{7 - number % 3}")
        cash -= quantity * (60000 + 100 * number) + Decimal(fee)
        held += quantity
        if number == 10:
            cash, ether, bnb = cash - 1250, Decimal("0.5"), Decimal("-0.001")
        parts = (cash, held * (60050 + 90 * number), ether * (2400 + number), bnb * 600)
        assert row["closing_nav_official"] == sum(parts)
    assert rolling_metrics(traded.db, DAYS, "LEDGER-eve-paper")
    assert 'source="closes"' in statement_of_day(traded.db, "eve", True, LAST)


def test_a_stranger_makes_an_imported_day_anew_from_two_files(traded: Traded, tmp_path: Path) -> None:
    (document := tmp_path / "day.xml").write_text(statement_of_day(traded.db, "eve", True, LAST), encoding="utf-8")
    exported = "".join(json.dumps(entry) + "\n" for entry in export_entries(traded.db, "eve", True))
    (entries := tmp_path / "entries.jsonl").write_text(exported, encoding="utf-8")
    assert follows(document, entries).problems == ()


def test_every_day_is_explained_and_nothing_is_left_over(traded: Traded) -> None:
    rows = traded.rows()
    assert [row["trading_day"] for row in rows] == [FIRST + timedelta(days=number) for number in range(30)]
    assert {row["base_currency"] for row in rows} == {"USDT"}
    assert {row["unexplained"] for row in rows} == {0}
    assert {row["broker_residual"] for row in rows} == {0}
    kinds = ("mathematical", "logical", "cross_reference", "historical")
    assert verifications(traded.db, DAYS, ACCOUNT, kinds=kinds, failed_only=True) == []


def test_a_book_in_several_currencies_is_explained_too(traded: Traded) -> None:
    rows = summary_rows(traded.settings, traded.db, DAYS, "LEDGER-bob-paper")
    assert len(rows) == 30
    assert {round(row["unexplained"], 30) for row in rows} == {0}
    assert {round(row["broker_residual"], 30) for row in rows} == {0}
    assert any(row["difference_parts"]["fx_translation"] for row in rows)
    assert verifications(traded.db, DAYS, "LEDGER-bob-paper", kinds=BLOCKING_KINDS, failed_only=True) == []
    book_id = books.book_of(traded.db, "bob", True)
    assert book_id is not None
    last = max(day for day in reading.days(traded.db, book_id))
    assert rows[-1]["closing_nav_official"] == last.equity


def test_each_days_nav_is_the_ledgers_equity_to_the_last_digit(traded: Traded) -> None:
    book_id = books.book_of(traded.db, "ada", True)
    assert book_id is not None
    equity: dict[date, Decimal | None] = {day.day: day.equity for day in reading.days(traded.db, book_id)}
    assert equity.keys() == {row["trading_day"] for row in traded.rows()} - {*QUIET}
    last = None
    for row in traded.rows():
        last = equity.get(row["trading_day"], last)
        assert row["closing_nav_official"] == last
    assert all(book.holds for book in verify(traded.trader.desk))


def test_what_the_lots_realised_is_what_the_ledger_realised_day_by_day(traded: Traded) -> None:
    book_id = books.book_of(traded.db, "ada", True)
    assert book_id is not None
    for day in reading.days(traded.db, book_id):
        with traded.db.connect() as connection:
            realised, fees = connection.execute(
                """select coalesce(sum(gross_realised), 0), -coalesce(sum(commission), 0) from alm_reporting.fills
                where account_id = %s and session = %s""",
                (ACCOUNT, day.day),
            ).fetchone() or (None, None)
        assert (realised, fees) == (day.realized, day.fees)


def test_metrics_are_those_of_a_market_that_never_closes(traded: Traded) -> None:
    [year] = [row for row in rolling_metrics(traded.db, Period.on(LAST), ACCOUNT) if row["metric_window"] == "all"]
    navs = {row["trading_day"]: row for row in traded.rows()}
    returns = [
        float((row["closing_nav_official"] + row["withdrawals"]) / (row["opening_nav_official"] + row["deposits"])) - 1
        for row in navs.values()
    ]
    mean = sum(returns) / 30
    deviation = (sum((each - mean) ** 2 for each in returns) / 29) ** 0.5
    assert year["observations"] == 30
    assert year["volatility"] == pytest.approx(deviation * 365**0.5)
    assert year["sharpe"] == pytest.approx(mean / deviation * 365**0.5)


def test_each_record_holds_the_ledgers_head_at_the_days_end(traded: Traded) -> None:
    assert traded.signed() == [row["trading_day"] for row in traded.rows()]
    entries = list(export_entries(traded.db, "ada", True))
    for day in (FIRST, QUIET[0], date(2026, 3, 8), LAST):
        midnight = datetime.combine(day + timedelta(days=1), time(), tzinfo=UTC)
        until = [entry for entry in entries if datetime.fromisoformat(entry["timestamp"]) <= midnight]
        signed = signed_day(traded.db, ACCOUNT, day)
        assert signed.extension is not None
        assert signed.extension.values["ledger_entries"] == len(until)
        assert EXTENSION.by_name["ledger_head"].text_of(signed.extension.values["ledger_head"]) == until[-1]["hash"]
        assert signed.values["session_close_utc"] == int(midnight.timestamp())
        assert signed.values["trading_day_num"] == (day - FIRST).days + 1
        events = [event for event in told(traded.settings, traded.db) if event["type"] == "day_signed"]
        event = {event["details"]["root"]: event for event in events}[signed.root.hex()]
        assert event["details"]["ledger_head"] == until[-1]["hash"]
        assert event["details"]["ledger_entries"] == f"{len(until)}"


def test_a_stranger_verifies_a_sunday_with_nothing_but_a_file_and_the_chain(traded: Traded, tmp_path: Path) -> None:
    sunday = date(2026, 3, 8)
    prove(traded.settings, traded.db)
    names = ["net_pnl", "base_currency", "statements_digest", "ledger_entries", "ledger_head"]
    (file := tmp_path / "sunday.json").write_text(disclose_day(traded.settings, traded.db, ACCOUNT, sunday, names))
    with connect(traded.settings) as chain:
        assert disagreements(traded.db, chain, held_by(traded.db, chain)) == []
    script = [sys.executable, "-I", ROOT / "verify" / "verify.py", file]
    said = subprocess.run(script, capture_output=True, text=True)
    assert "USDT" in said.stdout
    [row] = [row for row in traded.rows() if row["trading_day"] == sunday]
    shown = {metric["name"]: metric["value"] for metric in json.loads(file.read_text())["metrics"]}
    assert Decimal(shown["net_pnl"]) == round(row["net_pnl"], 8)
    head = signed_day(traded.db, ACCOUNT, sunday).extension
    assert head is not None
    assert f"{head.values['ledger_entries']}" in said.stdout
    # and from the entries alone: the statement whose digest is signed follows from them up to the signed head
    text, exported = tmp_path / "sunday.xml", tmp_path / "entries.jsonl"
    text.write_text(statement_of_day(traded.db, "ada", True, sunday), encoding="utf-8")
    exported.write_text("".join(json.dumps(entry) + "\n" for entry in export_entries(traded.db, "ada", True)))
    followed = follows(text, exported)
    assert (followed.problems, followed.head.entry_no) == ((), head.values["ledger_entries"])
    lines = hashlib.sha256(text.read_bytes()).hexdigest() + "\n"
    assert shown["statements_digest"] == hashlib.sha256(lines.encode()).hexdigest()


def test_the_narrative_reads_as_that_of_a_market_that_never_closes(traded: Traded) -> None:
    days = Period(date(2026, 3, 7), date(2026, 3, 8))
    text = report(traded.settings, traded.db, days, ZoneInfo("Asia/Hong_Kong"), ACCOUNT, "md")
    assert "Sunday, March 8, 2026" in text
    assert re.search(r"\d\d:\d\d HKT.* / \d\d:\d\d UTC", text)
    assert re.search(r"You (buy|sell|buy back|cover) [\d.]+ (BTC|ETH)/USDT at [\d,.]+ USDT", text)
    assert "You withdraw 250.12 USDT. The ledger writes: “rent”." in text
    assert "What the exchanges charged" in text
    assert "Commissions on coins" in text
    for word in (
        "Premium",
        "Captured",
        "Options",
        "All-In",
        "Market Open",
        "Market Close",
        "US Trading Day",
        "EST",
        "EDT",
        "New York",
        "broker",
        "shares",
    ):
        assert word not in text, word


def test_closing_again_changes_nothing(traded: Traded) -> None:
    assert not any(closed.rows.changed for closed in close_days(traded.settings, traded.db, LAST))
    assert explain_days(traded.settings, traded.db, DAYS, lambda text: None) == (90, [], [])
    again = prove_days(traded.settings, traded.db, DAYS, lambda text: None)
    assert (again.signed, again.posted, again.refused) == (0, 0, [])


def test_an_entry_that_comes_late_is_a_drift_of_the_signed_days(traded: Traded) -> None:
    """The last test of this file: it changes the book."""
    assert drifts(traded.db).drifted == []
    traded.trader.now = datetime(2026, 3, 20, 23, 59, tzinfo=UTC)
    traded.trader.money("7", description="late")
    changed = {drift.signed.trading_day: drift for drift in drifts(traded.db).drifted}
    assert changed.keys() == {date(2026, 3, 20), LAST}
    assert {each.metric for each in changed[LAST].differences} == {"ledger_entries", "ledger_head"}
    closed, *_ = close_days(traded.settings, traded.db, LAST)
    assert closed.rows.inserted
    explained = explain_days(traded.settings, traded.db, Period(date(2026, 3, 20), LAST), lambda text: None)
    assert [finding.day for finding in explained.differing] == [date(2026, 3, 20), LAST]
    assert "entries came late" in explained.differing[0].text
    changed = {drift.signed.trading_day: drift for drift in drifts(traded.db).drifted}
    found = {each.metric: each for each in changed[date(2026, 3, 20)].differences}
    assert {"deposits", "closing_nav_official", "ledger_head"} <= found.keys()
    deposits = found["deposits"]
    assert Fraction(deposits.found or 0) - Fraction(deposits.signed or 0) == 7
