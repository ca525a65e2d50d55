"""The transport: what the sender asks of an outside system, and the system's answers.

Each adapter that sends implements it once, for one key. A method raises Transient where the system does not answer and
Permanent where a person has to act; neither changes what is in the journal.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager
from enum import Enum, auto
from typing import Generic, NamedTuple, Protocol

from fntx_dagster.errors import FntxError
from fntx_dagster.outbox.sending import Attempt, Entry, Message, Offer, Place, Receipt, Sending


class Words(NamedTuple):
    """How progress and errors name things. Nouns in the singular, but for `offer` in the plural; `seen` is a verb's
    participle."""

    system: str
    message: str
    slot: str
    place: str
    offer: str
    seen: str


class Absent(NamedTuple, Generic[Entry]):
    """The outside system does not hold this entry: it is to be sent."""

    entry: Entry


class Present(NamedTuple, Generic[Entry, Receipt]):
    """The outside system holds this entry already, at that place."""

    entry: Entry
    place: Place
    receipt: Receipt
    is_final: bool


class Contradicted(NamedTuple, Generic[Entry]):
    """The outside system does not take this entry, for that reason: a person has to look at it."""

    entry: Entry
    why: str


class Prepared(NamedTuple, Generic[Entry, Message]):
    """A message, and the entries that it carries."""

    message: Message
    entries: tuple[Entry, ...]


class Verdict(Enum):
    """What the outside system does with an attempt that is delivered to it."""

    ACCEPTED = auto()
    """It has it, now or already."""
    TOO_LOW = auto()
    """It wants a higher offer."""
    WAITS = auto()
    """It takes it later, or the slot is used: the next look decides."""
    REFUSED = auto()
    """It does not take these bytes, and offering them again would not help."""


class Delivery(NamedTuple):
    """The answer to a delivery. `why` says what hinders an attempt that is not accepted; `error` is what a refused one
    ends in."""

    verdict: Verdict
    why: str = ""
    error: FntxError | None = None


class Outcome(NamedTuple, Generic[Receipt]):
    """A message that used its slot, and where. `receipt` is None where the system took it and refused its content."""

    place: Place
    receipt: Receipt | None


class Failure(NamedTuple):
    """Why a message had no effect. `is_queued_again`: its entries are looked at again, since one of them is there;
    otherwise they wait for a person."""

    why: str
    is_queued_again: bool


class Transport(Protocol[Entry, Message, Offer, Receipt]):
    """One key's way into one outside system."""

    @property
    def words(self) -> Words:
        """How the system's things are named."""
        ...

    @property
    def is_immediate(self) -> bool:
        """Whether the system takes or refuses a message at once, so that a slot ahead of it can never be reached."""
        ...

    def named(self, entries: Sequence[Entry]) -> str:
        """Entries in a few words, as progress and errors name them."""
        ...

    def shown(self, offer: Offer) -> str:
        """An offer with its unit."""
        ...

    def turn(self) -> AbstractContextManager[None]:
        """One sender per key among all that use the key without this journal; Transient where another one does not
        finish in time."""
        ...

    def examine(
        self, entries: Sequence[Entry]
    ) -> Iterator[Absent[Entry] | Present[Entry, Receipt] | Contradicted[Entry]]:
        """What the system holds of each queued entry, one after the other, in the order given."""
        ...

    def prepare(
        self, waiting: Sequence[Entry], queued: int
    ) -> Prepared[Entry, Message] | Sequence[Contradicted[Entry]]:
        """The next message, for the first of the entries that wait, or those that the system would not take.

        `queued` counts all entries that are queued. Permanent where the means to send are lacking.
        """
        ...

    def objection(self, message: Message) -> str | None:
        """Why the system would not take a prepared message any more; None where it would."""
        ...

    def first_offer(self, message: Message) -> Offer:
        """What to bid first. Transient while the system is dearer than allowed, Permanent where it cannot be paid."""
        ...

    def next_slot(self) -> int:
        """The slot of the next message. Transient while a message of this key that is not ours is in progress."""
        ...

    def first_unused_slot(self) -> int:
        """The lowest slot that no message has used."""
        ...

    def sign(self, slot: int, message: Message, offer: Offer) -> Attempt[Offer]:
        """Signed bytes and their reference. Nothing leaves the process."""
        ...

    def deliver(self, attempt: Attempt[Offer]) -> Delivery:
        """Hand the bytes over, unless the system has them."""
        ...

    def raised(self, message: Message, offer: Offer) -> tuple[Offer | None, str]:
        """A higher offer after `offer`, or None and why there is none."""
        ...

    def find(self, attempts: Sequence[Attempt[Offer]]) -> Outcome[Receipt] | None:
        """What became of a message, whichever of its attempts took effect; None while none did."""
        ...

    def failure_of(self, sending: Sending[Entry, Message, Offer], place: Place) -> Failure:
        """Why the message at `place`, which has no receipt, had no effect."""
        ...

    def is_final(self, place: Place) -> bool:
        """Whether the system is expected to keep that place for good, and still has it."""
        ...

    def confirm(self, entries: Sequence[Entry]) -> None:
        """Permanent unless the system itself says that it holds each of them, before they are called final."""
        ...
