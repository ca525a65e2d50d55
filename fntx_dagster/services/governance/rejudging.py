"""The approval of a proposal judged again, by the signatures that are kept: what its row says is nobody's word."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from fntx_dagster.governance.approvals import APPROVED, Standing
from fntx_dagster.governance.decisions import payload_hash
from fntx_dagster.governance.kinds import DISTRIBUTIONS, KINDS, TRADE, approvals_of
from fntx_dagster.governance.machines import StepImpossible
from fntx_dagster.services.governance.covering import COVERED
from fntx_dagster.services.governance.deciding import judge, payload_of
from fntx_dagster.store.database import Connection
from fntx_dagster.store.treasury.proposals import ProposalRow, decisions_on, proposal
from fntx_dagster.store.treasury.signer_sets import signer_sets

_SETUP = "account.setup"
_COVERING = {_SETUP: COVERED, "signer.rotate": COVERED, TRADE: TRADE}
"""Kind → the kind of what its approval covers."""
_WAY_OUT = "Somebody altered what is kept: compare it with the audit log, and make a new proposal"


def require_approved(connection: Connection, row: ProposalRow) -> None:
    """Raise StepImpossible unless enough signers of its set signed the approval of what a proposal holds, or of the one
    that covers it."""
    decided = (proposal(connection, row.covered_by) if row.covered_by else None) or row
    for each in (row, decided):
        if payload_hash(payload_of(each)) != each.payload_hash:
            raise StepImpossible(f"the payload of the proposal {each.nonce} is not what its hash says", _WAY_OUT)
    if decided is not row and not _covers(decided, row):
        raise StepImpossible(f"the proposal {decided.nonce} does not ask for this one, which it covers", _WAY_OUT)
    standing = judge(connection, decided, decisions_on(connection, decided.proposal_id), datetime.now(UTC))
    needed = _needed(connection, decided)
    if standing.state != APPROVED or decided.threshold < needed:
        raise StepImpossible(
            f"the proposal {decided.nonce} is {decided.state}, and its signatures do not say so: {_found(standing)}, "
            f"and it needs {max(needed, decided.threshold)}",
            _WAY_OUT,
        )


def _covers(whole: ProposalRow, row: ProposalRow) -> bool:
    """Whether a set-up or a batch names the intent of a proposal; a rotation does not name its own. A distribution
    or a release names its payments, and covers the tickets on which they need not wait for each other."""
    if whole.kind in DISTRIBUTIONS:
        return _distributes(payload_of(whole), row)
    if row.kind != _COVERING.get(whole.kind):
        return False
    asked, payload = payload_of(whole), payload_of(row)
    return whole.kind == "signer.rotate" or (
        all(asked[name] == payload[name] for name in ("ledger", "network_id"))
        and payload["intent"] in asked.get("intents", ())
    )


def _distributes(asked: Any, row: ProposalRow) -> bool:
    payload = payload_of(row)
    intent, intents = payload["intent"], asked["intents"]
    if any(asked[name] != payload[name] for name in ("ledger", "network_id")):
        return False
    if row.kind == COVERED and intent["op"] == "tickets.create":
        return intent["account"] == intents[0]["account"] and 0 < intent["params"]["count"] <= len(intents)
    return row.kind == "distribution.pay" and intent in intents


def _needed(connection: Connection, row: ProposalRow) -> int:
    """How many have to approve by the kind and by the set, whatever the row says."""
    [deciding] = [each for each in signer_sets(connection) if each.version == row.signer_set]
    return approvals_of(KINDS[row.kind], deciding.threshold, deciding.config_threshold)


def _found(standing: Standing) -> str:
    invalid = [f", and {each.signer} does not count ({each.reason})" for each in standing.invalid]
    return f"{', '.join(standing.approvals) or 'nobody'} approved{''.join(invalid)}"
