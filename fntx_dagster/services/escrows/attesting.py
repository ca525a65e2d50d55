"""Documents of an escrow: somebody attests one by the hash of its bytes; the bytes stay with him."""

from __future__ import annotations

import hashlib
import re
from pathlib import Path
from uuid import UUID

from fntx_dagster.audit.event import NewAuditEvent
from fntx_dagster.errors import Permanent
from fntx_dagster.governance.machines import ESCROW, StepImpossible
from fntx_dagster.services.auditing.log import append
from fntx_dagster.services.escrows.steps import escrow_subject, held_escrow
from fntx_dagster.services.governance.signers import TERMINAL
from fntx_dagster.services.treasury.secrets import require_plain
from fntx_dagster.settings import Settings
from fntx_dagster.store.database import Database
from fntx_dagster.store.treasury.escrows import add_document
from fntx_dagster.store.treasury.platform import entered

_AT_ONCE = 1 << 20
_LONGEST_TITLE = 200


def attest_document(
    settings: Settings, db: Database, escrow_id: UUID, sha256: str, title: str, by: str = TERMINAL
) -> bool:
    """Keep that a document was verified for an escrow, with its event `document_attested`; False where it was attested
    before. Raises NoSuchEscrow, StepImpossible for one that is over, Permanent for a hash or a title that is none."""
    digest = sha256.lower()
    if not re.fullmatch("[0-9a-f]{64}", digest):
        raise Permanent("sha256 is no hash of 64 hex digits", "`sha256sum FILE` prints it")
    if not title.strip() or len(title) > _LONGEST_TITLE:
        raise Permanent(f"title is empty, or longer than {_LONGEST_TITLE} characters", "Say what the document is")
    require_plain("title", title)
    with entered(db) as connection:
        row = held_escrow(connection, escrow_id)
        if not any(each.state == row.state for each in ESCROW):
            raise StepImpossible(f"the escrow is {row.state}", "Documents are attested before it is over")
        is_new = add_document(connection, escrow_id, digest, title, by)
        if is_new:
            details = {"sha256": digest, "title": title, "escrow": str(escrow_id)}
            append(settings, connection, NewAuditEvent("document_attested", by, escrow_subject(escrow_id), details))
    return is_new


def hash_of_document(path: Path) -> str:
    """The SHA-256 of a file, in hex. Raises Permanent that names it where it cannot be read."""
    digest = hashlib.sha256()
    try:
        with path.open("rb") as stream:
            while block := stream.read(_AT_ONCE):
                digest.update(block)
    except OSError as error:
        raise Permanent(f"cannot read {path}: {error.strerror}", "Name the document's file") from None
    return digest.hexdigest()
