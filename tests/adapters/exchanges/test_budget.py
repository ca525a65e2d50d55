"""The pace of requests to an exchange, by a clock that the test moves."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from fntx_dagster.adapters.exchanges.budget import RequestBudget


def test_a_burst_goes_at_once_and_what_follows_waits_its_cost() -> None:
    budget = RequestBudget(seconds=2, burst=3)
    assert [budget.wait_for(1, 100) for _ in range(5)] == [0, 0, 0, 2, 4]
    assert budget.wait_for(1, 104) == 2
    assert budget.wait_for(1, 1000) == 0


def test_what_costs_nothing_never_waits() -> None:
    budget = RequestBudget(seconds=2, burst=1)
    budget.wait_for(10, 0)
    assert budget.wait_for(0, 0) == 0


@given(st.lists(st.tuples(st.floats(0, 10), st.integers(1, 5)), min_size=1, max_size=30))
def test_no_stretch_of_time_sees_more_than_the_burst_and_what_came_back(steps: list[tuple[float, int]]) -> None:
    budget, now, sent = RequestBudget(seconds=0.5, burst=5), 0.0, []
    for gap, cost in steps:
        now += gap
        sent.append((now + budget.wait_for(cost, now), cost))
    for first, (begin, _) in enumerate(sent):
        for last in range(first, len(sent)):
            spent = sum(cost for _, cost in sent[first : last + 1])
            assert spent <= 5 + (sent[last][0] - begin) / 0.5 + sent[first][1] + 1e-6
