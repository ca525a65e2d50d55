"""The trustees' key: byte for byte that of the vectors, and whoever cheats is named."""

from __future__ import annotations

from itertools import combinations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fntx_dagster.aggregate.committee import (
    MOST,
    Committee,
    Contribution,
    contribute,
    fault_of,
    key_of,
    part_of,
    unsealed,
    verification_key,
)
from fntx_dagster.aggregate.opening import lagrange
from fntx_dagster.aggregate.transcript import PoolAddress
from fntx_dagster.curve.group import GENERATOR, IDENTITY, ORDER, random_scalar, times, write_wide
from fntx_dagster.errors import Permanent
from tests.aggregate.examples import changed, data_of, in_turn, number_of, point_of, vectors

VECTORS = vectors("committee")
TRUSTEES = VECTORS["trustees"]
SECRETS = [number_of(each["box_secret"]) for each in TRUSTEES]
COMMITTEE = Committee(
    PoolAddress(int(VECTORS["chain_id"]), VECTORS["aggregator"]),
    VECTORS["threshold"],
    tuple(point_of(each["box_key"]) for each in TRUSTEES),
)
CONTRIBUTIONS = [
    Contribution(*(data_of(each[name]) for name in ("commitments", "proof", "sealed_shares"))) for each in TRUSTEES
]


def formed(threshold: int, count: int) -> tuple[Committee, list[int], list[Contribution]]:
    """A new committee, its box secrets and contributions."""
    secrets = [random_scalar() for _ in range(count)]
    committee = Committee(COMMITTEE.pool, threshold, tuple(times(GENERATOR, each) for each in secrets))
    return committee, secrets, [contribute(committee, number, each) for number, each in enumerate(secrets)]


@pytest.mark.parametrize("number", range(3))
def test_a_trustee_contributes_the_bytes_of_the_vectors(number: int) -> None:
    trustee = TRUSTEES[number]
    draw = in_turn(*map(number_of, [*trustee["coefficients"], trustee["nonce"]]))
    assert contribute(COMMITTEE, number, SECRETS[number], draw) == CONTRIBUTIONS[number]
    assert fault_of(COMMITTEE, number, CONTRIBUTIONS[number]) is None


def test_the_key_and_each_part_are_those_of_the_vectors() -> None:
    assert key_of(CONTRIBUTIONS) == point_of(VECTORS["key"])
    for number, trustee in enumerate(TRUSTEES):
        part = part_of(COMMITTEE, number, SECRETS[number], CONTRIBUTIONS)
        assert part == number_of(trustee["x"])
        assert (
            verification_key(CONTRIBUTIONS, number) == point_of(trustee["verification_key"]) == times(GENERATOR, part)
        )


