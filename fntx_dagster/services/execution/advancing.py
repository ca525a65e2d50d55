"""Going on: whatever a strategy can do now without a person is done, each step once, in a transaction of its own.

The ledger decides what time it is. A slice is over when its offer has expired there and everything up to that ledger is
read: from then on nobody's copy of its bytes can trade, and what it left rolls to the next.
"""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from typing import NamedTuple

from fntx_dagster.audit.event import EventSubject, NewAuditEvent
from fntx_dagster.errors import FntxError
from fntx_dagster.execution.risk import ACTIVE, KILLED
from fntx_dagster.services.auditing.log import append_all
from fntx_dagster.services.execution.asking import DeskLedger, desk_ledger
from fntx_dagster.services.execution.batches import (
    cover_batches,
    orders_of,
    propose_batches,
    propose_cancels,
)
from fntx_dagster.services.execution.entering import BY, EnteredMoves, enter_moves
from fntx_dagster.services.execution.judging import judged_wish, wish_of_slice
from fntx_dagster.services.execution.tickets import lacking_tickets, propose_tickets
from fntx_dagster.services.execution.watching import DeskLook, look, required
from fntx_dagster.services.governance.signers import TERMINAL
from fntx_dagster.services.governance.steps import held, taken
from fntx_dagster.services.transactions.confirming import confirm
from fntx_dagster.services.transactions.exporting import export_files
from fntx_dagster.services.transactions.preparing import prepare
from fntx_dagster.services.transactions.submitting import submit
from fntx_dagster.settings import Settings
from fntx_dagster.store.database import Database
from fntx_dagster.store.treasury.platform import entered
from fntx_dagster.store.treasury.strategies import (
    SliceRow,
    StrategyRow,
    is_of_strategy,
    keep_slice,
    move_strategy,
    slices_asked,
    slices_of,
    strategies,
)


class Advanced(NamedTuple):
    """What was done: what the ledger moved, how the desk stands, the files for signers, how many orders were sent, and
    what holds others up."""

    entered: EnteredMoves
    stand: DeskLook
    files: list[Path]
    sent: int
    problems: list[str]


def advance(settings: Settings, db: Database, folder: Path | None = None, by: str = TERMINAL) -> Advanced:
    """Read what the ledger moved, value the desk, end what has expired, propose, prepare and send what is due. With a
    folder the files of what waits for signatures are written into it.

    Raises Permanent where nobody approved live trading, Transient where the server does not answer: call it again."""
    problems: list[str] = []
    with desk_ledger(settings) as at:
        moved = enter_moves(settings, db, at)
        stand = look(settings, db, at)
        _end_slices(settings, db, at)
        cover_batches(settings, db, at, stand.row.state)
        files = _prepared(settings, db, at, folder, by, problems)
        sent = _sent(settings, db, at, stand, by, problems)
        if stand.row.state == KILLED:
            propose_cancels(settings, db, at)
        elif stand.row.state == ACTIVE:
            problems += propose_batches(settings, db, at, stand)
    return Advanced(moved, stand, files, sent, problems)


def _end_slices(settings: Settings, db: Database, at: DeskLedger) -> None:
    """End the slices whose time is over on the ledger, and the strategies of which none is left. What was not signed of
    them is cancelled, so that its ticket is free; what was signed can trade no more."""
    with entered(db) as connection:
        row = required(connection, at.account)
        events: list[NewAuditEvent] = []
        if row.read_to < at.head.ledger_index:
            return  # not everything up to this ledger is read: another process began anew
        for strategy in strategies(connection, at.account, ["running", "halted", "killed"]):
            slices = slices_of(connection, strategy.strategy_id)
            for each in slices:
                if each.state != "over" and each.ends_at <= at.now:
                    keep_slice(connection, each._replace(state="over"))
                    for proposal_id in {each.proposal_id, each.batch_id} - {None}:
                        assert proposal_id
                        proposal = held(connection, proposal_id)
                        if proposal.state in ("pending_approval", "prepared", "signing"):
                            taken(connection, proposal, "cancel", BY, events, "the time of its slice is over")
            if strategy.state == "running" and all(each.state == "over" or each.ends_at <= at.now for each in slices):
                move_strategy(connection, strategy.strategy_id, "done", "")
                details = {"traded": f"{sum((each.filled for each in slices), Decimal(0)):f}", "state": "done"}
                events.append(
                    NewAuditEvent("agent_executed", BY, EventSubject("strategy", str(strategy.strategy_id)), details)
                )
        append_all(settings, connection, events)


def _prepared(
    settings: Settings, db: Database, at: DeskLedger, folder: Path | None, by: str, problems: list[str]
) -> list[Path]:
    """Prepare the orders that people approved, and write the files of what waits for signatures."""
    with db.connect() as connection:
        asked = {each.proposal_id for _, each in slices_asked(connection, at.account)}
        new = [
            each
            for each in orders_of(connection, at, ("approved",))
            if each.proposal.proposal_id in asked or not is_of_strategy(connection, each.proposal.proposal_id)
        ]  # the order of a slice whose time is over is not prepared any more
        waiting = orders_of(connection, at, ("prepared", "signing"))
    if len(new) > 1 and (lacking := lacking_tickets(db, at, len(new))):
        _tried(problems, lambda: problems.append(propose_tickets(settings, db, at, lacking)))
        new = []
    for each in new:
        _tried(problems, lambda each=each: prepare(settings, db, each.proposal.proposal_id, by))
    files: list[Path] = []
    if folder is None:
        return files
    for each in [*new, *waiting]:
        name = each.proposal.proposal_id
        _tried(problems, lambda name=name: files.extend(export_files(settings, db, name, folder, by)))
    return files


def _sent(settings: Settings, db: Database, at: DeskLedger, stand: DeskLook, by: str, problems: list[str]) -> int:
    """Send the orders that are signed: cancellations at once, slices while their time runs and the limits let them."""
    with db.connect() as connection:
        submitted = orders_of(connection, at, ("submitted",), by_hand=True)
        ready = orders_of(connection, at, ("ready",))
        asked = {each.proposal_id: (of, each) for of, each in slices_asked(connection, at.account)}
    for each in submitted:
        _tried(problems, lambda each=each: confirm(settings, db, each.proposal.proposal_id))
    sent = 0
    for each in ready:
        own = asked.get(each.proposal.proposal_id)
        if each.op == "offer.create" and (own is None or not _may_go(db, at, stand, *own)):
            continue
        done = _tried(problems, lambda each=each: submit(settings, db, each.proposal.proposal_id, by))
        sent += done
    return sent


def _may_go(db: Database, at: DeskLedger, stand: DeskLook, of: StrategyRow, row: SliceRow) -> bool:
    """Whether a slice is due, its strategy runs and the limits still let it go; if they do not, it says why."""
    if not row.at <= at.now < row.ends_at or of.state != "running" or stand.row.state != ACTIVE:
        return False
    with entered(db) as connection:
        wish = wish_of_slice(of, Fraction(row.asked or 0), Fraction(row.price or 0))
        decision = judged_wish(connection, at, stand, wish, but=row)
        if not decision.accepted:
            words = f"the risk controller holds it back: {', '.join(decision.reasons)}"
            keep_slice(connection, row._replace(words=words))
    return decision.accepted


def _tried(problems: list[str], step: Callable[[], object]) -> bool:
    """Take a step; one that cannot be taken now keeps no other from being taken."""
    try:
        step()
    except FntxError as error:
        problems.append(error.message)
        return False
    return True
