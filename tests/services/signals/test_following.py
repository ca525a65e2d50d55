"""Strategies, instruments and subscriptions: what is kept, what is refused and named."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pytest

from fntx_dagster.errors import Permanent
from fntx_dagster.model.signals import SignalInstrument, SignalStrategy, Wish
from fntx_dagster.services.orders.turn import Desk
from fntx_dagster.services.signals.following import (
    StrategyChange,
    keep_strategy,
    list_instruments,
    list_strategies,
    list_subscriptions,
    load_instruments,
    load_subscriptions,
    pause,
    subscribe,
)
from fntx_dagster.store.database import Database
from fntx_dagster.store.signals import strategies
from tests.services.signals.signalled import Clock

MORNING = datetime(2026, 3, 2, 9, tzinfo=UTC)
MASTER = """token,symbol,exchange,underlying,strike,option_type,expiry,lot_size,valid_from
45678,NIFTY26MAR23500CE,NFO,NIFTY,23500,CE,2026-03-26,75,2026-01-01
45679,NIFTY26MAR23500PE,NFO,NIFTY,23500.50,XX,2026-03-26,75,2026-01-01
45680,NIFTY26MAR23600CE,NFO,NIFTY,23600,CE,2026-03-26,0,2026-01-01
45681,NIFTY26MAR23700CE,NFO,NIFTY,23700,CE,26MAR2026,75,yesterday
45678,NIFTY26MAR23500CE,NFO,NIFTY,23500,CE,2026-03-26,50,2026-02-01T09:15:00+05:30
"""


@pytest.fixture
def clock() -> Clock:
    clock = Clock()
    clock.now = MORNING
    return clock


@pytest.fixture
def desk(database: Database, clock: Clock) -> Desk:
    return Desk(database, clock=clock)


def test_a_strategy_is_made_once_and_changed_from_then_on(desk: Desk) -> None:
    made = keep_strategy(desk, "S", StrategyChange(currency="INR"))
    assert made == SignalStrategy("S", "omnibus", "INR", None, Decimal(10_000))
    changed = keep_strategy(desk, "S", StrategyChange(capital=Decimal(5), expected_edge_bps=Decimal(80)))
    assert list_strategies(desk.db) == [changed] == [made._replace(capital=Decimal(5), expected_edge_bps=Decimal(80))]
    for wrong in (StrategyChange("mine"), StrategyChange(currency="rupees"), StrategyChange(capital=Decimal(0))):
        with pytest.raises(Permanent):
            keep_strategy(desk, "S", wrong)
    with pytest.raises(Permanent, match="no code"):
        keep_strategy(desk, "a b", StrategyChange())


def test_the_good_rows_of_a_master_are_kept_and_each_bad_one_is_named(desk: Desk, tmp_path: Path) -> None:
    file = tmp_path / "nfo.csv"
    file.write_text(MASTER, encoding="utf-8")
    done = load_instruments(desk, file)
    assert (done.added, done.known, done.bad) == (2, 0, 3)
    assert [(fault.row, fault.field, fault.value) for fault in done.faults] == [
        (2, "option_type", "XX"),
        (3, "lot_size", "0"),
        (4, "valid_from", "yesterday"),
    ]
    call = SignalInstrument(
        "45678", "NIFTY26MAR23500CE", "NFO", "NIFTY", Decimal(23500), "CE", date(2026, 3, 26), Decimal(75)
    )
    assert [row.instrument for row in list_instruments(desk.db, "45678", None)] == [
        call,
        call._replace(lot_size=Decimal(50)),
    ]
    lots = {}
    for day in (datetime(2025, 12, 31, tzinfo=UTC), datetime(2026, 1, 1, tzinfo=UTC), MORNING):
        known = strategies.instrument(desk.db, "45678", day)
        lots[day.month] = known and known.instrument.lot_size
    assert lots == {12: None, 1: Decimal(75), 3: Decimal(50)}
    assert load_instruments(desk, file)[:3] == (0, 2, 3)


def test_a_row_that_says_otherwise_from_the_same_moment_on_is_refused(desk: Desk, tmp_path: Path) -> None:
    file = tmp_path / "nfo.csv"
    rows = ["token,symbol,valid_from", "1,A,2026-01-01", "1,B,2026-01-01", "2,C,2026-01-01", "3,D,2026-01-01"]
    file.write_text("\n".join(rows), encoding="utf-8")
    done = load_instruments(desk, file)
    assert (done.added, done.known) == (3, 0)
    assert [(fault.row, fault.field) for fault in done.faults] == [(2, "valid_from")]
    assert [row.instrument.symbol for row in list_instruments(desk.db, None, None)] == ["A", "C", "D"]


def test_a_file_without_a_column_or_that_is_not_there_is_refused_whole(desk: Desk, tmp_path: Path) -> None:
    file = tmp_path / "rows.csv"
    with pytest.raises(Permanent, match="cannot be read"):
        load_instruments(desk, file)
    file.write_text("token,exchange\n1,NFO\n", encoding="utf-8")
    with pytest.raises(Permanent, match="lacks the column symbol"):
        load_instruments(desk, file)


def test_a_subscription_counts_while_it_runs_and_goes_on_as_it_was(desk: Desk, clock: Clock) -> None:
    with pytest.raises(Permanent, match="no strategy"):
        subscribe(desk, "S", "ada", {"qty": "1"})
    keep_strategy(desk, "S", StrategyChange())
    assert subscribe(desk, "S", "ada", {"qty": "75", "fee_bps": "2"}) == Wish("ada", Decimal(75), Decimal(2))
    clock.now += timedelta(hours=1)
    pause(desk, "S", "ada")
    with pytest.raises(Permanent, match="does not follow"):
        pause(desk, "S", "ada")
    clock.now += timedelta(hours=1)
    again = Wish("ada", Decimal(75), Decimal(2), Decimal(0), Decimal(5000))
    assert subscribe(desk, "S", "ada", {"max_notional": "5000"}) == again
    assert [(row.valid_from.hour, row.valid_to and row.valid_to.hour) for row in list_subscriptions(desk.db, "S")] == [
        (9, 10),
        (11, None),
    ]
    with desk.db.connect() as connection:
        followed = [
            [wish.user_id for wish in strategies.subscribed(connection, "S", MORNING + timedelta(minutes=minutes))]
            for minutes in (-1, 0, 59, 60, 119, 120)
        ]
    assert followed == [[], ["ada"], ["ada"], [], [], ["ada"]]
    for wrong, field in ({"qty": "0"}, "qty"), ({"qty": "-1"}, "qty"), ({"fee_bps": "-1"}, "fee_bps"):
        with pytest.raises(Permanent, match=field):
            subscribe(desk, "S", "bob", wrong)
    with pytest.raises(Permanent, match="qty"):
        subscribe(desk, "S", "bob", {})


def test_participants_of_a_file_follow_and_each_bad_row_is_named(desk: Desk, tmp_path: Path) -> None:
    keep_strategy(desk, "S", StrategyChange())
    file = tmp_path / "users.csv"
    file.write_text("user_id,qty,fee_bps\nada,1,\nbob,x,\neve,2,3\nada,5,\n,1,\n", encoding="utf-8")
    done = load_subscriptions(desk, "S", file)
    assert (done.added, done.known) == (2, 0)
    assert [(fault.row, fault.field) for fault in done.faults] == [(2, "qty"), (4, "user_id"), (5, "user_id")]
    assert load_subscriptions(desk, "S", file)[:3] == (0, 2, 3)
    assert [row.wish.user_id for row in list_subscriptions(desk.db, "S")] == ["ada", "eve"]
