"""`/treasury/proposals/{proposal}`: one proposal, the exact bytes that signers sign, and what they return; its parties'
checks, its transaction and its events. What is handed in here is verified as the terminal verifies it."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Callable, Mapping
from typing import Any
from uuid import UUID

from starlette.responses import RedirectResponse, Response

from fntx_dagster.errors import FntxError
from fntx_dagster.services.dashboard.events import OpenedEvent
from fntx_dagster.services.dashboard.proposal import (
    LedgerTxRow,
    ProposalShown,
    proposal_shown,
    signing_text,
)
from fntx_dagster.services.governance.configuration import document_of
from fntx_dagster.services.governance.deciding import decide
from fntx_dagster.services.governance.ending import cancel
from fntx_dagster.services.governance.reading import show as view_of
from fntx_dagster.services.governance.screening import screen_proposal
from fntx_dagster.services.transactions.confirming import confirm
from fntx_dagster.services.transactions.importing import import_part
from fntx_dagster.services.transactions.preparing import prepare
from fntx_dagster.services.transactions.submitting import submit
from fntx_dagster.web import words
from fntx_dagster.web.asking import Answer, Asked, BadAddress, NotFound, Shown
from fntx_dagster.web.grids import Badge, Cell, Grid, Link
from fntx_dagster.web.pages.screening import checks_grid
from fntx_dagster.web.pages.treasury import handed, operator, places, refused, said, spoken, state_badge, typed

_LONGEST_REASON = 500
_DONE = {
    "proposed": "The proposal is made.",
    "decide": "The decision counts, and is kept.",
    "import": "The signatures verify, and are kept.",
    "cancel": "The proposal is cancelled.",
    "prepare": "The transaction is prepared. Its signers get the file below.",
    "submit": "The signed bytes were sent.",
    "confirm": "The ledger was asked.",
    "screen": "The parties were screened again.",
}
_DECISIONS = ("approve", "reject")


def show(asked: Asked) -> Answer:
    """The proposal that the address names; with a form, what came of the action."""
    number = _named(asked)
    path, refusal = f"/treasury/proposals/{number}", None
    if asked.acts:
        if (action := asked.form.get("action", "")) not in _ACTIONS:
            raise BadAddress(f"action is one of {', '.join(_ACTIONS)}")
        if _shown(asked, number) is None:
            raise NotFound
        try:
            target = _ACTIONS[action](asked, number)
            return RedirectResponse(f"/treasury/proposals/{target}?done={action}", 303)
        except FntxError as error:
            refusal = refused(error)
    found = _shown(asked, number)
    if found is None:
        raise NotFound
    values = _values(asked, found, path) | {"refusal": refusal, "done": "" if refusal else asked.done(_DONE)}
    return Shown(
        "proposal.html.j2", f"Proposal {found.view.row.nonce}: {found.view.row.kind}", values, 422 if refusal else 200
    )


def decision_bytes(asked: Asked) -> Answer:
    """The exact bytes that a signer signs to approve or reject, as a file."""
    number, word = _named(asked), asked.part("decision")
    if word not in _DECISIONS or _shown(asked, number) is None:
        raise NotFound
    view = view_of(asked.site.db, number)
    if word not in view.to_sign:  # another proposal's approval covers it: nobody signs this one
        raise NotFound
    return _file(view.to_sign[word], f"proposal-{view.row.nonce}-{word}.bin", "application/octet-stream")


def signing_file(asked: Asked) -> Answer:
    """The file for the signers of the transaction. Raises Permanent where it waits for no signature."""
    number = _named(asked)
    if _shown(asked, number) is None:
        raise NotFound
    text = signing_text(asked.site.settings, asked.site.db, number)
    return _file(text.encode(), f"{number}.json", "application/json")


def _named(asked: Asked) -> UUID:
    try:
        return UUID(asked.part("proposal"))
    except ValueError:
        raise NotFound from None


def _shown(asked: Asked, number: UUID) -> ProposalShown | None:
    return proposal_shown(asked.site.settings, asked.site.db, number, asked.site.clock())


def _file(content: bytes, name: str, media: str) -> Response:
    headers = {"Content-Disposition": f'attachment; filename="{name}"', "Cache-Control": "no-store"}
    return Response(content, media_type=media, headers=headers)


def _decide(asked: Asked, number: UUID) -> UUID:
    document = document_of(handed(asked))
    return decide(asked.site.settings, asked.site.db, number, document).proposal_id


def _import(asked: Asked, number: UUID) -> UUID:
    """Signatures are taken for the transaction of the page alone, however well they fit another."""
    return import_part(asked.site.settings, asked.site.db, handed(asked), number).proposal_id


def _cancel(asked: Asked, number: UUID) -> UUID:
    reason = typed(asked, "reason", _LONGEST_REASON)
    return cancel(asked.site.settings, asked.site.db, number, reason, operator(asked)).proposal_id


def _prepare(asked: Asked, number: UUID) -> UUID:
    return prepare(asked.site.settings, asked.site.db, number, operator(asked)).proposal_id


def _submit(asked: Asked, number: UUID) -> UUID:
    return submit(asked.site.settings, asked.site.db, number, operator(asked)).proposal_id


def _confirm(asked: Asked, number: UUID) -> UUID:
    confirm(asked.site.settings, asked.site.db, number)
    return number


def _screen(asked: Asked, number: UUID) -> UUID:
    return screen_proposal(asked.site.settings, asked.site.db, number, operator(asked)).proposal_id


_ACTIONS: Mapping[str, Callable[[Asked, UUID], UUID]] = {
    "decide": _decide,
    "import": _import,
    "cancel": _cancel,
    "prepare": _prepare,
    "submit": _submit,
    "confirm": _confirm,
    "screen": _screen,
}


def _values(asked: Asked, found: ProposalShown, path: str) -> dict[str, Any]:
    view, row = found.view, found.view.row
    tx = found.transaction
    by = {(each.xrpl if tx and tx.ledger == "xrpl" else each.stellar): each.signer_id for each in found.signers}
    return {
        "places": places(""),
        "path": path,
        "may_act": asked.visitor.may_act,
        "view": view,
        "row": row,
        "state": state_badge(row.state),
        "way": [(spoken(state), state == row.state) for state in found.way],
        "is_on_its_way": row.state in found.way,
        "missing": [each for each in found.signers if each.signer_id not in {*view.approvals, *view.rejections}],
        "to_sign": [(word, _readable(content)) for word, content in view.to_sign.items()],
        "decisions": _decisions(found),
        "is_screened": found.is_screened,
        "checks": checks_grid("Checks", found.checks),
        "moves": found.moves,
        "transaction": tx,
        "tx_state": state_badge(tx.state) if tx else None,
        "tx_facts": _facts(tx) if tx else [],
        "tx_signers": _tx_signers(found, tx, by) if tx else None,
        "signing": found.signing,
        "cancellable": found.cancellable,
        "history": _history(found),
        "unread": found.history.unread,
    }


def _readable(content: bytes) -> dict[str, str]:
    return {
        "hex": content.hex(),
        "base64": base64.b64encode(content).decode(),
        "sha256": hashlib.sha256(content).hexdigest(),
    }


_DECISION = ("Signer", "Role", "Decision", "When", "Signature")


def _decisions(found: ProposalShown) -> Grid:
    roles = {each.signer_id: each.role for each in found.signers}
    rows = [
        (
            each.signer_id,
            roles.get(each.signer_id, ""),
            Badge(each.decision, "good" if each.decision == "approve" else "bad"),
            words.moment(each.decided_at),
            each.signature,
        )
        for each in found.view.decisions
    ]
    return Grid("Decisions", _DECISION, rows, words=len(_DECISION))


def _facts(tx: LedgerTxRow) -> list[tuple[str, str]]:
    is_xrpl = tx.ledger == "xrpl"
    turn = ("Ticket", f"{tx.ticket}") if tx.sequence is None else ("Sequence", f"{tx.sequence}")
    return [
        ("Ledger", "the XRP Ledger" if is_xrpl else "Stellar"),
        ("Network", tx.network),
        ("Account", tx.account),
        turn,
        *([("Under the standing approval", f"{tx.standing_id}")] if tx.standing_id else []),
        ("Fee", f"{words.cell(tx.fee)} {'drops' if is_xrpl else 'stroops'}"),
        ("Prepared", f"{words.moment(tx.prepared_at)}, in ledger {tx.prepared_ledger}"),
        ("Ends", f"with ledger {tx.ends_at}" if is_xrpl else f"at second {tx.ends_at} since 1970"),
        ("SHA-256 of its unsigned bytes", tx.sha256),
        *([("Hash", tx.hash)] if tx.hash else []),
        *([("Sent", f"{tx.sent} times, last {words.moment(tx.sent_at)}: {tx.answer}")] if tx.sent else []),
        *([("Outcome", tx.outcome)] if tx.outcome else []),
        *([("In ledger", f"{tx.outcome_ledger}")] if tx.outcome_ledger is not None else []),
    ]


_TX_SIGNER = ("Signer", "Signed", "Address", "Weight")


def _tx_signers(found: ProposalShown, tx: LedgerTxRow, by: Mapping[str, str]) -> Grid:
    rows = [
        (
            by.get(address, "the account itself" if address == tx.account else "no signer of this set"),
            words.moment(found.signed[address]) if address in found.signed else Badge("missing"),
            address,
            f"{weight}",
        )
        for address, weight in tx.signers.items()
    ]
    return Grid("Signatures of the transaction", _TX_SIGNER, rows, words=3)


_EVENT = ("No.", "When", "What", "By", "Said")


def _history(found: ProposalShown) -> Grid:
    rows = [_event(each) for each in found.history.events]
    return Grid("Events", _EVENT, rows, words=len(_EVENT))


def _event(each: OpenedEvent) -> tuple[Cell, ...]:
    event = each.event or {}
    return (
        Link(f"{each.stored.line.seq}", f"/audit/events/{each.stored.line.seq}"),
        words.moment(each.stored.at),
        spoken(each.stored.type),
        f"{event.get('actor', '')}",
        said(event.get("details", {})),
    )
