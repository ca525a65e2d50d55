"""The stream as it is handed out: the last events in memory, and a wake for whoever follows them.

A follower is the number that it has got to. What it lacks is in the ring, or, where it is further behind, in the table.
One thread reads on from the last number whenever the database says that there is more, and every five seconds without
that. It ends when nobody has followed for a while, and begins again with the next.
"""

from __future__ import annotations

import logging
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from typing import Any, NamedTuple

import orjson

from fntx_dagster.errors import FntxError, without_accounts
from fntx_dagster.model import live
from fntx_dagster.model.live import LiveEvent
from fntx_dagster.services.accounts import numbered_accounts
from fntx_dagster.services.ledger_accounts.accounts import PREFIX
from fntx_dagster.services.live.holding import UNATTENDED_SECONDS
from fntx_dagster.services.live.relay import RELAY
from fntx_dagster.store.database import Database, Readable
from fntx_dagster.store.live.events import StreamEnds, announced, ends, events_after, events_after_on
from fntx_dagster.store.live.line import OwnLine
from fntx_dagster.store.live.states import heartbeats

RING = 4096
_AT_ONCE = 1000
_POLL_SECONDS = 5.0
_WAIT_SECONDS = 0.5
_IDLE_SECONDS = 30.0
_NUMBERS_SECONDS = 30.0
_log = logging.getLogger(__name__)


_OF_ENTRIES = (live.BOOKING, live.TRIP, live.ENTRY)
_WITHOUT_WORDS = frozenset(
    (
        *("type", "event_type", "timestamp", "recorded_at", "booked_at", "entry_no", "event_id", "is_paper"),
        *("amount", "amounts", "currency", "rate", "fee", "fee_currency", "cash", "proceeds", "settles", "cause"),
        *("exchange", "symbol", "qty", "price", "to_symbol", "to_qty", "to_price", "bot_id", "order_id"),
        *("reverses", "confirms"),
    )
)
"""What an entry of the ledger says in figures and in words of ours: every other field may hold somebody's own."""


class Sent(NamedTuple):
    """An event as it goes out. `about`: of a state, what makes a later one replace it; None of a fact. `masked`: as it
    goes to who sees no names."""

    event_id: int
    account_id: str | None
    about: tuple[str | None, str, str | None] | None
    text: str
    masked: str


Wake = Callable[[Sequence[Sent]], None]
"""What a follower is called with whenever there may be more: with events that have no number yet, which are being
written, or with none."""


