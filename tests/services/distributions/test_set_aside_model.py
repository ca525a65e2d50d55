"""Whatever the order of payments, votes, releases, withdrawals, ledgers and kills: nobody is paid twice, and what is
paid, held, open and retained of a distribution comes to what was available.

A killed step ends where its process opened a transaction, which rolls back: what it sent to the ledger before stays.
Two walks, forty with FNTX_TEST_PROFILE=search; FNTX_TEST_WALKS says how many.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from decimal import Decimal
from itertools import count
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule, run_state_machine_as_test

from fntx_dagster.errors import FntxError
from fntx_dagster.services.distributions.computing import compute
from fntx_dagster.services.distributions.proposing import propose_distribution
from fntx_dagster.services.distributions.setting_aside import propose_set_aside, release
from fntx_dagster.services.distributions.withdrawing import withdraw
from fntx_dagster.store.database import Database
from fntx_dagster.store.treasury.distributions import (
    DistributionRow,
    PaymentStanding,
    distributions,
    payments_of,
)
from fntx_dagster.store.treasury.proposals import proposals
from fntx_dagster.store.treasury.set_aside import held_of, open_releases
from tests.services.distributions.desks import BOND, BondDesk, bond_desk
from tests.services.distributions.test_held_up import backup_of
from tests.services.distributions.test_set_aside import closed, opened_again

_SEARCHES = os.environ.get("FNTX_TEST_PROFILE") == "search"
WALKS = int(os.environ.get("FNTX_TEST_WALKS", "40" if _SEARCHES else "2"))
HOLDERS = ("h1", "h2")
_LIFE = st.none() | st.integers(0, 14)
"""After how many transactions a step is killed."""
_ONE_OF = st.integers(0, 5)


class Killed(BaseException):
    """The process is gone."""


class Walk(RuleBasedStateMachine):
    """One bond, whose holder h2 has a trust line at times."""

    begins: Callable[[ExitStack], BondDesk]

    def __init__(self) -> None:
        super().__init__()
        self.stack = ExitStack()
        self.desk = type(self).begins(self.stack)
        self.numbers, self.has_line, self.left = count(1), True, list[int]()
        connect = Database.connect

        @contextmanager
        def mortal(database: Database) -> Iterator[Any]:
            with connect(database) as connection:
                yield connection
                if self.left:
                    self.left[0] -= 1
                    if self.left[0] < 0:
                        self.left.clear()
                        raise Killed

        patch = self.stack.enter_context(pytest.MonkeyPatch.context())
        patch.setattr(Database, "connect", mortal)
        self._distributed()

    @rule(life=_LIFE, which=_ONE_OF)
    def pays(self, life: int | None, which: int) -> None:
        if made := self._made():
            self._lives(life, lambda: self.desk.go_on(made[which % len(made)].distribution_id))

    @rule()
    def signs(self) -> None:
        with suppress(FntxError):
            self.desk.sign()

    @rule()
    def closes(self) -> None:
        self.desk.close()

    @rule()
    def opens_or_closes_a_line(self) -> None:
        if self.has_line and self.desk.balance("h2") == 0:
            closed(self.desk, "h2")
            self.has_line = False
        elif not self.has_line:
            opened_again(self.desk, "h2")
            self.has_line = True

    @rule(life=_LIFE, which=_ONE_OF)
    def asks_to_set_aside(self, life: int | None, which: int) -> None:
        found = [(row, each) for row in self._made() for each in self._payments(row) if not each.is_done]
        if found:
            row, each = found[which % len(found)]
            numbers = [each.payment.number]
            asked = (self.desk.settings, self.desk.db, row.distribution_id, numbers, "closed")
            self._lives(life, lambda: propose_set_aside(*asked))

    @rule(life=_LIFE, which=_ONE_OF)
    def asks_to_release(self, life: int | None, which: int) -> None:
        with self.desk.db.connect() as connection:
            held = held_of(connection, BOND)
        if held:
            row = held[which % len(held)]
            asked = (self.desk.settings, self.desk.db, row.distribution_id, [row.number], "it opened one")
            self._lives(life, lambda: release(*asked))

    @rule(life=_LIFE, which=_ONE_OF)
    def decides(self, life: int | None, which: int) -> None:
        with self.desk.db.connect() as connection:
            waiting = [row.proposal_id for row in proposals(connection, ["pending_approval"])]
        if waiting:
            self._lives(life, lambda: self.desk.decided(waiting[which % len(waiting)]))

    @rule(life=_LIFE, which=_ONE_OF)
    def withdraws(self, life: int | None, which: int) -> None:
        made = [row for row in self._made() if row.is_release and row.state != "confirmed"]
        if made:
            row = made[which % len(made)]
            self._lives(life, lambda: withdraw(self.desk.settings, self.desk.db, row.distribution_id, "wrong"))

    @rule(life=_LIFE)
    def distributes_more(self, life: int | None) -> None:
        if len([row for row in self._made() if not row.is_release]) < 3:
            self._lives(life, self._distributed)

    @invariant()
    def nobody_is_paid_twice(self) -> None:
        with self.desk.db.connect() as connection:
            held, released = held_of(connection, BOND), open_releases(connection, BOND)
        for holder in HOLDERS:
            kept = sum(
                (
                    row.amount
                    for row in held
                    if row.party == holder and (row.distribution_id, row.number) not in released
                ),
                Decimal(0),
            )
            assert self.desk.balance(holder) + kept <= self._owed(holder)

    @invariant()
    def every_cent_is_paid_held_open_or_retained(self) -> None:
        with self.desk.db.connect() as connection:
            held = {(row.distribution_id, row.number) for row in held_of(connection, BOND)}
        for row in self._made():
            payments = self._payments(row)
            sums = dict.fromkeys(("paid", "held", "open"), Decimal(0))
            for each in payments:
                key = (row.distribution_id, each.payment.number)
                is_held = key in held or (row.is_release and each.set_aside is not None)
                sums["held" if is_held else "paid" if each.is_done else "open"] += each.payment.amount
            assert sum(sums.values(), row.retained) == row.available
            assert sums["open"] == 0 or row.state != "confirmed"

    def teardown(self) -> None:
        try:
            self._ended()
        finally:
            self.stack.close()

    def _ended(self) -> None:
        """Everybody is paid in the end, what was set aside too."""
        self.left.clear()
        if not self.has_line:
            self.opens_or_closes_a_line()
        for _ in range(3):
            for row in self._made():
                self._approved(row.distribution_id)
            with self.desk.db.connect() as connection:
                held, released = held_of(connection, BOND), open_releases(connection, BOND)
            for row in held:
                if (row.distribution_id, row.number) not in released:
                    made = release(self.desk.settings, self.desk.db, row.distribution_id, [row.number], "the end")
                    self._approved(made.distribution_id)
        with self.desk.db.connect() as connection:
            assert held_of(connection, BOND) == []
        for holder in HOLDERS:
            assert self.desk.balance(holder) == self._owed(holder)

    def _approved(self, distribution_id: UUID) -> None:
        with self.desk.db.connect() as connection:
            waiting = proposals(connection, ["pending_approval"])
        for each in waiting:
            with suppress(FntxError):  # what could still get into a ledger is not set aside
                self.desk.decided(each.proposal_id)
        report = self.desk.go_on(distribution_id)
        if report.next == "propose":
            self.desk.decided(propose_distribution(self.desk.settings, self.desk.db, distribution_id))
        self.desk.paid_out(distribution_id)

    def _distributed(self) -> None:
        self.desk.cash("5000.00" if next(self.numbers) % 2 else "700.00", f"statement {next(self.numbers)}")
        row = compute(self.desk.settings, self.desk.db, BOND)
        self.desk.decided(propose_distribution(self.desk.settings, self.desk.db, row.distribution_id))

    def _lives(self, life: int | None, step: Callable[[], object]) -> None:
        """A step that is refused, done, or killed in the middle."""
        if life is not None:
            self.left.append(life)
        try:
            step()
        except (FntxError, Killed, AssertionError):
            pass
        finally:
            self.left.clear()

    def _made(self) -> list[DistributionRow]:
        with self.desk.db.connect() as connection:
            return distributions(connection, BOND, releases=True)

    def _payments(self, row: DistributionRow) -> list[PaymentStanding]:
        with self.desk.db.connect() as connection:
            return payments_of(connection, row.distribution_id)

    def _owed(self, holder: str) -> Decimal:
        """What a holder gets of all distributions."""
        return sum(
            (
                each.payment.amount
                for row in self._made()
                if not row.is_release
                for each in self._payments(row)
                if each.payment.party == holder
            ),
            Decimal(0),
        )


@pytest.mark.slow
def test_nobody_is_paid_twice_and_every_cent_is_somewhere(postgres: str, database: Database, tmp_path: Path) -> None:
    homes = count(1)

    def begins(stack: ExitStack) -> BondDesk:
        own = stack.enter_context(backup_of(postgres, database))
        home = tmp_path / f"home-{next(homes)}"
        return stack.enter_context(bond_desk("xrpl", own, home, HOLDERS))

    walk = type("OwnWalk", (Walk,), {"begins": staticmethod(begins)})
    run_state_machine_as_test(
        walk,
        settings=settings(
            max_examples=WALKS,
            stateful_step_count=40 if WALKS > 2 else 15,
            deadline=None,
            suppress_health_check=[HealthCheck.too_slow],
            print_blob=False,
        ),
    )
