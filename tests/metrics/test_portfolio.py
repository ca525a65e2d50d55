"""What is held by underlying and expiry: sums of whole positions, computed by hand."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Any

from fntx_dagster.metrics.portfolio import by_expiry
from fntx_dagster.model.closing import LOW_VEGA, HeldByExpiry
from tests.metrics.positions import EXPIRY, option, position


def row(status: str = "computed", **greeks: float | None) -> dict[str, Any]:
    """A row of option_greeks, as far as it is read."""
    unknown = dict.fromkeys(("delta", "gamma", "theta", "vega"))
    terms = {"put_call": "C", "strike": Decimal(620), "underlying_price": Decimal("624.22")}
    return {"status": status, **terms, **unknown, **greeks}


def test_greeks_and_values_of_whole_positions_sum_by_underlying_and_expiry() -> None:
    put = option("P", "610", "1.50", quantity=Decimal(-3))
    call = option("C", "640", "0.75", quantity=Decimal(2))
    later = option("C", "650", "2", quantity=Decimal(-1), expiry=date(2025, 8, 15))
    shares = position("756733", "SPY", "STK", quantity=Decimal(250), mark=Decimal("624.22"))
    closed = option("C", "645", "0.50", quantity=Decimal(0))
    options = {
        put.contract_id: row(delta=-0.25, gamma=0.02, theta=-0.3, vega=0.2),
        call.contract_id: row(delta=0.125, gamma=0.01, theta=-0.1, vega=0.5),
        later.contract_id: row(delta=0.5, gamma=0.0, theta=-0.2, vega=1.0),
    }
    assert by_expiry([put, later, closed, shares, call], options) == [
        HeldByExpiry("SPY", None, "USD", Decimal(250), Decimal(0), Decimal("156055.00"), 250.0, 0.0, 0.0, 0.0),
        HeldByExpiry(
            "SPY",
            EXPIRY,
            "USD",
            Decimal(2),
            Decimal(3),
            Decimal("-300.00"),  # 2 · 100 · 0.75 − 3 · 100 · 1.50
            100.0,  # 300 · 0.25 + 200 · 0.125
            -4.0,  # −300 · 0.02 + 200 · 0.01
            70.0,  # 300 · 0.3 − 200 · 0.1
            40.0,  # −300 · 0.2 + 200 · 0.5
        ),
        HeldByExpiry("SPY", later.expiry, "USD", Decimal(0), Decimal(1), Decimal(-200), -50.0, 0.0, 20.0, -100.0),
    ]


def test_an_option_without_time_value_counts_as_its_shares() -> None:
    spent = option("C", "620", "4.22", quantity=Decimal(-1))
    (held,) = by_expiry([spent], {spent.contract_id: row(LOW_VEGA)})
    assert (held.delta, held.gamma, held.theta, held.vega) == (-100.0, 0.0, 0.0, 0.0)


def test_what_is_unknown_of_one_position_is_unknown_of_the_sum() -> None:
    known, unpriced = option("P", "610", "1.50"), option("C", "640", None)
    (held,) = by_expiry([known, unpriced], {known.contract_id: row(delta=-0.25, gamma=0.0, theta=0.0, vega=0.0)})
    assert (held.market_value, held.delta, held.long) == (None, None, 2)
    (bond,) = by_expiry([position("1", "T 4 1/4", "BOND", mark=Decimal("99"))], {})
    assert (bond.market_value, bond.delta) == (Decimal(99), None)
