"""Which books are accounts, and the heads of an account's book."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pytest

from fntx_dagster.errors import Permanent
from fntx_dagster.model.period import Period
from fntx_dagster.services.ledger_accounts.accounts import account_id_of, book_of_account, heads, ledger_accounts
from fntx_dagster.services.ledger_accounts.closing import close_days
from fntx_dagster.services.ledger_accounts.explaining import days_in, days_to_close, range_to_close
from fntx_dagster.services.ledger_accounts.statements import last_over, statement_of_day
from fntx_dagster.services.orders.overview import export_entries
from fntx_dagster.settings import Settings
from fntx_dagster.store.database import Database

from .paper_trader import PaperTrader

FIRST = date(2026, 2, 20)
NIGHT = datetime(2026, 2, 21, tzinfo=UTC)


@pytest.fixture
def ada(database: Database) -> PaperTrader:
    """A deposit on Friday and one on Saturday."""
    trader = PaperTrader(database)
    trader.money("1000")
    trader.now = datetime(2026, 2, 21, 9, tzinfo=UTC)
    trader.money("5")
    return trader


def test_a_users_books_are_accounts_and_the_book_of_a_brokers_account_is_that_accounts(ada: PaperTrader) -> None:
    db = ada.desk.db
    assert account_id_of("ada", True) == "LEDGER-ada-paper"
    [account] = ledger_accounts(db)
    assert book_of_account(db, account.account_id) == account.book.book_id
    assert book_of_account(db, "LEDGER-ada-live") is None
    assert book_of_account(db, "LEDGER-ada") is None
    assert book_of_account(db, "U1000001") is None
    with pytest.raises(Permanent, match="bob has no book"):
        ledger_accounts(db, "bob")
    with db.connect() as connection:
        connection.execute("insert into ledger.accounts values ('U1000001', %s)", (account.book.book_id,))
    assert book_of_account(db, "U1000001") == account.book.book_id
    assert ledger_accounts(db) == []


def test_a_head_is_the_last_entry_that_took_effect_by_the_close_whenever_it_was_recorded(ada: PaperTrader) -> None:
    db = ada.desk.db
    closes = [NIGHT - timedelta(days=1), NIGHT, NIGHT + timedelta(days=1), NIGHT + timedelta(days=2)]
    hashes = [entry["hash"] for entry in export_entries(db, "ada", True)]
    assert heads(db, "LEDGER-ada-paper", closes) == [None, (1, hashes[0]), (2, hashes[1]), (2, hashes[1])]
    ada.now = NIGHT
    ada.money("7", description="late, and at the day's last moment")
    assert [head and head.entry_no for head in heads(db, "LEDGER-ada-paper", closes)] == [None, 3, 3, 3]
    assert heads(db, "U1000001", closes) == [None] * 4


def test_days_that_are_over_are_closed_and_none_before_the_first_movement(ada: PaperTrader) -> None:
    db, now = ada.desk.db, datetime(2026, 2, 23, 0, 5, tzinfo=UTC)
    assert days_to_close(db, now).period == Period(FIRST, FIRST + timedelta(days=2))
    assert last_over(datetime(2026, 2, 23, tzinfo=UTC)) == FIRST + timedelta(days=2)
    assert last_over(datetime(2026, 2, 22, 23, 59, tzinfo=UTC)) == FIRST + timedelta(days=1)
    assert days_in(db, Period(FIRST - timedelta(days=9), FIRST)) == Period(FIRST, FIRST)
    assert days_in(db, Period(FIRST - timedelta(days=9), FIRST - timedelta(days=1))) is None
    assert range_to_close(db, None, FIRST) == Period(FIRST, FIRST)
    tomorrow = datetime.now(UTC).date() + timedelta(days=1)
    for refused in (
        lambda: close_days(Settings(), db, tomorrow),
        lambda: range_to_close(db, None, tomorrow),
        lambda: statement_of_day(db, "ada", True, tomorrow),
    ):
        with pytest.raises(Permanent, match="is not over"):
            refused()


def test_an_empty_ledger_has_nothing_to_close(database: Database) -> None:
    assert days_to_close(database, datetime.now(UTC)).text == "No book of the ledger holds anything."
    with pytest.raises(Permanent, match="no book of the ledger holds anything"):
        range_to_close(database, None, None)


def test_a_day_without_a_price_stops_its_book_and_no_other(ada: PaperTrader, database: Database) -> None:
    """Prices in another currency than the position's were seen, and none of the position itself."""
    bob = PaperTrader(database, "bob")
    bob.money("1000")
    bob.order("bot", "BTC/USDT", "buy", "0.001")
    with database.connect() as connection:
        connection.execute("alter table ledger.quote_history disable trigger user")
        connection.execute("delete from ledger.quote_history")
    of_ada, of_bob = close_days(Settings(), database, FIRST + timedelta(days=1))
    assert (of_ada.refused, of_ada.period) == (None, Period(FIRST, FIRST + timedelta(days=1)))
    assert of_bob.period is None
    assert "no price of BTC/USDT at binance is known" in str(of_bob.refused)
