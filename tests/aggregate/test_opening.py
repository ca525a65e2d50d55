"""Opening sums: byte for byte as in the vectors, and no false total passes, whoever colludes."""

from __future__ import annotations

from itertools import combinations

import pytest

from fntx_dagster.aggregate.commitments import PNL_OFFSET, RANGE
from fntx_dagster.aggregate.opening import (
    SHARE_LENGTH,
    Frozen,
    lagrange,
    points_of_totals,
    share,
    share_holds,
    totals_hold,
    totals_of,
)
from fntx_dagster.aggregate.proving import prove
from fntx_dagster.aggregate.submission import sums_of
from fntx_dagster.aggregate.totals import decoded
from fntx_dagster.aggregate.transcript import context_of
from fntx_dagster.curve.group import GENERATOR, ORDER, inverse, read_wide, times, write_wide
from tests.aggregate.examples import changed, data_of, from_seed, number_of, point_of
from tests.aggregate.test_committee import COMMITTEE, TRUSTEES, VECTORS

FROZEN = Frozen(COMMITTEE.pool, VECTORS["epoch"], tuple(map(point_of, VECTORS["sums"])))
SHARES = [data_of(each) for each in VECTORS["shares"]]
KEYS = [point_of(each["verification_key"]) for each in TRUSTEES]
PARTS = [number_of(each["x"]) for each in TRUSTEES]
TOTALS, USERS = [*map(int, VECTORS["opening"]["totals"])], VECTORS["opening"]["users"]


def test_the_sums_are_those_of_the_vectors() -> None:
    key = point_of(VECTORS["key"])
    submissions = [
        prove(key, b"", [*map(int, user["values"])], [*map(number_of, user["randomness"])]) for user in VECTORS["users"]
    ]
    assert sums_of(submissions) == FROZEN.sums
    assert sums_of([]) == Frozen(*FROZEN)._replace(sums=tuple(read_wide(bytes(96)) for _ in range(6))).sums


@pytest.mark.parametrize("trustee", range(3))
def test_a_share_has_the_bytes_of_the_vectors_and_holds(trustee: int) -> None:
    draw = from_seed(data_of(VECTORS["share_nonces_seed"][trustee]))
    assert share(FROZEN, trustee, PARTS[trustee], draw) == SHARES[trustee]
    assert len(SHARES[trustee]) == SHARE_LENGTH
    assert share_holds(FROZEN, trustee, KEYS[trustee], SHARES[trustee])


@pytest.mark.parametrize("trustees", [*combinations(range(3), 2)])
def test_any_two_of_three_open_the_totals_of_the_vectors(trustees: tuple[int, ...]) -> None:
    points = points_of_totals(FROZEN, {each: SHARES[each] for each in trustees})
    assert [write_wide(each) for each in points] == [*map(data_of, VECTORS["opening"]["points"])]
    nears = [0, 0, USERS * PNL_OFFSET]
    assert [decoded(each, USERS * RANGE, near) for each, near in zip(points, nears, strict=True)] == TOTALS
    assert totals_hold(points, TOTALS, USERS)
    of_vectors = {name: int(value) for name, value in VECTORS["public_totals"].items()}
    assert totals_of(TOTALS, USERS)._asdict() == of_vectors


def test_what_each_share_counts_is_that_of_the_vectors() -> None:
    assert lagrange(VECTORS["opening"]["trustees"]) == [*map(number_of, VECTORS["opening"]["lagrange"])]


@pytest.mark.parametrize("case", VECTORS["shares_refused"], ids=lambda case: case["name"].replace(" ", "-"))
def test_a_false_share_of_the_vectors_is_refused(case: dict) -> None:
    assert not share_holds(FROZEN, case["trustee"], KEYS[case["trustee"]], data_of(case["share"]))


def test_a_share_of_other_sums_is_refused() -> None:
    """As before an eviction, when one more user was in them."""
    more = FROZEN._replace(sums=tuple(each + GENERATOR for each in FROZEN.sums))
    offered = share(more, 0, PARTS[0])
    assert share_holds(more, 0, KEYS[0], offered)
    assert not share_holds(FROZEN, 0, KEYS[0], offered)


def test_a_share_that_would_move_a_total_by_one_is_refused() -> None:
    """Two trustees collude: one moves his share by 1/λ of G, so that the total is one less, and keeps its proof."""
    factor = lagrange([0, 2])[0]
    moved = read_wide(SHARES[0][:96]) + times(GENERATOR, inverse(factor))
    lie = write_wide(moved) + SHARES[0][96:]
    points = points_of_totals(FROZEN, {0: lie, 2: SHARES[2]})
    assert totals_hold(points, [TOTALS[0] - 1, *TOTALS[1:]], USERS)
    assert not share_holds(FROZEN, 0, KEYS[0], lie)


def test_every_byte_of_a_share_that_is_changed_is_refused() -> None:
    for at in range(SHARE_LENGTH):
        assert not share_holds(FROZEN, 0, KEYS[0], changed(SHARES[0], at)), at
    for length in (0, SHARE_LENGTH - 1, SHARE_LENGTH + 1):
        assert not share_holds(FROZEN, 0, KEYS[0], (SHARES[0] * 2)[:length])


def test_totals_that_are_beyond_the_users_or_written_otherwise_are_refused() -> None:
    points = points_of_totals(FROZEN, {0: SHARES[0], 1: SHARES[1]})
    for number in range(3):
        for other in (TOTALS[number] + 1, TOTALS[number] + ORDER, TOTALS[number] - ORDER):
            assert not totals_hold(points, [*TOTALS[:number], other, *TOTALS[number + 1 :]], USERS)
    beyond = USERS * RANGE
    assert not totals_hold([times(GENERATOR, beyond)] * 3, [beyond] * 3, USERS)
    assert totals_hold([times(GENERATOR, beyond - 1)] * 3, [beyond - 1] * 3, USERS)
    assert not totals_hold(points, TOTALS[:2], USERS)


def test_two_shares_of_sums_that_differ_by_a_user_are_that_user(capfd: pytest.CaptureFixture[str]) -> None:
    """Why a trustee's program serves one set of sums of a day, and none before they are final."""
    key, values = point_of(VECTORS["key"]), [123, 456, PNL_OFFSET - 7]
    victim = prove(key, context_of(COMMITTEE.pool, "0x" + "11" * 20, FROZEN.epoch), values, [7, 8, 9])
    more = FROZEN._replace(sums=tuple(a + b for a, b in zip(FROZEN.sums, sums_of([victim]), strict=True)))
    first = points_of_totals(FROZEN, {each: SHARES[each] for each in (0, 1)})
    second = points_of_totals(more, {each: share(more, each, PARTS[each]) for each in (0, 1)})
    difference = [decoded(b + -a, RANGE) for a, b in zip(first, second, strict=True)]
    assert difference == values
    assert capfd.readouterr() == ("", "")
