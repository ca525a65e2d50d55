"""Requests that make a proposal once: the id that a key gives it, and in what another request with the key differs.

Names of the travel rule stay in their sealed event alone: what is kept of them here is a digest under the key of the
request, which is not kept, so that nobody finds a name by trying.
"""

from __future__ import annotations

import hmac
from typing import Any
from uuid import NAMESPACE_URL, uuid5

from fntx_dagster.audit.canonical import canonical
from fntx_dagster.errors import Permanent
from fntx_dagster.governance.decisions import payload_hash
from fntx_dagster.services.treasury.requests import AskedProposal
from fntx_dagster.store.treasury.proposal_requests import ProposalRequestRow
from fntx_dagster.store.treasury.proposals import ProposalRow


def keyed(user_id: str, key: str, asked: AskedProposal) -> ProposalRequestRow:
    """A request with a key, as it is kept with the proposal that it makes: its user and its key have no other."""
    name = f"{user_id} {key}"

    def digest(value: Any) -> bytes:
        return hmac.digest(name.encode(), canonical(value), "sha256")

    # nothing depends on the order of parties, or on whether one stands there twice
    return ProposalRequestRow(
        uuid5(NAMESPACE_URL, f"urn:fntx:proposal:{name}"), digest(sorted({*asked.parties})), digest(asked.travel)
    )


def differing(
    row: ProposalRow, asked: AskedProposal, request: ProposalRequestRow, first: ProposalRequestRow | None
) -> list[str]:
    """The fields in which a request differs from the `first` one with its key, which made the proposal of `row`. None:
    that was made before requests were kept, and parties that it has are taken for the same."""
    try:
        is_same_payload = row.payload_hash == payload_hash(asked.payload)
    except Permanent:
        is_same_payload = False
    same = {"kind": row.kind == asked.kind, "payload": is_same_payload}
    if first is None:
        same["parties"] = {*asked.parties} <= {*row.parties}
    else:
        same |= {"parties": request.parties == first.parties, "travel_rule": request.travel_rule == first.travel_rule}
    return [name for name, is_same in same.items() if not is_same]
