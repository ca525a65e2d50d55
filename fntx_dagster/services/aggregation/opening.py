"""What anybody may do for a pool: check what others submit, evict liars, open a frozen day, read totals, write the
record of a day."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import TYPE_CHECKING, NamedTuple

from fntx_dagster.adapters.evm.pool_calls import OPEN, call_pool
from fntx_dagster.aggregate.commitments import PNL_OFFSET, RANGE
from fntx_dagster.aggregate.epoch import EpochRecord, Trustee, written
from fntx_dagster.aggregate.opening import Frozen, Totals, points_of_totals, share_holds, totals_of
from fntx_dagster.aggregate.totals import decoded
from fntx_dagster.curve.group import read_wide
from fntx_dagster.errors import Permanent, Transient
from fntx_dagster.model.pools import PoolDayState
from fntx_dagster.outbox.sender import OnProgress
from fntx_dagster.services.aggregation.pool import (
    CheckedDay,
    NotOpened,
    PoolView,
    checked_day,
    frozen_sums,
    pool_of,
    settled_block,
    view_of,
)
from fntx_dagster.services.aggregation.trading import send_actions
from fntx_dagster.services.chain_of import connect
from fntx_dagster.store.outbox.actions import ActionJournal

if TYPE_CHECKING:
    from fntx_dagster.adapters.evm.reader import Reader
    from fntx_dagster.settings import Settings
    from fntx_dagster.store.database import Database

_CHALLENGE_GAS = 3_500_000
"""A challenge takes 2.5 million at most; a node that estimates it runs it many times."""


class Looked(NamedTuple):
    """A day's submissions, checked, and whom this call evicted."""

    checked: CheckedDay
    evicted: list[str]


class OpenedTotals(NamedTuple):
    """The totals of an opened day, in units of 10^scale of the pool's currency."""

    day: date
    currency: str
    scale: int
    totals: Totals


def check_day(settings: Settings, day: date, evict_with: str | None = None) -> Looked:
    """Check the proof of every submission of a day. `evict_with`: the account whose key evicts those that do not hold,
    while the day's window is open; half the liar's bond goes to it."""
    with connect(settings) as chain:
        pool = pool_of(settings, chain)
        checked, evicted = checked_day(pool, day), []
        if evict_with is not None and checked.liars:
            signer = chain.trader(evict_with)
            with chain.turn_of(signer.address):
                for liar in checked.liars:
                    data = pool.book.challenge(day, liar.trader, liar.submission)
                    call_pool(pool.book, chain, signer, data, gas=_CHALLENGE_GAS)
                    evicted.append(liar.trader)
            checked = checked_day(pool, day)
        return Looked(checked, evicted)


def open_day(
    settings: Settings, db: Database, account: str, day: date, on_progress: OnProgress = lambda text: None
) -> OpenedTotals:
    """Open a frozen day with the shares that its trustees offered, sent with an account's key; a day that is open stays
    as it is. Transient while shares are missing; Permanent where the day does not hold."""
    with connect(settings) as chain:
        pool = pool_of(settings, chain)
        checked = checked_day(pool, day, settled_block(chain, settings))
        if checked.standing.state is not PoolDayState.OPENED:
            signer = chain.trader(account)
            frozen = frozen_sums(pool, checked)
            shares = _shares(pool, frozen, day)
            raw = _decoded(frozen, shares, checked.standing.users)
            data = pool.book.data("open", frozen.epoch, raw, list(shares), b"".join(shares.values()))
            journal = ActionJournal(db, account, chain.chain_id, pool.book.contract, signer.address)
            with journal.turn():
                journal.queue(OPEN, day, "", data)
                send_actions(settings, chain, pool, signer, journal, on_progress)
        return _totals(pool, day)


def totals(settings: Settings, day: date | None = None) -> OpenedTotals:
    """The totals of an opened day, else of the latest one, as the contract says. Permanent where it is not open."""
    with connect(settings) as chain:
        pool = pool_of(settings, chain)
        latest = day or pool.book.latest_opened()
        if latest is None:
            raise Permanent("no day of this pool was opened", "`fntx aggregate open --date DAY` opens a frozen one")
        return _totals(pool, latest)


def written_record(settings: Settings, day: date) -> str:
    """The file of an opened day, from the chain of the settings."""
    with connect(settings) as chain:
        return written(record_of(pool_of(settings, chain), day))


def record_at(chain: Reader, contract: str, day: date) -> EpochRecord:
    """The same of the pool at an address."""
    return record_of(view_of(chain, contract), day)


def record_of(pool: PoolView, day: date) -> EpochRecord:
    """The record of an opened day of a pool. NotOpened where it is not open."""
    opening, standing, terms = pool.book.opening(day), pool.book.day(day), pool.terms
    if opening is None:
        raise NotOpened(day, standing.state)
    return EpochRecord(
        pool=pool.address,
        verifier=terms.verifier.lower(),
        track_record=terms.records.lower(),
        rules=terms.rules,
        threshold=terms.threshold,
        key=terms.key,
        trustees=tuple(
            Trustee(address.lower(), box_key, contribution, verification_key)
            for address, box_key, contribution, verification_key in zip(
                terms.trustees, terms.box_keys, pool.contributions(), terms.verification_keys, strict=True
            )
        ),
        day=day,
        submissions=tuple(pool.book.submissions(day)),
        sums=standing.sums,
        opening=opening,
        totals=totals_of(opening.totals, standing.users),
    )


def _shares(pool: PoolView, frozen: Frozen, day: date) -> dict[int, bytes]:
    """Trustee → the share that he offered and that holds: as many as open the sums, in order."""
    valid: dict[int, bytes] = {}
    for trustee, offered in pool.book.shares(day):
        if trustee not in valid and share_holds(
            frozen, trustee, read_wide(pool.terms.verification_keys[trustee]), offered
        ):
            valid[trustee] = offered
    threshold = pool.terms.threshold
    if len(valid) < threshold:
        raise Transient(
            f"{len(valid)} of the {threshold} shares that open this day are there", "Try again when more are offered"
        )
    return {trustee: valid[trustee] for trustee in sorted(valid)[:threshold]}


def _decoded(frozen: Frozen, shares: dict[int, bytes], users: int) -> list[int]:
    """The totals as they are encrypted."""
    points = points_of_totals(frozen, shares)
    nears: Sequence[int] = (0, 0, users * PNL_OFFSET)
    raw = [decoded(point, users * RANGE, near) for point, near in zip(points, nears, strict=True)]
    if any(each is None for each in raw):
        raise Permanent("the sums hold no totals, although each proof holds", "Report this: it should be impossible")
    return [each for each in raw if each is not None]


def _totals(pool: PoolView, day: date) -> OpenedTotals:
    standing, rules = pool.book.day(day), pool.terms.rules
    if standing.state is not PoolDayState.OPENED:
        raise NotOpened(day, standing.state)
    return OpenedTotals(day, rules.currency, rules.scale, totals_of(standing.totals, standing.users))
