"""A second outside system, in memory: a depot that shelves parcels by number. It proves that the outbox knows no chain.

An entry is a parcel's item, a message the list of items, an offer the number of stamps. The depot shelves one parcel
for each number, in order, once its stamps do; a flood takes the last shelves away.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import NamedTuple

from fntx_dagster.errors import Permanent, Transient
from fntx_dagster.outbox.sending import Attempt, Place, Sending
from fntx_dagster.outbox.transport import (
    Absent,
    Contradicted,
    Delivery,
    Failure,
    Outcome,
    Prepared,
    Present,
    Verdict,
    Words,
)
from tests.outbox.memory import MemoryJournal


class Item(NamedTuple):
    """What is to be shelved once."""

    number: int
    name: str


Items = tuple[Item, ...]


class Shelf(NamedTuple):
    """A shelved parcel. `is_empty`: it used its number, and its items were thrown away."""

    reference: str
    items: Items
    mark: str
    is_empty: bool


class Depot:
    """The shelves, what lies before the door, and how the depot behaves today."""

    def __init__(self) -> None:
        self.shelves: list[Shelf] = []
        self.door: dict[str, tuple[int, Items, int]] = {}
        self.price, self.floods = 1, 0
        self.is_asleep = self.is_immediate = False
        self.refusal: Permanent | None = None
        self.unwanted: set[Item] = set()

    def items(self) -> list[Item]:
        """Everything that is shelved."""
        return [item for shelf in self.shelves if not shelf.is_empty for item in shelf.items]

    def take(self, reference: str, slot: int, items: Items, stamps: int) -> Delivery:
        if self.refusal is not None:
            return Delivery(Verdict.REFUSED, "it is not taken", self.refusal)
        if slot < len(self.shelves):
            return Delivery(Verdict.WAITS, "its number is used")
        if stamps < self.price:
            return Delivery(Verdict.TOO_LOW, "its stamps are too few")
        self.door[reference] = (slot, items, stamps)
        if self.is_immediate:
            self.work()
        return Delivery(Verdict.ACCEPTED)

    def work(self) -> None:
        """Shelve what lies before the door and has the next number and stamps enough, the dearest first."""
        if self.is_asleep:
            return
        for reference, (slot, items, stamps) in sorted(self.door.items(), key=lambda entry: -entry[1][2]):
            if slot == len(self.shelves) and stamps >= self.price:
                self.shelve(reference, items)
        self.door = {name: parcel for name, parcel in self.door.items() if parcel[0] >= len(self.shelves)}

    def shelve(self, reference: str, items: Items) -> None:
        is_empty = bool(set(items) & (set(self.items()) | self.unwanted))
        self.shelves.append(Shelf(reference, items, f"flood {self.floods}", is_empty))

    def flood(self, count: int) -> None:
        """Take the last shelves away, as a reorganisation does."""
        del self.shelves[-count:]
        self.floods += 1


class DepotTransport:
    """`outbox.Transport` to a depot."""

    words = Words("depot", "parcel", "number", "shelf", "stamps", "shelved")

    def __init__(self, depot: Depot, cap: int = 9, depth: int = 0) -> None:
        self.depot, self.cap, self.depth, self.is_taken = depot, cap, depth, False

    @property
    def is_immediate(self) -> bool:
        return self.depot.is_immediate

    def named(self, entries: Sequence[Item]) -> str:
        return " and ".join(item.name for item in entries)

    def shown(self, offer: int) -> str:
        return str(offer)

    @contextmanager
    def turn(self) -> Iterator[None]:
        if self.is_taken:
            raise Transient("another process is at the depot", "Try again")
        self.is_taken = True
        try:
            yield
        finally:
            self.is_taken = False

    def examine(self, entries: Sequence[Item]) -> Iterator[Absent[Item] | Present[Item, Items] | Contradicted[Item]]:
        for item in entries:
            if item.name == "broken":
                yield Contradicted(item, "it is broken")
                continue
            position = next((n for n, s in enumerate(self.depot.shelves) if item in s.items and not s.is_empty), None)
            if position is None:
                yield Absent(item)
            else:
                place, shelf = self._place(position), self.depot.shelves[position]
                yield Present(item, place, shelf.items, self.is_final(place))

    def prepare(self, waiting: Sequence[Item], queued: int) -> Prepared[Item, Items] | Sequence[Contradicted[Item]]:
        if heavy := [Contradicted(item, "it is too heavy") for item in waiting if item.name == "anvil"]:
            return heavy
        return Prepared(tuple(waiting), tuple(waiting))

    def objection(self, message: Items) -> str | None:
        return "it is not wanted" if set(message) & self.depot.unwanted else None

    def first_offer(self, message: Items) -> int:
        if self.depot.price > self.cap:
            raise Transient(f"the depot wants {self.depot.price} stamps")
        return self.depot.price

    def next_slot(self) -> int:
        if self.depot.door:
            raise Transient("a parcel is still in progress")
        return self.first_unused_slot()

    def first_unused_slot(self) -> int:
        return len(self.depot.shelves)

    def sign(self, slot: int, message: Items, offer: int) -> Attempt[int]:
        reference = f"{slot}-{self.named(message)}-{offer}"
        return Attempt(reference, repr((slot, tuple(map(tuple, message)))).encode(), offer, False)

    def deliver(self, attempt: Attempt[int]) -> Delivery:
        if attempt.reference in self.depot.door:
            return Delivery(Verdict.ACCEPTED)
        slot, message = ast.literal_eval(attempt.raw.decode())
        return self.depot.take(attempt.reference, slot, tuple(Item(*item) for item in message), attempt.offer)

    def raised(self, message: Items, offer: int) -> tuple[int | None, str]:
        return (offer + 1, "") if offer < self.cap else (None, "nobody pays more stamps")

    def find(self, attempts: Sequence[Attempt[int]]) -> Outcome[Items] | None:
        references = {attempt.reference for attempt in attempts}
        for position, shelf in enumerate(self.depot.shelves):
            if shelf.reference in references:
                return Outcome(self._place(position), None if shelf.is_empty else shelf.items)
        return None

    def failure_of(self, sending: Sending[Item, Items, int], place: Place) -> Failure:
        if set(sending.entries) & set(self.depot.items()):
            return Failure("the depot has one of them already", is_queued_again=True)
        return Failure("the depot threw it away", is_queued_again=False)

    def is_final(self, place: Place) -> bool:
        return len(self.depot.shelves) - 1 - place.position >= self.depth and self._place(place.position) == place

    def confirm(self, entries: Sequence[Item]) -> None:
        if not set(entries) <= set(self.depot.items()):
            raise Permanent(f"the depot does not show {self.named(entries)}")

    def _place(self, position: int) -> Place:
        shelf = self.depot.shelves[position]
        return Place(position, shelf.mark, shelf.reference)


class DepotJournal(MemoryJournal[Item, Items, int, Items]):
    """The journal of a sender to a depot."""

    def check(self, sending: Sending[Item, Items, int], receipt: Items) -> None:
        assert receipt == sending.entries


class WorkingClock:
    """Time that passes while somebody sleeps; the depot works meanwhile."""

    def __init__(self, depot: Depot) -> None:
        self.depot, self.now = depot, 0.0

    def monotonic(self) -> float:
        return self.now

    def sleep(self, seconds: float, /) -> None:
        self.now += seconds
        self.depot.work()
