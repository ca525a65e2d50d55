"""Stopping by hand: one strategy or the desk, by whoever runs the program. Nobody has to agree to that."""

from __future__ import annotations

from uuid import UUID

from fntx_dagster.audit.event import EventSubject, NewAuditEvent
from fntx_dagster.errors import Permanent
from fntx_dagster.services.auditing.log import append
from fntx_dagster.services.execution.reading import NoSuchStrategy
from fntx_dagster.services.execution.switching import DESK
from fntx_dagster.services.execution.watching import halt_desk, required
from fntx_dagster.services.governance.configuration import configured
from fntx_dagster.services.governance.signers import TERMINAL
from fntx_dagster.services.treasury.secrets import require_plain
from fntx_dagster.settings import Settings
from fntx_dagster.store.database import Database
from fntx_dagster.store.treasury.platform import entered
from fntx_dagster.store.treasury.strategies import move_strategy, strategy

_OPEN = ("running", "halted")


def halt(settings: Settings, db: Database, strategy_id: UUID | None, reason: str, by: str = TERMINAL) -> None:
    """Halt a strategy for good, or, where none is named, the desk with all of them until two signers let it go on.
    Raises Permanent where there is nothing to halt."""
    require_plain("reason", reason)
    account = configured(settings).xrpl_accounts[DESK]
    if strategy_id is None:
        halt_desk(settings, db, account, reason, by)
        return
    with entered(db) as connection:
        required(connection, account)
        row = strategy(connection, strategy_id)
        if row is None:
            raise NoSuchStrategy(strategy_id)
        if row.state not in _OPEN:
            raise Permanent(f"the strategy is {row.state}", "Only one that runs can be halted")
        move_strategy(connection, strategy_id, "halted", reason)
        details = {"state": "halted", "reason": reason}
        append(
            settings,
            connection,
            NewAuditEvent("agent_executed", by, EventSubject("strategy", str(strategy_id)), details),
        )
