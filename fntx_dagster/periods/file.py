"""The file of a period, `fntx.period/1`: which days it adds up, what it shows of their sum, and the proof.

`written` writes it, `reading` reads it without trusting it; docs/periods.md describes the format.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any, NamedTuple

from fntx_dagster.curve.group import scalar_text
from fntx_dagster.periods.commitment import COMMITMENT_SLOT
from fntx_dagster.periods.shown import BOUNDS, CHAINED, DRAWDOWN, SQUARES, WORST_DAY
from fntx_dagster.proof.disclosure import EXTENSION_SLOT, Published
from fntx_dagster.proof.form import canonical, hex_of
from fntx_dagster.proof.leaves import schema_hash_of

PERIOD_FORMAT = "fntx.period/1"
MOST_BYTES, MOST_ACCOUNTS, MOST_DAYS = 16_000_000, 100, 4_000
PROJECTIONS = 192
AUDIENCE = re.compile(r"[ -~]{1,100}")

Path = tuple[bytes | None, ...]
"""Six siblings, the leaf's own first; None stands for a subtree that is all empty."""


class Schemas(NamedTuple):
    """The catalogues of a record and of its extension, by their hashes."""

    record: bytes
    extension: bytes


def published_pairs(catalogues: Iterable[Published], extensions: Iterable[Published]) -> tuple[Schemas, ...]:
    """The pairs of published catalogues under which a day can be in a period: of the record one with a slot for an
    extension, of the extension one with a slot for the commitment."""

    def hashes(published: Iterable[Published], slot: int) -> list[bytes]:
        having = (each for each in published if any(metric.index == slot for metric in each.metrics))
        return [schema_hash_of(each.canonical()) for each in having]

    return tuple(
        Schemas(record, extension)
        for record in hashes(catalogues, EXTENSION_SLOT)
        for extension in hashes(extensions, COMMITMENT_SLOT)
    )


class PeriodDay(NamedTuple):
    """A day of a period: where its commitment lies in its record, whose root the trader posted."""

    date: date
    version: int
    schemas: Schemas
    session: int
    root: bytes
    transaction: str | None
    commitment: bytes
    salts: tuple[bytes, bytes]
    """Of the extension's slot 32, and of the record's slot 63."""
    extension_path: Path
    path: Path


class PeriodAccount(NamedTuple):
    chain_id: int
    contract: str
    trader: str
    days: tuple[PeriodDay, ...]

    @property
    def name(self) -> tuple[int, str, str]:
        """What makes it the same account: the letters of an address may be of either case."""
        return self.chain_id, self.contract.lower(), self.trader.lower()


class VectorPart(NamedTuple):
    """The part of a proof about single returns: squares and bounds."""

    v: bytes
    k: bytes
    e: tuple[bytes, bytes]
    projections: tuple[int, ...]
    z: tuple[int, ...]
    zeta: int
    epsilon: int


class PeriodProof(NamedTuple):
    t: tuple[bytes, ...]
    """A point of 48 bytes for each row."""
    rows: tuple[tuple[int, ...], ...]
    """11 scalars each: of the blinding, then of the ten fields."""
    vector: VectorPart | None


@dataclass(frozen=True)
class PeriodFile:
    """A period whose form is right; whether it holds, `checking.check` says."""

    audience: str | None
    currency: str
    first: date
    last: date
    accounts: tuple[PeriodAccount, ...]
    shown: Mapping[str, int]
    """Item → its number; `chained` is 1."""
    proof: PeriodProof
    statement: bytes
    """sha256 of the canonical JSON of all but proof and checksum."""

    @property
    def days(self) -> tuple[PeriodDay, ...]:
        """The days of all accounts, in the order of the file."""
        return tuple(day for account in self.accounts for day in account.days)


def row_names(shown: Collection[str]) -> tuple[str, ...]:
    """The rows of a proof, in their order."""
    return ("total", "each", "next", "this") if CHAINED in shown else ("total", "each")


def has_vector(shown: Collection[str]) -> bool:
    """Whether the proof has a part about single returns."""
    return any(item in shown for item in (SQUARES, *BOUNDS))


def vector_size(shown: Collection[str], days: int) -> int:
    """How many numbers the vector part commits to: returns, running maxima, three roots for each form, masks."""
    forms = days * ((WORST_DAY in shown) + 3 * (DRAWDOWN in shown))
    return days * (1 + (DRAWDOWN in shown)) + 3 * forms + PROJECTIONS


def statement_of(content: Mapping[str, Any]) -> bytes:
    """The hash that binds a proof to everything public of the file."""
    return hashlib.sha256(canonical(content, {"proof", "checksum"})).digest()


def statement_content(
    accounts: Sequence[PeriodAccount],
    shown: Mapping[str, int],
    first: date,
    last: date,
    currency: str,
    audience: str | None,
) -> dict[str, Any]:
    """The file's content but for proof and checksum."""
    schemas = list(dict.fromkeys(day.schemas for account in accounts for day in account.days))
    return {
        "format": PERIOD_FORMAT,
        "audience": audience,
        "currency": currency,
        "from": first.isoformat(),
        "to": last.isoformat(),
        "schemas": [{"record": hex_of(each.record), "extension": hex_of(each.extension)} for each in schemas],
        "accounts": [_account_content(account, schemas) for account in accounts],
        "shown": {item: True if item == CHAINED else str(number) for item, number in shown.items()},
    }


def written(content: Mapping[str, Any], proof: PeriodProof) -> str:
    """The file of a statement's content and its proof: one line of JSON."""
    proved = {**content, "proof": _proof_content(proof)}
    checksum = hex_of(hashlib.sha256(canonical(proved)).digest())
    return json.dumps({**proved, "checksum": checksum}, separators=(",", ":")) + "\n"


def _account_content(account: PeriodAccount, schemas: list[Schemas]) -> dict[str, Any]:
    transactions = list(dict.fromkeys(day.transaction for day in account.days if day.transaction is not None))
    return {
        "chain_id": str(account.chain_id),
        "contract": account.contract,
        "trader": account.trader,
        "transactions": transactions,
        "days": [
            {
                "date": day.date.isoformat(),
                "version": day.version,
                "schema": schemas.index(day.schemas),
                "session": day.session,
                "root": hex_of(day.root),
                "transaction": None if day.transaction is None else transactions.index(day.transaction),
                "commitment": hex_of(day.commitment),
                "salts": [hex_of(salt) for salt in day.salts],
                "extension_path": [sibling and hex_of(sibling) for sibling in day.extension_path],
                "path": [sibling and hex_of(sibling) for sibling in day.path],
            }
            for day in account.days
        ],
    }


def _proof_content(proof: PeriodProof) -> dict[str, Any]:
    rows = {"t": [hex_of(point) for point in proof.t], "rows": [[scalar_text(z) for z in row] for row in proof.rows]}
    vector = proof.vector
    if vector is None:
        return rows
    return {
        "v": hex_of(vector.v),
        "projections": [str(number) for number in vector.projections],
        "k": hex_of(vector.k),
        "e": [hex_of(point) for point in vector.e],
        **rows,
        "z": [scalar_text(z) for z in vector.z],
        "zeta": scalar_text(vector.zeta),
        "epsilon": scalar_text(vector.epsilon),
    }
