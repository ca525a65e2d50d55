"""Importing: what signers return. Only what verifies against the saved bytes is kept, and it is kept for good."""

from __future__ import annotations

import re
from typing import Any, NamedTuple
from uuid import UUID

from fntx_dagster.audit.canonical import read_strictly
from fntx_dagster.audit.event import NewAuditEvent
from fntx_dagster.errors import Permanent
from fntx_dagster.governance.config import TreasuryConfig
from fntx_dagster.governance.machines import StepImpossible
from fntx_dagster.intents.refusal import TransactionRefused
from fntx_dagster.services.auditing.log import append_all
from fntx_dagster.services.governance.clock import time_after_log
from fntx_dagster.services.governance.configuration import approved_config
from fntx_dagster.services.governance.deciding import payload_of
from fntx_dagster.services.governance.standing import BY, StandingUse, count_use
from fntx_dagster.services.governance.steps import held, taken
from fntx_dagster.services.transactions.signatures import MASTER, combined, signed_by_master, valid_parts
from fntx_dagster.services.transactions.steps import completed, tx_event, tx_step
from fntx_dagster.settings import Settings
from fntx_dagster.store.database import Connection, Database
from fntx_dagster.store.treasury.platform import entered
from fntx_dagster.store.treasury.transactions import (
    LedgerTxRow,
    add_signature,
    signatures_of,
    transaction_of,
    transactions,
)

MOST_BYTES = 1_000_000
WAITING = ("pending_signature", "partially_signed", "ready_to_submit")
_FIELDS = {
    "xrpl": ({"blob"}, {"account", "public_key", "signature"}),
    "stellar": ({"xdr"}, {"public_key", "signature"}),
}


class ImportedPart(NamedTuple):
    """What a file added: whose signatures, and the state of its transaction then. `missing`: the weight that is still
    needed; 0 where it is complete."""

    proposal_id: UUID
    signers: list[str]
    state: str
    missing: int


class ImportAnswer(NamedTuple):
    """What a file added, or why it was refused: a code for programs, words for people."""

    file: str
    added: ImportedPart | None
    code: str = ""
    message: str = ""


def import_files(settings: Settings, db: Database, files: list[tuple[str, bytes]]) -> list[ImportAnswer]:
    """Keep the signatures of files, each with its name; one that is refused stops no other. A blob or an XDR may stand
    on each line: the signatures of several transactions."""
    answers: list[ImportAnswer] = []
    for name, content in ((name, part) for name, whole in files for part in _lines_of(whole)):
        try:
            answers.append(ImportAnswer(name, import_part(settings, db, content)))
        except TransactionRefused as refusal:
            answers.append(ImportAnswer(name, None, refusal.code, refusal.message))
    return answers


def _lines_of(content: bytes) -> list[bytes]:
    """The parts of a file: its lines where each is a blob or an XDR, else the whole."""
    lines = content.split(b"\n")
    lines = [line.strip() for line in lines if line.strip()]
    are_parts = len(lines) > 1 and all(re.fullmatch(b"[A-Za-z0-9+/]{64,}={0,2}", line) for line in lines)
    return lines if are_parts else [content]


