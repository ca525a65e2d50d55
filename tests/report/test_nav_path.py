"""The NAV's way through a day and through many."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fntx_dagster.report.nav_path import Step, day_steps, nav_path
from fntx_dagster.report.story import narrate

from .role_model import JULY_17, JULY_18, block, event, july_17, july_18, new_york, quiet_day


def test_the_steps_of_a_day_lead_from_its_previous_close_to_its_official_close() -> None:
    steps = day_steps(narrate(july_18()))
    assert [(step.label, step.when, step.kind) for step in steps] == [
        ("Previous Official Close", "04:00 HKT", "level"),
        ("Assignment", "04:20 HKT", "block"),
        ("Expiration", "04:20 HKT", "block"),
        ("Pre-Market Cover Trade", "13:15 HKT", "block"),
        ("Market Open", "21:30 HKT", "level"),
        ("0DTE Trades", "22:32 HKT", "block"),
        ("Last closing mark of the assigned option, released by the assignment", "", "part"),
        ("The trades' exchange rates against the day's rate", "", "part"),
        ("FX translation of balances in other currencies", "", "part"),
        ("Market Close", "04:00 HKT", "level"),
    ]
    assert [step.impact for step in steps if step.impact] == [
        Decimal("-1145.443"),
        Decimal("590.6430496"),
        Decimal("31.3888"),
        Decimal("-0.2465"),
        Decimal("-0.1223496"),
    ]


def chained(steps: list[Step]) -> bool:
    return all(left.after == right.before for left, right in pairwise(steps))


@given(
    st.lists(st.decimals(-(10**4), 10**4, places=4), max_size=6),
    st.dictionaries(st.sampled_from(["mark_to_market", "fees", "new_name"]), st.decimals(-99, 99, places=3)),
    st.decimals(-1, 1, places=3),
)
def test_each_step_begins_where_the_one_before_ended(
    impacts: list[Decimal], parts: dict[str, Decimal], unexplained: Decimal
) -> None:
    nav, blocks = Decimal("79498.68"), []
    for number, impact in enumerate(impacts):
        nav += impact
        fee = event(f"{number}", "fee", new_york(JULY_17, f"1{number}:00"), amount=str(impact))
        blocks.append(block("cash", "intraday", fee, impact=str(impact), after=str(nav)))
    difference = sum(parts.values(), unexplained)
    day = quiet_day(
        blocks=tuple(blocks),
        closing_nav_calculated=nav,
        closing_nav_official=nav + difference,
        difference=difference,
        difference_parts=parts,
        unexplained=unexplained,
    )
    steps = day_steps(narrate(day))
    assert chained(steps)
    assert (steps[0].before, steps[-1].after) == (Decimal("79498.68"), nav + difference)
    assert sum(step.impact for step in steps) == nav + difference - Decimal("79498.68")


def test_a_range_goes_by_sessions_with_the_open_a_quarter_into_each() -> None:
    path = nav_path([narrate(july_17()), narrate(july_18())])
    assert path.sessions == (JULY_17, JULY_18)
    assert [(point.place, point.nav) for point in path.closes] == [
        (0, Decimal("79498.68")),
        (1, Decimal("79754.81")),
        (2, Decimal("79231.03")),
    ]
    places = [point.place for point in path.steps]
    assert places == sorted(places)
    navs = [point.nav for point in path.steps]
    assert navs[-4:] == [Decimal("79754.81"), Decimal("78609.367"), Decimal("79200.0100496"), Decimal("79231.03")]
    cover, zero_dte = places[-3:-1]
    assert 1 < cover < 1.25 < zero_dte < 2


@pytest.mark.parametrize("kind", ["deposit", "withdrawal", "transfer_in", "transfer_out"])
def test_deposits_withdrawals_and_transfers_are_marked_and_other_cash_is_not(kind: str) -> None:
    deposit = event("d", kind, new_york(JULY_17, "08:00"), amount="100", currency="HKD", rate=Decimal(1))
    fee = event("f", "fee", new_york(JULY_17, "10:00"), amount="-1", currency="HKD", rate=Decimal(1))
    day = quiet_day(
        blocks=(
            block("cash", "pre_market", deposit, impact="100", after="79598.68"),
            block("cash", "intraday", fee, impact="-1", after="79597.68"),
        )
    )
    [(point, amount)] = nav_path([narrate(day)]).flows
    assert (point.nav, amount) == (Decimal("79598.68"), Decimal(100))
    assert [step.kind for step in day_steps(narrate(day))] == ["level", "flow", "level", "block", "level"]


def test_a_day_without_a_known_opening_has_no_steps_and_no_place_in_the_line() -> None:
    unknown = replace(july_17(), opening_nav_official=None)
    assert day_steps(narrate(unknown)) == []
    assert nav_path([narrate(unknown), narrate(july_18())]).sessions == (JULY_18,)
    assert nav_path([]).closes == ()
