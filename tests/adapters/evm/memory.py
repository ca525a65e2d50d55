"""The sender's journal in memory, for tests: it refuses every call that does not fit what went before it."""

from __future__ import annotations

from fntx_dagster.adapters.evm.journal import Attempt, Sending
from fntx_dagster.model.chain import Mined, QueuedRecord


class MemoryJournal:
    """States of an entry: queued, sending, mined, final, failed; of a sending: open, mined, final, failed, released."""

    def __init__(self, *entries: QueuedRecord) -> None:
        self.entries = dict.fromkeys(entries, "queued")
        self.whys: dict[QueuedRecord, str] = {}
        self.receipts: dict[QueuedRecord, Mined] = {}
        self.all: dict[int, tuple[Sending, str]] = {}

    def queue(self, *entries: QueuedRecord) -> None:
        self.entries |= dict.fromkeys(entries, "queued")

    def states(self) -> list[str]:
        """The entries' states, by day, then version."""
        return [self.entries[entry] for entry in sorted(self.entries, key=lambda entry: entry[:2])]

    def sending_states(self) -> list[str]:
        return [state for _, state in self.all.values()]

    def waiting(self) -> list[QueuedRecord]:
        return sorted((entry for entry, state in self.entries.items() if state == "queued"), key=lambda one: one[:2])

    def sendings(self) -> list[Sending]:
        found = [sending for sending, state in self.all.values() if state in ("open", "mined")]
        return sorted(found, key=lambda sending: sending.nonce)

    def open(self, nonce: int, data: bytes, gas: int, entries: tuple[QueuedRecord, ...]) -> Sending:
        assert all(state != "open" for _, state in self.all.values()), "one transaction of a key at a time"
        assert all(self.entries[entry] == "queued" for entry in entries)
        sending = Sending(len(self.all) + 1, nonce, data, gas, tuple(entries), (), None)
        return self._put(sending, "open", "sending")

    def keep(self, sending: Sending, attempt: Attempt) -> Sending:
        stored = self._stored(sending, "open")
        assert all(attempt.tx_hash != other.tx_hash for other in stored.attempts)
        return self._put(stored._replace(attempts=(*stored.attempts, attempt)), "open")

    def broadcast(self, sending: Sending, tx_hash: str) -> None:
        stored = self._stored(sending, "open")
        assert tx_hash in [attempt.tx_hash for attempt in stored.attempts], "kept before it is broadcast"
        attempts = (
            attempt._replace(is_broadcast=True) if attempt.tx_hash == tx_hash else attempt
            for attempt in stored.attempts
        )
        self._put(stored._replace(attempts=tuple(attempts)), "open")

    def mined(self, sending: Sending, mined: Mined) -> None:
        stored = self._stored(sending, "open", "mined")
        written = {(record.day, record.version, record.schema_hash, record.root) for record in mined.records}
        assert written == {entry[:4] for entry in sending.entries}
        self.receipts |= dict.fromkeys(sending.entries, mined)
        place = (mined.block_number, mined.block_hash, mined.tx_hash)
        self._put(stored._replace(mined=place), "mined", "mined")

    def final(self, sending: Sending) -> None:
        self._put(self._stored(sending, "mined"), "final", "final")

    def lost(self, sending: Sending) -> Sending:
        return self._put(self._stored(sending, "mined")._replace(mined=None), "open", "sending")

    def release(self, sending: Sending, why: str) -> None:
        self._put(self._stored(sending, "open", "mined"), "released", "queued")

    def fail(self, sending: Sending, why: str) -> None:
        self._put(self._stored(sending, "open", "mined"), "failed", "failed")
        self.whys |= dict.fromkeys(sending.entries, why)

    def found(self, entry: QueuedRecord, mined: Mined, is_final: bool) -> None:
        assert self.entries[entry] == "queued"
        self.receipts[entry] = mined
        if is_final:  # until then it is looked for again
            self.entries[entry] = "final"

    def refuse(self, entry: QueuedRecord, why: str) -> None:
        assert self.entries[entry] == "queued"
        self.entries[entry], self.whys[entry] = "failed", why

    def _stored(self, sending: Sending, *states: str) -> Sending:
        stored, state = self.all[sending.number]
        assert state in states, state
        return stored

    def _put(self, sending: Sending, state: str, of_entries: str | None = None) -> Sending:
        self.all[sending.number] = (sending, state)
        if of_entries:
            self.entries |= dict.fromkeys(sending.entries, of_entries)
        return sending
