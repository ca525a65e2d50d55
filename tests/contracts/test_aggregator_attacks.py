"""Every attack on a pool that its documentation names, on a chain: what is evicted, what is refused, what stays."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from fntx_dagster.aggregate.opening import lagrange
from fntx_dagster.aggregate.proving import prove
from fntx_dagster.aggregate.transcript import OPENING, PoolAddress, context_of, scalar_of, word
from fntx_dagster.curve.group import (
    GENERATOR,
    ORDER,
    WIDE,
    H,
    Point,
    combined,
    commitment,
    named,
    random_scalar,
    read_wide,
    times,
    write_wide,
)
from fntx_dagster.proof.keccak import keccak256
from tests.contracts.pools import DAY, Base, Pool, spoiled
from tests.contracts.test_submission_verifier import ON_THE_CURVE_ALONE
from tests.tools import needs_anvil

pytestmark = needs_anvil
OFFSET = 2**31
VALUES = (1000, 2000, OFFSET)
BODY = 9 * WIDE


@pytest.fixture
def pool(base: Base) -> Pool:
    made = Pool(base)
    made.register(*base.traders[:3])
    return made


def body_of(pool: Pool, values: Any, blindings: Any) -> bytes:
    """Nine points for any values, also those that no proof is of."""
    points = [times(GENERATOR, r) for r in blindings]
    points += [times(GENERATOR, m) + times(pool.key, r) for m, r in zip(values, blindings, strict=True)]
    points += [commitment(m, r) for m, r in zip(values, blindings, strict=True)]
    return b"".join(map(write_wide, points))


def is_evicted(pool: Pool, liar: str, submission: bytes) -> bool:
    """The record of the liar holds what is submitted; then anybody evicts it, and the sums are what they were."""
    before = pool.sums()
    pool.submit(liar, submission)
    assert pool.sums() != before or submission[:576] == bytes(576)
    pool.chain.send(pool.base.stranger, pool.challenge(submission, liar))
    return pool.sums() == before


def victim(pool: Pool) -> bytes:
    trader = pool.base.traders[0]
    submission = pool.prove(trader, VALUES)
    pool.submit(trader, submission)
    return submission


def copied(pool: Pool, of: bytes) -> bytes:
    return of


def rerandomised(pool: Pool, of: bytes) -> bytes:
    """Another's points, each with more randomness, and another's proof."""
    points = [read_wide(of[at : at + WIDE]) for at in range(0, BODY, WIDE)]
    extra = [GENERATOR] * 3 + [pool.key] * 3 + [H] * 3
    moved = [point + times(base, 5) for point, base in zip(points, extra, strict=True)]
    return b"".join(map(write_wide, moved)) + of[BODY:]


def negated(pool: Pool, of: bytes) -> bytes:
    """What would take another's figures off the sums."""
    points = [read_wide(of[at : at + WIDE]) for at in range(0, BODY, WIDE)]
    return b"".join(write_wide(-point) for point in points) + of[BODY:]


@pytest.mark.parametrize("made", [copied, rerandomised, negated])
def test_what_is_made_of_anothers_submission_is_evicted(pool: Pool, made: Callable[[Pool, bytes], bytes]) -> None:
    assert is_evicted(pool, pool.base.traders[1], made(pool, victim(pool)))


def test_a_replay_on_another_day_in_another_pool_or_from_another_chain_is_evicted(pool: Pool) -> None:
    trader = pool.base.traders[1]
    elsewhere = Pool(pool.base)
    values, blindings = VALUES, [random_scalar() for _ in VALUES]
    another_chain = PoolAddress(pool.address.chain_id + 1, pool.address.aggregator)
    days = (20250714, 20250715, 20250716, 20250717)
    for day, context in zip(
        days,
        (
            context_of(pool.address, trader, DAY),
            context_of(elsewhere.address, trader, 20250715),
            context_of(another_chain, trader, 20250716),
            context_of(pool.address, pool.base.traders[0], 20250717),
        ),
        strict=True,
    ):
        submission = prove(pool.key, context, values, blindings)
        pool.base.post(trader, day, (slot := pool.base.slot(trader, day, pool.digest(submission))).root)
        if not pool.functions.participants(trader).call()[2]:
            pool.register(trader)
        pool.chain.send(trader, pool.call(submission, slot, day))
        pool.chain.send(trader, pool.challenge(submission, trader, day))
        assert pool.sums(day) == (bytes(96),) * 6


