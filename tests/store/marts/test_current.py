"""The memory of the day that still runs: the latest snapshot of a session, until its statement is there."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest

from fntx_dagster.model.contract import Contract
from fntx_dagster.model.period import Period
from fntx_dagster.model.snapshot import Execution, MarkedPosition, Snapshot
from fntx_dagster.store.database import Database
from fntx_dagster.store.marts.current import Provisional, keep, provisional
from tests import by_hand

ONE, OTHER = "U7000001", "U7000002"
JULY_3, JULY_7, JULY_17, JULY_18 = (date(2025, 7, day) for day in (3, 7, 17, 18))
MORNING = datetime(2025, 7, 18, 14, 30, tzinfo=UTC)
PUT = Contract(
    "800000635", "SPY   250718P00625000", "SPY 18JUL25 625 P", "OPT", "SPY", Decimal(100), Decimal(625), JULY_18, "P"
)


def seen(account: str = ONE, at: datetime = MORNING, nav: str = "25520.41") -> Snapshot:
    return Snapshot(
        account_id=account,
        as_of=at,
        currency="USD",
        nav=Decimal(nav),
        cash=Decimal("25568.410"),
        initial_margin=None,
        maintenance_margin=Decimal(6350),
        excess_liquidity=Decimal("19170.41"),
        cushion=Decimal("0.75118"),
        positions=(MarkedPosition(PUT, Decimal(-3), "USD", Decimal("0.16"), Decimal(-48), Decimal("0.11134")),),
        executions=(Execution("a.01", at, PUT, "USD", Decimal(-3), Decimal("0.12"), Decimal("-2.59932"), "USD", None),),
    )


def kept(db: Database, first: date = JULY_17, last: date = JULY_18, account: str | None = None) -> list[Snapshot]:
    return [day.snapshot for day in provisional(db, Period(first, last), account)]


def test_a_snapshot_comes_back_digit_for_digit(database: Database) -> None:
    keep(database, seen())
    assert provisional(database, Period.on(JULY_18)) == [Provisional(seen(), None, None)]
    assert f"{kept(database)}" == f"{[seen()]}"


def test_a_later_one_takes_its_place_and_an_earlier_one_does_not(database: Database) -> None:
    later = seen(at=MORNING + timedelta(minutes=5), nav="25600")
    for snapshot in (seen(), later, seen()):
        keep(database, snapshot)
    assert kept(database) == [later]


def test_accounts_and_sessions_are_kept_apart(database: Database) -> None:
    snapshots = [seen(), seen(at=MORNING - timedelta(days=1)), seen(OTHER)]
    for snapshot in snapshots:
        keep(database, snapshot)
    assert kept(database) == [snapshots[1], snapshots[0], snapshots[2]]
    assert kept(database, account=OTHER) == [snapshots[2]]
    assert kept(database, JULY_17, JULY_17) == [snapshots[1]]


@pytest.mark.parametrize(
    ("at", "day"),
    [
        ("2025-07-18 20:30", JULY_18),  # after the close
        ("2025-07-19 03:59", JULY_18),  # New York's Friday night
        ("2025-07-20 15:00", JULY_18),  # Sunday
        ("2025-07-18 04:00", JULY_18),  # New York's midnight
        ("2025-07-18 03:59", JULY_17),
        ("2025-07-04 15:00", JULY_3),  # a holiday
    ],
)
def test_a_snapshot_belongs_to_the_session_of_its_own_time(database: Database, at: str, day: date) -> None:
    keep(database, seen(at=datetime.fromisoformat(at).replace(tzinfo=UTC)))
    assert len(kept(database, day, day)) == 1


class TestBesideTheStatements:
    @pytest.fixture
    def built(self, database: Database) -> Database:
        return by_hand.create_marts(database)

    def test_the_opening_is_the_official_nav_of_the_session_before(self, built: Database) -> None:
        by_hand.build(built, ONE, JULY_17, closing_nav="198600.55")
        by_hand.build(built, OTHER, JULY_17, closing_nav="5")
        keep(built, seen())
        assert provisional(built, Period.on(JULY_18)) == [Provisional(seen(), "HKD", Decimal("198600.55"))]

    def test_over_a_holiday_and_a_weekend_it_is_thursdays(self, built: Database) -> None:
        by_hand.build(built, ONE, JULY_3, closing_nav="7")
        keep(built, seen(at=datetime(2025, 7, 7, 15, tzinfo=UTC)))
        assert [day.opening_nav for day in provisional(built, Period.on(JULY_7))] == [Decimal(7)]

    def test_without_the_session_before_there_is_no_opening_and_still_a_currency(self, built: Database) -> None:
        by_hand.build(built, ONE, date(2025, 7, 16))
        keep(built, seen())
        assert provisional(built, Period.on(JULY_18)) == [Provisional(seen(), "HKD", None)]

    def test_an_account_without_statements_has_neither(self, built: Database) -> None:
        by_hand.build(built, OTHER, JULY_17)
        keep(built, seen())
        assert provisional(built, Period.on(JULY_18)) == [Provisional(seen(), None, None)]

    def test_a_session_that_is_built_is_no_longer_provisional_and_another_accounts_is(self, built: Database) -> None:
        keep(built, seen())
        keep(built, seen(OTHER))
        by_hand.build(built, ONE, JULY_18)
        assert kept(built) == [seen(OTHER)]
