"""A crash at any step of a signal, a hundred messages at once: one execution, and nothing half done."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import count
from typing import Any

import pytest

from fntx_dagster.model.orders import Quote
from fntx_dagster.model.signals import OMNIBUS, SEPARATE, SignalStrategy
from fntx_dagster.services.orders import money, requests
from fntx_dagster.services.orders.fields import Declined
from fntx_dagster.services.orders.turn import Desk, Turn
from fntx_dagster.services.signals import elsewhere
from fntx_dagster.services.signals.receiving import enter_signal, leave_signal
from fntx_dagster.store.database import Database
from fntx_dagster.store.ledger import prices
from fntx_dagster.store.signals import executions
from fntx_dagster.store.signals.strategies import keep_strategy

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
_numbers = count()


class CrashError(Exception):
    """The process ends here."""


class Signal:
    """A signal of a strategy of its own, with three traders who have money. `by_feed`: its market is the feed's."""

    def __init__(self, db: Database, accounts: str, *, by_feed: bool = False) -> None:
        self.by_feed = by_feed
        self.desk, self.code = Desk(db), f"S{next(_numbers)}"
        self.users = [f"{name}@{self.code}" for name in ("ada", "bob", "eve")]
        keep_strategy(db, SignalStrategy(self.code, accounts, "USDT", None, Decimal(10_000)))
        for user in self.users:
            body = json.dumps({"amount": "100000"}).encode()
            money.fund(self.desk, user, requests.funding(body, None), NOON)

    def entry(self) -> dict[str, Any]:
        wishes = [{"user_id": user, "qty": place + 1} for place, user in enumerate(self.users)]
        body = (
            self.named("BUY_ENTRY")
            | {
                "strike_data": {"symbol": "X26MAR", "exchange": "NFO"},
                "allocations": wishes,
            }
            | self._market("100")
        )
        return json.loads(enter_signal(self.desk, "test", json.dumps(body).encode(), NOON).body)

    def leave(self) -> dict[str, Any]:
        body = self.named("BUY_EXIT") | self._market("110")
        later = NOON + timedelta(minutes=1)
        return json.loads(leave_signal(self.desk, "test", json.dumps(body).encode(), later).body)

    def counts(self) -> tuple[int, ...]:
        """Executions, allocations, trades, entries' and exits' orders of everybody."""
        with self.desk.db.connect() as connection:
            row = connection.execute(
                """select (select count(*) from ledger.signal_executions where strategy_code = %(code)s),
                    (select count(*) from ledger.user_signal_allocations join ledger.signal_executions
                        using (signal_execution_id) where strategy_code = %(code)s),
                    (select count(*) from ledger.trades where strategy_code = %(code)s),
                    (select count(*) from ledger.orders where idempotency_key like '%%' || %(code)s || '_%%ENTRY%%'),
                    (select count(*) from ledger.orders where idempotency_key like '%%' || %(code)s || '_%%EXIT%%')""",
                {"code": self.code},
            ).fetchone()
        assert row is not None
        return tuple(row)

    def _market(self, price: str) -> dict[str, Any]:
        return {} if self.by_feed else {"quote": {"bid": price, "ask": price}}

    def named(self, signal: str) -> dict[str, Any]:
        names = {"token": "23", "unique_id": "one", "strike_price_token": "45678", "strategy_code": self.code}
        return names | {"signal": signal}


ENTRY = [(executions, "log", 0), (executions, "add_execution", 0), (executions, "add_shares", 0), (Turn, "store", 0)]
EXIT = [(executions, name, 0) for name in ("log", "change_execution", "move_shares", "add_trade", "add_exit")]
STEPS = {
    OMNIBUS: (ENTRY, [*EXIT, (Turn, "store", 0)]),
    SEPARATE: (
        [
            *ENTRY,
            *((elsewhere, "submit", order) for order in range(3)),
            (executions, "change_execution", 0),
            (executions, "fill_shares", 0),
            (elsewhere, "store_answer", 0),
        ],
        [*((elsewhere, "submit", order) for order in range(2)), *EXIT],
    ),
}
"""What each kind of strategy does one after the other, in its entry and its exit: where, and at which call (from 0).
What an exit sent before a crash it does not send again."""


@pytest.mark.parametrize("accounts", [OMNIBUS, SEPARATE])
@pytest.mark.parametrize("after", [False, True], ids=["before", "behind"])
def test_a_crash_at_any_step_leaves_one_execution_when_the_message_comes_again(
    module_database: Database, accounts: str, after: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    signal = Signal(module_database, accounts)
    for sent, steps in zip((signal.entry, signal.leave), STEPS[accounts], strict=True):
        for place, name, turn in steps:
            with monkeypatch.context() as patch:
                crash(patch, place, name, turn, after=after)
                with pytest.raises(CrashError):
                    sent()
        assert sent()["success"]
    orders = 3 if accounts == SEPARATE else 1
    assert signal.counts() == (1, 3, 1, orders, orders)
    last = signal.leave()["data"]
    assert (last["status"], last["total_qty"], last["total_pnl"]) == ("CLOSED", "6", "60")


def crash(patch: pytest.MonkeyPatch, place: Any, name: str, turn: int, *, after: bool) -> None:
    done, reached = getattr(place, name), count()

    def crashing(*given: Any, **more: Any) -> Any:
        if next(reached) == turn:
            if after:
                done(*given, **more)
            raise CrashError
        return done(*given, **more)

    patch.setattr(place, name, crashing)


@pytest.mark.parametrize("accounts", [OMNIBUS, SEPARATE])
def test_a_hundred_equal_messages_at_once_are_one_execution_and_one_trade(
    module_database: Database, accounts: str
) -> None:
    signal = Signal(module_database, accounts)
    with ThreadPoolExecutor(16) as pool:
        entered = list(pool.map(lambda _: signal.entry(), range(100)))
        left = list(pool.map(lambda _: signal.leave(), range(100)))
    assert all(answer == entered[0] for answer in entered)
    assert all(answer == left[0] for answer in left)
    orders = 3 if accounts == SEPARATE else 1
    assert signal.counts() == (1, 3, 1, orders, orders)


def test_another_message_of_the_same_id_is_refused_also_where_the_first_crashed(
    module_database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    signal = Signal(module_database, SEPARATE)
    with monkeypatch.context() as patch:
        crash(patch, elsewhere, "submit", 1, after=True)
        with pytest.raises(CrashError):
            signal.entry()
    users, signal.users = signal.users, signal.users[:2]
    with pytest.raises(Declined, match="another request"):
        signal.entry()
    signal.users = users
    assert signal.entry()["data"]["total_qty"] == "6"


def test_a_signal_at_the_price_of_the_feed_never_holds_two_connections_at_once(module_database: Database) -> None:
    module_database.close()
    narrow = Database(module_database.url, connections=1)
    signals = [Signal(narrow, accounts, by_feed=True) for accounts in (OMNIBUS, SEPARATE)]
    _price(narrow, "100", NOON)
    assert all(signal.entry()["success"] for signal in signals)
    _price(narrow, "110", NOON + timedelta(minutes=1))
    assert [signal.leave()["data"]["total_pnl"] for signal in signals] == ["60", "60"]
    narrow.close()


def _price(db: Database, price: str, at: datetime) -> None:
    prices.keep(db, "rest", "NFO", "X26MAR/USDT", Quote(Decimal(price), Decimal(price), None, None, at), at)
