"""A trustee gives no share of a day that, beside another one, would show a single trader."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

import pytest

from fntx_dagster.services.aggregation.pool import PoolView, checked_day
from fntx_dagster.services.aggregation.trustees import objections
from tests.contracts.pools import Base, Pool
from tests.services.aggregation.views import view
from tests.tools import needs_anvil

pytestmark = needs_anvil
FIRST, SECOND, THIRD = 20250716, 20250717, 20250718
LEAST = 2
OFFSET = 2**31


@pytest.fixture
def pool(base: Base) -> Pool:
    made = Pool(base)
    made.register(*base.traders)
    return made


def submitted(pool: Pool, day: int, traders: Sequence[str]) -> None:
    for trader in traders:
        pool.submit(trader, pool.prove(trader, (1, 2, OFFSET), day), day)
    pool.freeze(day)


def offer(pool: Pool, day: int, *trustees: int) -> None:
    for number in trustees:
        pool.chain.send(pool.trustees[number], pool.functions.offerShare(day, pool.shares(number, day=day)))


def opened(pool: Pool, day: int, users: int) -> None:
    pool.chain.send(pool.base.stranger, pool.open((users, 2 * users, users * OFFSET), 0, 1, day=day))


def as_date(day: int) -> date:
    return date.fromisoformat(f"{day}")


def refused(pool: PoolView, day: int, served: Sequence[int] = ()) -> list[str]:
    return list(objections(LEAST, pool, checked_day(pool, as_date(day)), {as_date(each) for each in served}))


def test_two_days_that_are_not_open_yet_are_compared_with_each_other(pool: Pool) -> None:
    looked = view(pool)
    submitted(pool, FIRST, pool.base.traders[:3])
    submitted(pool, SECOND, pool.base.traders[:2])
    assert refused(looked, SECOND) == []
    assert "differ by 1 from those of 2025-07-16" in refused(looked, SECOND, served=[FIRST])[0]
    offer(pool, FIRST, 0)
    assert refused(looked, SECOND) == []  # one share opens nothing
    offer(pool, FIRST, 2)
    assert "differ by 1 from those of 2025-07-16" in refused(looked, SECOND)[0]
    assert refused(looked, FIRST, served=[FIRST]) == []


def test_a_day_that_was_refused_stays_refused_when_a_later_one_is_opened(pool: Pool) -> None:
    looked, traders = view(pool), pool.base.traders
    for day, some in ((FIRST, traders[:1]), (SECOND, traders[:2]), (THIRD, traders)):
        submitted(pool, day, some)
    opened(pool, FIRST, 1)
    assert "differ by 1 from those of 2025-07-16" in refused(looked, SECOND)[0]
    assert refused(looked, THIRD) == []
    opened(pool, THIRD, 4)
    assert "differ by 1 from those of 2025-07-16" in refused(looked, SECOND)[0]
    assert refused(looked, THIRD) == []  # it is open: a share adds nothing


def test_as_many_traders_who_are_others_differ(pool: Pool) -> None:
    looked, (one, two, three, four) = view(pool), pool.base.traders
    submitted(pool, FIRST, (one, two))
    submitted(pool, SECOND, (three, two))
    submitted(pool, THIRD, (three, four))
    assert [*objections(3, looked, checked_day(looked, as_date(SECOND)), {as_date(FIRST)})]
    assert not [*objections(3, looked, checked_day(looked, as_date(THIRD)), {as_date(FIRST)})]
    assert refused(looked, SECOND, served=[FIRST, THIRD]) == []
