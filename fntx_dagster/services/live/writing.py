"""The writer: what followers hear becomes events, all that has arrived in one transaction.

A fill is announced before it is written, because a commit waits for the disk, and a notification does not. Nobody waits
for company: what arrives while a transaction runs is in the next. While the database is away facts are
kept, and of each state the newest. What can never be written, because it is no event or the database refuses it, is
logged and set aside: it holds no other account up. Snapshots of the day, which reports read, are kept beside it by a
thread of their own: to look whether a day can be computed of one takes longer than to write events.
"""

from __future__ import annotations

import logging
import threading
import time
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime

from fntx_dagster.errors import FntxError, masked, without_accounts
from fntx_dagster.model.live import FILL, Heard
from fntx_dagster.model.snapshot import Snapshot
from fntx_dagster.services.live.news import KnownAccount
from fntx_dagster.services.live.waiting import compacted
from fntx_dagster.store.database import Database
from fntx_dagster.store.live.events import NewEvent, RefusedEvents, announce_on, append_on
from fntx_dagster.store.live.line import OwnLine
from fntx_dagster.store.marts.current import keep

_log = logging.getLogger(__name__)
_MOST_AT_ONCE = 200
"""Facts in a transaction."""
_MOST_ANNOUNCED = 10
_RETRY_SECONDS = 0.5
_LOOK_SECONDS = 1.0
_KEEP_SECONDS, _RARE = 0.25, 100
"""Between two looks for a snapshot; of all time, keeping them may take one part in so many."""


class EventWriter:
    """Writes what is added to it, in a thread of its own, until `close`. `keeps`: whether a snapshot may be kept as the
    account's current day."""

    def __init__(self, db: Database, keeps: Callable[[Snapshot], bool] = lambda snapshot: True) -> None:
        self._db, self._keeps = db, keeps
        self._line = OwnLine(db.url)
        self._heard: deque[Heard | str] = deque()
        self._added, self._ending = threading.Event(), threading.Event()
        self._known: dict[str, KnownAccount] = {}
        self._facts: deque[NewEvent] = deque()
        self._states: dict[tuple[str | None, str, str | None], NewEvent] = {}
        self._snapshots: dict[str, Snapshot] = {}
        self._thread = threading.Thread(target=self._run, name="fntx live writer", daemon=True)
        self._keeper = threading.Thread(target=self._keep, name="fntx live days", daemon=True)
        self._thread.start()
        self._keeper.start()

    def add(self, heard: Heard) -> None:
        """Let what was heard be written; any thread may call it, and none waits."""
        self._heard.append(heard)
        self._added.set()

    def begin(self, account: str) -> None:
        """The account is followed from now on by us: what was heard of it before is dropped, because all of it is said
        again, and another process may have written since."""
        self._heard.append(account)
        self._added.set()

    def close(self, seconds: float = 5) -> None:
        """Write what is there, for so long at most, and end."""
        self._ending.set()
        self._added.set()
        self._thread.join(seconds)
        self._keeper.join(seconds)

    def _run(self) -> None:
        problem = ""
        while True:
            self._added.wait(_LOOK_SECONDS)
            self._added.clear()
            try:
                while self._take():
                    self._write()
                problem = ""
            except Exception as error:  # the database is away: what is left is written when it is back
                said = without_accounts(str(error)) if isinstance(error, FntxError) else type(error).__name__
                if said != problem:
                    _log.warning("the events are not written: %s", said)
                problem = said
                self._compact()
                self._ending.wait(_RETRY_SECONDS)
                self._added.set()
            if self._ending.is_set() and (problem or not self._heard):
                self._line.close()
                return

    def _take(self) -> bool:
        """Make events of what was heard; whether there is something to write."""
        while self._heard:
            heard = self._heard[0]
            if isinstance(heard, str):
                self._forget(heard)
            else:
                known = self._known_of(heard.account_id)
                try:
                    self._take_news(known, heard)
                except Exception as error:
                    _log.error("what %s says is set aside: %s", masked(known.account), without_accounts(repr(error)))
            self._heard.popleft()
        return bool(self._facts or self._states)

    def _take_news(self, known: KnownAccount, heard: Heard) -> None:
        for event in known.news(heard):
            if event.is_state:
                self._states[event.account_id, event.kind, event.key] = event
            else:
                self._facts.append(event)
        if heard.snapshot:
            self._snapshots[heard.account_id] = heard.snapshot

    def _compact(self) -> None:
        """Drop what later words have made old; what others add meanwhile comes after it."""
        heard = [self._heard.popleft() for _ in range(len(self._heard))]
        begun = {account: place for place, account in enumerate(heard) if isinstance(account, str)}
        words: dict[str, list[Heard]] = {}
        for place, each in enumerate(heard):
            if isinstance(each, Heard) and place > begun.get(each.account_id, -1):
                words.setdefault(each.account_id, []).append(each)
        kept = [each for said in words.values() for each in compacted(said)]
        self._heard.extendleft(reversed([*begun, *kept]))

    def _known_of(self, account: str) -> KnownAccount:
        if account not in self._known:
            self._known[account] = KnownAccount.read(self._db, account, datetime.now(UTC).date())
        return self._known[account]

    def _forget(self, account: str) -> None:
        self._known.pop(account, None)
        self._snapshots.pop(account, None)
        self._facts = deque(event for event in self._facts if event.account_id != account)
        self._states = {key: event for key, event in self._states.items() if key[0] != account}

    def _write(self) -> None:
        announce_on(self._line, [event for event in self._facts if event.kind == FILL][:_MOST_ANNOUNCED])
        while self._facts or self._states:
            facts = [self._facts[place] for place in range(min(len(self._facts), _MOST_AT_ONCE))]
            states = [] if len(self._facts) > len(facts) else [*self._states.values()]
            try:
                append_on(self._line, [*facts, *states])
            except RefusedEvents:
                self._write_each([*facts, *states])
            for _ in facts:
                self._facts.popleft()
            if states:
                self._states.clear()

    def _write_each(self, events: list[NewEvent]) -> None:
        """One by one, those that are not refused; where the database goes away meanwhile, those that were written are
        known by their keys the next time."""
        for event in events:
            try:
                append_on(self._line, [event])
            except RefusedEvents as error:
                account = masked(event.account_id or "")
                _log.error("a %s of %s is set aside: %s", event.kind, account, without_accounts(str(error)))

    def _keep(self) -> None:
        """Keep the newest snapshot of each account, and rest for much longer than that takes."""
        while not self._ending.is_set() or self._snapshots:
            began = time.monotonic()
            with suppress(FntxError, IndexError, KeyError):
                while self._snapshots:
                    snapshot = self._snapshots.pop(next(iter(self._snapshots)))
                    if self._keeps(snapshot):
                        keep(self._db, snapshot)
            self._ending.wait(max(_KEEP_SECONDS, _RARE * (time.monotonic() - began)))
