"""The pool of the settings, its committee, and one day of it as the chain's logs tell it, checked.

What traders, trustees and strangers do alike: nobody believes the contract's counts and sums without the proofs.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import TYPE_CHECKING, NamedTuple

from fntx_dagster.adapters.evm.pool_reading import PoolBook
from fntx_dagster.aggregate.checking import verdicts_of_day
from fntx_dagster.aggregate.committee import Committee, Contribution, fault_of, key_of
from fntx_dagster.aggregate.opening import Frozen
from fntx_dagster.aggregate.submission import sums_of
from fntx_dagster.aggregate.transcript import PoolAddress, epoch_of
from fntx_dagster.curve.group import Point, read_wide, write_wide
from fntx_dagster.errors import Permanent, Transient
from fntx_dagster.model.pools import PoolDay, PoolDayState, PoolSubmission, PoolTerms

if TYPE_CHECKING:
    from fntx_dagster.adapters.evm.client import Chain
    from fntx_dagster.adapters.evm.reader import Reader
    from fntx_dagster.settings import Settings


class PoolView(NamedTuple):
    """A pool on a chain: what it was deployed with and what its committee did."""

    book: PoolBook
    terms: PoolTerms

    @property
    def address(self) -> PoolAddress:
        return PoolAddress(self.book.chain.chain_id, self.book.contract.lower())

    @property
    def committee(self) -> Committee:
        """The committee, by its box keys."""
        return Committee(self.address, self.terms.threshold, tuple(map(read_wide, self.terms.box_keys)))

    def contributions(self) -> list[Contribution]:
        """What the trustees contributed to the key, by number; Permanent while one is missing."""
        found = self.book.contributions()
        missing = [f"{number}" for number in range(len(self.terms.trustees)) if number not in found]
        if missing:
            raise Permanent(f"trustee {', '.join(missing)} has not contributed to the key", "Try again afterwards")
        return [Contribution(*found[number]) for number in sorted(found)]

    def checked_key(self) -> Point:
        """What traders encrypt to, as what the trustees contributed and confirmed leads to it. Permanent before it is
        formed, and where the contract holds another one: whoever deployed it could have put it there, and knows its
        secret."""
        if not self.terms.key:
            raise Permanent("the pool has no key yet", "Its trustees form it; try again afterwards")
        found, numbers = self.book.contributions(), range(len(self.terms.trustees))
        said = [Contribution(*found[number]) for number in sorted(found)]
        if (
            self.book.confirmed() != {*numbers}
            or any(fault_of(self.committee, number, each) for number, each in enumerate(said))
            or write_wide(key := key_of(said)) != self.terms.key
        ):
            raise Permanent(
                f"the key of the pool {self.book.contract} is not the one that its trustees formed",
                "Do not submit to it: somebody could read what you submit",
            )
        return key


class CheckedDay(NamedTuple):
    """A day's submissions in the chain's order with what each proof says, as of a block."""

    day: date
    standing: PoolDay
    submissions: tuple[PoolSubmission, ...]
    hold: tuple[bool, ...]

    @property
    def counted(self) -> list[PoolSubmission]:
        """Those that are in the sums."""
        return [each for each in self.submissions if each.evicted is None]

    @property
    def traders(self) -> frozenset[str]:
        return frozenset(each.trader for each in self.counted)

    @property
    def liars(self) -> list[PoolSubmission]:
        """Those that do not hold and are in the sums: whoever sees them evicts them."""
        return [
            each for each, holds in zip(self.submissions, self.hold, strict=True) if each.evicted is None and not holds
        ]

    def problems(self) -> list[str]:
        """Why these sums are not to be opened, in words."""
        wronged = [
            each.trader
            for each, holds in zip(self.submissions, self.hold, strict=True)
            if each.evicted is not None and holds
        ]
        found = [f"the submission of {each.trader} does not hold and was not evicted" for each in self.liars]
        found += [f"the submission of {trader} holds and was evicted" for trader in wronged]
        standing, counted = self.standing, self.counted
        if (standing.users, standing.evicted) != (len(counted), len(self.submissions) - len(counted)):
            found.append("the contract counts other submissions than its logs show")
        if not found and tuple(map(write_wide, sums_of(each.submission for each in counted))) != standing.sums:
            found.append("the contract's sums are not those of the submissions that its logs show")
        return found


def pool_of(settings: Settings, chain: Reader) -> PoolView:
    """The pool of the settings. Permanent where they name none, or it is not FNTX's or of another TrackRecord."""
    if settings.aggregation.aggregator is None:
        raise Permanent("no pool is named", "Set FNTX_AGGREGATOR to the address of its Aggregator")
    return view_of(chain, settings.aggregation.aggregator)


