"""Anchors of the log on the EVM chain: the newest checkpoint goes into AuditAnchor, when it is due or somebody asks.

Each checkpoint is anchored once: the outbox keeps every step before it is taken, and the contract is read first. An
anchor whose block is final is recorded, so that proofs name it, and is an event of the log itself. The poster signs
with the key of the account `audit`.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, NamedTuple

from fntx_dagster.adapters.evm import keys
from fntx_dagster.adapters.evm.anchor_calls import anchor_transport
from fntx_dagster.adapters.evm.anchors import AnchorBook, anchor_address
from fntx_dagster.adapters.evm.client import addresses_of
from fntx_dagster.audit.anchor import Anchor, origin_hash
from fntx_dagster.audit.event import EventSubject, LedgerPlace, NewAuditEvent
from fntx_dagster.errors import Permanent
from fntx_dagster.model.chain import AnchorHead, WaitingAnchor
from fntx_dagster.model.finding import Finding, Observed
from fntx_dagster.outbox.sender import OnProgress, send
from fntx_dagster.services.alerting import record
from fntx_dagster.services.auditing.keys import log_key
from fntx_dagster.services.auditing.log import append
from fntx_dagster.services.auditing.news import checkpoint_to_anchor, is_news_behind
from fntx_dagster.services.chain import put_anchors
from fntx_dagster.services.chain_of import connect
from fntx_dagster.services.governance.configuration import configured
from fntx_dagster.services.signatures.posting import policy_of
from fntx_dagster.store.outbox import anchors as queue
from fntx_dagster.store.outbox.anchors import AnchorJournal, AnchorWay
from fntx_dagster.store.treasury.audit_log import log_size
from fntx_dagster.store.treasury.checkpoints import add_anchor, newest_checkpoint

if TYPE_CHECKING:
    from fntx_dagster.adapters.evm.client import Chain
    from fntx_dagster.settings import Settings
    from fntx_dagster.store.database import Connection, Database

POSTER = "audit"
"""The account whose key anchors: FNTX_KEYSTORES may name its file."""
SOURCE = "audit/anchor"
"""What an alert about a refused anchor calls its source."""


class Anchoring(NamedTuple):
    """What a call brought onto the chain, and when the next anchor is due (aware; None: the log has no event yet).
    `contract` is AuditAnchor's address."""

    chain_id: int
    contract: str
    poster: str
    due_at: datetime | None
    new: list[WaitingAnchor]

    def as_dict(self) -> dict[str, Any]:
        """The same in plain values, for programs."""
        return {**self._asdict(), "new": [row.as_dict() for row in self.new]}


def anchor(
    settings: Settings,
    db: Database,
    now: datetime,
    *,
    if_due: bool = False,
    on_progress: OnProgress = lambda text: None,
) -> Anchoring:
    """Anchor the log as it is at `now` (aware) on the chain of the settings, and go on with what was begun before.

    Where nothing but anchors' own events is new since the last, nothing is sent. With `if_due`, an anchor is made where
    the time since the last is over, and then always; before that the node is not asked, unless one is under way.
    Permanent where the log has no event or does not go on from what was signed, where the chain holds an anchor that
    this one cannot follow, and as `outbox.sender.send`; Transient where the node does not answer.
    """
    way = _way(settings)
    before = {row.size for row in _anchors(db, way) if row.is_in_block}
    if if_due and not (_is_due(settings, db, way, now) or _is_under_way(db, way)):
        _record_final(settings, db)
        return _result(settings, db, way, before)
    with connect(settings) as chain:
        signer = chain.trader(POSTER)
        if chain.is_embedded:
            put_anchors(settings, chain)
        AnchorBook(chain.web3, chain.chain_id).check_deployed()
        if _is_under_way(db, way):
            _send(settings, db, chain, way, signer, on_progress)
        if not if_due or _is_due(settings, db, way, now):
            checkpoint_to_anchor(settings, db, now, _largest(_anchors(db, way)))
            if _queue(settings, db, way, now, if_due):
                _send(settings, db, chain, way, signer, on_progress)
    _record_final(settings, db)
    return _result(settings, db, way, before)


