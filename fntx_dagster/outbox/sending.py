"""A message on its way to an outside system: its slot, its entries, its attempts, and where the system shows it."""

from __future__ import annotations

from typing import Generic, NamedTuple, TypeVar

Entry = TypeVar("Entry")
"""What is to leave once: a signed record, an order."""

Message = TypeVar("Message")
"""What carries entries: the call of a contract. It never changes once a slot is taken for it."""

Offer = TypeVar("Offer")
"""What an attempt bids for being taken: fees."""

Receipt = TypeVar("Receipt")
"""What the outside system says of a message that it has taken."""


class Attempt(NamedTuple, Generic[Offer]):
    """One signing of a message. `reference` is its name in the outside system, `raw` is what is delivered there;
    `is_sent`: the system has accepted it once."""

    reference: str
    raw: bytes
    offer: Offer
    is_sent: bool


class Place(NamedTuple):
    """Where the outside system shows a message: a position that grows with time, a mark by which another history at
    that position is recognised, and the attempt's reference. On a chain: block number, block hash, transaction hash."""

    position: int
    mark: str
    reference: str


class Sending(NamedTuple, Generic[Entry, Message, Offer]):
    """A slot that is taken, the message and the entries that it is taken for, and the attempts, oldest first.

    `number` is the journal's own. The outside system takes at most one message for a slot (on a chain: a nonce), so of
    several attempts one at most takes effect. `seen` is the place while it is seen and not final.
    """

    number: int
    slot: int
    message: Message
    entries: tuple[Entry, ...]
    attempts: tuple[Attempt[Offer], ...]
    seen: Place | None