@pytest.mark.parametrize("values", [(-1, 0, 0), (0, 2**32, 0), (0, 0, -OFFSET), (0, 1 << 64, 0), (ORDER - 5, 0, 0)])
def test_a_value_that_is_negative_or_huge_is_evicted(pool: Pool, values: tuple[int, ...]) -> None:
    """With everything else as true as it can be: the rest of a proof of the value's low 32 bits."""
    liar = pool.base.traders[1]
    blindings = [random_scalar() for _ in values]
    low = [value % 2**32 for value in values]
    honest = prove(pool.key, context_of(pool.address, liar, DAY), low, blindings)
    assert is_evicted(pool, liar, body_of(pool, values, blindings) + honest[BODY:])


def test_half_a_unit_is_no_value(pool: Pool) -> None:
    liar, half = pool.base.traders[1], pow(2, -1, ORDER)
    blindings = [random_scalar() for _ in VALUES]
    honest = prove(pool.key, context_of(pool.address, liar, DAY), VALUES, blindings)
    assert is_evicted(pool, liar, body_of(pool, (half, *VALUES[1:]), blindings) + honest[BODY:])


def test_another_value_than_was_signed_is_refused_and_another_one_in_b_is_evicted(pool: Pool) -> None:
    """C is what the record holds, B what is added up."""
    liar, blindings = pool.base.traders[1], [random_scalar() for _ in VALUES]
    context = context_of(pool.address, liar, DAY)
    signed = prove(pool.key, context, VALUES, blindings)
    slot = pool.record(liar, signed)
    other = prove(pool.key, context, (999, 2000, OFFSET), blindings)
    assert pool.chain.refused(liar, pool.call(other, slot)) == "NotTheRecords"
    for values, r in (((999, 2000, OFFSET), blindings), (VALUES, [1, 2, 3])):
        moved = body_of(pool, values, r)
        mixed = signed[:288] + moved[288:576] + signed[576:]
        assert pool.chain.refused(liar, pool.call(mixed, slot)) is None
    pool.chain.send(liar, pool.call(mixed, slot))
    pool.chain.send(pool.base.stranger, pool.challenge(mixed, liar))
    assert pool.sums() == (bytes(96),) * 6


@pytest.mark.parametrize("place", range(9))
def test_a_point_outside_the_group_is_evicted_and_the_sums_are_what_they_were_to_the_byte(
    pool: Pool, place: int
) -> None:
    victim(pool)
    liar = pool.base.traders[1]
    honest = pool.prove(liar, VALUES)
    moved = honest[: place * WIDE] + ON_THE_CURVE_ALONE + honest[(place + 1) * WIDE :]
    assert is_evicted(pool, liar, moved)


def test_a_sum_that_is_the_identity_in_between_comes_back_to_the_byte(pool: Pool) -> None:
    """A point and its negative: the sums go through the identity, which has a y of 0."""
    first = victim(pool)
    liar = pool.base.traders[1]
    assert is_evicted(pool, liar, negated(pool, first))
    pool.register(liar)
    assert is_evicted(pool, pool.base.traders[2], bytes(len(first)))


def test_two_of_one_day_cannot_be_taken_off_twice(pool: Pool) -> None:
    liar, chain = pool.base.traders[1], pool.chain
    false = spoiled(pool.prove(liar, VALUES))
    pool.submit(liar, false)
    chain.send(liar, pool.challenge(false, liar))
    assert chain.refused(liar, pool.challenge(false, liar)) == "NoSuchSubmission"
    assert chain.refused(liar, pool.challenge(b"", liar)) == "NoSuchSubmission"


