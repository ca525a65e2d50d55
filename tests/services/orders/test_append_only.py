"""Attempts to change the ledger: as the API's role, as the owner, and as a superuser."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import psycopg
import pytest
from psycopg.conninfo import make_conninfo

from fntx_dagster.model.orders import Quote
from fntx_dagster.services.orders import requests
from fntx_dagster.services.orders.access import Caller
from fntx_dagster.services.orders.guarding import entity, kill, reset
from fntx_dagster.services.orders.money import fund
from fntx_dagster.services.orders.submitting import submit
from fntx_dagster.services.orders.turn import Desk
from fntx_dagster.services.orders.verifying import verify
from fntx_dagster.store.database import Database
from fntx_dagster.store.ledger import prices
from fntx_dagster.store.migrating import migrate
from fntx_dagster.store.queries import own_sql

NOW = datetime(2026, 3, 2, 12, tzinfo=UTC)
ORDER = (
    b'{"bot_id":"bot","exchange":"binance","symbol":"BTC/USDT","side":"buy","amount":"1","expected_edge_bps":"100",'
    b'"quote":{"bid":"100","ask":"100","ts":"2026-03-02T12:00:00Z"}}'
)


@pytest.fixture(scope="module")
def untouched(module_database: Database) -> Desk:
    """A ledger that every attempt leaves as it is."""
    return filled(module_database)


def filled(database: Database) -> Desk:
    """A deposit and a fill."""
    desk = Desk(database)
    fund(desk, "ada", requests.funding(b'{"amount": "1000"}', None), NOW)
    submit(desk, "ada", requests.submission(ORDER, None), NOW)
    for minutes in (0, 1):
        at = NOW + timedelta(minutes=minutes)
        prices.keep(database, "rest", "binance", "BTC/USDT", Quote(Decimal(99), Decimal(100), None, None, at), at)
    return desk


def refused(desk: Desk, statements: str) -> None:
    """Try it: an error, and nothing is changed."""
    with psycopg.connect(desk.db.url) as connection, pytest.raises(psycopg.Error):
        connection.execute(own_sql(statements))
    assert [book.faults for book in verify(desk)] == [()]


BY_DML = [
    'update ledger.entries set body = body || \'{"amount": "2000"}\' where entry_no = 1',
    "update ledger.entries set hash = hash",
    "delete from ledger.entries",
    "delete from ledger.fills",
    "update ledger.fills set price = 1",
    "update ledger.postings set amount = amount * 2",
    "delete from ledger.postings where leg = 0",
    "update ledger.answers set body = ''",
    "delete from ledger.quote_history",
    "update ledger.price_history set bid = 1",
    "truncate ledger.price_history",
    "truncate ledger.fills",
    "truncate ledger.entries cascade",
    "truncate ledger.books cascade",
    "delete from ledger.books",
    "insert into ledger.entries select book_id, entry_no, '{}', prev_hash, hash from ledger.entries limit 1"
    " on conflict (book_id, entry_no) do update set body = '{}'",
    "merge into ledger.entries using (select 1) as s on entry_no = 1 when matched then update set body = '{}'",
    "merge into ledger.entries using (select 1) as s on entry_no = 1 when matched then delete",
    "with gone as (delete from ledger.fills returning *) select * from gone",
    "set session_replication_role = replica; update ledger.entries set body = '{}'",
    "set session_replication_role = replica; truncate ledger.fills",
]
BY_DDL = [
    "alter table ledger.entries disable trigger all",
    "alter table ledger.fills alter column price type numeric using price * 2",
    "drop table ledger.fills",
    "create or replace function ledger.refuse() returns trigger language plpgsql as $$ begin return null; end $$",
    "alter table ledger.entries rename to others",
    "create rule r as on update to ledger.entries do instead nothing",
]


@pytest.mark.parametrize("statement", BY_DML + BY_DDL)
def test_the_apis_role_changes_nothing(untouched: Desk, statement: str) -> None:
    refused(untouched, f"set local role fntx_api; {statement}")


@pytest.mark.parametrize("statement", BY_DML)
def test_the_owner_and_a_superuser_change_nothing_without_ddl(untouched: Desk, statement: str) -> None:
    refused(untouched, statement)


@pytest.mark.parametrize(
    ("change", "what"),
    [
        ('update ledger.entries set body = body || \'{"amount": "2000"}\' where entry_no = 1', "entry 1 was altered"),
        (
            "delete from ledger.fills where entry_no = 2; delete from ledger.entries where entry_no = 2",
            "head is entry 2",
        ),
        ("update ledger.postings set amount = amount * 2 where entry_no = 2 and leg = 0", "postings of entry 2 sum to"),
        ("update ledger.fills set price = 1", "the fill of entry 2 is not what the entry states"),
        ("update ledger.fills set exchange_trade_id = 'x'", "the fill of entry 2 is not what the entry states"),
        ("update ledger.fills set executed_at = now()", "the fill of entry 2 is not what the entry states"),
        ("update ledger.fills set order_id = null", "the fill of entry 2 is not what the entry states"),
        ("update ledger.balances set amount = 5000", "the balance of USDT is 5000"),
        ("update ledger.lots set quantity = 7", "lot bot binance BTC/USDT 2: the table has 7 at 100"),
        ("update ledger.figures set wins = 9 where bot_id = ''", "figures user wins: the table has 9"),
        ("update ledger.funds set high_equity = 1", "fund user high equity"),
        ("update ledger.days set realized = 7", "realized of the day 2026-03-02: the table has 7"),
        ("update ledger.days set equity = 7", "equity of the day 2026-03-02: the table has 7"),
        ("delete from ledger.days", "trades of the day 2026-03-02: the table has None, the entries make 1"),
        ("update ledger.orders set filled = 9", "the table has 9 filled, its fills make 1"),
        (
            "update ledger.postings set account = 'fees' where entry_no = 2 and account = 'trading'",
            "the postings of entry 2 are not",
        ),
        (
            "update ledger.approvals set used = 0 where bot_id = ''",
            "approved orders of the user on 2026-03-02: the table",
        ),
        (
            "delete from ledger.approvals where bot_id = 'bot'",
            "approved orders of the bot bot on 2026-03-02: the table",
        ),
        (
            "update ledger.answers set body = replace(convert_from(body, 'utf8'), '1000', '2000')::bytea",
            "is not of the",
        ),
        ("update ledger.answers set body = '['", "is not of the order or the money that it answers"),
        ("update ledger.orders set summary = '{}'", "is not of the order or the money that it answers"),
        ("insert into ledger.bots select book_id, 'x' from ledger.books", "the bot x is of no entry and no order"),
        ("delete from ledger.bots", "the bot bot is missing in the table of bots"),
        ("insert into ledger.trips select book_id, 2, '', 'x', 'y', now(), '{}' from ledger.books", "trip of entry 2"),
        ("insert into ledger.breakers values ((select min(book_id) from ledger.books), '', 1, 'x')", "tripped are"),
    ],
)
def test_what_the_owner_changes_with_the_triggers_off_is_found_and_named(
    database: Database, change: str, what: str
) -> None:
    desk = filled(database)
    with desk.db.connect() as connection:
        for table in ("entries", "fills", "postings", "answers"):
            connection.execute(own_sql(f"alter table ledger.{table} disable trigger user"))
        connection.execute("alter table ledger.postings drop constraint postings_book_id_entry_no_fkey")
        for statement in change.split("; "):
            connection.execute(own_sql(statement))
    [book] = verify(desk)
    assert not book.holds
    assert any(what in fault for fault in book.faults), book.faults


@pytest.mark.parametrize(
    ("change", "what"),
    [
        ("update ledger.breakers set trigger_type = 'drawdown'", "the breaker of bot is not tripped as entry 5 states"),
        ("update ledger.trips set reset_by = 'eve' where reset_at is not null", "the reset of the trip of entry 3 is"),
        ("update ledger.trips set reset_reason = 'all is well'", "the reset of the trip of entry 3 is not what"),
        ("update ledger.trips set reset_at = null", "the reset of the trip of entry 3 is not what"),
    ],
)
def test_what_is_changed_of_a_trip_or_a_reset_is_found(database: Database, change: str, what: str) -> None:
    desk, caller = filled(database), Caller("ada", "admin")
    whose = entity(caller, "bot", None)
    for reason in ("by hand, for a test", "once more, for a test"):
        kill(desk, caller, whose, True, reason, NOW)
        assert [book.faults for book in verify(desk)] == [()]
        if reason.startswith("by"):
            reset(desk, caller, whose, True, "it was only a test", NOW)
    with desk.db.connect() as connection:
        connection.execute(own_sql(change))
    [book] = verify(desk)
    assert any(what in fault for fault in book.faults), book.faults


def test_a_user_who_may_make_no_role_migrates_and_trades_as_himself(postgres: str) -> None:
    with psycopg.connect(postgres, autocommit=True) as connection:
        connection.execute("create role small login password 'small' nosuperuser nocreaterole")
        connection.execute("create database small owner small")
    url = make_conninfo(postgres, dbname="small", user="small", password="small")
    database = Database(url)
    migrate(database)
    desk = filled(database)
    assert [book.faults for book in verify(desk)] == [()]
    refused(desk, "delete from ledger.entries")
    database.close()
