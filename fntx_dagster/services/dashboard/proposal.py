"""One proposal as its page shows it: what is decided and by whom, its parties' checks, its transaction, its events."""

from __future__ import annotations

import json
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

from fntx_dagster.errors import FntxError
from fntx_dagster.governance.kinds import KINDS
from fntx_dagster.governance.machines import PROPOSAL, states
from fntx_dagster.services.dashboard.events import ProposalHistory, history_of
from fntx_dagster.services.escrows.withholding import require_no_preimage
from fntx_dagster.services.governance.reading import OPEN, ProposalView, show
from fntx_dagster.services.transactions.exporting import to_sign
from fntx_dagster.settings import Settings
from fntx_dagster.store.database import Database
from fntx_dagster.store.treasury.listing import changed_at
from fntx_dagster.store.treasury.proposals import proposal
from fntx_dagster.store.treasury.screening_list import ListedCheck, checks_for
from fntx_dagster.store.treasury.signer_sets import SignerRow, signers_of
from fntx_dagster.store.treasury.transactions import UNSIGNED_STATES, LedgerTxRow, signatures_of, transaction_of

__all__ = ["LedgerTxRow", "ListedCheck", "ProposalHistory", "ProposalView", "SignerRow"]

_MOST_CHECKS = 50
_WAY = ("draft", "screening", "pending_approval", "approved", "prepared", "signing", "ready", "submitted", "confirmed")
"""The states of a proposal that goes well, in their order."""


class SigningShown(NamedTuple):
    """What the signers of a transaction sign: sentences made of its bytes, and of each signer his name, his address and
    the bytes in hex (empty: his tool adds his key to them). `problem`: why there is no such file."""

    sentences: list[str]
    signers: list[tuple[str, str, str]]
    problem: str = ""


class ProposalShown(NamedTuple):
    """A proposal. `way`: the states that lead to its end where nothing stops it; `signers`: of its set; `signed`: who
    signed its transaction (addresses), and when; `cancellable`: the table of steps has a cancellation where it is."""

    view: ProposalView
    way: tuple[str, ...]
    signers: list[SignerRow]
    checks: list[ListedCheck]
    transaction: LedgerTxRow | None
    signed: dict[str, datetime]
    signing: SigningShown | None
    history: ProposalHistory
    is_screened: bool
    moves: bool
    cancellable: bool


def proposal_shown(settings: Settings, db: Database, proposal_id: UUID, now: datetime) -> ProposalShown | None:
    """A proposal at `now` (aware); None where there is none."""
    with db.connect() as connection:
        if proposal(connection, proposal_id) is None:
            return None
    view = show(db, proposal_id)
    row, kind = view.row, KINDS[view.row.kind]
    with db.connect() as connection:
        signers = signers_of(connection, row.signer_set)
        checks = checks_for(connection, row.parties, f"proposal:{proposal_id}", _MOST_CHECKS)
        transaction = transaction_of(connection, proposal_id)
        signatures = signatures_of(connection, transaction.tx_id) if transaction else []
        ended = None if row.state in OPEN else changed_at(connection, proposal_id)
    is_signed_yet = transaction is not None and transaction.state in UNSIGNED_STATES
    return ProposalShown(
        view,
        _WAY if kind.ops else _WAY[: _WAY.index("approved") + 1],
        signers,
        checks,
        transaction,
        {each.signer: each.received_at for each in signatures},
        _signing(settings, db, proposal_id) if is_signed_yet else None,
        history_of(settings, db, row, ended or now),
        kind.screened,
        bool(kind.ops),
        any(step.state == row.state and step.event == "cancel" for step in PROPOSAL),
    )


def is_state(name: str) -> bool:
    """Whether proposals have such a state."""
    return name in states(PROPOSAL)


def signing_text(settings: Settings, db: Database, proposal_id: UUID) -> str:
    """The file for the signers of a transaction, as the terminal writes it. Raises what `to_sign` raises."""
    require_no_preimage(db, proposal_id)
    return f"{json.dumps(to_sign(settings, db, proposal_id), indent=2, ensure_ascii=False)}\n"


def _signing(settings: Settings, db: Database, proposal_id: UUID) -> SigningShown:
    try:
        require_no_preimage(db, proposal_id)
        document: dict[str, Any] = to_sign(settings, db, proposal_id)
    except FntxError as error:
        return SigningShown([], [], f"{error}")
    key = "account" if document["ledger"] == "xrpl" else "public_key"
    return SigningShown(
        document["sentences"], [(each["id"], each[key], each.get("payload", "")) for each in document["signers"]]
    )
