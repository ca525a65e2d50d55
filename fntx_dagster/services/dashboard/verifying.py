"""Verifying a book because somebody asks for it: in a thread of its own, one at a time, with a word of its progress.

What came of it is kept as long as the process lives; a book that does not hold is an alert beside that.
"""

from __future__ import annotations

import logging
import threading
from datetime import datetime
from typing import NamedTuple

from fntx_dagster.errors import FntxError, without_accounts
from fntx_dagster.services.dashboard.books import SeenBook
from fntx_dagster.services.orders.alarms import record_verified
from fntx_dagster.services.orders.turn import Desk
from fntx_dagster.services.orders.verifying import verify_book
from fntx_dagster.store.ledger.checking import BookRow

_MOST_KEPT = 500
_SHORT_SECONDS = 2.0
"""A request for a verification waits for its end so long: most books are verified by then."""
_log = logging.getLogger(__name__)


class BookCheck(NamedTuple):
    """A verification: of which number of entries, when it was asked for, and its last word. `ended`: when it had ended;
    `faults`: what does not hold, and where it could not be carried out, why."""

    entries: int
    asked: datetime
    progress: str
    ended: datetime | None = None
    faults: tuple[str, ...] = ()
    was_cut: bool = False

    @property
    def holds(self) -> bool:
        """Whether it has ended and found nothing wrong."""
        return self.ended is not None and not self.faults and not self.was_cut


class Checks:
    """The verifications of one process, by database and book."""

    def __init__(self) -> None:
        self._known: dict[tuple[str, int], BookCheck] = {}
        self._guard = threading.Lock()
        self._work = threading.Lock()

    def last(self, desk: Desk, book: SeenBook) -> BookCheck | None:
        """The newest verification of a book; None where nobody asked for one."""
        return self._known.get((desk.db.url, book.row.book_id))

    def begin(self, desk: Desk, book: SeenBook, *, records: bool) -> BookCheck:
        """Verify a book, unless that is done already, and wait for it for two seconds. `records`: whether what came of
        it is kept with the book, as an alert where it does not hold; else it is only shown."""
        key, row = (desk.db.url, book.row.book_id), book.row
        with self._guard:
            known = self._known.get(key)
            if known and not known.ended:
                return known
            check = BookCheck(row.head.entry_no, desk.clock(), "waits for another verification to end")
            while len(self._known) >= _MOST_KEPT:
                self._known.pop(next(iter(self._known)))
            self._known[key] = check
        given = (desk, row, key, check, records)
        thread = threading.Thread(target=self._verify, args=given, name="verification", daemon=True)
        thread.start()
        thread.join(_SHORT_SECONDS)
        return self._known.get(key, check)

    def _verify(self, desk: Desk, row: BookRow, key: tuple[str, int], check: BookCheck, records: bool) -> None:
        def progressed(words: str) -> None:
            self._known[key] = check._replace(progress=words)

        with self._work:
            progressed("has begun")
            try:
                verified = verify_book(desk, row, progressed)
                if records:
                    record_verified(desk, [verified])
                faults = tuple(map(without_accounts, verified.faults))
                done = check._replace(entries=verified.entries, ended=desk.clock(), faults=faults)
            except FntxError as error:
                done = check._replace(ended=desk.clock(), faults=(without_accounts(f"{error}"),), was_cut=True)
            except Exception:
                _log.exception("a verification failed")
                done = check._replace(ended=desk.clock(), faults=("the verification itself failed",), was_cut=True)
            self._known[key] = done


CHECKS = Checks()
"""Those of this process."""
