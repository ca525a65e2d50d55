"""Bringing the commitments to signals onto the chain of the settings: each strategy's queue, emptied in order.

They are queued with their executions (`opening`), which wait for no chain. A commitment takes effect once: the outbox
keeps each step before it is taken, and each call names the number of its first commitment, so that the contract takes
it once. A strategy signs with the key of the account `strategy:CODE`.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, NamedTuple

from fntx_dagster.adapters.evm.commitment_calls import commitment_transport
from fntx_dagster.adapters.evm.commitments import CommitmentBook
from fntx_dagster.errors import Permanent, Transient
from fntx_dagster.outbox.sender import OnProgress, send
from fntx_dagster.services.chain import put_commitments
from fntx_dagster.services.chain_of import connect
from fntx_dagster.services.signals.trading import user_of
from fntx_dagster.services.signatures.posting import policy_of
from fntx_dagster.signals.commitments import strategy_hash
from fntx_dagster.store.outbox import commitments
from fntx_dagster.store.outbox.commitments import CommitmentJournal

if TYPE_CHECKING:
    from fntx_dagster.adapters.evm.client import Chain
    from fntx_dagster.model.chain import WaitingCommitment
    from fntx_dagster.settings import Settings
    from fntx_dagster.store.database import Database, Readable

_FRESH, _SOON, _LATER = timedelta(hours=1), timedelta(minutes=1), timedelta(minutes=30)
"""A run for what waits is requested every minute while the oldest is fresh, and every half hour later."""
_IN_A_BLOCK = ("mined", "final")


class CommittedSignals(NamedTuple):
    """What a call brought onto the chain, what still waits or has failed, and why strategies had to stop (code →
    reason)."""

    new: list[WaitingCommitment]
    waiting: list[WaitingCommitment]
    stopped: dict[str, str]


def list_commitments(db: Readable, code: str | None = None) -> list[WaitingCommitment]:
    """The commitments of a strategy, or of all, in the order of their executions."""
    return commitments.commitments(db, code)


def commit_signals(
    settings: Settings,
    db: Database,
    code: str | None = None,
    *,
    again: bool = False,
    on_progress: OnProgress = lambda text: None,
) -> CommittedSignals:
    """Commit what waits, of a strategy or of all. `again`: those too that have failed.

    A strategy that lacks its key or ether stops; the others go on. Transient where the chain does not answer or has not
    taken everything in time; nothing is lost then, and a later call goes on.
    """
    if again:
        commitments.queue_failed_again(db, code)
    before = {row.commitment for row in commitments.commitments(db, code) if row.state in _IN_A_BLOCK}
    codes = [each for each in commitments.unfinished_strategies(db) if code in (None, each)]
    stopped: dict[str, str] = {}
    if codes:
        with connect(settings) as chain:
            _check_contract(settings, chain)
            for each in codes:
                try:
                    _commit_strategy(settings, db, chain, each, on_progress)
                except Permanent as error:
                    stopped[each] = str(error)
    after = commitments.commitments(db, code)
    new = [row for row in after if row.state in _IN_A_BLOCK and row.commitment not in before]
    return CommittedSignals(new, [row for row in after if row.state not in _IN_A_BLOCK], stopped)


def commit_or_wait(settings: Settings, db: Database, now: datetime, on_progress: OnProgress) -> CommittedSignals:
    """As `commit_signals`, but a chain that does not answer is no error until something has waited longer than the
    settings allow. Raises Transient then, at `now` (aware)."""
    try:
        return commit_signals(settings, db, on_progress=on_progress)
    except Transient as error:
        waiting = commitments.commitments(db, unfinished=True)
        since = now - timedelta(hours=settings.posting.waiting_hours)
        if any(row.state not in _IN_A_BLOCK and row.queued_at < since for row in waiting):
            raise
        on_progress(f"{error}")
        return CommittedSignals([], waiting, {})


def commitments_due(db: Readable, now: datetime) -> str | None:
    """The name of the run that `now` is due for the commitments that wait; None where none does. It asks no chain, and
    what has failed waits for a person."""
    waiting = [row for row in commitments.commitments(db, unfinished=True) if row.state != "failed"]
    if not waiting:
        return None
    patience = _SOON if now - min(row.queued_at for row in waiting) < _FRESH else _LATER
    return f"{len(waiting)} wait, {patience.seconds // 60} min {int(now.timestamp() // patience.total_seconds())}"


def _check_contract(settings: Settings, chain: Chain) -> None:
    """The embedded chain gets the contract by itself; elsewhere a person puts it there."""
    if chain.is_embedded:
        put_commitments(settings, chain)
    else:
        CommitmentBook(chain.web3, chain.chain_id).check_deployed()


def _commit_strategy(settings: Settings, db: Database, chain: Chain, code: str, on_progress: OnProgress) -> None:
    account, strategy, limits = user_of(code), strategy_hash(code), settings.posting
    signer, book = chain.trader(account), CommitmentBook(chain.web3, chain.chain_id)
    journal = CommitmentJournal(db, code, account, chain.chain_id, book.contract, signer.address)
    transport = commitment_transport(
        chain, signer, strategy, limits.fee_cap, settings.chain.confirmations, limits.modest_tip
    )
    with journal.turn():
        if chain.is_embedded:  # it may have been made anew; elsewhere what is final stays
            commitments.queue_vanished_again(db, journal.who, book.count(signer.address, strategy))
        send(transport, journal, policy_of(settings), on_progress)
