"""A schedule as programs read it: ACTUS names, numbers as texts of up to 20 significant digits."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import date
from decimal import Context, Decimal
from fractions import Fraction
from typing import Any

from fntx_dagster.bonds.moments import read_moment
from fntx_dagster.bonds.schedule import ScheduleEvent
from fntx_dagster.errors import Permanent

_DIGITS = Context(prec=20)


def read_last_day(value: Any) -> date | None:
    """The last day of a schedule; None, or an empty text: to its end. Permanent for what is no date."""
    if value is None or value == "":
        return None
    try:
        return read_moment(str(value).strip()).day
    except ValueError as error:
        raise Permanent(f"to {str(value)[:80]!r}: {error}", "Write a date, or leave it out") from None


def schedule_document(events: Iterable[ScheduleEvent]) -> dict[str, Any]:
    return {"events": [_event(event) for event in events]}


def _event(event: ScheduleEvent) -> Mapping[str, str]:
    return {
        "eventDate": str(event.at),
        "eventType": event.kind,
        "payoff": _number(event.payoff),
        "notionalPrincipal": _number(event.notional),
        "nominalInterestRate": _number(event.rate),
        "accruedInterest": _number(event.accrued),
    }


def _number(value: Fraction) -> str:
    return f"{_DIGITS.divide(Decimal(value.numerator), Decimal(value.denominator)).normalize(_DIGITS):f}"