# Records


def test_only_the_latest_version_of_the_record_counts(pool: Pool) -> None:
    trader = pool.base.traders[0]
    first, second = pool.prove(trader, VALUES), pool.prove(trader, (5, 6, 7))
    old = pool.record(trader, first)
    new = pool.record(trader, second)
    assert pool.chain.refused(trader, pool.call(first, old)) == "NotTheRecords"
    receipt = pool.chain.send(trader, pool.call(second, new))
    (event,) = pool.contract.events.Submitted().process_receipt(receipt)
    assert event["args"]["version"] == 2


def test_another_slot_another_currency_another_scale_and_anothers_record_are_refused(pool: Pool) -> None:
    trader, other = pool.base.traders[:2]
    submission = pool.prove(trader, VALUES)
    digest = pool.digest(submission)
    slot = pool.base.slot(trader, DAY, digest, slot=61)
    pool.base.post(trader, DAY, slot.root)
    assert pool.chain.refused(trader, pool.call(submission, slot)) == "NotTheRecords"
    for currency, scale in ((b"HKD", 0), (b"USD", 2)):
        elsewhere = Pool(pool.base, currency=currency, scale=scale)
        elsewhere.register(trader)
        slot = elsewhere.record(trader, submission)
        assert pool.chain.refused(trader, pool.call(submission, slot)) == "NotTheRecords"
        assert pool.chain.refused(trader, elsewhere.call(submission, slot)) is None
    own = pool.record(other, submission)
    assert pool.chain.refused(trader, pool.call(submission, own)) == "NotTheRecords"


# Trustees


@pytest.fixture
def frozen(pool: Pool) -> Pool:
    """Three traders of 1000, 2000 and 0 each."""
    for trader in pool.base.traders[:3]:
        pool.submit(trader, pool.prove(trader, VALUES))
    pool.freeze()
    return pool


TOTALS = [3000, 6000, 3 * OFFSET]


def refused(pool: Pool, totals: list[int], shares: bytes, chosen: tuple[int, int] = (0, 2)) -> bool:
    call = pool.functions.open(DAY, totals, list(chosen), shares)
    return pool.chain.refused(pool.base.stranger, call) == "ProofFails"


def moved_by(shares: bytes, at: int, by: Point) -> bytes:
    return shares[:at] + write_wide(read_wide(shares[at : at + WIDE]) + by) + shares[at + WIDE :]


@pytest.mark.parametrize("figure", range(3))
def test_a_share_that_is_moved_so_that_a_total_has_one_more_is_refused(frozen: Pool, figure: int) -> None:
    """By λ⁻¹·G: the equation of the total holds, that of the share does not."""
    shares = frozen.shares(0, 2)
    inverse = pow(lagrange([0, 2])[0], -1, ORDER)
    moved = moved_by(shares, figure * WIDE, times(GENERATOR, -inverse))
    totals = [total + (place == figure) for place, total in enumerate(TOTALS)]
    assert refused(frozen, totals, moved)
    assert refused(frozen, TOTALS, moved)
    assert not refused(frozen, TOTALS, shares)


def test_trustees_who_know_their_parts_cannot_prove_a_moved_share(frozen: Pool) -> None:
    """The proof made anew over the moved share, f and c included, with everything that a trustee knows."""
    part, sums = frozen.part(0), [read_wide(each) for each in frozen.sums()]
    inverse = pow(lagrange([0, 2])[0], -1, ORDER)
    s = [times(each, part) for each in sums[:3]]
    s[0] += times(GENERATOR, -inverse)
    said = b"".join(map(write_wide, s))
    key = write_wide(times(GENERATOR, part))
    h = keccak256(frozen.address.bound(OPENING) + word(DAY) + word(0) + b"".join(frozen.sums()[:3]) + key + said)
    f, k = scalar_of(h), random_scalar()
    folded = combined(sums[:3], [1, f, f * f])
    hiding = write_wide(times(GENERATOR, k)) + write_wide(times(folded, k))
    c = scalar_of(keccak256(b"\x01" + h + hiding))
    share = said + hiding + ((k + c * part) % ORDER).to_bytes(32)
    assert refused(frozen, [TOTALS[0] + 1, *TOTALS[1:]], share + frozen.shares(2))


