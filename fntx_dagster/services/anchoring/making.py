"""Making the anchor of a checkpoint on the XRP Ledger or on Stellar: prepared under a standing approval where one
covers it, else proposed. One at a time goes from an account, and none is made twice of one size."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any, NamedTuple
from uuid import UUID

from fntx_dagster.audit.checkpoint import Checkpoint
from fntx_dagster.audit.event import NewAuditEvent
from fntx_dagster.errors import Permanent
from fntx_dagster.governance.config import TreasuryConfig
from fntx_dagster.governance.kinds import ANCHOR
from fntx_dagster.intents.refusal import TransactionRefused
from fntx_dagster.services.anchoring.heads import is_on_ledger
from fntx_dagster.services.anchoring.intents import AnchorSource, anchor_payload
from fntx_dagster.services.auditing.log import append_all
from fntx_dagster.services.auditing.news import is_news_behind
from fntx_dagster.services.governance.configuration import approved_config
from fntx_dagster.services.governance.proposing import proposed
from fntx_dagster.services.governance.standing import (
    BY,
    StandingUse,
    covering,
    require_another_use,
    require_usable,
)
from fntx_dagster.services.governance.steps import taken
from fntx_dagster.services.transactions.ledgers import LedgerTerms, TreasuryLedger
from fntx_dagster.services.transactions.opening import opened
from fntx_dagster.services.transactions.preparing import keep_prepared
from fntx_dagster.services.transactions.steps import tx_event
from fntx_dagster.settings import Settings
from fntx_dagster.store.database import Connection, Database
from fntx_dagster.store.treasury.audit_log import log_size
from fntx_dagster.store.treasury.ledger_anchors import LedgerAnchorRow, ledger_anchors, lock_ledger_anchors
from fntx_dagster.store.treasury.platform import entered
from fntx_dagster.store.treasury.proposals import ProposalRow
from fntx_dagster.store.treasury.standing import StandingApprovalRow, standing_approval


class AnchorSchedule(NamedTuple):
    """Where the anchors from an account stand: all of them, the one that is on its way, the largest size that the
    ledger holds or may come to hold, when the next is due (aware)."""

    rows: list[LedgerAnchorRow]
    open: LedgerAnchorRow | None
    size: int
    due_at: datetime | None


def schedule(connection: Connection, source: AnchorSource, every: int, now: datetime) -> AnchorSchedule:
    """The same, where an anchor is due every `every` seconds after the last, whatever became of that: who rejected one
    is not asked again at once. Due at once where there was none, and never while the log has no event."""
    rows = ledger_anchors(connection, source.ledger, str(source.network), source.account)
    live = [row for row in rows if row.is_live(now)]
    due_at = max((row.created_at for row in rows), default=now - timedelta(seconds=every)) + timedelta(seconds=every)
    return AnchorSchedule(
        rows,
        next((row for row in live if row.is_open(now)), None),
        max((row.size for row in live), default=0),
        due_at if log_size(connection) else None,
    )


def is_wanted(settings: Settings, connection: Connection, at: AnchorSchedule, now: datetime, *, if_due: bool) -> bool:
    """Whether an anchor is to be made: none is on its way, and it is due, or the log tells something new."""
    if at.open is not None or at.due_at is None:
        return False
    return at.due_at <= now if if_due else is_news_behind(settings, connection, at.size)


def make_anchor(
    settings: Settings, db: Database, source: AnchorSource, checkpoint: Checkpoint, now: datetime, *, if_due: bool
) -> UUID | None:
    """Make the anchor of a checkpoint and return its proposal's id; None where another process has made one meanwhile,
    or the ledger holds one that is as large.

    Of several standing approvals the first is used that can be. Raises Permanent where the configuration is another
    than the approved one, and where none can be: for its fee, its number a day, a key that signs for another account of
    ours, or (TransactionRefused) does not sign for this one; Transient where the server does not answer."""
    payload = anchor_payload(source, checkpoint)
    with db.connect() as connection:
        config = approved_config(settings, connection)
        approvals = covering(connection, payload, now)
    if not approvals:
        return _made(settings, db, config, source, checkpoint, now, if_due=if_due)
    if is_on_ledger(settings, db, source, checkpoint):
        return None
    failures: list[Permanent] = []
    with opened(settings, config, source.ledger) as ledger:
        for standing in approvals:
            try:
                require_anchor_key(ledger, config, source, standing.key)
                covered = _Covered(ledger, ledger.terms(payload, 1, key=standing.key), standing)
                return _made(settings, db, config, source, checkpoint, now, if_due=if_due, covered=covered)
            except Permanent as failure:
                failures.append(failure)
    if len(failures) == 1:
        raise failures[0]
    whys = (f"{row.proposal_id}: {why.message}" for row, why in zip(approvals, failures, strict=True))
    raise Permanent(f"no standing approval covers it now: {'; '.join(whys)}", "Propose another, or wait")


def require_anchor_key(ledger: TreasuryLedger, config: TreasuryConfig, source: AnchorSource, key: str) -> None:
    """Raise TransactionRefused where a key could do more than anchor: where it signs for an issuer, or for another
    account of the treasury."""
    accounts = config.xrpl_accounts if source.ledger == "xrpl" else config.stellar_accounts
    own = [each for each in config.issuers if (each.startswith("r")) == (source.ledger == "xrpl")]
    others = {*accounts.values(), *own} - ({source.account} - config.issuers)
    if signing := ledger.signs_for(key, sorted(others)):
        raise TransactionRefused(
            "other_key", f"the key {key} signs for {signing[0]} too: an anchor key signs for the anchors' account alone"
        )


class _Covered(NamedTuple):
    """What an anchor under a standing approval is prepared with."""

    ledger: TreasuryLedger
    terms: LedgerTerms
    standing: StandingApprovalRow


def _made(
    settings: Settings,
    db: Database,
    config: TreasuryConfig,
    source: AnchorSource,
    checkpoint: Checkpoint,
    now: datetime,
    *,
    if_due: bool,
    covered: _Covered | None = None,
) -> UUID | None:
    """All steps in one transaction: an anchor is prepared, or proposed, or there is nothing of it."""
    payload = anchor_payload(source, checkpoint)
    events: list[NewAuditEvent] = []
    with entered(db) as connection:
        if approved_config(settings, connection).hash != config.hash:
            raise Permanent("the configuration changed meanwhile", "Anchor again")
        lock_ledger_anchors(connection, source.ledger, source.account)
        at = schedule(connection, source, config.anchor_every_s, now)
        if not is_wanted(settings, connection, at, now, if_due=if_due) or checkpoint.size <= at.size:
            return None
        standing_id = None if covered is None else covered.standing.proposal_id
        row = proposed(settings, connection, ANCHOR, payload, events, by=BY, covered=standing_id)
        if covered is not None:
            _prepared(connection, row, payload, covered, now, events)
        append_all(settings, connection, events)
    return row.proposal_id


def _prepared(
    connection: Connection,
    row: ProposalRow,
    payload: Any,
    covered: _Covered,
    now: datetime,
    events: list[NewAuditEvent],
) -> None:
    """Let a standing approval stand for the votes on an anchor, and prepare it."""
    standing_id = covered.standing.proposal_id
    row = taken(connection, row, "approve", BY, events, f"covered by the standing approval {standing_id}")
    tx = keep_prepared(connection, covered.ledger, row, payload, covered.terms, standing_id)
    standing = standing_approval(connection, standing_id)
    require_usable(standing, StandingUse(row.proposal_id, payload, int(tx.fee), covered.standing.key), now)
    require_another_use(connection, covered.standing, now)
    events.append(tx_event(tx, "prepare", BY))
    taken(connection, row, "prepare", BY, events)
