"""The payloads of proposals about escrows: what people decide on, and the intents of the transactions that follow."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from fntx_dagster.adapters.xrpl.codec import decoded
from fntx_dagster.adapters.xrpl.conditions import condition_of
from fntx_dagster.errors import Permanent
from fntx_dagster.escrows.events import APPROVE, ARBITRATE, CANCEL, CREATE, DISPUTE, FINISH, RELEASE, RESOLVE
from fntx_dagster.escrows.templates import CountedTimes, template_of
from fntx_dagster.governance.approvals import PENDING
from fntx_dagster.governance.fields import StrictFields
from fntx_dagster.services.escrows.steps import NoSuchEscrow, require_step
from fntx_dagster.services.treasury.secrets import require_plain
from fntx_dagster.store.database import Connection
from fntx_dagster.store.treasury.escrows import EscrowRow, escrow, escrow_named, proposals_of

VOTES = {
    APPROVE: "submit",
    RELEASE: "prepare_finish",
    DISPUTE: "dispute",
    RESOLVE: "resolve",
    ARBITRATE: "arbitrate_cancel",
}
"""Kinds on which people vote → the step that it is about: the escrow has to be in a state that has it."""
_OPEN = ("draft", "screening", "blocked", PENDING)


def amount_of(row: EscrowRow) -> str | dict[str, str]:
    """The amount as an intent has it."""
    if row.currency is None or row.issuer is None:
        return f"{row.amount:f}"
    return {"currency": row.currency, "issuer": row.issuer, "value": f"{row.amount:f}"}


def approval_payload(row: EscrowRow) -> dict[str, Any]:
    """What people approve: the terms, with times counted from the creation, and the condition."""
    template = template_of(row.template)
    terms: dict[str, Any] = {
        "id": str(row.escrow_id),
        "template": row.template,
        "owner": row.owner,
        "destination": row.destination,
        "amount": amount_of(row),
        "condition": row.condition,
        "cancel_after_seconds": int(template.cancel_after.total_seconds()),
    }
    if template.finish_after is not None:
        terms["finish_after_seconds"] = int(template.finish_after.total_seconds())
    if template.release_within is not None:
        terms["release_within_seconds"] = int(template.release_within.total_seconds())
    if row.destination_tag is not None:
        terms["destination_tag"] = row.destination_tag
    if row.bond_id is not None:
        terms["bond"] = row.bond_id
    return {"ledger": "xrpl", "network_id": row.network_id, "escrow": terms}


def release_payload(row: EscrowRow) -> dict[str, Any]:
    """What people approve when it shall be finished. The preimage is not in it."""
    where = {"owner": row.owner, "sequence": row.sequence}
    return {"escrow": str(row.escrow_id), **where, "destination": row.destination, "amount": amount_of(row)}


def reason_payload(row: EscrowRow, reason: str) -> dict[str, Any]:
    """The payload of a dispute, of its resolution, of an arbitration."""
    return {"escrow": str(row.escrow_id), "reason": reason}


def create_payload(row: EscrowRow, times: CountedTimes) -> dict[str, Any]:
    """The intent of a creation."""
    params: dict[str, Any] = {"destination": row.destination, "amount": amount_of(row), "condition": row.condition}
    params["cancel_after"] = _moment(times.cancel_after)
    if times.finish_after is not None:
        params["finish_after"] = _moment(times.finish_after)
    if row.destination_tag is not None:
        params["destination_tag"] = row.destination_tag
    return _intent(row, CREATE, params)


def finish_payload(row: EscrowRow) -> dict[str, Any]:
    """The intent of a finish as it is kept: without the fulfillment, which is in the bytes that are signed, and nowhere
    else."""
    return _intent(row, FINISH, {**_target(row), "condition": row.condition})


def opened_payload(payload: Mapping[str, Any], fulfillment: str) -> dict[str, Any]:
    """The intent of a finish as its bytes have it."""
    intent = payload["intent"]
    return {**payload, "intent": {**intent, "params": {**intent["params"], "fulfillment": fulfillment}}}


def as_signed(payload: dict[str, Any], unsigned: str) -> dict[str, Any]:
    """The intent of a transaction as its unsigned bytes have it: that of a finish with its fulfillment."""
    intent = payload["intent"]
    if intent["op"] != FINISH or "fulfillment" in intent["params"] or "condition" not in intent["params"]:
        return payload
    return opened_payload(payload, decoded(unsigned)["Fulfillment"])


def moved_by_vote(kind: str, row: EscrowRow | None) -> dict[str, Any]:
    """What moves once the terms of an escrow are approved, as an intent; empty for another vote."""
    if row is None or kind != APPROVE:
        return {}
    params = {"destination": row.destination, "amount": amount_of(row)}
    return _intent(row, CREATE, params)


def require_not_kept(connection: Connection, kind: str, payload: Mapping[str, Any]) -> None:
    """Raise Permanent for an intent that finishes or cancels an escrow that is kept here: that goes by its own steps,
    with their guards."""
    if kind not in (FINISH, CANCEL):
        return
    params = payload["intent"]["params"]
    found = escrow_named(connection, payload["network_id"], params["owner"], params["offer_sequence"])
    if found is not None:
        command = "finish" if kind == FINISH else "cancel"
        raise Permanent(
            f"the escrow {params['offer_sequence']} of {params['owner']} is kept here, and has steps of its own",
            f"`fntx escrow {command} {found.escrow_id}`",
        )


def fulfillment_of(preimage: bytes) -> str:
    """What finishes the escrow of a preimage."""
    return condition_of(preimage).fulfillment


def cancel_payload(row: EscrowRow) -> dict[str, Any]:
    """The intent of a cancellation."""
    return _intent(row, CANCEL, _target(row))


def escrow_of_vote(connection: Connection, kind: str, payload: Any) -> EscrowRow | None:
    """The escrow that a proposal is about on which people decide; None for another kind. Raises Permanent for a payload
    that is not of the kind, StepImpossible where the escrow's state does not have the step, and where the same is being
    voted on."""
    if kind not in VOTES:
        return None
    row = _named(connection, kind, payload)
    require_step(row, VOTES[kind])
    if open_vote(connection, row, kind) is not None:
        raise Permanent(f"a proposal {kind} of this escrow waits for decisions already", "`fntx escrow show` names it")
    return row


def open_vote(connection: Connection, row: EscrowRow, kind: str) -> UUID | None:
    """The proposal of a kind about an escrow that is being voted on."""
    for each in proposals_of(connection, row.escrow_id):
        if each.kind == kind and each.state in _OPEN:
            return each.proposal_id
    return None


def _named(connection: Connection, kind: str, payload: Any) -> EscrowRow:
    whole = StrictFields(payload, "")
    if kind == APPROVE:
        whole.any("ledger")
        whole.any("network_id")
        fields = whole.object("escrow")
        row = _known(connection, fields.text("id"))
        expected = approval_payload(row)
    elif kind == RELEASE:
        row = _known(connection, whole.text("escrow"))
        expected = release_payload(row)
    else:
        row = _known(connection, whole.text("escrow"))
        reason = whole.text("reason")
        require_plain("reason", reason)
        expected = reason_payload(row, reason)
    if payload != expected:
        raise Permanent("the payload is not what is kept of the escrow", "Let `fntx escrow` make the proposal")
    return row


def _known(connection: Connection, text: str) -> EscrowRow:
    try:
        escrow_id = UUID(text)
    except ValueError:
        raise Permanent("escrow is no id of one", "`fntx escrow list` lists all") from None
    row = escrow(connection, escrow_id)
    if row is None:
        raise NoSuchEscrow(escrow_id)
    return row


def _target(row: EscrowRow) -> dict[str, Any]:
    return {"owner": row.owner, "offer_sequence": row.sequence}


def _intent(row: EscrowRow, op: str, params: dict[str, Any]) -> dict[str, Any]:
    intent = {"op": op, "account": row.owner, "params": params}
    return {"ledger": "xrpl", "network_id": row.network_id, "intent": intent}


def _moment(at: datetime) -> str:
    return f"{at.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"