@pytest.mark.parametrize(("threshold", "count"), [(1, 1), (1, 3), (2, 2), (3, 5), (MOST, MOST)])
def test_any_threshold_of_a_committee_has_the_key_and_fewer_have_another(threshold: int, count: int) -> None:
    committee, secrets, contributions = formed(threshold, count)
    parts = [part_of(committee, number, each, contributions) for number, each in enumerate(secrets)]
    key = key_of(contributions)
    groups = [*combinations(range(count), threshold)]
    for group in groups[:: max(1, len(groups) // 5)]:
        secret = sum(factor * parts[each] for factor, each in zip(lagrange(group), group, strict=True))
        assert times(GENERATOR, secret) == key
        fewer = group[1:]
        secret = sum(factor * parts[each] for factor, each in zip(lagrange(fewer), fewer, strict=True))
        assert times(GENERATOR, secret) != key


def test_a_wrong_sealed_value_is_seen_by_whom_it_is_for_and_named() -> None:
    lie = CONTRIBUTIONS[1]._replace(sealed_shares=changed(CONTRIBUTIONS[1].sealed_shares, 95))
    cheated = [CONTRIBUTIONS[0], lie, CONTRIBUTIONS[2]]
    assert fault_of(COMMITTEE, 1, lie) is None  # nobody else can see it
    assert unsealed(COMMITTEE, 2, SECRETS[2], 1, lie) is None
    with pytest.raises(Permanent, match="what trustee 1 contributed is wrong"):
        part_of(COMMITTEE, 2, SECRETS[2], cheated)
    assert part_of(COMMITTEE, 0, SECRETS[0], cheated) == number_of(TRUSTEES[0]["x"])


def test_nobody_cancels_the_part_of_another() -> None:
    """The last to contribute would name minus the others' keys and know the whole secret: the proof stops it."""
    others = key_of(CONTRIBUTIONS[:2])
    own = times(GENERATOR, 5)
    cancelling = write_wide(own + -others) + CONTRIBUTIONS[2].commitments[96:]
    assert fault_of(COMMITTEE, 2, CONTRIBUTIONS[2]._replace(commitments=cancelling)) is not None


def test_a_contribution_is_bound_to_pool_and_trustee() -> None:
    elsewhere = COMMITTEE._replace(pool=PoolAddress(1, COMMITTEE.pool.aggregator))
    assert fault_of(elsewhere, 0, CONTRIBUTIONS[0]) is not None
    assert fault_of(COMMITTEE, 1, CONTRIBUTIONS[0]) is not None


@pytest.mark.parametrize("field", Contribution._fields)
def test_every_part_of_a_contribution_that_is_changed_is_refused_by_somebody(field: str) -> None:
    whole = getattr(CONTRIBUTIONS[1], field)
    for at in range(0, len(whole), 7):
        broken = CONTRIBUTIONS[1]._replace(**{field: changed(whole, at, 64)})
        others = [CONTRIBUTIONS[0], broken, CONTRIBUTIONS[2]]
        assert any(_refuses(number, others) for number in range(3)), at
    for length in (0, len(whole) - 1, len(whole) + 32):
        broken = CONTRIBUTIONS[1]._replace(**{field: (whole * 2)[:length]})
        assert fault_of(COMMITTEE, 1, broken) is not None


def _refuses(number: int, contributions: list[Contribution]) -> bool:
    try:
        part_of(COMMITTEE, number, SECRETS[number], contributions)
    except Permanent:
        return True
    return False


@pytest.mark.parametrize(("threshold", "count"), [(0, 3), (4, 3), (1, 0), (1, MOST + 1)])
def test_what_can_be_no_committee_is_refused(threshold: int, count: int) -> None:
    with pytest.raises(Permanent, match="is no committee"):
        Committee(COMMITTEE.pool, threshold, (GENERATOR,) * count).check()
    with pytest.raises(Permanent, match="is no committee"):
        Committee(COMMITTEE.pool, 1, (GENERATOR, IDENTITY)).check()


def test_the_secret_of_another_box_key_is_refused_and_not_shown() -> None:
    with pytest.raises(Permanent, match="not the box key of trustee 0") as refused:
        contribute(COMMITTEE, 0, SECRETS[1])
    assert f"{SECRETS[1]}" not in str(refused.value)


@settings(max_examples=30)
@given(st.binary(max_size=200), st.binary(max_size=130), st.binary(max_size=100))
def test_whatever_a_contribution_is_nothing_is_raised(commitments: bytes, proof: bytes, sealed: bytes) -> None:
    assert fault_of(COMMITTEE, 0, Contribution(commitments, proof, sealed)) is not None


def test_a_committee_with_a_missing_contribution_is_not_confirmed() -> None:
    with pytest.raises(Permanent, match="a contribution is missing"):
        part_of(COMMITTEE, 0, SECRETS[0], CONTRIBUTIONS[:2])


def test_a_value_is_below_the_order() -> None:
    value = unsealed(COMMITTEE, 0, SECRETS[0], 0, CONTRIBUTIONS[0])
    assert value is not None
    assert 0 <= value < ORDER
