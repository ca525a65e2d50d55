"""Many keys at once: each in its own order, none behind another, and the trouble of one is its own."""

from __future__ import annotations

from collections.abc import Generator

import pytest

from fntx_dagster.errors import FntxError, Permanent, Transient
from fntx_dagster.outbox.sender import Policy, sending_steps
from fntx_dagster.outbox.together import together
from tests.outbox.depot import Depot, DepotJournal, DepotTransport, Item, WorkingClock

POLICY = Policy(batch=1, stuck_after=30, seen_within=60, poll=1)


class Ticking:
    """A clock that a test reads: nothing happens but time."""

    def __init__(self) -> None:
        self.now = 0.0

    def monotonic(self) -> float:
        return self.now

    def sleep(self, seconds: float, /) -> None:
        self.now += seconds


def waiting(log: list[str], name: str, rounds: int, until: float, error: FntxError | None = None):
    """Steps that wait so often, each time until that moment."""

    def steps() -> Generator[float, None, None]:
        try:
            for number in range(rounds):
                log.append(f"{name}{number}")
                yield until
            if error:
                raise error
        finally:
            log.append(f"{name} ends")

    return steps()


@pytest.mark.parametrize("at_once", [1, 3])
def test_keys_with_slow_systems_wait_side_by_side(at_once: int) -> None:
    depots = {name: Depot() for name in "abc"}
    clocks = [WorkingClock(depot) for depot in depots.values()]
    journals = {name: DepotJournal(Item(1, f"{name} one"), Item(2, f"{name} two")) for name in depots}

    class Together(Ticking):
        def sleep(self, seconds: float, /) -> None:
            super().sleep(seconds)
            for clock in clocks:
                clock.sleep(seconds)

    steps = {
        name: sending_steps(DepotTransport(depot), journals[name], POLICY, clock=Together())
        for name, depot in depots.items()
    }
    clock = Together()
    ended = dict(together(steps, clock.monotonic, POLICY.poll, at_once, clock))
    assert ended == dict.fromkeys("abc")
    assert all(journal.states() == ["final", "final"] for journal in journals.values())
    assert clock.now < 10


def test_a_step_goes_on_when_its_time_comes_or_the_system_shows_something_new() -> None:
    log: list[str] = []
    clock = Ticking()
    steps = {"early": waiting(log, "e", 2, 3.0), "late": waiting(log, "l", 1, 100.0)}
    assert [key for key, _ in together(steps, lambda: clock.now >= 7, 2.0, 1, clock)] == ["early", "late"]
    assert clock.now == pytest.approx(8, abs=1)


def test_what_hinders_one_key_ends_its_steps_alone() -> None:
    log: list[str] = []
    steps = {
        "poor": waiting(log, "p", 1, 0.0, Permanent("no funds")),
        "late": waiting(log, "l", 1, 0.0, Transient("not mined")),
        "fine": waiting(log, "f", 3, 0.0),
    }
    ended = dict(together(steps, lambda: None, 1.0, 2, Ticking()))
    assert (str(ended["poor"]), str(ended["late"]), ended["fine"]) == ("no funds", "not mined", None)


def test_steps_are_closed_where_the_caller_goes_away_or_something_breaks() -> None:
    log: list[str] = []
    left = together({"b": waiting(log, "b", 9, 9.0), "a": waiting(log, "a", 0, 0.0)}, lambda: None, 1.0, 1, Ticking())
    assert next(left) == ("a", None)
    left.close()
    assert log == ["b0", "a ends", "b ends"]
    clock = Ticking()

    def away() -> object:
        if clock.now:
            raise Transient("the node is away")
        return None

    with pytest.raises(Transient, match="away"):
        list(together({"c": waiting(log, "c", 9, 9.0)}, away, 1.0, 1, clock))
    assert log[-1] == "c ends"
