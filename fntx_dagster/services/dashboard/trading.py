"""The desk on the XRP Ledger as its pages show it: how it stands, what may still trade, what it traded. Everything is
read from the database: no server is asked."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any, NamedTuple
from uuid import UUID

from fntx_dagster.governance.kinds import TRADE
from fntx_dagster.services.execution.halting import halt
from fntx_dagster.services.execution.judging import UNDECIDED, UNDER_WAY
from fntx_dagster.services.execution.reading import NoSuchStrategy, desk_document, strategy_document
from fntx_dagster.services.governance.payloads import orders_asked
from fntx_dagster.services.governance.proposing import propose
from fntx_dagster.settings import Settings
from fntx_dagster.store.database import Connection, Database
from fntx_dagster.store.treasury.desks import DeskMoveRow, newest_moves
from fntx_dagster.store.treasury.proposals import covered, proposal, proposals
from fntx_dagster.store.treasury.strategies import is_of_strategy, slices_asked
from fntx_dagster.store.treasury.transactions import transaction_of

__all__ = ["DeskMoveRow", "NoSuchStrategy"]

PROPOSED = {"kill": "trade.kill", "resume": "breaker.reset"}
"""Action → the kind of proposal that it makes."""
HALT = "halt"
ACTIONS = (HALT, *PROPOSED)
_FILLS = 50


class OpenOrder(NamedTuple):
    """An order that may still trade. `what`: what it gives and wants, or what is left of a slice; `turn`: the sequence
    or the ticket of its offer; `state` of its proposal."""

    strategy_id: UUID | None
    slice_n: int | None
    proposal_id: UUID | None
    what: str
    state: str
    turn: int | None
    tx_hash: str
    ends_at: datetime | None


class TradingShown(NamedTuple):
    """The desk, the orders that may still trade, and the newest fills."""

    document: Mapping[str, Any]
    orders: list[OpenOrder]
    fills: list[DeskMoveRow]


class StrategyShown(NamedTuple):
    """A strategy with its slices; number of a slice → the hash of its transaction."""

    document: Mapping[str, Any]
    hashes: Mapping[int, str]


def trading_shown(db: Database) -> TradingShown:
    """How the desk stands."""
    document = desk_document(db)
    with db.snapshot() as snapshot, snapshot.connect() as connection:
        account = document["account"]
        return TradingShown(
            document,
            [*_of_slices(connection, account), *_of_people(connection, account)],
            newest_moves(connection, account, ["fill"], _FILLS),
        )


def strategy_shown(db: Database, strategy_id: UUID) -> StrategyShown:
    """A strategy. Raises NoSuchStrategy."""
    document = strategy_document(db, strategy_id)
    with db.connect() as connection:
        hashes = {each["n"]: _sent(connection, each["proposal_id"])[1] for each in document["slices"]}
    return StrategyShown(document, hashes)


def act_on_desk(settings: Settings, db: Database, action: str, reason: str, by: str) -> UUID | None:
    """Halt the desk at once, or propose to kill it or to let it trade again: the id of the proposal."""
    if action == HALT:
        halt(settings, db, None, reason, by)
        return None
    return propose(settings, db, PROPOSED[action], {"reason": reason, "desk": "xrpl"}, by=by)


def halt_strategy(settings: Settings, db: Database, strategy_id: UUID, reason: str, by: str) -> None:
    """Halt a strategy for good."""
    halt(settings, db, strategy_id, reason, by)


def _of_slices(connection: Connection, account: str) -> list[OpenOrder]:
    found = []
    for of, each in slices_asked(connection, account):
        left = max((each.asked or Decimal(0)) - each.filled, Decimal(0))
        row = proposal(connection, each.proposal_id or each.batch_id) if each.batch_id else None
        turn, tx_hash = _sent(connection, each.proposal_id)
        what = f"{of.side} {left:f} {of.base_code} at {each.price or 0:f} {of.quote_code}"
        name, state = (None, "asked") if row is None else (row.proposal_id, row.state)
        found.append(OpenOrder(of.strategy_id, each.n, name, what, state, turn, tx_hash, each.ends_at))
    return found


def _of_people(connection: Connection, account: str) -> list[OpenOrder]:
    found = []
    for row in proposals(connection, (*UNDECIDED, *UNDER_WAY)):
        if row.kind != TRADE or is_of_strategy(connection, row.proposal_id) or covered(connection, row.proposal_id):
            continue
        for payload in orders_asked(row.kind, json.loads(row.payload)):
            intent = payload["intent"]
            if intent["account"] == account:
                turn, tx_hash = _sent(connection, row.proposal_id)
                what = _said(intent["op"], intent["params"])
                found.append(OpenOrder(None, None, row.proposal_id, what, row.state, turn, tx_hash, None))
    return found


def _sent(connection: Connection, proposal_id: UUID | None) -> tuple[int | None, str]:
    """The turn and the hash of the transaction of a proposal."""
    tx = None if proposal_id is None else transaction_of(connection, proposal_id)
    return (None, "") if tx is None else (tx.ticket or tx.sequence, tx.hash or "")


def _said(op: str, params: Mapping[str, Any]) -> str:
    if op == "offer.cancel":
        return f"take offer {params.get('offer_sequence')} back"
    return f"gives {_amount(params['taker_gets'])}, wants {_amount(params['taker_pays'])}"


def _amount(amount: Any) -> str:
    return f"{amount} drops" if isinstance(amount, str) else f"{amount['value']} {amount['currency']}"
