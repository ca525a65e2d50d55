"""A trustee's part of a pool: the box key, the contribution to the pool's key, its confirmation, shares of a day.

A share is given for one set of sums of a day, which no trader can change any more; the note of it is on the disk before
the share leaves. A trustee's key signs under the account `trustee`, or the one that is named.
"""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from fntx_dagster.adapters.evm.pool_calls import SHARE, call_pool
from fntx_dagster.adapters.evm.pool_reading import EVICTED
from fntx_dagster.adapters.evm.trustee_files import (
    TrusteeFile,
    bind_trustee_file,
    new_trustee_file,
    note_before_serving,
    open_trustee_file,
    served_days,
)
from fntx_dagster.aggregate.committee import contribute as contribution_of
from fntx_dagster.aggregate.committee import part_of
from fntx_dagster.aggregate.opening import share as share_of
from fntx_dagster.curve.group import GENERATOR, random_scalar, times, write_wide
from fntx_dagster.errors import Permanent
from fntx_dagster.model.pools import PoolDayState
from fntx_dagster.outbox.sender import OnProgress
from fntx_dagster.proof.keccak import keccak256
from fntx_dagster.services.aggregation.pool import (
    CheckedDay,
    PoolView,
    checked_day,
    frozen_sums,
    pool_of,
    settled_block,
)
from fntx_dagster.services.aggregation.trading import send_actions
from fntx_dagster.services.chain_of import connect
from fntx_dagster.store.outbox.actions import ActionJournal, actions

if TYPE_CHECKING:
    from collections.abc import Iterator

    from fntx_dagster.adapters.evm.client import Chain
    from fntx_dagster.adapters.evm.keys import Signer
    from fntx_dagster.model.pools import WaitingAction
    from fntx_dagster.settings import Settings
    from fntx_dagster.store.database import Database

ACCOUNT = "trustee"
"""The account whose key signs for a trustee, unless another is named."""


class NewTrustee(NamedTuple):
    """A trustee as the pool's deployment names him: address and box key (0x…)."""

    file: Path
    address: str
    box_key: str


class Seat(NamedTuple):
    """A trustee at work: the pool, his number in it, his file and who signs."""

    pool: PoolView
    number: int
    file: TrusteeFile
    signer: Signer


def init(settings: Settings, file: Path, account: str = ACCOUNT) -> NewTrustee:
    """Make a trustee's file with a new secret, under the password of the settings. Never overwrites."""
    password = settings.keys.keystore_password
    if password is None:
        raise Permanent("a trustee's file needs a password", "Set FNTX_KEYSTORE_PASSWORD to one that nobody guesses")
    with connect(settings) as chain:
        address = chain.trader(account).address
    secret = random_scalar()
    box_key = write_wide(times(GENERATOR, secret))
    new_trustee_file(file, secret, box_key, password.get_secret_value())
    return NewTrustee(file, address, f"0x{box_key.hex()}")


def contribute(settings: Settings, account: str = ACCOUNT) -> int:
    """Contribute to the pool's key, once, and bind the file to the pool; the trustee's number."""
    with connect(settings) as chain:
        seat = _seat(settings, chain, account)
        bind_trustee_file(seat.file.path, chain.chain_id, seat.pool.book.contract)
        with chain.turn_of(seat.signer.address):
            if seat.number not in seat.pool.book.contributions():
                said = contribution_of(seat.pool.committee, seat.number, seat.file.secret)
                call_pool(seat.pool.book, chain, seat.signer, seat.pool.book.data("contribute", *said))
        return seat.number


def confirm(settings: Settings, account: str = ACCOUNT) -> int:
    """Confirm that all contributed, and that each sealed value for this trustee is the one that was committed to; the
    trustee's number. Permanent names who cheated."""
    with connect(settings) as chain:
        seat = _bound_seat(settings, chain, account)
        part_of(seat.pool.committee, seat.number, seat.file.secret, seat.pool.contributions())
        with chain.turn_of(seat.signer.address):
            if seat.number not in seat.pool.book.confirmed():
                call_pool(seat.pool.book, chain, seat.signer, seat.pool.book.data("confirm"))
        return seat.number


