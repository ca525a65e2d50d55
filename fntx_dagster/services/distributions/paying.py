"""A distribution paid: each payment is a transaction of its own under the one approval, prepared, signed elsewhere,
sent and confirmed. It may be stopped at any moment and asked for again: it goes on where it was.

On the XRP Ledger each payment has a ticket, so that none waits for another; an account holds 250 of them, so more
payments are made in waves. On Stellar they have sequences in a row, and are sent one after the other.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple
from uuid import UUID

from fntx_dagster.errors import FntxError, Transient
from fntx_dagster.services.distributions.attempting import attempt_all
from fntx_dagster.services.distributions.computing import known_distribution
from fntx_dagster.services.distributions.ending import ENDED
from fntx_dagster.services.distributions.settling import CLOCK, settled
from fntx_dagster.services.governance.steps import TreasuryPaused
from fntx_dagster.services.transactions.confirming import confirm
from fntx_dagster.services.transactions.exporting import export_files
from fntx_dagster.services.transactions.preparing import prepare
from fntx_dagster.services.transactions.submitting import submit
from fntx_dagster.store.treasury.distributions import (
    DistributionRow,
    PaymentStanding,
    distribution_proposals,
    payments_of,
)
from fntx_dagster.store.treasury.proposals import ProposalRow, covered

if TYPE_CHECKING:
    from fntx_dagster.settings import Settings
    from fntx_dagster.store.database import Database

Progress = Callable[[int, int], None]
_TO_SIGN, _ON_ITS_WAY = ("prepared", "signing"), ("ready", "submitted")
_PAUSE_BETWEEN = 0.3


class DistributionProgress(NamedTuple):
    """A distribution after it went on. `tickets`: the proposals of tickets that are under way; `problems`: the number
    of a payment (0: of the tickets) → why it does not go on; `files`: what was written for signers; `next`: propose,
    decide, sign, wait, look (at the problems) or nothing."""

    row: DistributionRow
    payments: Sequence[PaymentStanding]
    tickets: Sequence[ProposalRow]
    problems: dict[int, str]
    files: Sequence[Path]
    next: str


def pay(
    settings: Settings,
    db: Database,
    distribution_id: UUID,
    folder: Path,
    wait: float = 0,
    by: str = CLOCK,
    on_progress: Progress = lambda done, whole: None,
) -> DistributionProgress:
    """Go on with a distribution that is approved as far as people and ledgers let it: prepare what is not prepared,
    write into `folder` what waits for signatures, send what is signed, and wait so many seconds for the ledger. One
    payment that does not go on stops no other. Raises TreasuryPaused, and Transient where the server does not answer
    before anything was begun."""
    ends, before = time.monotonic() + wait, None
    while True:
        found = settled(settings, db, distribution_id)
        problems, files = {**found.strange}, list[Path]()
        if found.row.state == "paying":
            attempt_all(settings, db, distribution_id, {*found.strange}, problems, by)
            files = _exported(settings, db, distribution_id, folder, found.strange, problems, by)
        asked = _sent(settings, db, distribution_id, found.strange, problems)
        if asked and settled(settings, db, distribution_id).row.state == "confirmed":
            _sent(
                settings, db, distribution_id, found.strange, problems
            )  # transactions that came into the ledger meanwhile
        report = _report(db, distribution_id, problems, files)
        on_progress(sum(each.is_done for each in report.payments), len(report.payments))
        now = _states(report)
        if report.next == "look" and now != before:
            before = now  # tickets have come: what has to be prepared on them is prepared at once
            continue
        if report.next != "wait" or time.monotonic() >= ends:
            return report
        before = now
        time.sleep(_PAUSE_BETWEEN)


def _states(report: DistributionProgress) -> list[str | None]:
    return [*(each.state for each in report.tickets), *(each.tx_hash or each.state for each in report.payments)]


def look(db: Database, distribution_id: UUID) -> DistributionProgress:
    """A distribution as the database knows it; no ledger is asked."""
    return _report(db, distribution_id, {}, [])


def _exported(
    settings: Settings,
    db: Database,
    distribution_id: UUID,
    folder: Path,
    strange: Collection[int],
    problems: dict[int, str],
    by: str,
) -> list[Path]:
    """Prepare every attempt that is approved, and write the files of all that waits for signatures; but for the
    payments that the ledger holds otherwise."""
    files: list[Path] = []
    for each in _under_way(db, distribution_id):
        if each.is_done or each.number in strange or each.state not in ("approved", *_TO_SIGN):
            continue
        try:
            if each.state == "approved":
                prepare(settings, db, each.proposal_id, by)
            files += export_files(settings, db, each.proposal_id, folder, by)
        except (TreasuryPaused, Transient):
            raise
        except FntxError as error:
            problems[each.number] = error.message
    return files


def _sent(
    settings: Settings, db: Database, distribution_id: UUID, strange: Collection[int], problems: dict[int, str]
) -> bool:
    """Send what is signed, and ask for what was sent; whether there was any. Of a payment that the ledger holds already
    nothing is sent, and what became of its transaction is asked. On Stellar the first that is not in a ledger holds up
    those after it: their sequences are in a row."""
    with db.connect() as connection:
        row = known_distribution(connection, distribution_id)
    asked = False
    for each in _under_way(db, distribution_id):
        state = each.state
        try:
            if state == "ready" and not each.is_done and each.number not in strange:
                submit(settings, db, each.proposal_id)
            if state in _ON_ITS_WAY:
                asked = True
                [now] = confirm(settings, db, each.proposal_id)
                state = now.state
        except TreasuryPaused:
            raise
        except FntxError as error:
            problems[each.number] = error.message
        if row.ledger == "stellar" and state in (*_TO_SIGN, *_ON_ITS_WAY):
            break
    return asked


class _UnderWay(NamedTuple):
    """A proposal that is under way: of a payment, or of tickets (number 0). `is_done`: the ledger holds its payment, or
    it was set aside."""

    number: int
    proposal_id: UUID
    state: str
    is_done: bool


def _under_way(db: Database, distribution_id: UUID) -> list[_UnderWay]:
    """The proposals that are under way, tickets first."""
    with db.connect() as connection:
        payments = payments_of(connection, distribution_id)
        tickets = tickets_of(db, distribution_id)
    own = [_UnderWay(0, each.proposal_id, each.state, is_done=False) for each in tickets]
    return own + [
        _UnderWay(each.payment.number, each.proposal_id, each.state or "", each.is_done)
        for each in payments
        if each.proposal_id is not None and each.state not in (*ENDED, "confirmed")
    ]


def tickets_of(db: Database, distribution_id: UUID) -> list[ProposalRow]:
    """The proposals of tickets that a distribution's approvals cover, and that are under way."""
    with db.connect() as connection:
        wholes = distribution_proposals(connection, distribution_id)
        rows = [row for whole in wholes for row in covered(connection, whole)]
    return [row for row in rows if row.kind == "account.configure" and row.state not in (*ENDED, "confirmed")]


def _report(
    db: Database, distribution_id: UUID, problems: dict[int, str], files: Sequence[Path]
) -> DistributionProgress:
    with db.connect() as connection:
        row = known_distribution(connection, distribution_id)
        payments = payments_of(connection, distribution_id)
    tickets = tickets_of(db, distribution_id)
    return DistributionProgress(row, payments, tickets, problems, files, _next(row, payments, tickets))


def _next(row: DistributionRow, payments: Sequence[PaymentStanding], tickets: Sequence[ProposalRow]) -> str:
    if row.is_withdrawn:
        return "nothing"
    if row.state in ("computed", "failed"):
        return "propose"
    if row.state == "proposed":
        return "decide"
    if row.state == "confirmed":
        return "nothing"
    states = {each.state for each in tickets} | {each.state for each in payments if not each.is_done}
    if states & {*_ON_ITS_WAY}:
        return "wait"
    return "sign" if states & {*_TO_SIGN} else "look"
