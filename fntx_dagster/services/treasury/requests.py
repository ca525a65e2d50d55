"""Requests of programs to the treasury as typed values: JSON that is read in one way, all faults at once, no key."""

from __future__ import annotations

import re
from typing import Any, NamedTuple

from fntx_dagster.audit.canonical import canonical
from fntx_dagster.errors import Permanent
from fntx_dagster.governance.kinds import KINDS
from fntx_dagster.services.orders.fields import Declined, FieldFault, Fields, read_object
from fntx_dagster.services.treasury.secrets import names_a_secret, seems_to_hold_a_secret

MOST_PARTIES = 100
_PARTY = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.:-]{0,63}").fullmatch


class AskedProposal(NamedTuple):
    """A proposal to make: its kind and payload, parties to screen beside those whose addresses the payload has, what
    the travel rule asks for, and the key of the request."""

    kind: str
    payload: Any
    parties: list[str]
    travel: Any
    key: str | None


def read_once(body: bytes) -> dict[str, Any]:
    """The object of a body. Raises Declined for what is no JSON object or can be read in two ways (a name twice, a
    number that is not whole, NaN), and where it seems to hold a private key or a seed."""
    if seems_to_hold_a_secret(body):
        raise _secret()
    value = read_object(body, _number)
    try:
        canonical(value)
    except Permanent as error:
        raise Declined([FieldFault("", "not_canonical", str(error))]) from None
    if names_a_secret(value):
        raise _secret()
    return value


def asked_proposal(body: bytes, header_key: str | None) -> AskedProposal:
    """A proposal to make. Raises Declined with every fault."""
    fields = Fields(read_once(body))
    kind = fields.choice("kind", tuple(KINDS), None)
    if not fields.has("payload"):
        fields.fault("payload", "missing", "the field is missing: what the kind asks for (docs/treasury.md)")
    payload, travel = fields.take("payload"), fields.take("travel_rule")
    parties = party_ids(fields)
    key = fields.key(header_key)
    fields.finish()
    return AskedProposal(kind, payload, parties, travel, key)


def party_ids(fields: Fields) -> list[str]:
    """The ids of the field `parties`, none where it is left out; a fault for what is no list of at most 100 ids."""
    parties = fields.take("parties")
    if parties is None:
        return []
    is_list = isinstance(parties, list) and len(parties) <= MOST_PARTIES
    if not is_list or not all(isinstance(each, str) and _PARTY(each) for each in parties):
        fields.fault("parties", "invalid", f"not a list of at most {MOST_PARTIES} ids of parties")
        return []
    return parties


def reason_of(body: bytes) -> str:
    """Why a proposal is cancelled. Raises Declined with every fault."""
    fields = Fields(read_once(body))
    reason = fields.words("reason") or ""
    if not fields.is_wrong and not reason.strip():
        fields.fault("reason", "missing", "the field is missing: why, in at most 500 characters")
    fields.finish()
    return reason


def _number(text: str) -> int | float:
    """A whole number as it is; any other as what is refused afterwards."""
    return int(text) if re.fullmatch(r"-?[0-9]{1,20}", text) else float("nan")


def _secret() -> Declined:
    words = (
        "the request seems to hold a private key, a seed or a mnemonic, and was neither read on nor kept nor logged. "
        "Nothing here asks for one: sign on the signer's own machine, and consider the key that was sent as lost"
    )
    return Declined([FieldFault("", "holds_a_secret", words)], "holds_a_secret")
