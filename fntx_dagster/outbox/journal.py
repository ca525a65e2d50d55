"""The journal: what the sender keeps before it does it, so that it can be killed between any two steps.

`store` implements it on PostgreSQL. A journal belongs to one key in one outside system. Each call is one committed
transaction: when it returns, what it wrote outlives the process.

An entry is queued until a sending takes it. A sending is one slot: its message never changes, but it may be signed
several times with rising offers, and every one of these attempts can be the one that takes effect.
"""

from __future__ import annotations

from contextlib import AbstractContextManager
from typing import Protocol, TypeVar

from fntx_dagster.outbox.sending import Attempt, Entry, Message, Offer, Place, Sending

Receipt_contra = TypeVar("Receipt_contra", contravariant=True)


class Journal(Protocol[Entry, Message, Offer, Receipt_contra]):
    """The entries and sendings of one key in one outside system. `send` calls every other method within `turn`."""

    def turn(self) -> AbstractContextManager[None]:
        """One sender per key among all that share the journal, on whatever machine; Transient where another one does
        not finish in time. Whoever has the turn of this journal may enter it again."""
        ...

    def queued(self) -> list[Entry]:
        """The queued entries, in the order in which they are to leave."""
        ...

    def sendings(self) -> list[Sending[Entry, Message, Offer]]:
        """The sendings that are neither final nor failed nor released, by slot."""
        ...

    def prepare(self, slot: int, message: Message, entries: tuple[Entry, ...]) -> Sending[Entry, Message, Offer]:
        """Take a slot for queued entries, before anything is signed. Transient where another process was first."""
        ...

    def keep(self, sending: Sending[Entry, Message, Offer], attempt: Attempt[Offer]) -> Sending[Entry, Message, Offer]:
        """Keep signed bytes before their first delivery; the sending with them."""
        ...

    def sent(self, sending: Sending[Entry, Message, Offer], reference: str) -> None:
        """The outside system has accepted this attempt. May be called again."""
        ...

    def seen(self, sending: Sending[Entry, Message, Offer], place: Place, receipt: Receipt_contra) -> None:
        """The outside system shows it: receipts of its entries. May be called again, also with another place."""
        ...

    def final(self, sending: Sending[Entry, Message, Offer]) -> None:
        """No reorganisation is expected to undo it; nothing more is done about it."""
        ...

    def reopen(self, sending: Sending[Entry, Message, Offer]) -> Sending[Entry, Message, Offer]:
        """It was seen and its place is lost: it is under way again, with its slot and its attempts."""
        ...

    def release(self, sending: Sending[Entry, Message, Offer], why: str) -> None:
        """Its slot serves no more: its entries are queued again."""
        ...

    def fail(self, sending: Sending[Entry, Message, Offer], why: str) -> None:
        """The outside system refused it for good: its entries have failed and wait for a person."""
        ...

    def adopt(self, entry: Entry, receipt: Receipt_contra, is_final: bool) -> None:
        """The outside system holds this queued entry though no sending of ours put it there. Until it is final it stays
        queued, so that it is looked for again."""
        ...

    def refuse(self, entry: Entry, why: str) -> None:
        """This queued entry cannot be sent as it is: it has failed before a slot was taken, and waits for a person."""
        ...
