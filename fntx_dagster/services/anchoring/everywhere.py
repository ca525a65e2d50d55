"""Anchoring the log on every ledger that is configured: what was begun goes on, one checkpoint is signed, and each
ledger that is due, or asked for, gets the anchor of it. A ledger that fails stops no other."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

from fntx_dagster.audit.anchor import LEDGERS
from fntx_dagster.audit.checkpoint import opened
from fntx_dagster.errors import FntxError, Permanent
from fntx_dagster.model.finding import Finding, Observed
from fntx_dagster.outbox.sender import OnProgress
from fntx_dagster.services.alerting import record
from fntx_dagster.services.anchoring.intents import AnchorSource, anchor_source
from fntx_dagster.services.anchoring.making import AnchorSchedule, is_wanted, make_anchor, schedule
from fntx_dagster.services.auditing.anchoring import Anchoring
from fntx_dagster.services.auditing.anchoring import anchor as anchor_on_evm
from fntx_dagster.services.auditing.keys import log_key
from fntx_dagster.services.auditing.news import checkpoint_to_anchor
from fntx_dagster.services.governance.configuration import configured
from fntx_dagster.services.governance.ending import cancel
from fntx_dagster.services.governance.standing import BY
from fntx_dagster.services.transactions.confirming import confirm
from fntx_dagster.settings import Settings
from fntx_dagster.store.database import Database
from fntx_dagster.store.treasury.checkpoints import newest_checkpoint
from fntx_dagster.store.treasury.ledger_anchors import LedgerAnchorRow
from fntx_dagster.store.treasury.standing import standing_approvals
from fntx_dagster.store.treasury.transactions import transaction_of

SOURCE = "audit/anchor"
_SERVERS = {"xrpl": "FNTX_XRPL_URL", "stellar": "FNTX_HORIZON_URL"}


class LedgerAnchoring(NamedTuple):
    """Where the newest anchor of a ledger stands; `state` is that of its proposal, None where there is none.
    `standing`: the standing approval that it was prepared under; `due_at`: when the next is due (aware); `is_new`: made
    by this call; `problem`: why nothing was made, or nothing is known, in words for a person."""

    ledger: str
    state: str | None = None
    size: int | None = None
    proposal_id: UUID | None = None
    standing: UUID | None = None
    tx_hash: str | None = None
    ledger_index: int | None = None
    due_at: datetime | None = None
    is_new: bool = False
    problem: str | None = None


class EveryAnchoring(NamedTuple):
    """What a call did on the EVM chain, None where it was not asked for or failed, and on each other ledger; `failure`:
    the first error that a ledger raised."""

    evm: Anchoring | None
    ledgers: list[LedgerAnchoring]
    failure: FntxError | None

    def as_dict(self) -> dict[str, Any]:
        """The same in plain values, for programs: the fields of the EVM chain, and `ledgers`."""
        evm = self.evm.as_dict() if self.evm else {**dict.fromkeys(Anchoring._fields), "new": []}
        return evm | {"ledgers": [each._asdict() for each in self.ledgers]}


def configured_ledgers(settings: Settings) -> list[str]:
    """The ledgers that the log is anchored on: the EVM chain, and where there is a treasury each ledger whose server is
    named."""
    treasury = settings.treasury
    urls = {"xrpl": treasury.xrpl_url, "stellar": treasury.horizon_url}
    return [name for name in LEDGERS if name == "evm" or (treasury.config is not None and urls[name] is not None)]


def anchor_everywhere(
    settings: Settings,
    db: Database,
    now: datetime,
    *,
    if_due: bool = False,
    ledgers: Sequence[str] = (),
    on_progress: OnProgress = lambda text: None,
) -> EveryAnchoring:
    """Anchor the log as it is at `now` (aware) on these ledgers, or on all that are configured.

    Of each ledger one anchor is on its way at most. With `if_due`, one is made where the treasury's anchor_every_s is
    over since the last, else where the log tells something new. Raises Permanent for a ledger that is not configured,
    and what making the checkpoint raises; what a ledger raises is in the answer."""
    known = configured_ledgers(settings)
    for name in ledgers:
        if name not in known:
            raise Permanent(f"the ledger {name} is not configured", f"Set {_SERVERS[name]} and FNTX_TREASURY_CONFIG")
    if settings.treasury.config is not None and not ledgers:
        for name in (each for each in _SERVERS if each not in known):
            on_progress(f"{name}: not configured, set {_SERVERS[name]}")
    names = [name for name in known if not ledgers or name in ledgers]
    turns = [_begun(settings, db, name, now, if_due) for name in names if name != "evm"]
    if wanting := [turn.size for turn in turns if turn.is_wanted]:
        checkpoint_to_anchor(settings, db, now, max(wanting))  # one for all
    evm, failure = None, None
    if "evm" in names:
        try:
            evm = anchor_on_evm(settings, db, now, if_due=if_due, on_progress=on_progress)
        except FntxError as error:
            if not turns:
                raise
            failure = error
    ended = [_ended(settings, db, turn, now, if_due) for turn in turns]
    failure = next((turn.failure for turn in ended if turn.failure is not None), failure)
    return EveryAnchoring(evm, [_answer(db, turn, now) for turn in ended], failure)


class _Turn(NamedTuple):
    """A ledger's part of a call: whether an anchor is to be made there, the largest size that it holds or may come to
    hold, the anchor that was made, why it failed."""

    ledger: str
    source: AnchorSource | None = None
    every: int = 0
    is_wanted: bool = False
    size: int = 0
    made: UUID | None = None
    failure: FntxError | None = None


def _begun(settings: Settings, db: Database, ledger: str, now: datetime, if_due: bool) -> _Turn:
    """Ask what became of the anchor that is on its way, and whether another one is to be made."""
    try:
        config = configured(settings)
        source = anchor_source(config, ledger)
        at = _schedule(db, source, config.anchor_every_s, now)
        if at.open is not None and at.open.tx_state is not None:
            confirm(settings, db, at.open.proposal_id)
            _withdraw_uncovered(settings, db, at.open, now)
            at = _schedule(db, source, config.anchor_every_s, now)
        with db.connect() as connection:
            wanted = is_wanted(settings, connection, at, now, if_due=if_due)
    except FntxError as error:
        return _Turn(ledger, failure=error)
    return _Turn(ledger, source, config.anchor_every_s, wanted, at.size)


def _withdraw_uncovered(settings: Settings, db: Database, row: LedgerAnchorRow, now: datetime) -> None:
    """Cancel an anchor that nobody signed before its standing approval was over: nobody may sign it any more."""
    with db.connect() as connection:
        found = transaction_of(connection, row.proposal_id)
        active = {each.proposal_id for each in standing_approvals(connection, now)}
    if found and found.state == "pending_signature" and found.standing_id and found.standing_id not in active:
        cancel(settings, db, row.proposal_id, "its standing approval is over", BY)


def _ended(settings: Settings, db: Database, turn: _Turn, now: datetime, if_due: bool) -> _Turn:
    """Make the anchor of the newest checkpoint where one is to be made; what a person has to change is an alert."""
    try:
        if turn.is_wanted and turn.source is not None:
            with db.connect() as connection:
                row = newest_checkpoint(connection)
            assert row  # it was just made
            checkpoint = opened(row.note, log_key(settings).verifier)
            turn = turn._replace(made=make_anchor(settings, db, turn.source, checkpoint, now, if_due=if_due))
    except FntxError as error:
        turn = turn._replace(failure=error)
    error = turn.failure
    findings = [Finding(turn.ledger, f"the anchor on {turn.ledger}: {error}")] if isinstance(error, Permanent) else []
    record(db, [Observed("audit", f"{SOURCE}/{turn.ledger}", findings)])
    return turn


def _schedule(db: Database, source: AnchorSource, every: int, now: datetime) -> AnchorSchedule:
    with db.connect() as connection:
        return schedule(connection, source, every, now)


def _answer(db: Database, turn: _Turn, now: datetime) -> LedgerAnchoring:
    """What a person or a program is told; the newest anchor also where no other could be made."""
    problem = None if turn.failure is None else turn.failure.message
    if turn.source is None:
        return LedgerAnchoring(turn.ledger, problem=problem)
    at = _schedule(db, turn.source, turn.every, now)
    if not at.rows:
        return LedgerAnchoring(turn.ledger, due_at=at.due_at, problem=problem)
    row = at.rows[-1]
    own = (row.state, row.size, row.proposal_id, row.standing_id, row.hash, row.ledger_index)
    return LedgerAnchoring(turn.ledger, *own, at.due_at, row.proposal_id == turn.made, problem)
