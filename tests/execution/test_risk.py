"""The risk controller: limits, the breaker and the kill, and what never comes back by itself."""

from __future__ import annotations

from fractions import Fraction
from functools import partial
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fntx_dagster.errors import Permanent
from fntx_dagster.execution.risk import (
    ACTIVE,
    BUY,
    HALTED,
    KILLED,
    SELL,
    STATES,
    DeskDay,
    DeskLimits,
    DeskOrder,
    RiskDecision,
    judged_order,
    loss_pct,
    state_after,
)

LIMITS = DeskLimits(
    Fraction(1_000_000), Fraction(50_000), Fraction(2), Fraction(5), Fraction(200_000), 5, Fraction(5), Fraction(10)
)
DAY = DeskDay(ACTIVE, Fraction(100_000), Fraction(100_000), Fraction(0), Fraction(0), Fraction(0), 0)
ORDER = DeskOrder(BUY, Fraction(1000), Fraction(1), Fraction(1))


def judged(side: str = BUY, quantity: object = 1000, price: object = 1, **day: Any) -> RiskDecision:
    values = {
        name: value if type(value) is str and value in STATES else Fraction(str(value)) for name, value in day.items()
    }
    order = DeskOrder(side, Fraction(str(quantity)), Fraction(str(price)), Fraction(1))
    return judged_order(DAY._replace(**values), order, LIMITS)


def test_an_order_within_its_limits_is_accepted() -> None:
    assert judged() == RiskDecision((), ACTIVE, False, Fraction(0), Fraction(0), ())


@pytest.mark.parametrize(
    ("at_the_limit", "above", "reason"),
    [
        ({"position": 999_000}, {"position": "999000.000001"}, "max_position"),
        ({"position": -999_000, "side": SELL}, {"position": -999_001, "side": SELL}, "max_position"),
        ({"quantity": 50_000}, {"quantity": "50000.01"}, "max_single_order"),
        ({"price": "1.02"}, {"price": "1.0200001"}, "slippage"),
        ({"price": "0.98", "side": SELL}, {"price": "0.9799", "side": SELL}, "slippage"),
        ({"volume_today": 199_000}, {"volume_today": "199000.01"}, "daily_volume"),
        ({"open_orders": 4}, {"open_orders": 5}, "open_orders"),
        ({"equity": "95000.01"}, {"equity": 95_000}, "daily_loss"),  # at this one limit nothing passes
    ],
)
def test_at_a_limit_passes_and_above_it_does_not(
    at_the_limit: dict[str, Any], above: dict[str, Any], reason: str
) -> None:
    assert judged(**at_the_limit).reasons == ()
    assert judged(**above).reasons == (reason,)


def test_a_price_that_is_better_than_the_middle_has_no_slippage() -> None:
    assert judged(price="0.5").slippage_pct == judged(side=SELL, price="1.5").slippage_pct == 0


def test_a_loss_of_more_than_five_percent_halts_and_of_more_than_ten_kills() -> None:
    halted = judged(equity="94999.99")
    assert (halted.state, halted.reasons) == (HALTED, (HALTED, "daily_loss"))
    assert halted.actions == ("halt_strategies",)
    assert judged(equity=90_000).state == HALTED  # ten percent is not more than ten percent
    killed = judged(equity="89999.99")
    assert (killed.state, killed.reasons) == (KILLED, (KILLED, "daily_loss"))
    assert killed.actions == ("cancel_open_orders", "halt_all")


def test_an_action_is_named_once_when_the_state_changes() -> None:
    assert judged(equity="94000", state=HALTED).actions == ()
    assert judged(equity="80000", state=KILLED).actions == ()
    assert judged(equity="80000", state=HALTED).actions == ("cancel_open_orders", "halt_all")


def test_a_halted_desk_may_bring_its_position_down_and_a_killed_one_may_not() -> None:
    lost = partial(judged, equity=94_000)
    assert lost(SELL, position=5000) == RiskDecision((), HALTED, True, Fraction(6), Fraction(0), ("halt_strategies",))
    assert lost(SELL, 5000, position=5000).accepted  # to zero
    assert lost(SELL, 5001, position=5000).reasons == (HALTED, "daily_loss")  # and not across it
    assert lost(BUY, position=-5000).accepted
    assert lost(SELL, position=0).reasons == (HALTED, "daily_loss")
    assert judged(SELL, position=5000, equity=80_000).reasons == (KILLED,)


def test_reducing_frees_from_the_position_and_the_loss_alone() -> None:
    decision = judged(SELL, 60_000, "0.9", position=2_000_000, equity=94_000, volume_today=190_000, open_orders=9)
    assert decision.reducing
    assert decision.reasons == ("max_single_order", "slippage", "daily_volume", "open_orders")


def test_every_reason_is_named_in_their_order() -> None:
    decision = judged(BUY, 2_000_000, 2, equity=80_000, open_orders=9)
    assert decision.reasons == (
        *(KILLED, "max_position", "max_single_order", "slippage", "daily_loss", "daily_volume", "open_orders"),
    )


@pytest.mark.parametrize(
    ("equity", "flows", "loss"),
    [
        (100_000, 0, 0),
        (110_000, 0, 0),  # a gain is no loss
        (110_000, 20_000, Fraction(10_000 * 100, 120_000)),  # a deposit is no gain, and is capital
        (70_000, -30_000, 0),  # a withdrawal is no loss
        (60_000, -30_000, 10),  # in percent of what the day began with
        (-5000, 0, 105),
    ],
)
def test_deposits_and_withdrawals_are_neither_gain_nor_loss(equity: int, flows: int, loss: Fraction) -> None:
    assert loss_pct(DAY._replace(equity=Fraction(equity), net_flows=Fraction(flows))) == loss


@given(
    st.sampled_from(STATES),
    st.lists(st.integers(-50_000, 200_000), min_size=1, max_size=30),
    st.integers(-1000, 1000),
)
def test_the_breaker_never_comes_back_by_itself(state: str, equities: list[int], position: int) -> None:
    """Whatever the equity does, and whatever is ordered, the state only gets worse."""
    for equity in equities:
        day = DAY._replace(state=state, equity=Fraction(equity), position=Fraction(position))
        after = judged_order(day, ORDER, LIMITS).state
        assert STATES.index(after) >= STATES.index(state)
        assert after == state_after(day, LIMITS)
        state = after


@pytest.mark.parametrize(
    ("day", "order", "limits", "word"),
    [
        ({"state": "paused"}, {}, {}, "state"),
        ({"equity_start": Fraction(0)}, {}, {}, "equity_start"),
        ({"volume_today": Fraction(-1)}, {}, {}, "volume_today"),
        ({"open_orders": -1}, {}, {}, "open_orders"),
        ({}, {"side": "short"}, {}, "side"),
        ({}, {"quantity": Fraction(0)}, {}, "order.quantity"),
        ({}, {"price": Fraction(-1)}, {}, "order.price"),
        ({}, {"mid": Fraction(0)}, {}, "order.mid"),
        ({}, {}, {"max_position": Fraction(-1)}, "limits.max_position"),
    ],
)
def test_figures_that_mean_nothing_are_refused(
    day: dict[str, Any], order: dict[str, Any], limits: dict[str, Any], word: str
) -> None:
    with pytest.raises(Permanent, match=word):
        judged_order(DAY._replace(**day), ORDER._replace(**order), LIMITS._replace(**limits))