def view_of(chain: Reader, contract: str) -> PoolView:
    """The pool at an address. Permanent where it is not FNTX's, or of another TrackRecord than the reader's."""
    book = PoolBook(chain, contract)
    book.check_deployed()
    terms = book.terms()
    if terms.records.lower() != chain.contract.lower():
        raise Permanent(
            f"the pool {contract} counts records of {terms.records}, and the settings name {chain.contract}",
            "Name a pool of this TrackRecord",
        )
    return PoolView(book, terms)


def settled_block(chain: Chain, settings: Settings) -> int:
    """The newest block that the chain is not expected to drop; every block of the embedded chain."""
    if chain.is_embedded:
        return chain.height
    finalized = chain.finalized_height
    return max(chain.height - settings.chain.confirmations, 0) if finalized is None else finalized


def checked_day(pool: PoolView, day: date, block: int | None = None) -> CheckedDay:
    """A day with each proof checked, as of a block, else of the newest one. Permanent where the pool has no key."""
    at = pool.book.chain.height if block is None else block
    submissions = pool.book.submissions(day, at)
    if not pool.terms.key:
        raise Permanent("the pool has no key yet", "Its trustees form it: `fntx aggregate trustee contribute`")
    hold = verdicts_of_day(read_wide(pool.terms.key), pool.address, day, submissions)
    return CheckedDay(day, pool.book.day(day, at), tuple(submissions), tuple(hold))


def frozen_sums(pool: PoolView, checked: CheckedDay) -> Frozen:
    """The sums of a day that may be opened. Transient while it is not frozen, Permanent where it never is, or does not
    hold."""
    state, day = checked.standing.state, checked.day
    if state in (PoolDayState.NONE, PoolDayState.COLLECTING, PoolDayState.CHECKING):
        raise Transient(f"{day} is not frozen: {_CLOSED[state][0]}", "Try again when its window has passed")
    if state is PoolDayState.TOO_FEW:
        raise Permanent(
            f"{day} has {checked.standing.users} traders, fewer than the pool asks for, {pool.terms.rules.min_users}",
            "It stays closed for ever",
        )
    if problems := checked.problems():
        raise Permanent(f"{day}: {'; '.join(problems)}", "Open nothing: single traders could be seen")
    return Frozen(pool.address, epoch_of(day), tuple(map(read_wide, checked.standing.sums)))


def few_of(traders: Sequence[str]) -> str:
    """Addresses in a few words."""
    return ", ".join(traders[:3]) + (f" and {len(traders) - 3} more" if len(traders) > 3 else "")


class NotOpened(Permanent):
    """A day of a pool that is asked for is not open, so there is nothing of it to read or to check."""

    def __init__(self, day: date, state: PoolDayState) -> None:
        why, way_out = _CLOSED[state]
        super().__init__(f"{day} is not opened: {why}", way_out)


_LATER = "Try again when it is open"
_CLOSED = {
    PoolDayState.NONE: ("nobody submitted to it", "Name a day that was opened"),
    PoolDayState.COLLECTING: ("it still collects submissions", _LATER),
    PoolDayState.CHECKING: ("its submissions can still be challenged", _LATER),
    PoolDayState.TOO_FEW: ("too few traders took part", "It stays closed for ever"),
    PoolDayState.FROZEN: ("it is frozen", "`fntx aggregate open` opens it, once enough trustees gave their shares"),
    PoolDayState.OPENED: ("the node does not show yet how it was opened", _LATER),
}
"""State → why a day is not open, and the way out."""