def serve_share(
    settings: Settings, db: Database, day: date, account: str = ACCOUNT, on_progress: OnProgress = lambda text: None
) -> WaitingAction:
    """Offer this trustee's share of a frozen day on the chain, once.

    Transient while the day is not frozen in a block that the chain keeps. Permanent where the file is of another pool,
    a proof does not hold, the sums are not those of the logs, too few traders differ from those of a day that is opened
    or has shares, or another share of this day was given.
    """
    with connect(settings) as chain:
        seat = _bound_seat(settings, chain, account)
        pool, block = seat.pool, settled_block(chain, settings)
        checked = checked_day(pool, day, block)
        frozen = frozen_sums(pool, checked)
        part = part_of(pool.committee, seat.number, seat.file.secret, pool.contributions())
        with chain.turn_of(seat.signer.address):
            served = served_days(seat.file.path) | pool.book.shared_by(seat.number)
            for objection in objections(settings.aggregation.min_change, pool, checked, served):
                raise Permanent(f"{day}: {objection}", "Give no share; a later day may be served")
            sums = keccak256(b"".join(checked.standing.sums))
            note_before_serving(seat.file.path, day.isoformat(), f"0x{sums.hex()}")
        data = pool.book.data("offerShare", frozen.epoch, share_of(frozen, seat.number, part))
        journal = ActionJournal(db, account, chain.chain_id, pool.book.contract, seat.signer.address)
        with journal.turn():
            journal.queue(SHARE, day, f"{seat.number}", data)
            send_actions(settings, chain, pool, seat.signer, journal, on_progress)
        rows = actions(db, chain.chain_id, pool.book.contract, day)
        return [row for row in rows if (row.kind, row.sender) == (SHARE, seat.signer.address)][-1]


def objections(least: int, pool: PoolView, checked: CheckedDay, served: set[date]) -> Iterator[str]:
    """Why no share is given although the day itself holds: fewer traders than `least` differ between it and a day whose
    totals are known, or may be soon. `served`: the days that this trustee gave a share for, by note or chain."""
    if checked.standing.state is PoolDayState.OPENED:
        return
    for day in sorted((pool.book.shown() | served) - {checked.day}, reverse=True):
        if 0 < (differ := _difference(pool, checked.traders, day, least)) < least:
            yield (
                f"its traders differ by {differ} from those of {day}, which is opened or has shares: the difference of "
                f"the totals would show them. FNTX_TRUSTEE_MIN_CHANGE asks for {least}"
            )


def _difference(pool: PoolView, traders: frozenset[str], day: date, enough: int) -> int:
    """By how many traders a day differs from others; counted no further than to `enough`."""
    differ = pool.book.day(day).users - len(traders)
    if abs(differ) >= enough:
        return enough
    for trader in traders:
        if pool.book.digest(day, trader) in (bytes(32), EVICTED):
            differ += 2  # one of these is not in that day, so one more of that day's is not among these
            if differ >= enough:
                break
    return differ


def _seat(settings: Settings, chain: Chain, account: str) -> Seat:
    """A trustee's place in the pool of the settings, by the box key of the file. Permanent where there is none, or
    another key signs."""
    path = settings.aggregation.trustee_file
    if path is None:
        raise Permanent("no trustee's file is named", "Set FNTX_TRUSTEE_FILE; `fntx aggregate trustee init` writes one")
    file = open_trustee_file(path.expanduser(), settings.keys.keystore_password)
    pool = pool_of(settings, chain)
    box_key = write_wide(times(GENERATOR, file.secret))
    if box_key not in pool.terms.box_keys:
        raise Permanent(f"the pool {pool.book.contract} has no trustee with the box key of {path}", "Name another file")
    number = pool.terms.box_keys.index(box_key)
    signer = chain.trader(account)
    if signer.address != pool.terms.trustees[number]:
        raise Permanent(
            f"trustee {number} of the pool is {pool.terms.trustees[number]}, and {account} signs as {signer.address}",
            "Name the account of his key with --account",
        )
    return Seat(pool, number, file, signer)


def _bound_seat(settings: Settings, chain: Chain, account: str) -> Seat:
    """The same with a file that is for this pool."""
    seat = _seat(settings, chain, account)
    here = (chain.chain_id, seat.pool.book.contract.lower())
    if (seat.file.chain_id, seat.file.contract) != here:
        raise Permanent(
            f"{seat.file.path} is not for the pool {here[1]} on chain {here[0]}",
            "Use the file that contributed to its key",
        )
    return seat
