"""Whether an epoch record holds by itself: the committee, each submission, the sums, the shares and the totals.

What only the chain can say (that these are all submissions, and each of a signed record) is not the business of this
room.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import date

from fntx_dagster.aggregate.committee import Committee, fault_of, key_of, verification_key
from fntx_dagster.aggregate.epoch import EpochRecord
from fntx_dagster.aggregate.opening import (
    SHARE_LENGTH,
    Frozen,
    points_of_totals,
    share_holds,
    totals_hold,
    totals_of,
)
from fntx_dagster.aggregate.submission import Submitted, first_false, sums_of, verdicts
from fntx_dagster.aggregate.transcript import PoolAddress, context_of, epoch_of
from fntx_dagster.curve.group import Point, read_wide, write_wide
from fntx_dagster.errors import Permanent
from fntx_dagster.model.pools import PoolSubmission


def problems_of(record: EpochRecord) -> list[str]:
    """Every reason why a record does not hold by itself, in words. What follows from what is false is not said."""
    try:
        return list(_of_committee(record)) or list(_of_submissions(record)) or list(_of_opening(record))
    except Permanent as error:
        return [error.message]


def _of_committee(record: EpochRecord) -> Iterator[str]:
    committee = committee_of(record)
    contributions = [each.contribution for each in record.trustees]
    faults = [fault_of(committee, number, each) for number, each in enumerate(contributions)]
    for number, fault in enumerate(faults):
        if fault is not None:
            yield f"what trustee {number} contributed to the key is wrong: {fault}"
    if any(faults):
        return
    if write_wide(key_of(contributions)) != record.key:
        yield "the key is not the sum of what the trustees contributed"
    for number, trustee in enumerate(record.trustees):
        if write_wide(verification_key(contributions, number)) != trustee.verification_key:
            yield f"the verification key of trustee {number} does not follow from the contributions"


def committee_of(record: EpochRecord) -> Committee:
    """The committee of a record. Permanent where it cannot be one."""
    keys = tuple(
        _point(f"the box key of trustee {number}", each.box_key) for number, each in enumerate(record.trustees)
    )
    committee = Committee(record.pool, record.threshold, keys)
    committee.check()
    return committee


def _of_submissions(record: EpochRecord) -> Iterator[str]:
    traders = Counter(each.trader for each in record.submissions)
    yield from (f"{trader} submitted {count} times" for trader, count in traders.items() if count > 1)
    key = _point("the key", record.key)
    counted = record.counted
    false = first_false(key, [_submitted(record.pool, record.day, each) for each in counted])
    if false is not None:
        yield f"the submission of {counted[false].trader} does not hold, and was not evicted"
        return
    for each in record.submissions:
        if each.evicted is not None and verdicts(key, [_submitted(record.pool, record.day, each)])[0]:
            yield f"the submission of {each.trader} holds, and was evicted"


def verdicts_of_day(key: Point, pool: PoolAddress, day: date, submissions: Sequence[PoolSubmission]) -> list[bool]:
    """Of each submission of a day whether it holds. Those that were evicted, which should not, are checked each by
    itself: they do not fail the others' batch."""
    said = [_submitted(pool, day, each) for each in submissions]
    counted = iter(verdicts(key, [each for each, of in zip(said, submissions, strict=True) if of.evicted is None]))
    return [
        next(counted) if of.evicted is None else verdicts(key, [each])[0]
        for each, of in zip(said, submissions, strict=True)
    ]


def _submitted(pool: PoolAddress, day: date, each: PoolSubmission) -> Submitted:
    return Submitted(context_of(pool, each.trader, epoch_of(day)), each.submission)


def _of_opening(record: EpochRecord) -> Iterator[str]:
    opening, users = record.opening, len(record.counted)
    sums = sums_of(each.submission for each in record.counted)
    if tuple(map(write_wide, sums)) != record.sums:
        yield "the sums are not those of the submissions"
    if users < record.rules.min_users:
        yield f"{users} users are fewer than the pool asks for, {record.rules.min_users}"
    trustees = opening.trustees
    if (
        list(trustees) != sorted({*trustees})
        or len(trustees) != record.threshold
        or trustees[-1] >= len(record.trustees)
    ):
        yield f"the sums are not opened by {record.threshold} trustees, each named once and in order"
        return
    if len(opening.shares) != len(trustees) * SHARE_LENGTH:
        yield "the shares have another length"
        return
    frozen = Frozen(record.pool, epoch_of(record.day), sums)
    shares = {
        trustee: opening.shares[at * SHARE_LENGTH : (at + 1) * SHARE_LENGTH] for at, trustee in enumerate(trustees)
    }
    false = [
        trustee
        for trustee, each in shares.items()
        if not share_holds(frozen, trustee, read_wide(record.trustees[trustee].verification_key), each)
    ]
    yield from (f"the share of trustee {trustee} does not hold" for trustee in false)
    if not false and not totals_hold(points_of_totals(frozen, shares), opening.totals, users):
        yield "the totals are not what the sums hold"
    if totals_of(opening.totals, users) != record.totals:
        yield "the totals do not follow from what was opened"


def _point(what: str, written: bytes) -> Point:
    try:
        return read_wide(written)
    except ValueError:
        raise Permanent(f"{what} is no point of the group") from None
