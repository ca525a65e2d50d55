"""Prices of days that a person gives: each once, the newest counts, and a quote of the day before all."""

from __future__ import annotations

from datetime import date, timedelta
from pathlib import Path

import psycopg
import pytest

from fntx_dagster.errors import Permanent
from fntx_dagster.services.bookkeeping.pricing_days import DaysPriced, price_days
from fntx_dagster.store.database import Database
from fntx_dagster.store.ledger import books, day_prices
from tests.services.ledger_accounts.paper_trader import PaperTrader

FIRST = date(2026, 2, 20)


@pytest.fixture
def ada(database: Database) -> PaperTrader:
    trader = PaperTrader(database)
    trader.money("1000")
    return trader


def given(trader: PaperTrader, folder: Path, *rows: str) -> DaysPriced:
    path = folder / "closes.csv"
    path.write_text("\n".join(["exchange,symbol,day,price,source", *rows]) + "\n", encoding="utf-8")
    return price_days(trader.desk.db, "ada", True, path)


def ends(trader: PaperTrader, days: int) -> list[tuple[str, str]]:
    """Of each of the first days the price of BTC at its end, and its source."""
    db = trader.desk.db
    book_id = books.book_of(db, "ada", True)
    assert book_id is not None
    name = ("binance", "BTC/USDT")
    known = day_prices.closing(db, book_id, FIRST, FIRST + timedelta(days=days - 1))
    return [
        (f"{prices.quotes[name].bid}", prices.sources.get(name, "")) for _, prices in known if name in prices.quotes
    ]


def test_the_newest_price_of_a_day_counts_and_lasts_until_the_next(ada: PaperTrader, tmp_path: Path) -> None:
    first, second = f"binance,BTC/USDT,{FIRST},60000,one", f"binance,BTC/USDT,{FIRST + timedelta(days=2)},61000,"
    assert given(ada, tmp_path, first, second) == DaysPriced(2, 0, 0, ())
    assert given(ada, tmp_path, first, second) == DaysPriced(0, 2, 0, ())
    expected = [("60000", "one"), ("60000", "one"), ("61000", "closes.csv"), ("61000", "closes.csv")]
    assert ends(ada, 4) == expected
    assert given(ada, tmp_path, first.replace("60000", "59000")) == DaysPriced(1, 0, 0, ())
    assert ends(ada, 1) == [("59000", "one")]
    assert given(ada, tmp_path, first) == DaysPriced(1, 0, 0, ())
    assert ends(ada, 1) == [("60000", "one")]


def test_a_quote_that_the_book_took_counts_before_the_price_of_its_day(ada: PaperTrader, tmp_path: Path) -> None:
    ada.order("bot", "BTC/USDT", "buy", "0.001")
    quoted = f"{ada.prices['BTC/USDT'].normalize():f}"
    days = [FIRST + timedelta(days=number) for number in range(-1, 2)]
    given(ada, tmp_path, *(f"binance,BTC/USDT,{day},5{place}000,file" for place, day in enumerate(days)))
    assert ends(ada, 3) == [("50000", "file"), (quoted, ""), ("52000", "file"), ("52000", "file")]


@pytest.mark.parametrize(
    ("row", "field", "words"),
    [
        ("binance,BTC/USDT,2026-2-20,1,x", "day", "2026-03-07"),
        ("binance,BTC/USDT,2026-02-30,1,x", "day", "no such day"),
        ("binance,BTC/USDT,2999-01-01,1,x", "day", "not over"),
        ("binance,BTC/USDT,2026-02-20,0,x", "price", "above 0"),
        ("binance,BTC/USDT,2026-02-20,-1,x", "price", "plain decimal"),
        ("binance,BTCUSDT,2026-02-20,1,x", "symbol", "BASE/QUOTE"),
        ("a:b,BTC/USDT,2026-02-20,1,x", "exchange", "no colon"),
        ("binance,BTC/USDT,2026-02-20,1,\u2028", "source", "printable"),
        ("binance,BTC/USDT,2026-02-19,2,x", "day", "earlier row"),
    ],
)
def test_a_bad_row_is_named_and_no_price_is_added(
    ada: PaperTrader, tmp_path: Path, row: str, field: str, words: str
) -> None:
    done = given(ada, tmp_path, "binance,BTC/USDT,2026-02-19,1,x", row)
    assert (done.added, done.bad, done.faults[0].row, done.faults[0].field) == (0, 1, 2, field)
    assert words in str(done.faults[0])
    assert ends(ada, 3) == []


def test_prices_of_nobodys_book_are_refused(ada: PaperTrader, tmp_path: Path) -> None:
    given(ada, tmp_path)
    with pytest.raises(Permanent, match="bob has no such book"):
        price_days(ada.desk.db, "bob", True, tmp_path / "closes.csv")


def test_what_was_given_of_a_day_cannot_be_changed(ada: PaperTrader, tmp_path: Path) -> None:
    given(ada, tmp_path, f"binance,BTC/USDT,{FIRST},1,x")
    with pytest.raises(psycopg.Error, match="append-only"), ada.desk.db.connect() as connection:
        connection.execute("update ledger.day_prices set price = 2")
