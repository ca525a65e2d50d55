"""Carrying out what one approval covers: its transactions are prepared together, and sent one after the other, each
when the one before it on its account is confirmed."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple
from uuid import UUID

from fntx_dagster.audit.event import NewAuditEvent
from fntx_dagster.errors import Permanent
from fntx_dagster.governance.config import read_config
from fntx_dagster.governance.decisions import payload_hash
from fntx_dagster.services.account_setup.plans import is_of_rotation, step_of
from fntx_dagster.services.auditing.log import append_all
from fntx_dagster.services.governance.configuration import active_set, approved_config, document_of
from fntx_dagster.services.governance.covering import cover
from fntx_dagster.services.governance.deciding import payload_of
from fntx_dagster.services.governance.signers import TERMINAL
from fntx_dagster.services.governance.steps import held, taken
from fntx_dagster.services.transactions.confirming import confirm
from fntx_dagster.services.transactions.exporting import export_files
from fntx_dagster.services.transactions.submitting import submit
from fntx_dagster.settings import Settings
from fntx_dagster.store.database import Connection, Database
from fntx_dagster.store.treasury.platform import entered
from fntx_dagster.store.treasury.proposals import ProposalRow, covered
from fntx_dagster.store.treasury.signer_sets import signer_sets

SETUP, ROTATION = "account.setup", "signer.rotate"
"""The kinds whose approval covers transactions."""
LIVE = ("approved", "prepared", "signing", "ready", "submitted")
_TO_SIGN = ("prepared", "signing")
_AGAIN = "a step before it has to be made again"
_PAUSE_BETWEEN = 0.3


class CoveredTx(NamedTuple):
    """A transaction that an approval covers. `state` is its proposal's, `reason` why it ended."""

    proposal_id: UUID
    step: str
    ledger: str
    account: str
    state: str
    reason: str


def listed(db: Database, wholes: Iterable[UUID]) -> list[CoveredTx]:
    """The transactions that these approvals cover, in their order."""
    with db.connect() as connection:
        return [_tx(row) for whole in wholes for row in covered(connection, whole)]


def ensure_covered(settings: Settings, db: Database, whole: UUID, payloads: list[dict[str, Any]]) -> None:
    """Have a transaction under way, or done, of each payload. One that failed or lapsed is made again, and with it
    those after it on its account that nobody can have sent. The approval of a set-up ends with its 72 hours; that of a
    rotation, whose notice is longer, with the rotation. Raises Permanent where people approved no such payload."""
    with entered(db) as connection:
        row = held(connection, whole)
        _require_asked(connection, row, payloads)
        rows = covered(connection, whole)
        events: list[NewAuditEvent] = []
        under_way = {each.payload_hash: each for each in rows if each.state in (*LIVE, "confirmed")}
        missing: list[dict[str, Any]] = []
        broken: set[str] = set()
        for payload in payloads:
            account, there = payload["intent"]["account"], under_way.get(payload_hash(payload))
            if there is not None and account in broken:
                if there.state not in _TO_SIGN:
                    raise Permanent(
                        f"{step_of(payload)} of {account} is signed, and a step before it is not done",
                        "Wait until its last ledger is over: `fntx treasury confirm` says so. Then go on",
                    )
                taken(connection, there, "cancel", TERMINAL, events, _AGAIN)
                there = None
            if there is None:
                broken.add(account)
                missing.append(payload)
        if missing and row.kind == SETUP and row.expires_at <= datetime.now(UTC):
            raise Permanent("the approval is over, and something is left to be made", "Propose what is left")
        if missing:
            cover(connection, row, missing, TERMINAL, events)
        append_all(settings, connection, events)


def _require_asked(connection: Connection, row: ProposalRow, payloads: list[dict[str, Any]]) -> None:
    is_asked = _asked_by(connection, row)
    for payload in payloads:
        if not is_asked(payload):
            raise Permanent(
                f"what {payload['intent']['account']} lacks is not what was approved: it has changed meanwhile",
                "Run it again: it looks at what is left, and proposes it where nobody approved it",
            )


def _asked_by(connection: Connection, row: ProposalRow) -> Callable[[dict[str, Any]], bool]:
    """Whether an approved proposal asks for a payload: a set-up for its intents, a rotation that waits for its signers
    on an account of ours. Raises Permanent for any other, which covers nothing."""
    if row.state == "approved" and row.kind == SETUP:
        whole = payload_of(row)
        shared = {"ledger": whole["ledger"], "network_id": whole["network_id"]}
        hashes = {payload_hash(shared | {"intent": intent}) for intent in whole["intents"]}
        return lambda payload: payload_hash(payload) in hashes
    waiting = [each for each in signer_sets(connection, "pending") if each.proposal_id == row.proposal_id]
    if row.state == "approved" and row.kind == ROTATION and waiting:
        now = read_config(document_of(active_set(connection).config.encode()))
        new = read_config(document_of(waiting[0].config.encode()))
        return lambda payload: is_of_rotation(now, new, payload)
    raise Permanent(f"the proposal {row.proposal_id} covers no transactions", "Look at it: `fntx treasury show`")


def export_all(settings: Settings, db: Database, whole: UUID, folder: Path) -> list[Path]:
    """Prepare what is not prepared yet, and write the files of all that waits for signatures, named by the role of the
    account, the place of the step among those of it, and the step."""
    with db.connect() as connection:
        config = approved_config(settings, connection)
    roles = {address: role for role, address in [*config.xrpl_accounts.items(), *config.stellar_accounts.items()]}
    steps = Counter[str]()
    paths: list[Path] = []
    for each in listed(db, [whole]):
        if each.state in (*LIVE, "confirmed"):
            steps[each.account] += 1
        if each.state in ("approved", *_TO_SIGN):
            role = roles.get(each.account, each.account)
            name = f"{each.ledger}-{role}-{steps[each.account]}-{each.step}"
            paths += export_files(settings, db, each.proposal_id, folder, name=name)
    return paths


def send_all(settings: Settings, db: Database, whole: UUID, wait: float) -> None:
    """Send and confirm all that is signed, in order, waiting for ledgers so many seconds."""
    ends = time.monotonic() + wait
    while True:
        moved = _sent(settings, db, whole)
        if moved:
            continue
        if time.monotonic() >= ends or all(each.state != "submitted" for each in listed(db, [whole])):
            return
        time.sleep(_PAUSE_BETWEEN)


def _sent(settings: Settings, db: Database, whole: UUID) -> bool:
    """Take one step of each account; whether one was taken."""
    moved, held_up = False, set()
    for each in listed(db, [whole]):
        if each.account in held_up or each.state == "confirmed" or each.state not in LIVE:
            continue
        held_up.add(each.account)
        if each.state == "submitted":
            [settled] = confirm(settings, db, each.proposal_id)
            moved = moved or settled.state != "submitted"
        elif each.state == "ready":
            submit(settings, db, each.proposal_id)
            moved = True
    return moved


def _tx(row: ProposalRow) -> CoveredTx:
    payload = payload_of(row)
    account = payload["intent"]["account"]
    return CoveredTx(row.proposal_id, step_of(payload), payload["ledger"], account, row.state, row.reason)
