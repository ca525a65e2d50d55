"""A verification of a strategy's book finds every share, trade and execution that was altered, and says which."""

from __future__ import annotations

import psycopg
import pytest

from fntx_dagster.model.signals import SEPARATE
from fntx_dagster.services.orders import requests
from fntx_dagster.services.orders.money import fund
from fntx_dagster.services.orders.turn import Desk
from fntx_dagster.services.orders.verifying import verify
from fntx_dagster.services.signals.agreement import differing_shares
from fntx_dagster.services.signals.following import StrategyChange, keep_strategy
from fntx_dagster.store.database import Database, InTransaction
from fntx_dagster.store.ledger import checking
from tests.services.signals.provider import STRIKE, Provider

FIRST = "update ledger.user_signal_allocations set {} where signal_execution_id = 1 and user_id = 'user3'"


@pytest.fixture(scope="module")
def traded(module_database: Database) -> Database:
    """Three signals in unequal prices: closed in parts, open, and sold short with an early leaver; and one that
    failed."""
    provider = Provider(module_database)
    provider.wishes = [{"user_id": f"user{number}", "qty": number, "fee_bps": "7"} for number in range(1, 8)]
    provider.wishes.append({"user_id": "nobody", "qty": "0"})
    costly = STRIKE | {"exchange": "kraken"}  # which takes fees of its own
    provider.enter("one", quote={"bid": "99", "asks": [["100.003", 13], ["100.01", 13]]}, strike_data=costly)
    provider.later(hours=1)
    provider.leave("one", quote={"bid": "110.007", "bid_size": "5"})
    provider.leave("one", "111.1", user_ids=["user3"])
    provider.leave("one", "112.013")
    provider.enter("two")
    provider.enter("three", signal="SELL_ENTRY")
    provider.leave("three", "90", "SELL_EXIT", user_ids=["user1", "user7"])
    provider.enter("four", quote={"bid": "100"})
    apart = Provider(module_database, "APART")
    keep_strategy(apart.desk, "APART", StrategyChange(SEPARATE))
    for wish in apart.wishes[1:]:  # the first has no money
        fund(apart.desk, wish["user_id"], requests.funding(b'{"amount": "5000"}', None), apart.now)
    apart.enter("one")
    apart.leave("one", user_ids=["user2"])
    apart.leave("one", "90")
    apart.enter("two", strike_data=costly)
    return module_database


def altered(connection: psycopg.Connection, change: str) -> None:
    """Change rows as the owner of the tables can, with the triggers off."""
    for name in ("user_signal_allocations", "signal_executions", "trades"):
        connection.execute(f"alter table ledger.{name} disable trigger user")
    assert connection.execute(change).rowcount >= 1  # pyright: ignore[reportArgumentType, reportCallIssue]  # of this file


def test_books_with_signals_hold(traded: Database) -> None:
    verified = {book.user_id: book.faults for book in verify(Desk(traded))}
    assert verified.keys() >= {"strategy:STRATEGY_001", "strategy:APART", "user2"}
    assert {*verified.values()} == {()}
    with traded.connect() as connection:
        query = "select count(*) from ledger.postings where account = 'participants'"
        assert connection.execute(query).fetchone() == (22,)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (FIRST.format("pnl = pnl + 1"), ["allocations add up to P&L", "participant 2: pnl is"]),
        (
            FIRST.format("qty = qty - 1, closed_qty = closed_qty - 1"),
            ["participant 2: qty is 2, and the entries make 3"],
        ),
        (FIRST.format("money_in = money_in + 1"), ["USDT by the postings", "participant 2: money_in is"]),
        (FIRST.format("status = 'ACTIVE'"), ["participant 2: status is ACTIVE, and the entries make CLOSED"]),
        (FIRST.format("fee_bps = 8"), ["its wishes are not those of entry"]),
        (
            """update ledger.user_signal_allocations set pnl = pnl + case user_id when 'user3' then 1 else -1 end
            where signal_execution_id = 1 and user_id in ('user3', 'user4')""",
            ["participant 2: pnl is", "participant 3: pnl is"],
        ),
        (
            "delete from ledger.user_signal_allocations where signal_execution_id = 1 and user_id = 'nobody'",
            ["participants 7 of 8", "execution 1: its shares are not those of entry"],
        ),
        (
            "update ledger.signal_executions set total_pnl = total_pnl + 1 where signal_execution_id = 1",
            ["allocations add up to P&L", "has a P&L of", "total_pnl is"],
        ),
        (
            "update ledger.signal_executions set unique_id = 'another' where signal_execution_id = 2",
            ["belong to no execution", "execution 2: the entry"],
        ),
        (
            "update ledger.signal_executions set shares_entry = rule_entry where signal_execution_id = 2",
            ["execution 2: its shares are of entry", "states nothing of its shares"],
        ),
        (
            "update ledger.trades set total_pnl = total_pnl - 5 where trade_id = 1",
            ["execution 1: the trade 1 has a P&L of"],
        ),
        ("delete from ledger.trades where trade_id = 1", ["execution 1: it is closed and has no trade"]),
        ("update ledger.trades set exit_price = exit_price + 1 where trade_id = 1", ["execution 1: the trade 1, or"]),
        ("update ledger.trades set holding_time = 1 where trade_id = 1", ["execution 1: the trade 1, or"]),
        ("update ledger.trades set symbol = 'X' where trade_id = 1", ["execution 1: the trade 1, or"]),
    ],
)
def test_what_was_altered_is_named(traded: Database, change: str, said: list[str]) -> None:
    [book] = checking.listed(traded, "strategy:STRATEGY_001")
    with traded.connect() as connection:
        altered(connection, change)
        faults = list(differing_shares(InTransaction(connection), book))
        connection.rollback()
    for words in said:
        assert any(words in fault for fault in faults), faults
    assert all("user" not in fault for fault in faults), "nobody is named but by his place"


def test_a_verification_of_the_ledger_finds_it(traded: Database) -> None:
    """The last test of this file: it changes the book."""
    with traded.connect() as connection:
        altered(connection, FIRST.format("exit_fee = exit_fee + 1"))
    [book] = verify(Desk(traded), "strategy:STRATEGY_001")
    assert len(book.differing) == 2
    assert book.differing[1].startswith("execution 1, participant 2: exit_fee is ")
