"""When a payment is late: overdue, delinquent, in default. Days are UTC days, judged by the close time of a ledger.

A payment due on D counts as in time on D and on each of the `grace` days after it; its bond is delinquent at 00:00 UTC
of D + grace + 1 day, and in default `cure` days later. Paid in full before such a moment: no step. A part that is paid
moves neither. Of several payments the oldest that is not paid in full sets the clock.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from typing import NamedTuple, Protocol

GRACE_DAYS, CURE_DAYS = 10, 30
"""Where the terms of a bond name no others."""
CURRENT, DELINQUENT = "Current", "Delinquent"
MISS_PAYMENT, PAY, CURE_PERIOD_ENDS = "miss_payment", "pay", "cure_period_ends"


class DatedPayment(Protocol):
    """A payment: `due_date`, after any shift, and what of it is not paid."""

    @property
    def due_date(self) -> date: ...
    @property
    def unpaid(self) -> Decimal | int: ...


class BondLateness(NamedTuple):
    """How late a bond is. `oldest`: the due date that sets the clock; `arrears`: everything that is overdue. None and
    0 where nothing is overdue."""

    oldest: date | None
    days_overdue: int
    arrears: Decimal | int
    delinquent_from: datetime | None
    default_from: datetime | None


def delinquent_from(due: date, grace: int = GRACE_DAYS) -> datetime:
    """When a bond whose payment was due on `due`, and is not paid, is delinquent: `grace` in calendar days."""
    return _midnight(due + timedelta(days=grace + 1))


def default_from(due: date, grace: int = GRACE_DAYS, cure: int = CURE_DAYS) -> datetime:
    """When it is in default: `cure` calendar days after it was delinquent."""
    return delinquent_from(due, grace) + timedelta(days=cure)


def lateness(
    payments: Iterable[DatedPayment], now: datetime, grace: int = GRACE_DAYS, cure: int = CURE_DAYS
) -> BondLateness:
    """How late a bond is at `now` (aware): a payment is overdue from the day after its due date on."""
    today = now.astimezone(UTC).date()
    overdue = [payment for payment in payments if payment.unpaid > 0 and payment.due_date < today]
    if not overdue:
        return BondLateness(None, 0, 0, None, None)
    oldest = min(payment.due_date for payment in overdue)
    return BondLateness(
        oldest,
        (today - oldest).days,
        sum(payment.unpaid for payment in overdue),
        delinquent_from(oldest, grace),
        default_from(oldest, grace, cure),
    )


def step_of_the_clock(
    state: str, payments: Iterable[DatedPayment], now: datetime, grace: int = GRACE_DAYS, cure: int = CURE_DAYS
) -> str | None:
    """The event that time, or a payment in full, has brought to a bond in this state, or None. After a step, ask again:
    a bond that nobody looked at for months is first delinquent, then in default."""
    late = lateness(payments, now, grace, cure)
    if state == CURRENT and late.delinquent_from and now >= late.delinquent_from:
        return MISS_PAYMENT
    if state == DELINQUENT:
        if late.default_from is None:
            return PAY
        if now >= late.default_from:
            return CURE_PERIOD_ENDS
    return None


def _midnight(day: date) -> datetime:
    return datetime.combine(day, time(), UTC)
