"""The outbox's journal in memory, for tests: it refuses every call that does not fit what went before it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Generic

from fntx_dagster.outbox import turns
from fntx_dagster.outbox.sending import Attempt, Entry, Message, Offer, Place, Receipt, Sending


class MemoryJournal(Generic[Entry, Message, Offer, Receipt]):
    """States of an entry: queued, sending, mined, final, failed; of a sending: open, mined, final, failed, released.
    Entries are tuples that begin with what orders them: the day, then the version."""

    def __init__(self, *entries: Entry) -> None:
        self.entries = dict.fromkeys(entries, "queued")
        self.whys: dict[Entry, str] = {}
        self.receipts: dict[Entry, Receipt] = {}
        self.is_taken = False
        self.all: dict[int, tuple[Sending[Entry, Message, Offer], str]] = {}

    def queue(self, *entries: Entry) -> None:
        self.entries |= dict.fromkeys(entries, "queued")

    def states(self) -> list[str]:
        """The entries' states, by day, then version."""
        return [self.entries[entry] for entry in sorted(self.entries, key=lambda entry: entry[:2])]

    def sending_states(self) -> list[str]:
        return [state for _, state in self.all.values()]

    @contextmanager
    def turn(self) -> Iterator[None]:
        if self.is_taken:
            raise turns.overtaken("this key")
        self.is_taken = True
        try:
            yield
        finally:
            self.is_taken = False

    def queued(self) -> list[Entry]:
        queued = (entry for entry, state in self.entries.items() if state == "queued")
        return sorted(queued, key=lambda entry: entry[:2])

    def sendings(self) -> list[Sending[Entry, Message, Offer]]:
        unsettled = [sending for sending, state in self.all.values() if state in ("open", "mined")]
        return sorted(unsettled, key=lambda sending: sending.slot)

    def prepare(self, slot: int, message: Message, entries: tuple[Entry, ...]) -> Sending[Entry, Message, Offer]:
        assert all(state != "open" for _, state in self.all.values()), "one message of a key at a time"
        assert all(self.entries[entry] == "queued" for entry in entries)
        sending = Sending(len(self.all) + 1, slot, message, tuple(entries), (), None)
        return self._put(sending, "open", "sending")

    def keep(self, sending: Sending[Entry, Message, Offer], attempt: Attempt[Offer]) -> Sending[Entry, Message, Offer]:
        stored = self._stored(sending, "open")
        assert all(attempt.reference != other.reference for other in stored.attempts)
        return self._put(stored._replace(attempts=(*stored.attempts, attempt)), "open")

    def sent(self, sending: Sending[Entry, Message, Offer], reference: str) -> None:
        stored = self._stored(sending, "open")
        assert reference in [attempt.reference for attempt in stored.attempts], "kept before it is delivered"
        attempts = (
            attempt._replace(is_sent=True) if attempt.reference == reference else attempt for attempt in stored.attempts
        )
        self._put(stored._replace(attempts=tuple(attempts)), "open")

    def seen(self, sending: Sending[Entry, Message, Offer], place: Place, receipt: Receipt) -> None:
        stored = self._stored(sending, "open", "mined")
        assert place.reference in [attempt.reference for attempt in stored.attempts]
        self.check(sending, receipt)
        self.receipts |= dict.fromkeys(sending.entries, receipt)
        self._put(stored._replace(seen=place), "mined", "mined")

    def check(self, sending: Sending[Entry, Message, Offer], receipt: Receipt) -> None:
        """That the receipt is of the sending's entries."""
        written = {(record.day, record.version, record.schema_hash, record.root) for record in receipt.records}
        assert written == {entry[:4] for entry in sending.entries}

    def final(self, sending: Sending[Entry, Message, Offer]) -> None:
        self._put(self._stored(sending, "mined"), "final", "final")

    def reopen(self, sending: Sending[Entry, Message, Offer]) -> Sending[Entry, Message, Offer]:
        return self._put(self._stored(sending, "mined")._replace(seen=None), "open", "sending")

    def release(self, sending: Sending[Entry, Message, Offer], why: str) -> None:
        self._put(self._stored(sending, "open", "mined"), "released", "queued")

    def fail(self, sending: Sending[Entry, Message, Offer], why: str) -> None:
        self._put(self._stored(sending, "open", "mined"), "failed", "failed")
        self.whys |= dict.fromkeys(sending.entries, why)

    def adopt(self, entry: Entry, receipt: Receipt, is_final: bool) -> None:
        assert self.entries[entry] == "queued"
        self.receipts[entry] = receipt
        if is_final:  # until then it is looked for again
            self.entries[entry] = "final"

    def refuse(self, entry: Entry, why: str) -> None:
        assert self.entries[entry] == "queued"
        self.entries[entry], self.whys[entry] = "failed", why

    def _stored(self, sending: Sending[Entry, Message, Offer], *states: str) -> Sending[Entry, Message, Offer]:
        stored, state = self.all[sending.number]
        assert state in states, state
        return stored

    def _put(
        self, sending: Sending[Entry, Message, Offer], state: str, of_entries: str | None = None
    ) -> Sending[Entry, Message, Offer]:
        self.all[sending.number] = (sending, state)
        if of_entries:
            self.entries |= dict.fromkeys(sending.entries, of_entries)
        return sending
