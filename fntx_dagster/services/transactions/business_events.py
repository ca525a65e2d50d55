"""What the audit log says of a confirmed transaction beside its step: that tokens were issued or frozen, an escrow
created, an account configured. It is written in the transaction of the step."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from fntx_dagster.audit.event import NewAuditEvent
from fntx_dagster.services.governance.deciding import payload_of
from fntx_dagster.services.transactions.steps import place_of, subject_of
from fntx_dagster.store.treasury.proposals import ProposalRow
from fntx_dagster.store.treasury.transactions import LedgerTxRow

_BY_KIND = {
    "iou.issue": "iou_issued",
    "escrow.create": "escrow_created",
    "escrow.finish": "escrow_released",
    "escrow.cancel": "escrow_cancelled",
    "account.configure": "config_changed",
}


def business_events(
    proposal: ProposalRow, row: LedgerTxRow, by: str, escrow_id: UUID | None = None
) -> list[NewAuditEvent]:
    """The event of a confirmed transaction, where it is one of the business. `escrow_id`: the escrow that it moved."""
    intent: Mapping[str, Any] = payload_of(proposal)["intent"]
    name = _name(proposal.kind, intent)
    if name is None:
        return []
    details: dict[str, Any] = {"proposal": str(proposal.proposal_id), "payload_hash": proposal.payload_hash}
    details |= {"op": intent["op"], "account": intent["account"]} | _words(intent["params"])
    if escrow_id is not None:
        details["escrow"] = str(escrow_id)
    if name == "attestation_anchored":
        details |= {"size": intent["params"]["size"], "root": intent["params"]["root"]}
    return [NewAuditEvent(name, by, subject_of(row), details, place_of(row))]


def _name(kind: str, intent: Mapping[str, Any]) -> str | None:
    op, params = intent["op"], intent["params"]
    if op == "anchor":
        return "attestation_anchored"
    if kind == "freeze":
        freezes = (
            op == "trustline.freeze" or params.get("set") == "global_freeze" or "authorized" in _list(params, "clear")
        )
        return "iou_frozen" if freezes else None
    if kind == "trade.order":
        return "trade_cancelled" if op == "offer.cancel" else None
    return _BY_KIND.get(kind)


def _list(params: Mapping[str, Any], name: str) -> list[str]:
    value = params.get(name)
    return value if isinstance(value, list) else []


def _words(params: Mapping[str, Any]) -> dict[str, str]:
    """What of the parameters an auditor searches for, as text: the token, how much of it, whose."""
    said = {
        name: params[name]
        for name in ("destination", "holder", "trustor", "currency", "set", "clear")
        if name in params
    }
    for name in ("amount", "asset"):
        value = params.get(name)
        said |= value if isinstance(value, dict) else {} if value is None else {name: value}
    return {name: value for name, value in said.items() if isinstance(value, str)}
