"""A pool on a chain in tests: TrackRecord, the verifier, an Aggregator with its committee, and traders who submit."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from functools import cache
from hashlib import sha256
from typing import Any, NamedTuple

from fntx_dagster.adapters.evm.typed import address_of
from fntx_dagster.aggregate.commitments import LABEL
from fntx_dagster.aggregate.committee import Committee, contribute, part_of
from fntx_dagster.aggregate.opening import Frozen, share
from fntx_dagster.aggregate.proving import prove
from fntx_dagster.aggregate.transcript import PoolAddress, context_of
from fntx_dagster.curve.group import GENERATOR, Point, named, random_scalar, read_wide, times, write_wide
from fntx_dagster.proof.leaves import EMPTY_LEAF, Context, leaf_of
from fntx_dagster.proof.tree import SLOTS, proof_of, root_of
from tests.contracts.chains import TestChain

DAY = 20250718
SCHEMA = b"\x44" * 32
SALT = b"\x55" * 32
SLOT = 62
BOND = 10**17
FNTX = 10**18
COLLECTING, CHECKING = 6000, 3000
NOBODY = address_of("0x" + "00" * 20)


@cache
def generators_code(side: str) -> bytes:
    """What makes the data contract of the g or the h."""
    code = b"\0" + b"".join(write_wide(named(f"{side}/{number}")) for number in range(128))
    return bytes.fromhex(f"61{len(code):04x}80600a5f395ff3") + code


def spoiled(submission: bytes) -> bytes:
    """A submission that does not hold any more: its last scalar is another one."""
    return submission[:-1] + bytes([submission[-1] ^ 1])


class Slot(NamedTuple):
    """What shows a trader's commitments in a record: salt and path, under its root."""

    root: bytes
    salt: bytes
    path: tuple[bytes, ...]


