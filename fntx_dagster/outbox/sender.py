"""Sending what waits: once, in order, whatever happens in between.

`send` may be killed at any point and is simply called again. What it is about to do is in the journal before it is
done: a slot before anything is signed under it, signed bytes before they are delivered. What is unfinished is settled
before anything new is sent, so at most one message of a key is in progress. The outside system decides what is true:
it is read before a slot is taken, after a slot went to another message, and before an entry is called final.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Generator, Sequence
from itertools import islice
from typing import Generic, NamedTuple, NoReturn, Protocol

from fntx_dagster.errors import Transient
from fntx_dagster.outbox.journal import Journal
from fntx_dagster.outbox.sending import Entry, Message, Offer, Place, Receipt, Sending
from fntx_dagster.outbox.transport import Absent, Contradicted, Outcome, Prepared, Present, Transport, Verdict

OnProgress = Callable[[str], object]
Steps = Generator[float, None, None]
"""What is done of a sending until the outside system has to be waited for, and until which moment at the latest."""


class Policy(NamedTuple):
    """How patient sending is. Times in seconds; `batch` is the most entries of a message."""

    batch: int
    stuck_after: float
    seen_within: float
    poll: float = 2.0


class Clock(Protocol):
    """Time that passes; the module `time` is one."""

    def monotonic(self) -> float:
        """Seconds that never go back."""
        ...

    def sleep(self, seconds: float, /) -> None:
        """Wait."""
        ...


def send(
    transport: Transport[Entry, Message, Offer, Receipt],
    journal: Journal[Entry, Message, Offer, Receipt],
    policy: Policy,
    on_progress: OnProgress = lambda text: None,
    clock: Clock = time,
) -> None:
    """Settle what is unfinished, lowest slot first, then send what is queued, in order, and note what is final.

    Returns when nothing is queued and everything is seen; what is seen becomes final in a later call if it is
    not yet. Entries that the system contradicts are refused, those of a failed message fail: they wait for a
    person, the others go on. `on_progress` gets each step in words.

    Permanent, before a slot is taken: the means to send are lacking. Transient, nothing is lost: another sender has
    the key's turn, a message is not seen within `policy.seen_within` seconds, a foreign one of this key is in progress,
    the system does not answer.
    """
    with journal.turn(), transport.turn():
        for _ in sending_steps(transport, journal, policy, on_progress, clock):
            clock.sleep(policy.poll)


def sending_steps(
    transport: Transport[Entry, Message, Offer, Receipt],
    journal: Journal[Entry, Message, Offer, Receipt],
    policy: Policy,
    on_progress: OnProgress = lambda text: None,
    clock: Clock = time,
) -> Steps:
    """`send`, in steps that end where the system has to be waited for, for a caller that has the key's turns and does
    something else meanwhile: it goes on when the system may show something new, and at the latest at the moment of
    `clock.monotonic` that a step yields. Raises what `send` raises."""
    run = _Run(transport, journal, policy, on_progress, clock)
    yield from run.settle()
    while (yield from run.send_next()):
        pass
    yield from run.settle()


class _Run(Generic[Entry, Message, Offer, Receipt]):
    """One call of `send`."""

    def __init__(
        self,
        transport: Transport[Entry, Message, Offer, Receipt],
        journal: Journal[Entry, Message, Offer, Receipt],
        policy: Policy,
        on_progress: OnProgress,
        clock: Clock,
    ) -> None:
        self.transport, self.journal, self.policy = transport, journal, policy
        self.on_progress, self.clock = on_progress, clock
        self.words = transport.words
        self.adopted: set[str] = set()

    # What is unfinished

    def settle(self) -> Steps:
        """Every sending that is not final, lowest slot first."""
        for sending in self.journal.sendings():
            yield from self._await_outcome(sending)

    def _await_outcome(self, sending: Sending[Entry, Message, Offer], patience: _Patience | None = None) -> Steps:
        """Until it is seen, failed or released; Transient when the time is over."""
        patience = patience or _Patience(self.policy, self.clock)
        while (outcome := self.transport.find(sending.attempts)) is None:
            if sending.seen is not None:
                sending = self._reopened(sending, sending.seen)
            unused = self.transport.first_unused_slot()
            if unused > sending.slot:
                if self.transport.find(sending.attempts) is None:  # it may have taken effect since it was looked for
                    self._release(sending, self._slot_lost(sending))
                    return
                continue
            if unused < sending.slot and (self.transport.is_immediate or not sending.attempts):
                # an immediate system never reaches the slot: it is not the one that the slot was taken on
                self._release(sending, self._slot_ahead(sending, unused))
                return
            following = self._step(sending, unused, patience)
            if following is None:
                return
            if following is sending:
                yield patience.ends_at()
            sending = following
        self._took_effect(sending, outcome)

    def _reopened(self, sending: Sending[Entry, Message, Offer], place: Place) -> Sending[Entry, Message, Offer]:
        self.on_progress(
            f"{self.words.message} {place.reference} is no longer on the {self.words.system} and is sent again"
        )
        return self.journal.reopen(sending)

    def _step(
        self, sending: Sending[Entry, Message, Offer], unused: int, patience: _Patience
    ) -> Sending[Entry, Message, Offer] | None:
        """Sign, deliver or raise a sending: what it is then, the same one where it has to wait, None where it is
        released."""
        if not sending.attempts:
            signed = self._signed_late(sending)
            patience.renew()  # after the signing, which may wait for a person
            return signed
        latest = sending.attempts[-1]
        delivery = self.transport.deliver(latest)
        if delivery.error is not None:
            if not any(attempt.is_sent for attempt in sending.attempts):
                # it was never accepted: these bytes would be offered for ever, while offers change
                self._release(sending, f"the {self.words.system} does not take its {self.words.message}")
            raise delivery.error
        if delivery.verdict is Verdict.ACCEPTED and not latest.is_sent:
            return self._sent(sending)
        hindrance = delivery.why
        if unused < sending.slot:
            slot = self.words.slot
            hindrance = (
                f"its {slot} {sending.slot} waits for the {slot} {unused}, and no {self.words.message} is known for it"
            )
        elif (delivery.verdict is Verdict.TOO_LOW and not patience.is_raised) or patience.is_stuck():
            offer, hindrance = self.transport.raised(sending.message, latest.offer)
            # Once in any case, and no more when this call waits no longer: with a system so slow that each step takes
            # longer than the wait, the offer would climb to its cap.
            may_raise = not (patience.is_raised and patience.is_timed_out())
            patience.is_raised = True
            if offer is not None and may_raise:
                self.on_progress(
                    f"{self.words.offer} are raised to {self.transport.shown(offer)}: {self._named(sending)}"
                )
                raised = self._sign(sending, offer)
                patience.renew()
                return raised
        if patience.is_timed_out():
            self._give_up(sending, unused, hindrance)
        return sending

    def _signed_late(self, sending: Sending[Entry, Message, Offer]) -> Sending[Entry, Message, Offer] | None:
        """A sending whose slot was taken and under which nothing is signed: signed now, or released if it would not
        pass any more. Nothing of it has ever left this process."""
        objection = self.transport.objection(sending.message)
        if objection is not None:
            return self._release(sending, objection)
        offer = self.transport.first_offer(sending.message)
        if self.transport.next_slot() != sending.slot:
            return self._release(sending, self._slot_lost(sending))
        return self._sign(sending, offer)

    def _sign(self, sending: Sending[Entry, Message, Offer], offer: Offer) -> Sending[Entry, Message, Offer]:
        return self.journal.keep(sending, self.transport.sign(sending.slot, sending.message, offer))

    def _sent(self, sending: Sending[Entry, Message, Offer]) -> Sending[Entry, Message, Offer]:
        latest = sending.attempts[-1]
        self.journal.sent(sending, latest.reference)
        self.on_progress(f"{self.words.message} {latest.reference} is sent: {self._named(sending)}")
        return sending._replace(attempts=(*sending.attempts[:-1], latest._replace(is_sent=True)))

    def _give_up(self, sending: Sending[Entry, Message, Offer], unused: int, hindrance: str) -> NoReturn:
        because = f": {hindrance}" if hindrance else ""
        if unused < sending.slot:
            # The system was replaced, or a deep reorganisation took what was final. The old bytes may still take effect
            # one day; the system refuses their entries then.
            for each in self.journal.sendings():
                if each.slot >= sending.slot:
                    self._release(each, self._slot_ahead(each, unused))
            raise Transient(f"{self._named(sending)} could not be sent{because}", "Try again: it is queued again")
        raise Transient(
            f"{self.words.message} {sending.attempts[-1].reference} ({self._named(sending)}) is not {self.words.seen} "
            f"yet{because}",
            "It is still in progress and nothing is lost: try again later",
        )

    def _release(self, sending: Sending[Entry, Message, Offer], why: str) -> None:
        self.on_progress(f"{self._named(sending)}: {why}; what the {self.words.system} does not hold is queued again")
        self.journal.release(sending, why)

    def _slot_lost(self, sending: Sending[Entry, Message, Offer]) -> str:
        return f"its {self.words.slot} {sending.slot} went to another {self.words.message}"

    def _slot_ahead(self, sending: Sending[Entry, Message, Offer], unused: int) -> str:
        return f"its {self.words.slot} {sending.slot} is ahead of the {self.words.system}'s {unused}"

    def _named(self, sending: Sending[Entry, Message, Offer]) -> str:
        return self.transport.named(sending.entries)

    # What took effect

    def _took_effect(self, sending: Sending[Entry, Message, Offer], outcome: Outcome[Receipt]) -> None:
        place, receipt = outcome
        if receipt is None:
            return self._failed(sending, place)
        if place != sending.seen:
            self.journal.seen(sending, place, receipt)
            self.on_progress(
                f"{self.words.message} {place.reference} is in {self.words.place} {place.position}: "
                f"{self._named(sending)}"
            )
        if self.transport.is_final(place):
            self.transport.confirm(sending.entries)
            self.journal.final(sending)
            self.on_progress(f"final: {self._named(sending)}")
        return None

    def _failed(self, sending: Sending[Entry, Message, Offer], place: Place) -> None:
        """Its slot is used. Where one of its entries is there, the queue distinguishes the same one from another."""
        failure = self.transport.failure_of(sending, place)
        if failure.is_queued_again:
            return self._release(sending, failure.why)
        self.on_progress(f"{self._named(sending)}: {failure.why}")
        return self.journal.fail(sending, failure.why)

    # What is queued

    def send_next(self) -> Generator[float, None, bool]:
        """Send the next message and wait until it is seen; False when nothing is left to send."""
        queue = iter(self.journal.queued())
        absent: list[Entry] = []
        while not absent:
            # no more than one message may carry: otherwise each message would examine the whole queue
            if not (ahead := list(islice(queue, self.policy.batch))):
                return False
            absent = self._absent(ahead)
        prepared = self.transport.prepare(absent, len(absent) + len(list(queue)))
        if not isinstance(prepared, Prepared):
            for entry, why in prepared:
                self._refuse(entry, why)
            return True
        message, entries = prepared
        offer = self.transport.first_offer(message)
        slot = self.transport.next_slot()
        yield from self._first_delivered(self._sign(self.journal.prepare(slot, message, entries), offer))
        return True

    def _first_delivered(self, sending: Sending[Entry, Message, Offer]) -> Steps:
        """Deliver what was signed just now, and wait for its outcome: until it is delivered there is none to find."""
        patience = _Patience(self.policy, self.clock)
        delivered = self._step(sending, sending.slot, patience)
        if delivered is None:
            return
        if delivered.attempts[-1].is_sent and not self.transport.is_immediate:
            yield patience.ends_at()
        yield from self._await_outcome(delivered, patience)

    def _absent(self, entries: Sequence[Entry]) -> list[Entry]:
        """Those that are to be sent. Entries that the system holds already are adopted, those that contradict it are
        refused."""
        absent: list[Entry] = []
        for answer in self.transport.examine(entries):
            match answer:
                case Absent(entry):
                    absent.append(entry)
                case Contradicted(entry, why):
                    self._refuse(entry, why)
                case Present():
                    self._adopt(answer)
        return absent

    def _adopt(self, present: Present[Entry, Receipt]) -> None:
        reference = present.place.reference
        if reference not in self.adopted:
            self.adopted.add(reference)
            self.on_progress(
                f"the {self.words.system} holds it already, in {self.words.message} {reference}: "
                f"{self.transport.named([present.entry])}"
            )
        self.journal.adopt(present.entry, present.receipt, present.is_final)

    def _refuse(self, entry: Entry, why: str) -> None:
        self.on_progress(f"{self.transport.named([entry])} is refused: {why}")
        self.journal.refuse(entry, why)


class _Patience:
    """How long one sending may still wait. An offer that is too low even after it was raised waits; otherwise offers
    would climb to their cap in seconds."""

    def __init__(self, policy: Policy, clock: Clock) -> None:
        self._stuck_after, self._clock = policy.stuck_after, clock
        self._timed_out_at = clock.monotonic() + policy.seen_within
        self.is_raised = False
        self.renew()

    def renew(self) -> None:
        """Wait as long as at the beginning before the offer is raised."""
        self._stuck_at = self._clock.monotonic() + self._stuck_after

    def is_stuck(self) -> bool:
        """Whether the offer is to be raised."""
        return self._clock.monotonic() >= self._stuck_at

    def ends_at(self) -> float:
        """The next moment at which the waiting has a consequence, though the system shows nothing new."""
        now = self._clock.monotonic()
        return min((moment for moment in (self._stuck_at, self._timed_out_at) if moment > now), default=now)

    def is_timed_out(self) -> bool:
        """Whether this call of `send` waits no longer."""
        return self._clock.monotonic() >= self._timed_out_at
