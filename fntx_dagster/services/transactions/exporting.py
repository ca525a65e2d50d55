"""Exporting: the files that signers take to their own machines."""

from __future__ import annotations

import json
import os
from contextlib import suppress
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

from fntx_dagster.errors import Permanent
from fntx_dagster.governance.machines import StepImpossible
from fntx_dagster.services.escrows.payloads import as_signed
from fntx_dagster.services.governance.configuration import approved_config
from fntx_dagster.services.governance.deciding import payload_of
from fntx_dagster.services.governance.holding import held as holds
from fntx_dagster.services.governance.signers import TERMINAL
from fntx_dagster.services.governance.steps import held, require_running
from fntx_dagster.services.screening.gating import NotCleared
from fntx_dagster.services.transactions.preparing import prepare
from fntx_dagster.services.transactions.signatures import signing_file
from fntx_dagster.settings import Settings
from fntx_dagster.store.database import Database
from fntx_dagster.store.treasury.platform import entered
from fntx_dagster.store.treasury.transactions import UNSIGNED_STATES, transaction_of


def export_files(
    settings: Settings, db: Database, proposal_id: UUID, folder: Path, by: str = TERMINAL, name: str = ""
) -> list[Path]:
    """Write the file of a proposal's transaction into a folder, by its id unless a name is given, and prepare the
    transaction where there is none yet. Raises what `prepare` raises, and Permanent where the transaction waits for no
    signature, or a match on a list holds it back."""
    with db.connect() as connection:
        is_prepared = transaction_of(connection, proposal_id) is not None
    if not is_prepared:
        prepare(settings, db, proposal_id, by)
    return [written(folder, f"{name or proposal_id}.json", to_sign(settings, db, proposal_id))]


def to_sign(settings: Settings, db: Database, proposal_id: UUID) -> dict[str, Any]:
    """The file of a proposal's prepared transaction, as it is now. Raises NoSuchProposal, TreasuryPaused, and
    StepImpossible where no transaction of it waits for signatures."""
    with entered(db) as connection:
        proposal = held(connection, proposal_id)
        require_running(connection, proposal.kind)
        row = transaction_of(connection, proposal_id)
        if row is None or row.state not in UNSIGNED_STATES:
            state = row.state if row else "not prepared"
            raise StepImpossible(f"the transaction is {state}", "Only one that waits for signatures is exported")
        if row.standing_id is not None:
            raise StepImpossible(
                "the transaction waits for the anchor key, under a standing approval",
                "`fntx treasury sign-anchors --keystore FILE` signs it where that key is",
            )
        if holding := holds(connection, proposal):
            raise NotCleared(f"nothing is exported: {holding.words}", "A new list or a decision changes that")
        return signing_file(row, as_signed(payload_of(proposal), row.unsigned), approved_config(settings, connection))


def written(folder: Path, name: str, document: dict[str, Any]) -> Path:
    """Write a file whole, or not at all."""
    path = folder / name
    beside = path.with_name(f".{name}.{uuid4()}.new")  # each of those who write it at once has its own
    try:
        folder.mkdir(parents=True, exist_ok=True)
        beside.write_text(f"{json.dumps(document, indent=2, ensure_ascii=False)}\n", encoding="utf-8")
        os.replace(beside, path)
    except OSError as error:
        with suppress(OSError):
            beside.unlink(missing_ok=True)
        raise Permanent(f"cannot write {path}: {error.strerror}", "Name a folder that can be written to") from None
    return path
