"""Sessions of the exchange, for a user: the latest one that a statement can cover, and why a range holds none."""

from __future__ import annotations

from collections.abc import Sized
from datetime import UTC, date, datetime

from fntx_dagster.accounting.calendar import why_closed
from fntx_dagster.errors import Permanent
from fntx_dagster.model.period import Period
from fntx_dagster.store.raw_flex.coverage import due_session


def latest_session() -> date:
    """The latest session whose statement should have arrived by now."""
    return due_session(datetime.now(UTC))


def refuse_backwards(period: Period) -> None:
    """Raise Permanent where a range ends before it begins."""
    if period.first > period.last:
        raise Permanent(
            f"the range ends ({period.last}) before it begins ({period.first})", "Give the earlier day first"
        )


def require_days(days: Sized, period: Period) -> None:
    """Raise Permanent where a range is backwards, or where nothing is built of it (`days` is empty)."""
    refuse_backwards(period)
    if days:
        return
    first, last = period
    span = f"{first}" if first == last else f"{first} to {last}"
    if first == last and (reason := why_closed(first)):
        raise Permanent(f"{span} is no session of the exchange: {reason}", "Choose a day on which it was open")
    raise Permanent(
        f"no trading day is built for {span}",
        "Build what is loaded with `fntx run --from … --to …`; `fntx status` says which days there are",
    )
