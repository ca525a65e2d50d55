"""The calculator `approvals`: from a proposal, its signers and decisions, where it stands. Nothing else is asked."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from fntx_dagster.governance.approvals import Decider, Decision, judged
from fntx_dagster.governance.decisions import DECISIONS, Terms, moment, payload_hash
from fntx_dagster.services.calculators import Case, CaseRefused, by_kind, field

INVALID = "invalid"


def approvals(case: Case) -> Mapping[str, Any]:
    """Where the proposal of a case stands. A payload that does not have the proposal's hash makes all of it invalid.
    Raises CaseRefused for a case that is not of its form."""
    terms = _terms(field(case, "proposal", dict))
    signers = [_decider(each) for each in _objects(case, "signers")]
    if len({signer.id for signer in signers}) < len(signers):
        raise CaseRefused("duplicate_signer", "two signers have the same id")
    decisions = [_decision(each) for each in _objects(case, "decisions")]
    roles = _roles(case)
    now = moment(field(case, "now", str))
    if "payload" not in case:
        raise CaseRefused("missing_field", "payload is missing")
    if payload_hash(case["payload"]) != terms.payload_hash:
        return {"state": INVALID, "reason": "payload_hash", "approvals": [], "rejections": [], "invalid": []}
    standing = judged(signers, terms, decisions, roles, now)
    return standing._asdict() | {"invalid": [each._asdict() for each in standing.invalid]}


check = by_kind({"approvals": approvals})


def _terms(proposal: Mapping[str, Any]) -> Terms:
    terms = Terms(
        field(proposal, "instance", str),
        field(proposal, "proposal", str),
        field(proposal, "kind", str),
        field(proposal, "nonce", int),
        field(proposal, "payload_hash", str),
        field(proposal, "signer_set", int),
        field(proposal, "threshold", int),
        field(proposal, "expires_at", str),
    )
    moment(terms.expires_at)
    if terms.threshold < 1:
        raise CaseRefused("threshold", "threshold is not 1 or more")
    return terms


def _decider(signer: Mapping[str, Any]) -> Decider:
    return Decider(
        field(signer, "id", str),
        field(signer, "role", str),
        field(signer, "scheme", str),
        _bytes(field(signer, "public_key", str)),
        bool(signer.get("removed", False)),
    )


def _decision(decision: Mapping[str, Any]) -> Decision:
    word = field(decision, "decision", str)
    if word not in DECISIONS:
        raise CaseRefused("decision", f"decision is none of {', '.join(DECISIONS)}")
    at = moment(field(decision, "at", str))
    return Decision(field(decision, "signer", str), word, at, _bytes(field(decision, "signature", str)))


def _bytes(text: str) -> bytes:
    """Bytes in hex; none at all where it is not hex, which is neither a key nor a signature."""
    try:
        return bytes.fromhex(text) if text.isalnum() else b""
    except ValueError:
        return b""


def _roles(case: Case) -> Sequence[str]:
    roles = field(case, "required_roles", list) if case.get("required_roles") is not None else []
    if not all(type(role) is str for role in roles):
        raise CaseRefused("wrong_type", "required_roles is not a list of texts")
    return roles


def _objects(case: Case, name: str) -> list[Mapping[str, Any]]:
    objects = field(case, name, list)
    if not all(isinstance(each, dict) for each in objects):
        raise CaseRefused("wrong_type", f"{name} is not a list of objects")
    return objects