def import_part(settings: Settings, db: Database, content: bytes, proposal_id: UUID | None = None) -> ImportedPart:
    """Keep the signatures of a file, and combine those of its transaction as soon as they suffice. `proposal_id`: the
    transaction is that one's; else the one that the signatures fit.

    Raises TransactionRefused, and keeps nothing of the file: other_transaction, unknown_signer, duplicate_signer,
    bad_signature; malformed where it is no such file."""
    ledger, part = read_part(content)
    with db.connect() as connection:
        waiting = [
            row
            for row in transactions(connection, WAITING)
            if row.ledger == ledger and proposal_id in (None, row.proposal_id)
        ]
        target = _target(connection, waiting, part)
    with entered(db) as connection:
        proposal = held(connection, target.proposal_id)
        row = transaction_of(connection, target.proposal_id, for_step=True)
        if row is None or row.state not in WAITING:
            raise StepImpossible(
                "the transaction waits for no signature any more", "`fntx treasury queue` lists what does"
            )
        kept = [each.part for each in signatures_of(connection, row.tx_id)]
        new = valid_parts(row, kept, part)
        config = approved_config(settings, connection)
        events: list[NewAuditEvent] = []
        if row.standing_id is not None:
            use = StandingUse(row.proposal_id, payload_of(proposal), int(row.fee), next(iter(new)))
            count_use(connection, row.standing_id, use, time_after_log(connection), events)
        for signer, single in new.items():
            add_signature(connection, row.tx_id, signer, single)
        by = _actor(config, row, next(iter(new)))
        parts = [*kept, *new.values()]
        signed = combined(row, parts) if row.signed is None else None
        if proposal.state == "prepared":
            proposal = taken(connection, proposal, "sign", by, events)
        if signed is None and row.state == "pending_signature":
            row = tx_step(connection, row, "sign", by, events)
        else:
            events.append(tx_event(row, "sign", by, row.state))
        if signed is not None:
            row = completed(connection, row, signed.text, signed.hash, by, events)
            taken(connection, proposal, "complete", by, events)
        append_all(settings, connection, events)
        weight = sum(row.signers[each.signer] for each in signatures_of(connection, row.tx_id))
    return ImportedPart(row.proposal_id, [*new], row.state, max(0, row.needed - weight))


def read_part(content: bytes) -> tuple[str, dict[str, Any]]:
    """The ledger and the signatures of a file: a blob in hex, an XDR in base64, or JSON that holds one of them or one
    signature. TransactionRefused for anything else."""
    if len(content) > MOST_BYTES:
        raise TransactionRefused("malformed", f"a signer's file has at most {MOST_BYTES} bytes")
    text = content.decode("utf-8", "replace").strip()
    if not text:
        raise TransactionRefused("malformed", "the file is empty: the signer's program wrote no signature into it")
    if re.fullmatch("[0-9A-Fa-f]+", text):
        return "xrpl", {"blob": text}
    if re.fullmatch("[A-Za-z0-9+/]+={0,2}", text):
        return "stellar", {"xdr": text}
    try:
        document = read_strictly(content, "any")
    except Permanent as error:
        raise TransactionRefused("malformed", error.message) from None
    for ledger, forms in _FIELDS.items():
        for names in forms:
            if isinstance(document, dict) and {*document} == names:
                return ledger, document
    raise TransactionRefused(
        "malformed",
        "a signer returns a blob, an XDR, or JSON with blob, with xdr, with account, public_key and signature, or with "
        "public_key and signature",
    )


def _target(connection: Connection, waiting: list[LedgerTxRow], part: dict[str, Any]) -> LedgerTxRow:
    """The transaction that a part is of. Where it is valid for none, the refusal of the one that it comes closest to:
    its body is that one's, or its signer is."""
    refusals: list[TransactionRefused] = []
    for row in waiting:
        try:
            valid_parts(row, [each.part for each in signatures_of(connection, row.tx_id)], part)
        except TransactionRefused as refusal:
            refusals.append(refusal)
        else:
            return row
    if not refusals:
        raise TransactionRefused("other_transaction", "no transaction of this ledger waits for signatures")
    order = ("duplicate_signer", "bad_signature", "unknown_signer", "malformed", "other_transaction")
    raise min(refusals, key=lambda refusal: order.index(refusal.code) if refusal.code in order else len(order))


def _actor(config: TreasuryConfig, row: LedgerTxRow, address: str) -> str:
    """Who signed, as the audit log names him."""
    if row.standing_id is not None:
        return BY
    if signed_by_master(row):
        return f"operator:{MASTER}"
    names = {each.xrpl if row.ledger == "xrpl" else each.stellar: each.id for each in config.signers}
    return f"signer:{names.get(address, address)}"
