"""The desk: what every turn on a book needs."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo

from fntx_dagster.ledger.gates import Rules
from fntx_dagster.services.auditing.order_books import NoteEvents
from fntx_dagster.services.orders.live.reaching import Reach
from fntx_dagster.services.orders.warm import WarmBooks
from fntx_dagster.services.orders.writing import BookWriter
from fntx_dagster.store.database import Database


@dataclass(frozen=True, slots=True)
class Desk:
    """What every turn needs: the database, the rules of the gates, the reporting currency of new books, the zone that a
    trading day ends in, the clock, how live orders reach exchanges (None: they do not), what tells the audit log of
    breakers (None: nothing does), the books that are warm, and who stores them."""

    db: Database
    rules: Rules = field(default_factory=Rules)
    currency: str = "USDT"
    zone: ZoneInfo = field(default_factory=lambda: ZoneInfo("UTC"))
    clock: Callable[[], datetime] = lambda: datetime.now(UTC)
    live: Reach | None = None
    note: NoteEvents | None = None
    warm: WarmBooks = field(default_factory=WarmBooks, init=False, repr=False, compare=False)
    writer: BookWriter = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "writer", BookWriter(self.db))

    def day(self, at: datetime) -> date:
        """The trading day of a moment."""
        return at.astimezone(self.zone).date()