def due_at(settings: Settings, connection: Connection, way: AnchorWay) -> datetime | None:
    """When the next anchor is due (aware): so long after the last was queued as the treasury's configuration says, or
    else the setting; long ago where there is none; None where the log has no event."""
    if not log_size(connection):
        return None
    queued = [row.queued_at for row in queue.anchors(connection, way) if row.state != "failed"]
    if not queued:
        return datetime(1970, 1, 1, tzinfo=UTC)
    has_config = settings.treasury.config is not None
    every = configured(settings).anchor_every_s if has_config else settings.audit.anchor_every
    return max(queued) + timedelta(seconds=every)


def _way(settings: Settings) -> AnchorWay:
    origin = origin_hash(log_key(settings).verifier.origin)
    return AnchorWay(
        addresses_of(settings).chain_id, anchor_address(), keys.signer_of(settings, POSTER).address, origin
    )


def _anchors(db: Database, way: AnchorWay) -> list[WaitingAnchor]:
    with db.connect() as connection:
        return queue.anchors(connection, way)


def _largest(rows: list[WaitingAnchor]) -> int:
    """The largest size that the chain holds or may come to hold."""
    return max((row.size for row in rows if row.state != "failed"), default=0)


def _is_under_way(db: Database, way: AnchorWay) -> bool:
    """Whether an anchor is to come into a block, or to be final."""
    return any(row.is_on_its_way or row.state == "mined" for row in _anchors(db, way))


def _is_due(settings: Settings, db: Database, way: AnchorWay, now: datetime) -> bool:
    with db.connect() as connection:
        at = due_at(settings, connection, way)
    return at is not None and at <= now


def _queue(settings: Settings, db: Database, way: AnchorWay, now: datetime, if_due: bool) -> bool:
    """Queue the newest checkpoint where an anchor is still wanted: others may have queued one meanwhile. Whether
    something is to be sent."""
    with db.connect() as connection:
        queue.lock_queue(connection)
        rows = queue.anchors(connection, way)
        if any(row.is_on_its_way for row in rows):
            return True
        if if_due:
            at = due_at(settings, connection, way)
            is_wanted = at is not None and at <= now
        else:
            is_wanted = is_news_behind(settings, connection, _largest(rows))
        row = newest_checkpoint(connection)
        return is_wanted and row is not None and queue.queue(connection, way, AnchorHead(row.size, row.root))


def _send(
    settings: Settings, db: Database, chain: Chain, way: AnchorWay, signer: keys.Signer, on_progress: OnProgress
) -> None:
    """Send what waits. Permanent, with an alert, where the contract refuses one of them."""
    limits, waiting = settings.posting, {row.size for row in _anchors(db, way) if row.is_on_its_way}
    transport = anchor_transport(chain, signer, limits.fee_cap, settings.chain.confirmations, limits.modest_tip)
    send(transport, AnchorJournal(db, POSTER, way), policy_of(settings), on_progress)
    refused = [row for row in _anchors(db, way) if row.state == "failed" and row.size in waiting]
    findings = [Finding(f"{row.size}", f"the anchor of {row.size} events: {row.error}") for row in refused]
    record(db, [Observed("audit", SOURCE, findings)])
    if findings:
        raise Permanent(findings[0].text, "docs/audit.md says how to find out what happened")


def _record_final(settings: Settings, db: Database) -> None:
    """Record the anchors that are final, each with its event in one transaction, once."""
    for row in queue.unrecorded(db):
        if row.tx_hash is None or row.block_number is None:
            continue
        own = Anchor(row.size, "evm", f"{row.chain_id}", row.contract, row.tx_hash, row.block_number)
        event = NewAuditEvent(
            "attestation_anchored",
            "system:audit-log",
            EventSubject("checkpoint", f"{row.size}"),
            {"size": row.size, "root": row.root.hex(), "contract": row.contract.lower(), "poster": row.poster.lower()},
            LedgerPlace("evm", row.chain_id, row.tx_hash, row.block_number),
        )
        with db.connect() as connection:
            if add_anchor(connection, own):
                append(settings, connection, event)


def _result(settings: Settings, db: Database, way: AnchorWay, before: set[int]) -> Anchoring:
    with db.connect() as connection:
        rows, at = queue.anchors(connection, way), due_at(settings, connection, way)
    new = [row for row in rows if row.is_in_block and row.size not in before]
    return Anchoring(way.chain_id, way.contract, way.poster, at, new)
