"""What other processes do at the same time in the tests of races; each knows only the database."""

from __future__ import annotations

import os
import signal
from datetime import datetime
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

from fntx_dagster.audit.event import EventSubject, NewAuditEvent
from fntx_dagster.errors import FntxError, Permanent
from fntx_dagster.services.auditing import log
from fntx_dagster.services.auditing.log import append
from fntx_dagster.services.governance.deciding import decide
from fntx_dagster.services.governance.proposing import propose
from fntx_dagster.services.governance.standing import StandingUse, use_standing
from fntx_dagster.services.governance.steps import require_running
from fntx_dagster.settings import Settings
from fntx_dagster.settings.treasury import TreasurySettings
from fntx_dagster.store.database import Database
from fntx_dagster.store.treasury.platform import entered
from tests.services.governance.treasuries import ATTESTATION, FREEZE


def _settings(home: str) -> Settings:
    return Settings(home=Path(home), treasury=TreasurySettings(config=Path(home) / "treasury.json"))


def decides(url: str, home: str, proposal_id: str, document: dict[str, Any]) -> str:
    """Hand in a decision: the state that follows, or why it was refused."""
    try:
        return decide(_settings(home), Database(url), UUID(proposal_id), document).state
    except FntxError as error:
        return f"refused: {error.message}"


def proposes(url: str, home: str, times: int) -> None:
    """Make proposals, one after another."""
    for _ in range(times):
        propose(_settings(home), Database(url), "freeze", FREEZE)


def submits(url: str, home: str) -> int:
    """Submit again and again, until the treasury is paused; how often."""
    settings, db = _settings(home), Database(url)
    event = NewAuditEvent("transaction_submit", "system:submitter", EventSubject("ledger_tx", "1"))
    for times in range(100_000):
        try:
            with entered(db) as connection:
                require_running(connection)
                append(settings, connection, event)
        except FntxError:
            return times
    raise AssertionError("nobody paused")


def is_killed(url: str, home: str, proposal_id: str, document: dict[str, Any], after: int) -> None:
    """Hand in a decision, and die after so many events of its transaction."""
    written = 0

    def append_or_die(*arguments: Any) -> int:
        nonlocal written
        if written == after:
            os.kill(os.getpid(), signal.SIGKILL)
        written += 1
        return append(*arguments)

    log.append = append_or_die
    decide(_settings(home), Database(url), UUID(proposal_id), document)


def uses(url: str, home: str, proposal_id: str, payload: dict[str, Any], at: datetime, times: int) -> list[int]:
    """Use a standing approval again and again; the numbers of the uses that were counted."""
    settings, db, numbers = _settings(home), Database(url), list[int]()
    for _ in range(times):
        try:
            use = StandingUse(uuid4(), payload, 10, ATTESTATION)
            numbers.append(use_standing(settings, db, UUID(proposal_id), use, at))
        except Permanent:
            continue
    return numbers
