"""What stops the desk on the XRP Ledger, and what lets it trade again: people's proposals, and its own loss.

A desk that is killed places no order of any kind; one that is halted places none of a strategy. Nothing here makes it
active but an approved `breaker.reset`.
"""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any
from uuid import UUID

from fntx_dagster.audit.event import EventSubject, NewAuditEvent
from fntx_dagster.errors import Permanent
from fntx_dagster.execution.risk import ACTIVE, HALTED, KILLED
from fntx_dagster.governance.config import TreasuryConfig
from fntx_dagster.governance.kinds import TRADE
from fntx_dagster.governance.machines import StepImpossible
from fntx_dagster.services.governance.payloads import LiveTerms, is_batch
from fntx_dagster.store.database import Connection
from fntx_dagster.store.treasury.desks import DeskEventRow, DeskRow, add_desk_event, desk, desks, keep_desk
from fntx_dagster.store.treasury.proposals import ProposalRow
from fntx_dagster.store.treasury.strategies import is_of_strategy, move_strategy, strategies

DESK = "trading"
"""The role of the account that trades."""
BY_DESK = "the desk is halted"


class TradingStopped(Permanent):
    """The desk places no such order now."""


def approve_desk(
    connection: Connection, row: ProposalRow, terms: LiveTerms, config: TreasuryConfig, by: str
) -> list[NewAuditEvent]:
    """Let the desk trade live within limits that were approved. One that stands keeps its state: limits are no reset.
    Nothing where the proposal names none."""
    if terms.quote is None or terms.limits is None:
        return []
    account = config.xrpl_accounts[DESK]
    known = desk(connection, account, for_step=True)
    new = known or DeskRow(account, str(config.network_id), *terms.quote, terms.limits, row.proposal_id)
    new = new._replace(
        quote_code=terms.quote[0], quote_issuer=terms.quote[1], limits=terms.limits, live_proposal=row.proposal_id
    )
    if known is not None and (known.quote_code, known.quote_issuer) != terms.quote:
        new = new._replace(equity_start=None, equity=None, prices={})  # another currency: the next look counts in it
    keep_desk(connection, new)
    return [noted(connection, new, "limits", terms.reason, by, proposal_id=row.proposal_id)]


def require_desk(connection: Connection, *, resumes: bool) -> None:
    """Raise StepImpossible where a proposal about the desk alone would do nothing: nobody approved that one trades, it
    is killed already, or, for one that resumes, it is not stopped."""
    known = [row for each in desks(connection) if (row := desk(connection, each.account)) is not None]
    if not known:
        raise StepImpossible("there is no desk: nobody approved that it trades", "`fntx treasury propose trade.live`")
    if resumes and all(each.state == ACTIVE for each in known):
        raise StepImpossible("the desk is active: there is nothing to resume", "`fntx strategy status` shows it")
    if not resumes and all(each.state == KILLED for each in known):
        raise StepImpossible(f"the desk is killed already: {known[0].reason}", "`fntx strategy resume` ends that")


def kill_desks(connection: Connection, row: ProposalRow, reason: str, by: str) -> list[NewAuditEvent]:
    """Kill every desk that stands: what it offers is to be cancelled, and nothing new goes out."""
    events: list[NewAuditEvent] = []
    for each in _held(connection):
        if each.state != KILLED:
            events += stopped(connection, each, KILLED, reason, by, proposal_id=row.proposal_id)
    return events


def resume_desks(connection: Connection, row: ProposalRow, reason: str, by: str) -> list[NewAuditEvent]:
    """Let every desk that is halted or killed trade again. Its equity is that of the next look at the ledger, which
    comes before any order: else the loss that stopped it would stop it again."""
    events: list[NewAuditEvent] = []
    for each in _held(connection):
        if each.state == ACTIVE:
            continue
        new = each._replace(state=ACTIVE, reason="", equity_start=None)
        keep_desk(connection, new)
        for strategy in strategies(connection, each.account, [HALTED]):
            if strategy.reason == BY_DESK:
                move_strategy(connection, strategy.strategy_id, "running", "")
        events.append(noted(connection, new, "resumed", reason, by, proposal_id=row.proposal_id))
    return events


def stopped(
    connection: Connection,
    row: DeskRow,
    state: str,
    reason: str,
    by: str,
    *,
    loss: Decimal | None = None,
    ledger_index: int | None = None,
    proposal_id: UUID | None = None,
) -> list[NewAuditEvent]:
    """Halt or kill a desk that is held, and its strategies with it; what the audit log says of it."""
    new = row._replace(state=state, reason=reason)
    keep_desk(connection, new)
    open_ones = ["running"] if state == HALTED else ["running", HALTED]
    for each in strategies(connection, row.account, open_ones):
        words = BY_DESK if state == HALTED else "the desk is killed"
        move_strategy(connection, each.strategy_id, state, words)
    event = "halted" if state == HALTED else "killed"
    return [noted(connection, new, event, reason, by, loss=loss, ledger_index=ledger_index, proposal_id=proposal_id)]


def noted(
    connection: Connection,
    row: DeskRow,
    event: str,
    reason: str,
    by: str,
    *,
    loss: Decimal | None = None,
    ledger_index: int | None = None,
    proposal_id: UUID | None = None,
) -> NewAuditEvent:
    """Keep what a desk went through; the event of the audit log that says it."""
    equity = (row.equity_start, row.equity, loss, ledger_index)
    add_desk_event(connection, DeskEventRow(row.account, event, row.state, reason, *equity, by, proposal_id))
    details: dict[str, Any] = {"event": event, "state": row.state, "reason": reason}
    details |= {"loss_pct": f"{loss:f}"} if loss is not None else {}
    details |= {"proposal": str(proposal_id)} if proposal_id else {}
    return NewAuditEvent(_TYPES[event], by, EventSubject("desk", row.account), details)


_TYPES = {
    "limits": "config_changed",
    "halted": "breaker_tripped",
    "killed": "breaker_tripped",
    "resumed": "breaker_reset",
}


def require_trading(connection: Connection, row: ProposalRow) -> None:
    """Raise TradingStopped for an order of a desk that is killed, and for one of a strategy while it is halted. The
    desk is shared until the transaction ends: a kill waits for a submission that has begun, and none begins after
    it."""
    if row.kind != TRADE:
        return
    payload = json.loads(row.payload)
    if is_batch(TRADE, payload) or payload["intent"]["op"] != "offer.create":
        return
    known = desk(connection, payload["intent"]["account"], shared=True)
    if known is None or known.state == ACTIVE:
        return
    if known.state == KILLED or is_of_strategy(connection, row.proposal_id):
        raise TradingStopped(
            f"the desk is {known.state}: {known.reason}", "`fntx strategy resume` proposes that it trades again"
        )


def _held(connection: Connection) -> list[DeskRow]:
    found = [desk(connection, each.account, for_step=True) for each in desks(connection)]
    return [each for each in found if each is not None]
