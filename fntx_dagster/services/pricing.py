"""What pricing assumes of a market: rates, yields, styles of exercise, known dividends, and when each option ends.

What belongs here: how settings and the calendar become the arguments of `metrics/`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime

from fntx_dagster.accounting.calendar import Calendar, sessions
from fntx_dagster.accounting.expiries import ends_at
from fntx_dagster.metrics.moves import calendar_range
from fntx_dagster.metrics.terms import Assumptions, Dividend, terms_of
from fntx_dagster.model.closing import ClosingPosition
from fntx_dagster.model.period import Period
from fntx_dagster.model.session import XNYS
from fntx_dagster.settings import Settings


def assumptions(settings: Settings, dividends: Mapping[str, Sequence[Dividend]]) -> Assumptions:
    """What the settings assume, with the dividends that are known, by the underlying's symbol."""
    assumed, european = settings.risk, settings.options.european_underlyings
    return Assumptions(assumed.risk_free_rates, assumed.dividend_yields, european, dividends)


def ends_of(settings: Settings, calendar: Calendar, positions: Iterable[ClosingPosition]) -> dict[str, datetime]:
    """The moment at which each option ends, by contract id, in UTC; without those whose terms are not known."""
    return {
        position.contract_id: ends_at(
            calendar, terms.expiry, is_late=position.underlying_symbol in settings.options.late_underlyings
        )
        for position in positions
        if (terms := terms_of(position))
    }


def calendar_for(period: Period, positions: Iterable[ClosingPosition], calendar: str = XNYS) -> Calendar:
    """The sessions of a range and of the lives of its options."""
    days = calendar_range(period, [position.expiry for position in positions if position.expiry])
    return Calendar(sessions(*days, calendar))
