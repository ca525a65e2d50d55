"""Positions of a close for tests of metrics: SPY on 16 July 2025, and what is assumed about it."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

from fntx_dagster.metrics.terms import Assumptions
from fntx_dagster.model.closing import ClosingPosition
from fntx_dagster.model.contract import OPTIONS

DAY, CLOSE = date(2025, 7, 16), datetime(2025, 7, 16, 20, tzinfo=UTC)
NEXT_CLOSE = datetime(2025, 7, 17, 20, tzinfo=UTC)
EXPIRY, END = date(2025, 7, 25), datetime(2025, 7, 25, 20, 15, tzinfo=UTC)
ASSUMPTIONS = Assumptions({"USD": Decimal("0.043")}, {"SPY": Decimal("0.012")}, ("SPX",))


def position(contract_id: str, symbol: str, category: str, **changes: Any) -> ClosingPosition:
    """One unit of a contract in USD, without a mark."""
    plain = ClosingPosition(
        account_id="U1",
        trading_day=DAY,
        contract_id=contract_id,
        symbol=symbol,
        asset_category=category,
        is_option=category in OPTIONS,
        is_traded=False,
        underlying_symbol=None,
        strike=None,
        expiry=None,
        put_call=None,
        multiplier=Decimal(1),
        currency="USD",
        quantity=Decimal(1),
        rate_to_base=Decimal(1),
        mark=None,
        mark_source=None,
        valued_at=CLOSE,
        underlying_price=None,
        underlying_source=None,
    )
    return plain._replace(**changes)


def option(put_call: str, strike: str, mark: str | None, **changes: Any) -> ClosingPosition:
    """An option on SPY that expires on 25 July."""
    terms: dict[str, Any] = {
        "underlying_symbol": "SPY",
        "strike": Decimal(strike),
        "expiry": EXPIRY,
        "put_call": put_call,
        "multiplier": Decimal(100),
        "mark": None if mark is None else Decimal(mark),
    }
    return position(f"{put_call}{strike}", f"SPY {put_call}{strike}", "OPT", **(terms | changes))


def ends(*options: ClosingPosition) -> dict[str, datetime]:
    """The moment at which each of the options ends."""
    return {each.contract_id: END for each in options}
