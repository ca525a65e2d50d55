"""The group: its generators against the published ones, its encodings, and that sums are sums."""

from __future__ import annotations

import json
from hashlib import sha256
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fntx_dagster.curve.group import (
    GENERATOR,
    IDENTITY,
    ORDER,
    H,
    U,
    combined,
    commitment,
    inverse,
    named,
    random_scalar,
    read_compressed,
    read_wide,
    times,
    total,
    write_compressed,
    write_wide,
)

VECTORS = json.loads((Path(__file__).parent / "vectors" / "generators.json").read_text())
P = 0x1A0111EA397FE69A4B1BA7B6434BACD764774B84F38512BF6730D2A0F6B0F6241EABFFFEB153FFFFB9FEFFFFFFFFAAAB
SCALARS = st.integers(min_value=-(2**260), max_value=2**260)


def hex_of(point):
    return "0x" + write_wide(point).hex()


def test_named_points_are_the_published_generators():
    assert (hex_of(GENERATOR), hex_of(H), hex_of(U)) == (VECTORS["G"], VECTORS["H"], VECTORS["U"])
    for side in "gh":
        assert {number: hex_of(named(f"{side}/{number}")) for number in VECTORS[side]} == VECTORS[side]


@pytest.mark.parametrize("side", ["g", "h"])
def test_all_generators_of_a_side_are_the_published_ones(side):
    data = b"".join(write_wide(named(f"{side}/{number}")) for number in range(128))
    assert "0x" + sha256(data).hexdigest() == VECTORS[f"sha256_of_all_{side}"]


@given(SCALARS, SCALARS)
def test_commitments_add_up_as_their_values_and_blindings_do(value, blinding):
    summed = commitment(value, blinding) + commitment(3, 5)
    assert summed == commitment(value + 3, blinding + 5)
    assert summed == combined([GENERATOR, H], [value + 3, blinding + 5])
    assert times(GENERATOR, value) + times(GENERATOR, -value) == IDENTITY


@given(SCALARS.filter(lambda scalar: scalar % ORDER))
def test_a_point_is_read_as_it_was_written(scalar):
    point = times(GENERATOR, scalar)
    assert read_wide(write_wide(point)) == point
    assert read_compressed(write_compressed(point)) == point
    assert times(times(H, scalar), inverse(scalar)) == H


def test_sums_of_nothing_are_the_identity_which_is_written_as_zeros():
    assert total([]) == combined([], []) == IDENTITY
    assert write_wide(IDENTITY) == bytes(96)
    assert read_wide(bytes(96)) == IDENTITY


def test_points_and_scalars_of_a_sum_must_be_as_many():
    with pytest.raises(ValueError, match="1 points and 2 scalars"):
        combined([H], [1, 2])


def off_the_subgroup():
    """A point of the curve that is not one of the group."""
    for x in range(1, 100):
        square = (x**3 + 4) % P
        y = pow(square, (P + 1) // 4, P)
        if y * y % P == square:
            return x.to_bytes(48), y.to_bytes(48)
    raise AssertionError("no such point")


WIDE, SMALL = write_wide(H), write_compressed(H)
X, Y = off_the_subgroup()
BIGGER_X = (int.from_bytes(WIDE[:48]) + P).to_bytes(48) if int.from_bytes(WIDE[:48]) + P < 2**384 else b"\xff" * 48


@pytest.mark.parametrize(
    "data",
    [b"", WIDE[:-1], WIDE + b"\0", WIDE[:-1] + bytes([WIDE[-1] ^ 1]), BIGGER_X + WIDE[48:], X + Y, b"\x40" + bytes(95)],
    ids=["nothing", "short", "long", "off the curve", "x not below p", "off the subgroup", "flag of infinity"],
)
def test_bytes_that_are_no_point_are_refused(data):
    with pytest.raises(ValueError, match="point"):
        read_wide(data)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        SMALL[:-1],
        SMALL + b"\0",
        bytes([SMALL[0] & 0x7F]) + SMALL[1:],
        bytes([SMALL[0] | 0x40]) + SMALL[1:],
        write_compressed(IDENTITY),
        bytes([X[0] | 0x80]) + X[1:],
        bytes([0x80 | P.to_bytes(48)[0]]) + P.to_bytes(48)[1:],
    ],
    ids=["nothing", "short", "long", "not compressed", "infinity", "identity", "off the subgroup", "x not below p"],
)
def test_compressed_bytes_that_are_no_point_of_the_group_are_refused(data):
    with pytest.raises(ValueError, match="point"):
        read_compressed(data)


def test_random_scalars_are_below_the_order_and_differ():
    drawn = {random_scalar() for _ in range(64)}
    assert len(drawn) == 64
    assert all(0 <= scalar < ORDER for scalar in drawn)
