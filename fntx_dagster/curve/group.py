"""Points of G1 of BLS12-381, and how they are read, written, hashed to and added up.

The order of the group is `ORDER`; a scalar is an integer, taken modulo it. The generators beside the standard one are
hashed from names by RFC 9380 (suite BLS12381G1_XMD:SHA-256_SSWU_RO_), so that nobody knows how they hang together.
Nothing here runs in constant time: values are committed and opened offline, where nobody measures.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterable, Sequence
from functools import cache

from py_arkworks_bls12381 import G1Point, Scalar

Point = G1Point

ORDER = 0x73EDA753299D7D483339D80809A1D80553BDA402FFFE5BFEFFFFFFFF00000001
DOMAIN = b"FNTX-AGGREGATE-V1_BLS12381G1_XMD:SHA-256_SSWU_RO_"
WIDE, COMPRESSED, SCALAR = 96, 48, 32
"""Bytes of a point with both coordinates, of a point as Ethereum and ZCash compress it, of a scalar."""

Draw = Callable[[], int]
"""Where the nonces of a proof come from. Two proofs with one nonce give away what they hide: nothing but tests says
another than `random_scalar`."""

GENERATOR = G1Point()
IDENTITY = G1Point.identity()


@cache
def named(name: str) -> Point:
    """The generator of this name (ASCII): a point whose logarithm to any other nobody knows."""
    return G1Point.hash_to_curve(name.encode("ascii"), DOMAIN)


H, U = named("H"), named("U")


def times(point: Point, scalar: int) -> Point:
    """A point a number of times; the number may be negative."""
    return point * Scalar(scalar % ORDER)


def total(points: Iterable[Point]) -> Point:
    """The sum of points; the identity where there are none."""
    found = IDENTITY
    for point in points:
        found = found + point
    return found


def combined(points: Sequence[Point], scalars: Sequence[int]) -> Point:
    """The sum of each point times its scalar, as many of one as of the other."""
    if len(points) != len(scalars):
        raise ValueError(f"{len(points)} points and {len(scalars)} scalars")
    if not points:
        return IDENTITY
    return G1Point.multiexp_unchecked(list(points), [Scalar(scalar % ORDER) for scalar in scalars])


def commitment(value: int, blinding: int) -> Point:
    """Pedersen's commitment: value · G + blinding · H."""
    return times(GENERATOR, value) + times(H, blinding)


def read_wide(data: bytes) -> Point:
    """The point of 96 bytes, x ‖ y, big-endian; all zeros are the identity.

    Raises ValueError where they are not the one way to write a point of the group.
    """
    if len(data) != WIDE:
        raise ValueError(f"a point takes {WIDE} bytes, not {len(data)}")
    return _only_way(G1Point.from_xy_bytes_be, write_wide, data)


def write_wide(point: Point) -> bytes:
    """The 96 bytes of a point: x ‖ y, big-endian; the identity is all zeros."""
    return bytes(point.to_xy_bytes_be())


def read_compressed(data: bytes) -> Point:
    """The point of 48 bytes in the compressed form of ZCash and Ethereum, of the group and not the identity.

    Raises ValueError: a wrong length or flag, x not below the field's order, a point outside the group, the identity.
    """
    if len(data) != COMPRESSED:
        raise ValueError(f"a compressed point takes {COMPRESSED} bytes, not {len(data)}")
    point = _only_way(G1Point.from_compressed_bytes, write_compressed, data)
    if point == IDENTITY:
        raise ValueError("the identity is no point that a commitment is")
    return point


def write_compressed(point: Point) -> bytes:
    """The 48 bytes of a point in the compressed form of ZCash and Ethereum."""
    return bytes(point.to_compressed_bytes())


def _only_way(read: Callable[[bytes], Point], write: Callable[[Point], bytes], data: bytes) -> Point:
    try:
        point = read(data)
    except ValueError as fault:
        raise ValueError("these bytes are no point of the group") from fault
    if write(point) != data:
        raise ValueError("a point is written in one way only")
    return point


def random_scalar() -> int:
    """A scalar from the system's randomness: 512 bits of it, so that none is likelier than another."""
    return int.from_bytes(secrets.token_bytes(64)) % ORDER


def scalar_text(scalar: int) -> str:
    """A scalar as files have it: 0x and 64 hex digits."""
    return f"0x{scalar:064x}"


def inverse(scalar: int) -> int:
    """What a scalar times this is one. Raises ValueError for zero."""
    return pow(scalar, -1, ORDER)
