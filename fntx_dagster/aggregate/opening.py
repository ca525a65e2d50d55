"""Opening the sums of a day: a trustee's share of the decryption with its proof, and the totals that shares show.

A share is S_1 S_2 S_3 T_1 T_2 s, 512 bytes: S_j = x·ΣA_j, where x is the trustee's part, and a proof (Chaum and
Pedersen) that the same x is behind his verification key. Total_j·G = ΣB_j - Σ λ_i·S_(i,j), λ by Lagrange at 0.
Whoever colludes, false totals do not pass.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from fntx_dagster.aggregate.commitments import PNL_OFFSET, RANGE
from fntx_dagster.aggregate.committee import points_of
from fntx_dagster.aggregate.ranges import VALUES, powers
from fntx_dagster.aggregate.transcript import OPENING, PoolAddress, read_scalars, scalar_of, word, written
from fntx_dagster.curve.group import (
    GENERATOR,
    ORDER,
    SCALAR,
    WIDE,
    Draw,
    Point,
    combined,
    inverse,
    random_scalar,
    times,
    write_wide,
)
from fntx_dagster.proof.keccak import keccak256

SHARE_LENGTH = (VALUES + 2) * WIDE + SCALAR


class Frozen(NamedTuple):
    """The sums of a day that no trader can change any more: ΣA_1 ΣA_2 ΣA_3 ΣB_1 ΣB_2 ΣB_3."""

    pool: PoolAddress
    epoch: int
    sums: tuple[Point, ...]

    def challenge(self, trustee: int, verification_key: Point, shares: bytes) -> bytes:
        """The hash that a share's proof begins with."""
        sums = b"".join(map(write_wide, self.sums[:VALUES]))
        begin = self.pool.bound(OPENING) + word(self.epoch) + word(trustee)
        return keccak256(begin + sums + write_wide(verification_key) + shares)


class Totals(NamedTuple):
    """The totals of a day, in whole units of the pool's currency (by its scale), and of how many users."""

    total_aum: int
    total_volume: int
    total_net_pnl: int
    user_count: int


def share(frozen: Frozen, trustee: int, part: int, draw: Draw = random_scalar) -> bytes:
    """A trustee's share of the decryption of the sums, by his part (`committee.part_of`).

    Two shares of sums that differ by one user decrypt that user: the caller sees to it that these are the final ones.
    """
    sums = frozen.sums[:VALUES]
    shares = b"".join(write_wide(times(each, part)) for each in sums)
    digest = frozen.challenge(trustee, times(GENERATOR, part), shares)
    nonce = draw()
    hiding = write_wide(times(GENERATOR, nonce)) + write_wide(times(_folded(sums, digest), nonce))
    return shares + hiding + written(nonce + _answered(digest, hiding) * part)


def share_holds(frozen: Frozen, trustee: int, verification_key: Point, offered: bytes) -> bool:
    """Whether a share is the trustee's decryption of these sums; False for whatever else the bytes are."""
    if len(offered) != SHARE_LENGTH:
        return False
    try:
        points = points_of(offered[:-SCALAR])
        (answer,) = read_scalars(offered[-SCALAR:])
    except ValueError:
        return False
    shares, (hiding_g, hiding_a) = points[:VALUES], points[VALUES:]
    digest = frozen.challenge(trustee, verification_key, offered[: VALUES * WIDE])
    c = _answered(digest, offered[VALUES * WIDE : -SCALAR])
    of_key = times(GENERATOR, answer) == times(verification_key, c) + hiding_g
    return (
        of_key and times(_folded(frozen.sums[:VALUES], digest), answer) == times(_folded(shares, digest), c) + hiding_a
    )


def points_of_totals(frozen: Frozen, shares: Mapping[int, bytes]) -> tuple[Point, ...]:
    """Each total times G, from as many shares as the threshold says (trustee → share), which hold."""
    factors = lagrange(list(shares))
    columns = zip(*(points_of(each[: VALUES * WIDE]) for each in shares.values()), strict=True)
    return tuple(
        hidden + -combined(column, factors) for hidden, column in zip(frozen.sums[VALUES:], columns, strict=True)
    )


def lagrange(trustees: Sequence[int]) -> list[int]:
    """What the share of each of these trustees counts: the polynomial's value at 0 from those at trustee + 1."""
    factors = []
    for each in trustees:
        others = [other for other in trustees if other != each]
        above, below = 1, 1
        for other in others:
            above, below = above * (other + 1), below * (other - each)
        factors.append(above * inverse(below) % ORDER)
    return factors


def totals_hold(points: Sequence[Point], raw: Sequence[int], users: int) -> bool:
    """Whether these are the totals behind the points, each from 0 below users · 2^32: beyond, the group's order could
    be added to one."""
    in_range = len(raw) == VALUES and all(0 <= each < users * RANGE for each in raw)
    return in_range and all(times(GENERATOR, each) == point for each, point in zip(raw, points, strict=True))


def totals_of(raw: Sequence[int], users: int) -> Totals:
    """The totals as people read them: the P&L without what was added for each user."""
    aum, volume, pnl = raw
    return Totals(aum, volume, pnl - users * PNL_OFFSET, users)


def _folded(points: Sequence[Point], digest: bytes) -> Point:
    """X_1 + f·X_2 + f²·X_3, where f is a hash that the shares are in."""
    return combined(points, powers(scalar_of(digest), VALUES))


def _answered(digest: bytes, hiding: bytes) -> int:
    return scalar_of(keccak256(b"\x01" + digest + hiding))
