"""Aggregator against a model in Python: random traders, liars, challengers and openers, in time and out of it."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test

from fntx_dagster.aggregate.submission import LENGTH
from fntx_dagster.curve.group import IDENTITY, Point, read_wide, total, write_wide
from tests.contracts.chains import at_length
from tests.contracts.pools import BOND, CHECKING, COLLECTING, Base, Pool, Slot
from tests.contracts.test_submission_verifier import ON_THE_CURVE_ALONE
from tests.tools import needs_anvil

pytestmark = needs_anvil
DAYS = (20250717, 20250718)
TRADERS = 4
MIN_USERS = 2
OFFSET = 2**31
MARGIN = 60  # seconds in which it depends on the machine on which side of a boundary a transaction is

days, traders, kinds = st.sampled_from(DAYS), st.integers(0, TRADERS - 1), st.integers(0, 2)


class Prepared:
    """A pool whose traders have posted records, and what each may submit: a true submission, one whose proof is false
    and one with a point outside the group."""

    def __init__(self, base: Base) -> None:
        self.pool = Pool(base, minUsers=MIN_USERS)
        self.traders = base.traders[:TRADERS]
        self.values = {
            (trader, day): (trader * 1000 + 1, day % 100, OFFSET - trader) for trader in range(TRADERS) for day in DAYS
        }
        self.submissions: dict[tuple[int, int], list[bytes]] = {}
        self.slots: dict[tuple[int, int], Slot] = {}
        for (trader, day), values in self.values.items():
            true = self.pool.prove(self.traders[trader], values, day)
            false, outside = true[:-1] + bytes([true[-1] ^ 1]), ON_THE_CURVE_ALONE + true[96:]
            self.submissions[trader, day] = [true, false, outside]
            self.slots[trader, day] = self.pool.record(self.traders[trader], true, day)

    def points(self, trader: int, day: int, kind: int) -> list[Point | bytes]:
        submission = self.submissions[trader, day][kind]
        return [read_or_keep(submission[at : at + 96]) for at in range(0, 576, 96)]


def read_or_keep(data: bytes) -> Point | bytes:
    """A point outside the group stays bytes: Python adds none up."""
    return data if data == ON_THE_CURVE_ALONE else read_wide(data)


class _Traders(RuleBasedStateMachine):
    """The model: who is registered and bound until when; day → start, trader → kind of submission or None where it was
    evicted, whether it is opened."""

    def __init__(self, prepared: Prepared) -> None:
        super().__init__()
        self.prepared, self.pool, self.chain = prepared, prepared.pool, prepared.pool.chain
        self.registered: set[int] = set()
        self.bound = dict.fromkeys(range(TRADERS), 0)
        self.started: dict[int, int] = {}
        self.submitted: dict[int, dict[int, int | None]] = {day: {} for day in DAYS}
        self.opened: set[int] = set()

    @rule(trader=traders)
    def register(self, trader: int) -> None:
        refusal = "Twice" if trader in self.registered else None
        if self._do(trader, self.pool.functions.register(0), refusal, BOND):
            self.registered.add(trader)

    @initialize()
    def most_register(self) -> None:
        for trader in range(TRADERS - 1):
            self.register(trader)

    @rule(trader=traders)
    def leave(self, trader: int) -> None:
        if self._is_near(self.bound[trader]):
            return
        refusal = None
        if trader not in self.registered:
            refusal = "NotRegistered"
        elif self.chain.now() < self.bound[trader]:
            refusal = "StillBound"
        if self._do(trader, self.pool.functions.leave(), refusal):
            self.registered.remove(trader)

    @rule(trader=traders, day=days, kind=kinds)
    def submit(self, trader: int, day: int, kind: int) -> None:
        closes = self.started[day] + COLLECTING if day in self.started else 2**63
        if self._is_near(closes):
            return
        refusal = None
        if self.chain.now() >= closes:
            refusal = "NotCollecting"
        elif trader not in self.registered:
            refusal = "NotRegistered"
        elif trader in self.submitted[day]:
            refusal = "AlreadySubmitted"
        submission = self.prepared.submissions[trader, day][kind]
        if self._do(trader, self.pool.call(submission, self.prepared.slots[trader, day], day), refusal):
            self.started.setdefault(day, self.chain.now())
            self.submitted[day][trader] = kind
            freezes = self.started[day] + COLLECTING + CHECKING
            self.bound[trader] = max(self.bound[trader], freezes)

    @rule(day=days, chosen=st.lists(st.sampled_from([0, 0, 0, 1, 2]), min_size=TRADERS - 1, max_size=TRADERS - 1))
    def most_submit(self, day: int, chosen: list[int]) -> None:
        for trader, kind in enumerate(chosen):
            self.submit(trader, day, kind)

    @rule(day=days)
    def most_liars_are_challenged(self, day: int) -> None:
        for trader, kind in self._live(day).items():
            if kind != 0 and trader != day % TRADERS:
                self.challenge(trader, day, kind, TRADERS - 1)

    @rule(trader=traders, day=days, kind=kinds, challenger=traders)
    def challenge(self, trader: int, day: int, kind: int, challenger: int) -> None:
        freezes = self._freezes(day)
        if self._is_near(freezes):
            return
        refusal = None
        if self.chain.now() >= freezes or day not in self.started:
            refusal = "NotChecking"
        elif self.submitted[day].get(trader) != kind:
            refusal = "NoSuchSubmission"
        elif kind == 0:
            refusal = "SubmissionHolds"
        submission = self.prepared.submissions[trader, day][kind]
        call = self.pool.challenge(submission, self.prepared.traders[trader], day)
        if self._do(challenger, call, refusal):
            self.submitted[day][trader] = None
            self.registered.discard(trader)

    @rule(day=days, pair=st.sampled_from([(0, 1), (0, 2), (1, 2)]), error=st.integers(0, 9), waits=st.booleans())
    def open(self, day: int, pair: tuple[int, int], error: int, *, waits: bool) -> None:
        if waits:
            self.wait_until_it_is_frozen(day)
        freezes = self._freezes(day)
        if self._is_near(freezes):
            return
        live = self._live(day)
        totals = [sum(self.prepared.values[trader, day][place] for trader in live) for place in range(3)]
        is_wrong = error < 3
        if is_wrong:
            totals[error] += 1
        outside = any(kind == 2 for kind in live.values())
        refusal = None
        if day not in self.started or self.chain.now() < freezes:
            refusal = "NotFrozen"
        elif len(live) < MIN_USERS:
            refusal = "TooFewUsers"
        elif day in self.opened:
            refusal = "AlreadyOpened"
        elif outside or is_wrong:
            refusal = "ProofFails"
        shares = bytes(1024) if outside or day not in self.started else self.pool.shares(*pair, day=day)
        if self._do(0, self.pool.functions.open(day, totals, list(pair), shares), refusal):
            self.opened.add(day)

    def wait_until_it_is_frozen(self, day: int) -> None:
        if day in self.started:
            self.chain.pass_to(max(self._freezes(day), self.chain.now()) + 2 * MARGIN)

    @rule(seconds=st.sampled_from([700, 2_300, 4_100]))
    def wait(self, seconds: int) -> None:
        self.chain.pass_to(self.chain.now() + seconds)

    @invariant()
    def the_contract_holds_what_the_model_says(self) -> None:
        functions = self.pool.functions
        assert self.chain.web3.eth.get_balance(self.pool.contract.address) == BOND * len(self.registered)
        for day in DAYS:
            live = self._live(day)
            users, evicted, started, opened_at, totals = functions.epochOf(day).call()
            assert (users, evicted) == (len(live), len(self.submitted[day]) - len(live))
            assert started == self.started.get(day, 0)
            assert (opened_at > 0) is (day in self.opened)
            expected = [sum(self.prepared.values[trader, day][place] for trader in live) for place in range(3)]
            assert totals == (expected if day in self.opened else [0, 0, 0])
            self._check_sums(day, live)

    def _check_sums(self, day: int, live: dict[int, int]) -> None:
        columns = (
            [[] for _ in range(6)]
            if not live
            else list(zip(*(self.prepared.points(trader, day, kind) for trader, kind in live.items()), strict=True))
        )
        for column, found in zip(columns, self.pool.sums(day), strict=True):
            if all(isinstance(point, Point) for point in column):
                assert found == write_wide(total(column) if column else IDENTITY)

    def _do(self, trader: int, call: Any, refusal: str | None, value: int = 0) -> bool:
        """Whether the contract did it, as it was to."""
        sender = self.prepared.traders[trader]
        assert self.chain.refused(sender, call, value) == refusal
        if refusal is None:
            self.chain.send(sender, call, value)
        return refusal is None

    def _live(self, day: int) -> dict[int, int]:
        return {trader: kind for trader, kind in self.submitted[day].items() if kind is not None}

    def _freezes(self, day: int) -> int:
        return self.started[day] + COLLECTING + CHECKING if day in self.started else 2**63

    def _is_near(self, moment: int) -> bool:
        return abs(self.chain.now() - moment) < MARGIN


def run(base: Base, examples: int, steps: int) -> None:
    prepared = Prepared(base)
    assert all(len(each) == LENGTH for many in prepared.submissions.values() for each in many)
    start = [base.chain.snapshot()]

    class Traders(_Traders):
        def __init__(self) -> None:
            super().__init__(prepared)

        def teardown(self) -> None:
            super().teardown()
            base.chain.revert(start[0])
            start[0] = base.chain.snapshot()

    run_state_machine_as_test(
        Traders, settings=settings(max_examples=examples, stateful_step_count=steps, deadline=None)
    )


def test_the_contract_does_what_the_model_does(base: Base) -> None:
    run(base, 10, 20)


@at_length
@pytest.mark.slow
def test_the_contract_does_what_the_model_does_for_long(base: Base) -> None:
    run(base, 150, 40)
