"""Tickets of the desk: each order of a batch needs one of its own, so that none waits for another one."""

from __future__ import annotations

import json

from fntx_dagster.adapters.xrpl.accounts import free_tickets
from fntx_dagster.audit.event import NewAuditEvent
from fntx_dagster.services.auditing.log import append_all
from fntx_dagster.services.execution.asking import DeskLedger
from fntx_dagster.services.execution.batches import intent_payload
from fntx_dagster.services.execution.entering import BY
from fntx_dagster.services.execution.judging import UNDECIDED, UNDER_WAY
from fntx_dagster.services.execution.watching import required
from fntx_dagster.services.governance.proposing import proposed
from fntx_dagster.settings import Settings
from fntx_dagster.store.database import Database
from fntx_dagster.store.treasury.platform import entered
from fntx_dagster.store.treasury.proposals import ProposalRow, proposals
from fntx_dagster.store.treasury.transactions import OPEN_STATES, transactions

CREATE = "tickets.create"
_KIND = "account.configure"
_MOST = 250
"""That one transaction makes."""


def lacking_tickets(db: Database, at: DeskLedger, many: int) -> int:
    """How many tickets the desk lacks for so many orders; those that a transaction of ours has are not free."""
    free = free_tickets(at.rpc, at.account, at.head.ledger_index)
    with db.connect() as connection:
        taken = {row.ticket for row in transactions(connection, OPEN_STATES) if row.account == at.account}
    return max(many - len([each for each in free if each not in taken]), 0)


def propose_tickets(settings: Settings, db: Database, at: DeskLedger, lacking: int) -> str:
    """Propose so many tickets, unless a proposal of tickets is under way; what people have to do, in words."""
    with entered(db) as connection:
        required(connection, at.account)  # one process at a time proposes them
        known = [
            row
            for row in proposals(connection, (*UNDECIDED, *UNDER_WAY))
            if row.kind == _KIND and _makes_tickets(row, at.account)
        ]
        if known:
            row, words = known[0], "that makes tickets is under way"
        else:
            events: list[NewAuditEvent] = []
            # one more: the transaction that makes them takes a free one itself, where there is any
            payload = intent_payload(at, CREATE, {"count": min(lacking + 1, _MOST)})
            row, words = proposed(settings, connection, _KIND, payload, events, by=BY), "that makes them waits"
            append_all(settings, connection, events)
    return (
        f"the account lacks {lacking} tickets for its orders, each of which needs one of its own; the proposal {words}:"
        f" `fntx treasury show {row.proposal_id}`"
    )


def _makes_tickets(row: ProposalRow, account: str) -> bool:
    intent = json.loads(row.payload).get("intent", {})
    return intent.get("op") == CREATE and intent.get("account") == account