class Stream:
    """The events of one database, for all who follow in this process. Threads may use it at the same time."""

    def __init__(self, db: Database, ring: int = RING) -> None:
        self._db = db
        self._guard = threading.Lock()
        self._ring: deque[Sent] = deque(maxlen=ring)
        self._whole_from = 0
        self._newest = 0
        self._followers: set[Wake] = set()
        self._left_at = 0.0
        self._thread: threading.Thread | None = None
        self._read = threading.Event()
        self._closing = threading.Event()
        self.numbers: dict[str, int] = {}
        """Account → its number, of those that have one."""
        self._numbered_at = 0.0
        self.unattended: frozenset[str] = frozenset()
        """The tasks of the stream's writers that nobody does now."""

    def follow(self, wake: Wake) -> None:
        """Call `wake`, which must not block, until `leave`."""
        with self._guard:
            self._followers.add(wake)
            if self._thread is None:
                self._read.clear()
                self._thread = threading.Thread(target=self._run, name="fntx stream", daemon=True)
                self._thread.start()

    def leave(self, wake: Wake) -> None:
        """Call it no more."""
        with self._guard:
            self._followers.discard(wake)
            self._left_at = time.monotonic()

    @property
    def is_followed(self) -> bool:
        """Whether anybody follows."""
        with self._guard:
            return bool(self._followers)

    def ends(self) -> StreamEnds:
        """Where the stream begins and ends now, as the table says."""
        return ends(self._db)

    def after(self, event_id: int) -> list[Sent] | None:
        """What the ring has after a number, in order; None where the ring does not reach so far back."""
        with self._guard:
            if not self._read.is_set() or event_id < self._whole_from:
                return None
            if event_id >= self._newest:
                return []
            # from the end: a follower lacks the last ones, as a rule
            return list(reversed([*_newer(reversed(self._ring), event_id)]))

    def read_after(self, event_id: int) -> tuple[list[Sent], int]:
        """What the table has after a number, in order, at most a thousand, and up to which number that is."""
        newest = ends(self._db).newest
        found = [event for event in events_after(self._db, event_id, _AT_ONCE) if event.event_id <= newest]
        reached = found[-1].event_id if len(found) == _AT_ONCE else max(newest, event_id)
        return self._sent(found), reached

    def close(self) -> None:
        """End the thread."""
        self._closing.set()

    def _run(self) -> None:
        line = OwnLine(self._db.url, listens=True)
        looked_at, problem = 0.0, ""
        try:
            while not self._is_over():
                try:
                    is_time = time.monotonic() >= looked_at + _POLL_SECONDS
                    news = line.wait(_WAIT_SECONDS) or []
                    if soon := [event for told in news if told for event in announced(told)]:
                        self._wake(self._sent(soon))
                    if "" in news or is_time or problem:
                        self._read_on(line)
                        if is_time or problem:
                            self._look_at_writers()
                            looked_at = time.monotonic()
                        problem = ""
                except Exception as error:  # whatever it is, pages hear of it, and the next try may succeed
                    reason = without_accounts(str(error) if isinstance(error, FntxError) else repr(error))
                    if reason != problem:
                        _log.warning("the stream waits: %s", reason)
                    problem = reason
                    line.close()
                    self._set_unattended(self.unattended | {"stream"})
                    self._closing.wait(_WAIT_SECONDS)
        finally:
            line.close()
            with self._guard:
                if self._thread is threading.current_thread():
                    self._end()

    def _is_over(self) -> bool:
        with self._guard:
            is_idle = not self._followers and time.monotonic() > self._left_at + _IDLE_SECONDS
            if self._closing.is_set() or is_idle:
                self._end()
                return True
            return False

    def _end(self) -> None:
        """What a stream without a thread knows: nothing. The caller holds the guard."""
        self._thread = None
        self._ring.clear()
        self._read.clear()

    def _read_on(self, line: OwnLine) -> None:
        if not self._read.is_set():
            newest = ends(self._db).newest
            with self._guard:
                self._whole_from = self._newest = newest
                self._read.set()
            self._wake()
        while found := events_after_on(line, self._newest, _AT_ONCE):
            sent = self._sent(found)
            with self._guard:
                for each in sent:
                    if len(self._ring) == self._ring.maxlen:
                        self._whole_from = self._ring[0].event_id
                    self._ring.append(each)
                self._newest = found[-1].event_id
            self._wake()
            if len(found) < _AT_ONCE:
                return

    def _look_at_writers(self) -> None:
        self._numbers_of_now()  # who is away is told by them, also where no event has come yet
        beats = heartbeats(self._db)
        late = {task for task, beat in beats.items() if beat.age > UNATTENDED_SECONDS}
        self._set_unattended(frozenset(late if RELAY in beats else late | {RELAY}))

    def _set_unattended(self, unattended: frozenset[str]) -> None:
        if unattended != self.unattended:
            self.unattended = unattended
            self._wake()

    def _wake(self, soon: Sequence[Sent] = ()) -> None:
        with self._guard:
            followers = list(self._followers)
        for wake in followers:
            wake(soon)

    def _numbers_of_now(self) -> dict[str, int]:
        if not self.numbers or time.monotonic() > self._numbered_at + _NUMBERS_SECONDS:
            self.numbers = {each.account_id: each.number for each in numbered_accounts(self._db)}
            self._numbered_at = time.monotonic()
        return self.numbers

    def _sent(self, found: Iterable[LiveEvent]) -> list[Sent]:
        numbers = self._numbers_of_now()
        # an account without a number has no page yet: it gets one with its first statement
        return [
            _sent(event, numbers)
            for event in found
            if event.account_id is None or event.account_id in numbers or event.account_id.startswith(PREFIX)
        ]


def newest_event(db: Readable) -> int:
    """The number of the newest event that is kept, 0 where there is none."""
    return ends(db).newest


def newest_of_each(sent: list[Sent]) -> list[Sent]:
    """Every fact, and of each state the newest alone, in order."""
    if len(sent) < 2:
        return sent
    last = {each.about: each.event_id for each in sent if each.about}
    return [each for each in sent if each.about is None or last[each.about] == each.event_id]


def _sent(event: LiveEvent, numbers: dict[str, int]) -> Sent:
    about = (event.account_id, event.kind, event.key) if event.is_state else None
    text = message(event, numbers)
    without = without_words(event)
    masked = text if without is event else message(without, numbers)
    return Sent(event.event_id, event.account_id, about, text, masked)


def without_words(event: LiveEvent) -> LiveEvent:
    """The event without the free texts of an entry of the ledger, the broker's or a user's: they may name a person."""
    if event.kind not in _OF_ENTRIES or event.body.keys() <= _WITHOUT_WORDS:
        return event
    return event._replace(body={name: said for name, said in event.body.items() if name in _WITHOUT_WORDS})


def message(event: LiveEvent, numbers: dict[str, int]) -> str:
    """An event as a text for a client: the account by its number, an account that has none by the name of its book;
    amounts are texts."""
    account = event.account_id
    said: dict[str, Any] = ({"id": event.event_id} if event.event_id else {}) | {
        "account": numbers.get(account) if account else None,
        "kind": event.kind,
        "day": event.trading_day and event.trading_day.isoformat(),
        "as_of": event.as_of,
        "heard_at": event.heard_at,
        "provisional": event.is_provisional,
        "body": event.body,
    }
    if event.is_state and event.key:
        said["key"] = event.key
    if account and account.startswith(PREFIX):
        said["book"] = account.removeprefix(PREFIX)
    return orjson.dumps(said, option=orjson.OPT_UTC_Z).decode()


def _newer(newest_first: Iterable[Sent], event_id: int) -> Iterable[Sent]:
    for each in newest_first:
        if each.event_id <= event_id:
            return
        yield each
