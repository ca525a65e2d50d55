"""Greeks at an option's own fill: from shares, put-call parity, one volatility, and where nothing is known."""

from __future__ import annotations

import math
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from fntx_dagster.metrics.entries import entry_greeks
from fntx_dagster.metrics.terms import Assumptions
from fntx_dagster.model.closing import ClosingPosition
from fntx_dagster.model.strategies import BY_ONE_VOLATILITY, BY_PARITY, BY_SHARES
from tests.metrics.positions import DAY, END, position

RATE, YIELD = 0.043, 0.012
EUROPEAN = Assumptions({"USD": Decimal("0.043")}, {"SPY": Decimal("0.012")}, ("SPY",))
HOURS = 3.5
AT = END - timedelta(hours=HOURS)
TODAY = END.date()


def normal(x: float) -> float:
    return (1 + math.erf(x / math.sqrt(2))) / 2


def black_scholes(put_call: str, spot: float, strike: float, volatility: float, years: float) -> tuple[float, float]:
    """Price and delta (Hull, “Options, Futures, and Other Derivatives”, the chapter on stock indices)."""
    sign = 1 if put_call == "C" else -1
    forward = spot * math.exp((RATE - YIELD) * years)
    deviation = volatility * math.sqrt(years)
    d1 = math.log(forward / strike) / deviation + deviation / 2
    price = sign * (forward * normal(sign * d1) - strike * normal(sign * (d1 - deviation))) * math.exp(-RATE * years)
    return price, sign * math.exp(-YIELD * years) * normal(sign * d1)


def sold(put_call: str, strike: float, price: float, seconds: float = 0, **changes: Any) -> ClosingPosition:
    """An option that ends in a few hours, filled so many seconds after the entry's moment."""
    terms: dict[str, Any] = {
        "trading_day": DAY,
        "underlying_symbol": "SPY",
        "strike": Decimal(str(strike)),
        "expiry": TODAY,
        "put_call": put_call,
        "multiplier": Decimal(100),
        "mark": Decimal(str(price)),
        "mark_source": "fill",
        "valued_at": AT + timedelta(seconds=seconds),
    }
    return position(f"{put_call}{strike}", f"SPY {put_call}{strike}", "OPT", **(terms | changes))


def shares(price: float, seconds: float = 0) -> ClosingPosition:
    return position(
        "SPY", "SPY", "STK", mark=Decimal(str(price)), valued_at=AT + timedelta(seconds=seconds), underlying_symbol=""
    )


def found(entry: ClosingPosition, *beside: ClosingPosition, assumptions: Assumptions = EUROPEAN):
    fills = [entry, *beside]
    ends: dict[str, datetime] = {
        fill.contract_id: END if fill.expiry == TODAY else END + timedelta(days=7) for fill in fills if fill.is_option
    }
    return entry_greeks(entry, fills, ends, assumptions)


@given(
    spot=st.floats(300, 900),
    volatility=st.floats(0.08, 0.9),
    below=st.floats(0.1, 2.5),
    above=st.floats(0.1, 2.5),
    hours=st.floats(0.25, 400),
)
def test_a_put_and_a_call_of_one_volatility_give_price_volatility_and_deltas_back(
    spot: float, volatility: float, below: float, above: float, hours: float
) -> None:
    at, years = END - timedelta(hours=hours), hours / 24 / 365
    deviation = volatility * math.sqrt(years)
    strikes = {"P": spot * math.exp(-below * deviation), "C": spot * math.exp(above * deviation)}
    exact = {side: black_scholes(side, spot, strike, volatility, years) for side, strike in strikes.items()}
    assume(min(price for price, _ in exact.values()) > 0.02)
    legs = {side: sold(side, strikes[side], exact[side][0], valued_at=at) for side in strikes}
    for side, other in (("P", "C"), ("C", "P")):
        greeks = found(legs[side], legs[other])
        assert greeks is not None
        assert greeks.priced_by == BY_ONE_VOLATILITY
        assert float(greeks.underlying) == pytest.approx(spot, abs=1e-3)
        assert greeks.volatility == pytest.approx(volatility, rel=1e-2)
        assert greeks.delta == pytest.approx(exact[side][1], abs=2e-3)


def test_the_error_of_one_volatility_under_a_skew_is_what_the_docs_say() -> None:
    """A put of 20 % and a call of 14 % volatility: the price of the underlying comes out a little low."""
    years = HOURS / 24 / 365
    put, call = (
        black_scholes(side, 625, strike, v, years)[0] for side, strike, v in (("P", 622, 0.2), ("C", 628, 0.14))
    )
    greeks = found(sold("P", 622, put), sold("C", 628, call, 1))
    assert greeks is not None
    assert greeks.volatility is not None
    assert 0.14 < greeks.volatility < 0.2
    assert 625 - float(greeks.underlying) == pytest.approx(0.0011 * 625, rel=0.1)
    assert greeks.delta == pytest.approx(black_scholes("P", 625, 622, 0.2, years)[1] - 0.02, abs=0.005)


def test_a_straddle_gives_the_price_by_parity_whatever_other_pairs_say() -> None:
    years = HOURS / 24 / 365
    call, put = (black_scholes(side, 625.4, 625, 0.17, years)[0] for side in "CP")
    greeks = found(sold("C", 625, call), sold("P", 620, 1.5, 2), sold("P", 625, put, 30))
    assert greeks is not None
    assert greeks.priced_by == BY_PARITY
    assert float(greeks.underlying) == pytest.approx(625.4, abs=2e-3)
    assert greeks.volatility == pytest.approx(0.17, abs=1e-3)


def test_a_fill_of_the_shares_within_a_minute_comes_first_and_the_nearest_of_several_counts() -> None:
    price, delta = black_scholes("C", 625, 628, 0.17, HOURS / 24 / 365)
    pair = sold("P", 620, 0.35, 1)
    greeks = found(sold("C", 628, price), pair, shares(625.3, 40), shares(625, -20))
    assert greeks is not None
    assert (greeks.priced_by, greeks.underlying) == (BY_SHARES, 625)
    assert greeks.volatility == pytest.approx(0.17, abs=1e-6)
    assert greeks.delta == pytest.approx(delta, abs=1e-6)
    later = found(sold("C", 628, price), pair, shares(625, 61))
    assert later is not None
    assert later.priced_by == BY_ONE_VOLATILITY


@pytest.mark.parametrize(
    "beside",
    [
        [],
        [sold("C", 629, 0.4, 1)],
        [sold("P", 620, 0.4, 61)],
        [sold("P", 620, 0.4, 1, expiry=date(2025, 8, 1))],
        [sold("P", 620, 0.4, 1, currency="CAD")],
        [sold("P", 620, 0.4, 1, underlying_symbol="QQQ")],
        [sold("P", 660, 0.4, 1)],
    ],
    ids=["alone", "two calls", "later", "expiry", "currency", "underlying", "no price fits both"],
)
def test_without_shares_or_a_pair_of_one_moment_nothing_is_known(beside: list[ClosingPosition]) -> None:
    assert found(sold("C", 628, 0.5), *beside) is None


def test_a_price_below_what_exercise_is_worth_has_no_volatility() -> None:
    greeks = found(sold("C", 620, 4.0), shares(625))
    assert greeks is not None
    assert (greeks.delta, greeks.volatility) == (None, None)
