"""The trustees' key, made without a dealer: any `threshold` of them can decrypt together, fewer cannot.

Each trustee i shares a random polynomial f_i: its coefficients times G are public, with a proof that he knows the first
(Schnorr), and f_i(j+1) goes to trustee j, sealed with what their two box keys agree on (Diffie and Hellman). The pool's
key is Σ f_i(0)·G, the part of trustee j is Σ f_i(j+1) (Pedersen 1991). All that a trustee keeps is the secret of his
box key: the sealed values stay on the chain.

Trustees are numbered from 0, at most MOST of them. What is secret (coefficients, box secrets, parts) is an integer, and
in no error.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from fntx_dagster.aggregate.transcript import KEY, SHARE, PoolAddress, read_scalars, scalar_of, word, written
from fntx_dagster.curve.group import (
    GENERATOR,
    IDENTITY,
    ORDER,
    SCALAR,
    WIDE,
    Draw,
    Point,
    combined,
    random_scalar,
    read_wide,
    times,
    total,
    write_wide,
)
from fntx_dagster.errors import Permanent
from fntx_dagster.proof.keccak import keccak256

MOST = 9


class Contribution(NamedTuple):
    """What a trustee puts on the chain: the commitments to his coefficients, the proof R ‖ s, a sealed value of 32
    bytes for each trustee."""

    commitments: bytes
    proof: bytes
    sealed_shares: bytes


class Committee(NamedTuple):
    """A pool's trustees: their box keys in their order, and how many of them open a sum."""

    pool: PoolAddress
    threshold: int
    box_keys: tuple[Point, ...]

    def check(self) -> None:
        """Permanent where it cannot be one."""
        count = len(self.box_keys)
        if not 1 <= self.threshold <= count <= MOST or IDENTITY in self.box_keys:
            raise Permanent(
                f"{self.threshold} of {count} trustees is no committee", f"Name 1 to {MOST}, each with a box key"
            )

    def seal(self, sender: int, receiver: int, agreed: Point) -> int:
        """What hides the value that one trustee shares with another; `agreed` is the box key of one of them times the
        box secret of the other."""
        return scalar_of(keccak256(self.pool.bound(SHARE) + word(sender) + word(receiver) + write_wide(agreed)))


def contribute(committee: Committee, trustee: int, box_secret: int, draw: Draw = random_scalar) -> Contribution:
    """A trustee's contribution to the key. His polynomial is forgotten with the return.

    Permanent where `box_secret` is not that of his box key, or the committee cannot be one.
    """
    committee.check()
    if times(GENERATOR, box_secret) != committee.box_keys[trustee]:
        raise Permanent(f"this is not the box key of trustee {trustee}", "Use the file that its address goes with")
    coefficients = [draw() for _ in range(committee.threshold)]
    commitments = b"".join(write_wide(times(GENERATOR, each)) for each in coefficients)
    nonce = draw()
    hiding = write_wide(times(GENERATOR, nonce))
    challenge = _challenge(committee.pool, trustee, commitments, hiding)
    sealed = (
        _value(coefficients, other + 1) + committee.seal(trustee, other, times(box_key, box_secret))
        for other, box_key in enumerate(committee.box_keys)
    )
    return Contribution(commitments, hiding + written(nonce + challenge * coefficients[0]), written(*sealed))


def fault_of(committee: Committee, trustee: int, contribution: Contribution) -> str | None:
    """Why everybody has to refuse a contribution, in words; None where it is right as far as everybody can see."""
    commitments, proof, sealed = contribution
    if len(commitments) != committee.threshold * WIDE or len(sealed) != len(committee.box_keys) * SCALAR:
        return "it has another length"
    if len(proof) != WIDE + SCALAR:
        return "its proof has another length"
    try:
        first, hiding = points_of(commitments)[0], read_wide(proof[:WIDE])
        (answer,) = read_scalars(proof[WIDE:])
        read_scalars(sealed)
    except ValueError as fault:
        return str(fault)
    challenge = _challenge(committee.pool, trustee, commitments, proof[:WIDE])
    if times(GENERATOR, answer) != hiding + times(first, challenge):
        return "its proof does not show that its coefficient is known"
    return None


def unsealed(
    committee: Committee, trustee: int, box_secret: int, sender: int, contribution: Contribution
) -> int | None:
    """The value that `sender` shared with `trustee`, whose box secret this is; None where it is not the one that was
    committed to: then the committee must not confirm."""
    at = trustee * SCALAR
    sealed = int.from_bytes(contribution.sealed_shares[at : at + SCALAR])
    agreed = times(committee.box_keys[sender], box_secret)
    value = (sealed - committee.seal(sender, trustee, agreed)) % ORDER
    return value if times(GENERATOR, value) == _committed(contribution.commitments, trustee) else None


def part_of(committee: Committee, trustee: int, box_secret: int, contributions: Sequence[Contribution]) -> int:
    """A trustee's part of the decryption key, from all contributions in order.

    Permanent names the trustees whose contribution or value is wrong: start again with others.
    """
    committee.check()
    values = [
        None
        if fault_of(committee, sender, each) is not None
        else unsealed(committee, trustee, box_secret, sender, each)
        for sender, each in enumerate(contributions)
    ]
    wrong = [f"{sender}" for sender, value in enumerate(values) if value is None]
    if wrong or len(values) != len(committee.box_keys):
        whose = f"what trustee {', '.join(wrong)} contributed is wrong" if wrong else "a contribution is missing"
        raise Permanent(whose, "Do not confirm: form another committee, in a new pool, without who cheated")
    return sum(value for value in values if value is not None) % ORDER


def key_of(contributions: Sequence[Contribution]) -> Point:
    """The pool's key. Raises ValueError where a commitment is no point of the group."""
    return total(read_wide(each.commitments[:WIDE]) for each in contributions)


def verification_key(contributions: Sequence[Contribution], trustee: int) -> Point:
    """What the shares of a trustee are checked with: his part times G. Raises ValueError as `key_of`."""
    return total(_committed(each.commitments, trustee) for each in contributions)


def points_of(data: bytes) -> list[Point]:
    """Points, 96 bytes each. Raises ValueError where one is none of the group."""
    return [read_wide(data[at : at + WIDE]) for at in range(0, len(data), WIDE)]


def _challenge(pool: PoolAddress, trustee: int, commitments: bytes, hiding: bytes) -> int:
    return scalar_of(keccak256(pool.bound(KEY) + word(trustee) + commitments + hiding))


def _committed(commitments: bytes, trustee: int) -> Point:
    """f(trustee + 1) times G, from the commitments to the coefficients of f."""
    points = points_of(commitments)
    return combined(points, [(trustee + 1) ** power for power in range(len(points))])


def _value(coefficients: Sequence[int], x: int) -> int:
    return sum(coefficient * x**power for power, coefficient in enumerate(coefficients)) % ORDER
