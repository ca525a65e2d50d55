"""The desk and its strategies as programs are given them over HTTP, and what they may do there: start, halt, and
propose to kill or to resume. Going on (`fntx strategy advance`) is for the machine that has the signers' files."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple
from uuid import UUID, uuid5

from fntx_dagster.services.execution import starting
from fntx_dagster.services.execution.halting import halt
from fntx_dagster.services.execution.reading import desk_document, strategy_document
from fntx_dagster.services.governance.proposing import propose
from fntx_dagster.services.governance.reading import show
from fntx_dagster.services.orders.fields import Fields
from fntx_dagster.services.orders.replies import reused
from fntx_dagster.services.treasury.declining import declining
from fntx_dagster.services.treasury.proposals import operator
from fntx_dagster.services.treasury.requests import read_once, reason_of

if TYPE_CHECKING:
    from fntx_dagster.services.orders.access import Caller
    from fntx_dagster.settings import Settings
    from fntx_dagster.store.database import Database

_REQUESTS = UUID("8f9ce1a4-4e38-4f0e-9f27-0c6b1f5d7a20")
"""Under which a user's key names his strategy."""
KILL, RESUME = "trade.kill", "breaker.reset"


class AskedStart(NamedTuple):
    """A strategy to start, and the key of the request."""

    document: Any
    key: str | None


def asked_start(body: bytes, header_key: str | None) -> AskedStart:
    """A strategy to start. Raises Declined with every fault."""
    fields = Fields(read_once(body))
    asked = AskedStart(_strategy(fields), fields.key(header_key))
    fields.finish()
    return asked


def asked_dry_run(body: bytes) -> Any:
    """A strategy to run dry. Raises Declined with every fault."""
    fields = Fields(read_once(body))
    asked = _strategy(fields)
    fields.finish()
    return asked


def trading_desk(db: Database) -> dict[str, Any]:
    """As `fntx strategy status`."""
    with declining():
        return desk_document(db)


def strategy(db: Database, strategy_id: UUID) -> dict[str, Any]:
    """As `fntx strategy status ID`."""
    with declining():
        return strategy_document(db, strategy_id)


def dry_run(settings: Settings, db: Database, body: bytes) -> dict[str, Any]:
    """As `fntx strategy start`: nothing is kept."""
    asked = asked_dry_run(body)
    with declining(asks_ledgers=True):
        return starting.dry_run(settings, db, asked)._asdict()


def start(settings: Settings, db: Database, caller: Caller, body: bytes, header_key: str | None) -> dict[str, Any]:
    """As `fntx strategy start --live`. With a key it is started once: the same request gets it as it is then, another
    request with the key is refused."""
    asked = asked_start(body, header_key)
    name = None if asked.key is None else uuid5(_REQUESTS, f"{caller.user_id}\n{asked.key}")
    with declining(asks_ledgers=True):
        try:
            made = starting.start(settings, db, asked.document, operator(caller), name)
        except starting.OtherStrategy as other:
            raise reused(list(other.fields)) from None
        return strategy_document(db, made)


def halt_strategy(settings: Settings, db: Database, caller: Caller, strategy_id: UUID, body: bytes) -> dict[str, Any]:
    """Halt a strategy for good; as it is then."""
    reason = reason_of(body)
    with declining():
        halt(settings, db, strategy_id, reason, operator(caller))
        return strategy_document(db, strategy_id)


def halt_desk(settings: Settings, db: Database, caller: Caller, body: bytes) -> dict[str, Any]:
    """Halt the desk; as it is then."""
    reason = reason_of(body)
    with declining():
        halt(settings, db, None, reason, operator(caller))
        return desk_document(db)


def propose_for_desk(settings: Settings, db: Database, caller: Caller, kind: str, body: bytes) -> dict[str, Any]:
    """Propose that the desk is killed, or that it trades again; the proposal."""
    payload = {"reason": reason_of(body), "desk": "xrpl"}
    with declining():
        return show(db, propose(settings, db, kind, payload, by=operator(caller))).as_dict()


def _strategy(fields: Fields) -> Any:
    if not fields.has("strategy"):
        fields.fault("strategy", "missing", "the field is missing: what is traded, and when (docs/execution.md)")
    return fields.take("strategy")
