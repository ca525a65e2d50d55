"""Batches of orders: proposed as one `trade.order`, and, once two approved, a proposal and a transaction of each order.

Each order is prepared on a ticket of its own, so that none waits for another one.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from fractions import Fraction
from typing import Any, NamedTuple

from fntx_dagster.audit.event import NewAuditEvent
from fntx_dagster.execution.offers import fitted, slice_offer, worst_price
from fntx_dagster.execution.risk import KILLED
from fntx_dagster.execution.rolling import SliceProgress, next_batch
from fntx_dagster.governance.kinds import TRADE
from fntx_dagster.ledger.exact import decimal
from fntx_dagster.services.auditing.log import append_all
from fntx_dagster.services.execution.asking import DeskLedger
from fntx_dagster.services.execution.entering import BY
from fntx_dagster.services.execution.judging import UNDECIDED, UNDER_WAY, judged_wish, pair_of, wish_of_slice
from fntx_dagster.services.execution.watching import DeskLook, required
from fntx_dagster.services.governance.covering import cover
from fntx_dagster.services.governance.payloads import is_batch, orders_asked
from fntx_dagster.services.governance.proposing import proposed
from fntx_dagster.settings import Settings
from fntx_dagster.store.database import Connection, Database
from fntx_dagster.store.treasury.platform import entered
from fntx_dagster.store.treasury.proposals import ProposalRow, covered, proposals, proposals_named
from fntx_dagster.store.treasury.strategies import (
    SliceRow,
    StrategyRow,
    keep_slice,
    slices_asked,
    slices_of,
    slices_of_batch,
    strategies,
)

_ENDED = ("rejected", "expired", "cancelled", "failed")


class DeskOrderTx(NamedTuple):
    """A proposal of one order of the desk, its operation, and what that names."""

    proposal: ProposalRow
    op: str
    params: Mapping[str, Any]


def intent_payload(at: DeskLedger, op: str, params: Mapping[str, Any]) -> dict[str, Any]:
    """The payload of an order of the desk."""
    intent = {"op": op, "account": at.account, "params": dict(params)}
    return {"ledger": "xrpl", "network_id": at.config.network_id, "intent": intent}


def propose_batches(settings: Settings, db: Database, at: DeskLedger, stand: DeskLook) -> list[str]:
    """Propose the next slices of every strategy that runs, where they pass the limits; why those of others do not."""
    problems: list[str] = []
    with entered(db) as connection:
        required(connection, at.account)  # one process at a time asks for slices
        events: list[NewAuditEvent] = []
        for strategy in strategies(connection, at.account, ["running"]):
            if problem := _propose_next(settings, connection, at, stand, strategy, events):
                problems.append(f"{strategy.strategy_id}: {problem}")
        append_all(settings, connection, events)
    return problems


def _propose_next(
    settings: Settings,
    connection: Connection,
    at: DeskLedger,
    stand: DeskLook,
    strategy: StrategyRow,
    events: list[NewAuditEvent],
) -> str:
    rows = {each.n: each for each in slices_of(connection, strategy.strategy_id)}
    asked = next_batch([progress(each) for each in rows.values()], strategy.batch, at.now)
    if not asked:
        return ""
    pair, mid = pair_of(strategy), at.book(pair_of(strategy)).mid
    if strategy.limit_price is not None:
        price = Fraction(strategy.limit_price)
    elif mid is not None:
        price = worst_price(strategy.side, mid, stand.limits.max_slippage_pct)
    else:
        return "nobody offers anything in this market"
    quantities: list[tuple[SliceRow, Fraction]] = []
    for each in asked:
        quantity, row = fitted(pair.base, each.quantity), rows[each.n]
        ahead = [wish_of_slice(strategy, before, price) for _, before in quantities]
        decision = judged_wish(connection, at, stand, wish_of_slice(strategy, quantity, price), ahead)
        if not decision.accepted:
            words = f"the risk controller refuses it: {', '.join(decision.reasons)}"
            keep_slice(connection, row._replace(words=words))
            if not quantities:
                return words
            break  # those before it go on alone
        quantities.append((row, quantity))
    offers = [
        slice_offer(pair, strategy.kind, strategy.side, quantity, price, row.ends_at) for row, quantity in quantities
    ]
    whole = _propose(settings, connection, at, "offer.create", offers, events)
    for row, quantity in quantities:
        terms = {"asked": decimal(quantity), "price": decimal(price), "batch_id": whole.proposal_id, "words": ""}
        keep_slice(connection, row._replace(state="asked", **terms))
    return ""


def propose_cancels(settings: Settings, db: Database, at: DeskLedger) -> int:
    """Propose to cancel every offer of the desk that rests, once each; how many are new."""
    with entered(db) as connection:
        required(connection, at.account)
        asked = {
            payload["intent"]["params"].get("offer_sequence")
            for row in proposals(connection, (*UNDECIDED, *UNDER_WAY))
            if row.kind == TRADE and not covered(connection, row.proposal_id)  # what a batch covers speaks for itself
            for payload in orders_asked(row.kind, json.loads(row.payload))
            if payload["intent"]["account"] == at.account
        }
        offers = [each for each in at.offers() if each.sequence not in asked]
        events: list[NewAuditEvent] = []
        if offers:
            params = [{"offer_sequence": each.sequence} for each in offers]
            _propose(settings, connection, at, "offer.cancel", params, events)
        append_all(settings, connection, events)
    return len(offers)


def cover_batches(settings: Settings, db: Database, at: DeskLedger, state: str) -> None:
    """Make a proposal of each order of the batches that people approved; of a desk that is killed of its cancellations
    alone. The slices of a batch that ended without an approval are planned again: nobody signed them."""
    with entered(db) as connection:
        required(connection, at.account)
        events: list[NewAuditEvent] = []
        for whole in proposals(connection, ("approved",)):
            payloads = orders_asked(whole.kind, json.loads(whole.payload))
            if not is_batch(whole.kind, json.loads(whole.payload)) or covered(connection, whole.proposal_id):
                continue
            intents = [each["intent"] for each in payloads]
            is_ours = all(each["account"] == at.account for each in intents)
            if not is_ours or (state == KILLED and any(each["op"] != "offer.cancel" for each in intents)):
                continue
            own = slices_of_batch(connection, whole.proposal_id)
            pairs = [*zip(own, payloads, strict=True)] if own else [(None, each) for each in payloads]
            # a slice whose time is over since people approved it has no order any more
            live = [(row, each) for row, each in pairs if row is None or row.state == "asked"]
            rows = cover(connection, whole, [each for _, each in live], BY, events, TRADE)
            for (slice_row, _), row in zip(live, rows, strict=True):
                if slice_row is not None:
                    keep_slice(connection, slice_row._replace(proposal_id=row.proposal_id))
        asked = [each for _, each in slices_asked(connection, at.account) if each.proposal_id is None]
        batches = proposals_named(connection, [each.batch_id for each in asked if each.batch_id is not None])
        for each in asked:
            if each.batch_id is not None and batches[each.batch_id].state in _ENDED:
                keep_slice(connection, each._replace(state="planned", asked=None, price=None, batch_id=None))
        append_all(settings, connection, events)


def orders_of(
    connection: Connection, at: DeskLedger, states: Sequence[str], *, by_hand: bool = False
) -> list[DeskOrderTx]:
    """The orders of the desk whose batch is approved, in some states, in the order in which they were made; `by_hand`:
    with those that people proposed one by one."""
    found = []
    for row in reversed(proposals(connection, states)):
        payloads = orders_asked(row.kind, json.loads(row.payload))
        if len(payloads) == 1 and (by_hand or row.covered_by is not None):
            [payload] = payloads
            if payload["intent"]["account"] == at.account:
                found.append(DeskOrderTx(row, payload["intent"]["op"], payload["intent"]["params"]))
    return found


def progress(row: SliceRow) -> SliceProgress:
    """A slice as the rules of rolling ask for it."""
    amounts = (Fraction(row.planned), Fraction(row.asked or 0), Fraction(row.filled))
    return SliceProgress(row.n, row.at, row.ends_at, *amounts, row.state == "over")


def _propose(
    settings: Settings,
    connection: Connection,
    at: DeskLedger,
    op: str,
    params: Sequence[Mapping[str, Any]],
    events: list[NewAuditEvent],
) -> ProposalRow:
    intents = [intent_payload(at, op, each)["intent"] for each in params]
    payload = {"ledger": "xrpl", "network_id": at.config.network_id, "intents": intents}
    return proposed(settings, connection, TRADE, payload, events, by=BY)