class Base:
    """What pools share: the contracts, and accounts with FNTX: `traders`, `trustees`, `stranger`."""

    def __init__(self, chain: TestChain) -> None:
        self.chain = chain
        self.schema = SCHEMA
        """The hash of the catalogue that the records of this base name."""
        accounts = chain.accounts
        self.deployer, self.stranger = accounts[0], accounts[1]
        self.trustees, self.traders = accounts[2:5], accounts[5:9]
        self.fntx = chain.deploy("FNTX")
        self.records = chain.deploy("TrackRecord", self.fntx.address)
        self.generators = [chain.deploy_code(generators_code(side)) for side in "gh"]
        self.verifier = chain.deploy("SubmissionVerifier", *self.generators)
        for trader in self.traders:
            chain.send(self.deployer, self.fntx.functions.transfer(trader, 10_000 * FNTX))
            chain.send(trader, self.fntx.functions.approve(self.records.address, 2**256 - 1))

    def slot(self, trader: str, day: int, digest: bytes, slot: int = SLOT) -> Slot:
        """The record of a day that holds nothing but a digest."""
        at = date(day // 10_000, day // 100 % 100, day % 100)
        context = Context(self.schema, self.chain.web3.eth.chain_id, self.records.address, trader, at)
        leaves = [EMPTY_LEAF] * SLOTS
        leaves[slot] = leaf_of(context, slot, int.from_bytes(digest, signed=True), SALT)
        return Slot(root_of(leaves), SALT, proof_of(leaves, SLOT))

    def post(self, trader: str, day: int, root: bytes) -> None:
        """The next version of a trader's record."""
        functions = self.records.functions
        latest = functions.recordOf(trader, day).call()
        if latest[3]:
            self.chain.send(trader, functions.amendDailyRecord(day, latest[0], self.schema, root, "another digest"))
        else:
            self.chain.send(trader, functions.postDailyRecord(day, self.schema, root))


class Pool:
    """A pool whose committee has formed its key, unless it is told not to."""

    def __init__(
        self, base: Base, *, threshold: int = 2, trustees: int = 3, is_formed: bool = True, **terms: Any
    ) -> None:
        self.base, self.chain = base, base.chain
        self.currency, self.scale = terms.get("currency", b"USD"), terms.get("scale", 0)
        wanted = {
            "records": base.records.address,
            "verifier": base.verifier.address,
            "slot": SLOT,
            "currency": self.currency,
            "scale": self.scale,
            "minUsers": 1,
            "submitSeconds": COLLECTING,
            "challengeSeconds": CHECKING,
            "bond": BOND,
            "registrar": NOBODY,
            "minAge": 0,
            "minCohort": 0,
            **terms,
        }
        self.trustees = self.chain.accounts[2 : 2 + trustees]
        self.box_secrets = [random_scalar() for _ in self.trustees]
        box_keys = tuple(times(GENERATOR, secret) for secret in self.box_secrets)
        self.formed_by = self.chain.now() + 10**6
        wide = [write_wide(each) for each in box_keys]
        self.contract = self.chain.deploy(
            "Aggregator", tuple(wanted.values()), self.trustees, wide, threshold, self.formed_by
        )
        self.functions = self.contract.functions
        self.address = PoolAddress(self.chain.web3.eth.chain_id, self.contract.address)
        self.committee = Committee(self.address, threshold, box_keys)
        self.contributions = [
            contribute(self.committee, number, secret) for number, secret in enumerate(self.box_secrets)
        ]
        if is_formed:
            self.form()

    def form(self) -> Any:
        """All contribute and confirm; the receipt of the last confirmation."""
        for trustee, said in zip(self.trustees, self.contributions, strict=True):
            self.chain.send(trustee, self.functions.contribute(*said))
        return [self.chain.send(trustee, self.functions.confirm()) for trustee in self.trustees][-1]

    @property
    def key(self) -> Point:
        return read_wide(self.functions.key().call())

    def register(self, *traders: str) -> None:
        for trader in traders:
            self.chain.send(trader, self.functions.register(0), BOND)

    def prove(self, trader: str, values: Sequence[int], day: int = DAY, key: Point | None = None) -> bytes:
        """A true submission with fresh randomness."""
        blindings = [random_scalar() for _ in values]
        return prove(key or self.key, context_of(self.address, trader, day), values, blindings)

    def digest(self, submission: bytes) -> bytes:
        """What the slot must hold, also of points that are none."""
        return sha256(LABEL + self.currency + bytes([self.scale]) + submission[576:864]).digest()

    def record(self, trader: str, submission: bytes, day: int = DAY) -> Slot:
        """Post a record that holds a submission's commitments."""
        slot = self.base.slot(trader, day, self.digest(submission))
        self.base.post(trader, day, slot.root)
        return slot

    def call(self, submission: bytes, slot: Slot, day: int = DAY) -> Any:
        return self.functions.submit(day, slot.salt, slot.path, submission)

    def submit(self, trader: str, submission: bytes, day: int = DAY) -> Any:
        """Post the record and submit; the receipt."""
        return self.chain.send(trader, self.call(submission, self.record(trader, submission, day), day))

    def challenge(self, submission: bytes, trader: str, day: int = DAY) -> Any:
        return self.functions.challenge(day, trader, submission)

    def freeze(self, day: int = DAY) -> None:
        self.chain.pass_to(self.functions.freezesAt(day).call())

    def sums(self, day: int = DAY) -> tuple[bytes, ...]:
        """The six sums, 96 bytes each."""
        return tuple(b"".join(word.to_bytes(32) for word in point) for point in self.functions.sumsOf(day).call())

    def part(self, trustee: int) -> int:
        return part_of(self.committee, trustee, self.box_secrets[trustee], self.contributions)

    def shares(self, *trustees: int, day: int = DAY) -> bytes:
        frozen = Frozen(self.address, day, tuple(map(read_wide, self.sums(day))))
        return b"".join(share(frozen, trustee, self.part(trustee)) for trustee in trustees)

    def open(self, totals: Sequence[int], *trustees: int, day: int = DAY) -> Any:
        return self.functions.open(day, list(totals), list(trustees), self.shares(*trustees, day=day))
