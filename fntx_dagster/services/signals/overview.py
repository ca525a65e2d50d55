"""What a person looks at of signals: executions, the log of messages, how many rows a strategy has."""

from __future__ import annotations

from datetime import date

from fntx_dagster.services.orders.turn import Desk
from fntx_dagster.store.database import Readable
from fntx_dagster.store.signals import overview
from fntx_dagster.store.signals.overview import ListedExecution, LoggedSignal, SignalRows


def list_executions(db: Readable, code: str | None, limit: int) -> list[ListedExecution]:
    """The executions of a strategy, or of all, newest first."""
    return overview.listed(db, code, limit)


def list_log(db: Readable, code: str | None, limit: int) -> list[LoggedSignal]:
    """The messages of a strategy, or of all, newest first: processed, repeated, refused."""
    return overview.logged(db, code, limit)


def count_rows(db: Readable, code: str) -> SignalRows:
    """How many rows a strategy has in each table."""
    return overview.rows_of(db, code)


def is_overdue(desk: Desk, execution: ListedExecution) -> bool:
    """Whether something is open of it though its instrument has expired."""
    today: date = desk.day(desk.clock())
    return execution.status in ("OPEN", "CLOSING") and execution.expiry is not None and execution.expiry < today