def test_an_error_of_one_equation_hidden_in_another_does_not_pass(frozen: Pool) -> None:
    """An error of a total in T_2, one of T_1 in T_2: they pass where the weights are constants."""
    shares = frozen.shares(0, 2)
    for figure in range(3):
        totals = [total + (place == figure) for place, total in enumerate(TOTALS)]
        for at in (288, 384, 512 + 288, 512 + 384):
            for sign in (1, -1):
                assert refused(frozen, totals, moved_by(shares, at, times(GENERATOR, sign)))
    for one, other in ((288, 384), (384, 288), (288, 512 + 288), (384, 512 + 384)):
        assert refused(frozen, TOTALS, moved_by(moved_by(shares, one, GENERATOR), other, -GENERATOR))


def test_totals_with_the_order_of_the_group_or_of_a_word_in_them_are_refused(frozen: Pool) -> None:
    shares = frozen.shares(0, 2)
    call = frozen.functions.open(DAY, [3 * 2**32, *TOTALS[1:]], [0, 2], shares)
    assert frozen.chain.refused(frozen.base.stranger, call) == "WrongTotals"


def test_shares_of_other_sums_are_refused_and_so_are_those_from_before_an_eviction(pool: Pool) -> None:
    traders = pool.base.traders[:3]
    for trader in traders[:2]:
        pool.submit(trader, pool.prove(trader, VALUES))
    early = pool.shares(0, 2)
    false = spoiled(pool.prove(traders[2], VALUES))
    pool.submit(traders[2], false)
    before = pool.shares(0, 2)
    pool.chain.send(pool.base.stranger, pool.challenge(false, traders[2]))
    pool.freeze()
    totals = [2000, 4000, 2 * OFFSET]
    assert refused(pool, totals, before)
    assert not refused(pool, totals, pool.shares(0, 2))
    assert not refused(pool, totals, early)  # the sums are the same again
    elsewhere = pool.shares(0, 2, day=20250717)
    assert refused(pool, totals, elsewhere)


def test_points_outside_the_group_and_scalars_above_its_order_in_a_share_are_refused(frozen: Pool) -> None:
    shares = frozen.shares(0, 2)
    for at in range(0, 480, WIDE):
        for bad in (ON_THE_CURVE_ALONE, b"\xff" * WIDE, write_wide(named("elsewhere"))):
            assert refused(frozen, TOTALS, shares[:at] + bad + shares[at + WIDE :])
    raised = int.from_bytes(shares[480:512]) + ORDER
    for scalar in (raised if raised < 2**256 else ORDER, 0, 2**256 - 1):
        assert refused(frozen, TOTALS, shares[:480] + scalar.to_bytes(32) + shares[512:])


def test_the_order_of_the_trustees_is_the_order_of_the_shares(frozen: Pool) -> None:
    shares = frozen.shares(0, 2)
    assert refused(frozen, TOTALS, shares[512:] + shares[:512])
    assert refused(frozen, TOTALS, frozen.shares(0, 1))
    assert refused(frozen, TOTALS, frozen.shares(0, 0))


def test_what_is_left_outside_the_group_until_the_freeze_stays_unopened_for_ever(pool: Pool) -> None:
    """So somebody has to look in time: nobody can open such a day, and no total of it is false."""
    liar = pool.base.traders[1]
    victim(pool)
    honest = pool.prove(liar, VALUES)
    pool.submit(liar, ON_THE_CURVE_ALONE + honest[WIDE:])
    pool.freeze()
    shares = bytes(1024)
    assert refused(pool, [2000, 4000, 2 * OFFSET], shares)
