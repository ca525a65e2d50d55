"""The outbox with a transport that is no chain: every state, every way back, a crash between any two steps."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fntx_dagster.errors import Permanent, Transient
from fntx_dagster.outbox.sender import Policy, send
from fntx_dagster.outbox.sending import Attempt
from tests.outbox.depot import Depot, DepotJournal, DepotTransport, Item, Shelf, WorkingClock

POLICY = Policy(batch=2, stuck_after=3, seen_within=10, poll=1)
DEEP = 1
CUP, LAMP, BOOK = Item(1, "cup"), Item(2, "lamp"), Item(3, "book")
WRITES = ("prepare", "keep", "sent", "seen", "final", "reopen", "release", "fail", "adopt", "refuse")


@pytest.fixture
def depot() -> Depot:
    return Depot()


def run(depot: Depot, journal: DepotJournal, policy: Policy = POLICY, cap: int = 9, depth: int = 0) -> list[str]:
    """Send what the journal has; what the sender says of it."""
    said: list[str] = []
    send(DepotTransport(depot, cap, depth), journal, policy, said.append, WorkingClock(depot))
    return said


def stopped(depot: Depot, journal: DepotJournal, words: str, policy: Policy = POLICY, cap: int = 9) -> None:
    with pytest.raises(Transient, match=words):
        run(depot, journal, policy, cap)


def attempts(journal: DepotJournal, number: int = 1) -> list[tuple[int, bool]]:
    """Stamps and whether they were accepted, of each attempt of a sending."""
    return [(attempt.offer, attempt.is_sent) for attempt in journal.all[number][0].attempts]


def test_entries_are_queued_prepared_sent_seen_and_final_in_that_order(depot: Depot) -> None:
    calls: list[str] = []
    journal = DepotJournal(CUP)
    send(DepotTransport(depot), Watched(journal, WRITES, calls.append), POLICY, clock=WorkingClock(depot))
    assert calls == ["prepare", "keep", "sent", "seen", "final"]
    assert journal.states() == journal.sending_states() == ["final"]
    assert journal.receipts == {CUP: (CUP,)}


def test_progress_and_errors_use_the_transports_words(depot: Depot) -> None:
    assert run(depot, DepotJournal(CUP)) == [
        "parcel 0-cup-1 is sent: cup",
        "parcel 0-cup-1 is in shelf 0: cup",
        "final: cup",
    ]
    depot.is_asleep = True
    stopped(depot, DepotJournal(LAMP), r"^parcel 1-lamp-4 \(lamp\) is not shelved yet\. It is still in progress")


def test_entries_leave_in_order_and_no_more_of_them_than_a_batch(depot: Depot) -> None:
    journal = DepotJournal(BOOK, LAMP, CUP)
    run(depot, journal)
    assert [shelf.items for shelf in depot.shelves] == [(CUP, LAMP), (BOOK,)]
    assert [sending.slot for sending, _ in journal.all.values()] == [0, 1]


def test_an_entry_is_final_when_enough_lies_on_top_of_it(depot: Depot) -> None:
    journal = DepotJournal(CUP)
    run(depot, journal, depth=DEEP)
    assert journal.states() == ["mined"]
    depot.shelve("a stranger's", ())
    run(depot, journal, depth=DEEP)
    assert journal.states() == ["final"]


def test_an_entry_is_not_final_while_the_system_itself_does_not_show_it(
    depot: Depot, monkeypatch: pytest.MonkeyPatch
) -> None:
    journal = DepotJournal(CUP)
    monkeypatch.setattr(depot, "items", list)
    with pytest.raises(Permanent, match="does not show cup"):
        run(depot, journal)
    assert journal.states() == ["mined"]


def test_an_offer_that_is_stuck_is_raised_and_the_message_takes_effect_once(depot: Depot) -> None:
    journal = DepotJournal(CUP)
    depot.is_asleep = True
    stopped(depot, journal, "is not shelved yet")
    assert attempts(journal) == [(1, True), (2, True), (3, True), (4, True)]
    depot.is_asleep, depot.price = False, 3
    run(depot, journal)
    assert journal.states() == ["final"]
    assert depot.items() == [CUP]


def test_the_time_that_a_person_takes_to_sign_raises_no_offer(depot: Depot, monkeypatch: pytest.MonkeyPatch) -> None:
    journal, clock, transport = DepotJournal(CUP), WorkingClock(depot), DepotTransport(depot)
    crash(depot, journal, after="prepare")
    sign = transport.sign

    def sign_slowly(slot: int, message: tuple[Item, ...], offer: int) -> Attempt[int]:
        clock.now += 100
        return sign(slot, message, offer)

    monkeypatch.setattr(transport, "sign", sign_slowly)
    send(transport, journal, POLICY._replace(seen_within=1000), clock=clock)
    assert attempts(journal) == [(1, True)]


def test_an_earlier_attempt_can_take_effect_although_the_offer_was_raised_since(depot: Depot) -> None:
    journal = DepotJournal(CUP)
    depot.is_asleep = True
    stopped(depot, journal, "is not shelved yet")
    depot.door = {"0-cup-1": depot.door["0-cup-1"]}
    depot.is_asleep = False
    depot.work()
    run(depot, journal)
    assert journal.all[1][0].seen is not None
    assert journal.all[1][0].seen.reference == "0-cup-1"
    assert journal.states() == ["final"]


def test_an_offer_that_is_too_low_is_raised_at_once_and_then_waits(depot: Depot) -> None:
    journal, policy = DepotJournal(CUP), POLICY._replace(stuck_after=100)
    depot.is_asleep = True
    stopped(depot, journal, "is not shelved yet", policy)
    depot.door, depot.price = {}, 5
    stopped(depot, journal, "is not shelved yet: its stamps are too few", policy)
    assert attempts(journal) == [(1, True), (2, False)]


def test_a_first_offer_that_became_too_low_is_raised_once_and_then_waits(
    depot: Depot, monkeypatch: pytest.MonkeyPatch
) -> None:
    journal, policy, transport = DepotJournal(CUP), POLICY._replace(stuck_after=100), DepotTransport(depot)
    offered = transport.first_offer

    def offered_before_a_jump(message: Any) -> int:
        offer = offered(message)
        depot.price = 5
        return offer

    monkeypatch.setattr(transport, "first_offer", offered_before_a_jump)
    with pytest.raises(Transient, match="its stamps are too few"):
        send(transport, journal, policy, clock=WorkingClock(depot))
    assert attempts(journal) == [(1, False), (2, False)]


def test_a_system_slower_than_the_wait_is_given_up_in_time_and_its_offer_does_not_climb(
    depot: Depot, monkeypatch: pytest.MonkeyPatch
) -> None:
    journal, clock, transport = DepotJournal(CUP), WorkingClock(depot), DepotTransport(depot, 1000)
    find = transport.find

    def find_slowly(attempts: list[Attempt[int]]) -> Any:
        clock.now += 20  # more than both waits
        return find(attempts)

    monkeypatch.setattr(transport, "find", find_slowly)
    depot.is_asleep = True
    with pytest.raises(Transient, match="is not shelved yet"):
        send(transport, journal, POLICY, clock=clock)
    assert attempts(journal) == [(1, True), (2, True)]  # raised once in a call, whatever the time


def test_an_offer_is_not_raised_beyond_its_cap_and_the_error_says_so(depot: Depot) -> None:
    journal = DepotJournal(CUP)
    depot.is_asleep = True
    stopped(depot, journal, "is not shelved yet: nobody pays more stamps", cap=2)
    assert attempts(journal) == [(1, True), (2, True)]


def test_while_the_system_is_too_dear_no_slot_is_taken(depot: Depot) -> None:
    journal = DepotJournal(CUP)
    depot.price = 10
    stopped(depot, journal, "wants 10 stamps")
    assert journal.all == {}


def test_while_a_foreign_message_is_in_progress_no_slot_is_taken(depot: Depot) -> None:
    depot.is_asleep = True
    depot.take("a stranger's", 0, (), 1)
    journal = DepotJournal(CUP)
    stopped(depot, journal, "still in progress")
    assert journal.all == {}


def test_a_place_that_is_lost_reopens_the_sending_and_the_same_bytes_are_sent(depot: Depot) -> None:
    journal = DepotJournal(CUP, LAMP, BOOK)
    run(depot, journal, depth=5)
    before = [shelf.reference for shelf in depot.shelves]
    depot.flood(2)
    said = run(depot, journal, depth=5)
    assert said[0] == "parcel 0-cup and lamp-1 is no longer on the depot and is sent again"
    assert [shelf.reference for shelf in depot.shelves] == before
    assert [sending.seen and sending.seen.mark for sending, _ in journal.all.values()] == ["flood 1", "flood 1"]


def test_a_slot_that_went_to_another_message_releases_the_sending(depot: Depot) -> None:
    journal = DepotJournal(CUP)
    run(depot, journal, depth=DEEP)
    depot.flood(1)
    depot.shelve("a stranger's", ())
    run(depot, journal)
    assert journal.sending_states() == ["released", "final"]
    assert depot.items() == [CUP]


@pytest.mark.parametrize("is_immediate", [True, False])
def test_slots_ahead_of_the_system_are_given_back(depot: Depot, is_immediate: bool) -> None:
    """The system was replaced: what was final is gone, and nothing fills the gap."""
    journal = DepotJournal(CUP, LAMP, BOOK)
    run(depot, journal, depth=DEEP)
    assert journal.sending_states() == ["final", "mined"]
    depot.flood(2)
    depot.is_immediate = is_immediate
    if not is_immediate:
        stopped(depot, journal, "its number 1 waits for the number 0, and no parcel is known for it")
        assert journal.states() == ["final", "final", "queued"]
        depot.door = {}
    run(depot, journal)
    assert journal.sending_states() == ["final", "released", "final"]
    assert depot.items() == [BOOK]


def test_bytes_that_are_never_accepted_are_given_up_and_signed_anew(depot: Depot) -> None:
    journal = DepotJournal(CUP)
    depot.refusal = Permanent("the parcel is too big")
    with pytest.raises(Permanent, match="too big"):
        run(depot, journal)
    assert (journal.states(), journal.sending_states()) == (["queued"], ["released"])
    depot.refusal = None
    run(depot, journal)
    assert journal.states() == ["final"]


def test_bytes_that_were_accepted_once_are_kept_when_they_are_refused(depot: Depot) -> None:
    journal = DepotJournal(CUP)
    depot.is_asleep = True
    stopped(depot, journal, "is not shelved yet")
    depot.door, depot.refusal = {}, Permanent("the depot is closed for today")
    with pytest.raises(Permanent, match="closed for today"):
        run(depot, journal)
    assert journal.sending_states() == ["open"]


def test_a_message_without_effect_fails_and_waits_for_a_person(depot: Depot) -> None:
    journal = DepotJournal(CUP, LAMP, BOOK)
    depot.unwanted = {LAMP}
    run(depot, journal)
    run(depot, journal)
    assert journal.states() == ["failed", "failed", "final"]
    assert journal.whys[CUP] == "the depot threw it away"
    assert len(depot.shelves) == 2


def test_a_message_without_effect_because_an_entry_is_there_is_queued_again_and_that_entry_adopted(
    depot: Depot,
) -> None:
    journal = DepotJournal(CUP, LAMP)
    crash(depot, journal, after="keep")
    depot.shelves = [Shelf("0-cup and lamp-1", (CUP, LAMP), "", is_empty=True), Shelf("another", (CUP,), "", False)]
    run(depot, journal)
    assert journal.states() == ["final", "final"]
    assert sorted(depot.items()) == [CUP, LAMP]
    assert journal.sending_states() == ["released", "final"]


def test_an_entry_that_the_system_holds_already_is_adopted_and_not_sent(depot: Depot) -> None:
    depot.shelve("a stranger's", (CUP, LAMP))
    journal = DepotJournal(CUP, LAMP)
    assert run(depot, journal, depth=DEEP) == ["the depot holds it already, in parcel a stranger's: cup"]
    assert (journal.states(), len(journal.receipts)) == (["queued", "queued"], 2)
    depot.shelve("another stranger's", ())
    run(depot, journal, depth=DEEP)
    assert (journal.states(), journal.all) == (["final", "final"], {})


@pytest.mark.parametrize(("name", "why"), [("broken", "it is broken"), ("anvil", "it is too heavy")])
def test_an_entry_that_the_system_does_not_take_is_refused_and_the_others_go_on(
    depot: Depot, name: str, why: str
) -> None:
    bad = Item(2, name)
    journal = DepotJournal(CUP, bad, BOOK)
    run(depot, journal)
    assert journal.states() == ["final", "failed", "final"]
    assert journal.whys == {bad: why}
    assert depot.items() == [CUP, BOOK]


def test_a_slot_under_which_nothing_is_signed_is_given_back_if_the_message_would_not_pass_any_more(
    depot: Depot,
) -> None:
    journal = DepotJournal(CUP, LAMP)
    crash(depot, journal, after="prepare")
    depot.unwanted = {CUP}
    said = run(depot, journal)
    assert said[0] == "cup and lamp: it is not wanted; what the depot does not hold is queued again"
    assert journal.all[1][0].attempts == ()
    assert journal.sending_states() == ["released", "failed"]


def test_one_sender_has_the_turn_of_a_key(depot: Depot) -> None:
    transport, journal = DepotTransport(depot), DepotJournal(CUP)
    with transport.turn(), pytest.raises(Transient, match="another process"):
        send(transport, journal, POLICY)
    assert journal.all == {}


def test_one_sender_has_the_turn_of_a_journal_wherever_it_runs(depot: Depot) -> None:
    journal = DepotJournal(CUP)
    with journal.turn(), pytest.raises(Transient, match="another process"):
        send(DepotTransport(depot), journal, POLICY)
    assert journal.all == {}


def test_crashed_at_any_step_every_entry_leaves_exactly_once() -> None:
    """A step is before and after each call of the journal, the signing and the delivery."""
    step = 0
    while crashed_and_recovered([step]):
        step += 1
    assert step == 2 * 14, "seven calls for each of two messages, and none left"


@given(steps=st.lists(st.integers(0, 40), max_size=6), floods=st.lists(st.integers(0, 2), max_size=6))
def test_crashed_and_flooded_again_and_again_every_entry_leaves_exactly_once(
    steps: list[int], floods: list[int]
) -> None:
    crashed_and_recovered(steps, floods)


class Crash(BaseException):
    """The process is killed."""


class Watched:
    """A thing whose named methods are reported: once before, where `before` is given, and once after each call."""

    def __init__(
        self,
        thing: Any,
        names: tuple[str, ...],
        after: Callable[[str], None],
        before: Callable[[str], None] = lambda name: None,
    ) -> None:
        self._thing, self._names, self._after, self._before = thing, names, after, before

    def __getattr__(self, name: str) -> Any:
        method = getattr(self._thing, name)
        if name not in self._names:
            return method

        def watched(*arguments: Any) -> Any:
            self._before(name)
            result = method(*arguments)
            self._after(name)
            return result

        return watched


def crash(depot: Depot, journal: DepotJournal, at: int | None = None, after: str | None = None) -> bool:
    """Send, and crash at the n-th step, or after the call of that name. Whether the crash came in time."""
    left = at

    def step(name: str) -> None:
        nonlocal left
        if left == 0:
            raise Crash
        left = None if left is None else left - 1

    def step_after(name: str) -> None:
        if name == after:
            raise Crash
        step(name)

    transport = Watched(DepotTransport(depot), ("sign", "deliver"), step_after, step)
    try:
        send(transport, Watched(journal, WRITES, step_after, step), POLICY, clock=WorkingClock(depot))
    except Crash:
        return True
    return False


def crashed_and_recovered(steps: Sequence[int], floods: Sequence[int] = ()) -> bool:
    """Crash at these steps, one run after the other, and lose places in between; then send in peace. Whether the last
    crash came in time."""
    depot, journal, is_crashed = Depot(), DepotJournal(CUP, LAMP, BOOK), False
    depot.is_immediate = True
    for run_number, step in enumerate(steps):
        is_crashed = crash(depot, journal, step)
        seen = sum(state == "mined" for state in journal.sending_states())
        lost = min(floods[run_number] if run_number < len(floods) else 0, seen)
        if lost:
            depot.flood(lost)
    run(depot, journal)
    assert journal.states() == ["final"] * 3
    assert sorted(depot.items()) == [CUP, LAMP, BOOK]
    assert journal.sendings() == []
    return is_crashed
