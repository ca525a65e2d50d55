"""What programs do with proposals over HTTP: make, read, decide, cancel. The rules are in `services/governance`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple
from uuid import UUID

from fntx_dagster.services.governance.deciding import decide
from fntx_dagster.services.governance.ending import cancel
from fntx_dagster.services.governance.proposing import ProposedBefore, propose
from fntx_dagster.services.governance.reading import ProposalView, list_proposals, paused, show
from fntx_dagster.services.governance.screening import screen_proposal
from fntx_dagster.services.governance.signers import list_sets
from fntx_dagster.services.governance.standing import end
from fntx_dagster.services.governance.steps import NoSuchProposal
from fntx_dagster.services.orders.replies import reused
from fntx_dagster.services.treasury.declining import declining
from fntx_dagster.services.treasury.keyed_requests import differing, keyed
from fntx_dagster.services.treasury.requests import AskedProposal, asked_proposal, read_once, reason_of
from fntx_dagster.store.treasury.proposal_requests import request_of

if TYPE_CHECKING:
    from fntx_dagster.services.orders.access import Caller
    from fntx_dagster.settings import Settings
    from fntx_dagster.store.database import Database
    from fntx_dagster.store.treasury.proposal_requests import ProposalRequestRow


class MadeProposal(NamedTuple):
    """A proposal, and whether the same request had made it before."""

    document: dict[str, Any]
    replayed: bool


def operator(caller: Caller) -> str:
    """Who acts, as the audit log names him: the token's user, who is no signer by that."""
    return f"operator:{caller.user_id}"


def make(settings: Settings, db: Database, caller: Caller, body: bytes, header_key: str | None) -> MadeProposal:
    """Make a proposal. With a key it is made once: the same request gets it as it is then, another request with the key
    is refused (422). Raises Declined."""
    asked = asked_proposal(body, header_key)
    request = None if asked.key is None else keyed(caller.user_id, asked.key, asked)
    with declining(asks_ledgers=True):
        if request is not None and (before := _known(db, request.proposal_id)) is not None:
            return _replayed(db, before, asked, request)
        try:
            made = propose(settings, db, *asked[:3], operator(caller), asked.travel, request)
        except ProposedBefore:
            assert request is not None
            return _replayed(db, show(db, request.proposal_id), asked, request)
        return MadeProposal(show(db, made).as_dict(), replayed=False)


def one(db: Database, proposal_id: UUID) -> dict[str, Any]:
    """A proposal, as `fntx treasury show` gives it."""
    with declining():
        return show(db, proposal_id).as_dict()


def page(db: Database, state: str | None, before: int | None, limit: int) -> dict[str, Any]:
    """Proposals, newest first: the open ones, those in a state, or with `all` every one. `next`: the nonce to ask
    before for the rest, None where this is all."""
    with declining():
        views = list_proposals(db, state, before=before, limit=limit + 1)
    following = views[limit - 1].row.nonce if len(views) > limit else None
    return {"proposals": [view.as_dict() for view in views[:limit]], "next": following}


def hand_in(settings: Settings, db: Database, proposal_id: UUID, body: bytes) -> dict[str, Any]:
    """Keep a signer's decision, where it counts; the proposal then. Who hands it in plays no part: the signature
    says whose it is."""
    document = read_once(body)
    with declining():
        decide(settings, db, proposal_id, document)
        return show(db, proposal_id).as_dict()


def call_off(settings: Settings, db: Database, caller: Caller, proposal_id: UUID, body: bytes) -> dict[str, Any]:
    """Cancel a proposal that waits for decisions or signatures, with a reason; the proposal then."""
    reason = reason_of(body)
    with declining():
        cancel(settings, db, proposal_id, reason, operator(caller))
        return show(db, proposal_id).as_dict()


def end_standing(settings: Settings, db: Database, caller: Caller, proposal_id: UUID, body: bytes) -> dict[str, Any]:
    """End the standing approval of a proposal at once, with a reason; asked again, it changes nothing."""
    reason = reason_of(body)
    with declining():
        row = end(settings, db, proposal_id, reason, operator(caller))
    return {"proposal_id": row.proposal_id, "state": row.state, "key": row.key}


def screen_again(settings: Settings, db: Database, caller: Caller, proposal_id: UUID) -> dict[str, Any]:
    """Screen the parties of a proposal again, as when a list was missing; the proposal then."""
    with declining():
        screen_proposal(settings, db, proposal_id, operator(caller))
        return show(db, proposal_id).as_dict()


def deciders(db: Database) -> dict[str, Any]:
    """Whether the treasury is paused, and every version of the signer set."""
    state = paused(db)
    return {"platform": state._asdict() if state else None, "signer_sets": [each.as_dict() for each in list_sets(db)]}


def _known(db: Database, proposal_id: UUID) -> ProposalView | None:
    try:
        return show(db, proposal_id)
    except NoSuchProposal:
        return None


def _replayed(db: Database, view: ProposalView, asked: AskedProposal, request: ProposalRequestRow) -> MadeProposal:
    with db.connect() as connection:
        first = request_of(connection, view.row.proposal_id)
    if others := differing(view.row, asked, request, first):
        raise reused(others)
    return MadeProposal(view.as_dict(), replayed=True)
