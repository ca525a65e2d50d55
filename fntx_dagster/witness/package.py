"""A package: everything of some signed days, from a trader to a witness, with which both roots are rebuilt without the
secret.

`written` writes it, `parse` reads it without trusting it. docs/witnesses.md describes the form. The checksum shows that
a file was changed on its way; it is no proof of origin. The proof are the roots, which the trader has posted.
"""

from __future__ import annotations

import base64
import binascii
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from hashlib import sha256
from itertools import pairwise
from typing import Any, NamedTuple, cast

from fntx_dagster.curve.group import ORDER, scalar_text
from fntx_dagster.proof.form import (
    ADDRESS,
    HASH,
    NUMBER,
    bytes_of,
    checksum_of,
    day_of,
    hex_of,
    is_text,
    matches,
    need,
    need_keys,
    strict_json,
)
from fntx_dagster.proof.leaves import NULL_VALUE, Context
from fntx_dagster.witness.trees import Blindings, Tree

FORMAT = "fntx.package/1"
MAX_BYTES = 128_000_000
_APART = 6
"""Bytes to each mark of JSON, at least: a slot with its salt has 10 marks in 81 bytes, and statements have none."""
MOST_DAYS = 4_000


class GivenStatement(NamedTuple):
    """A statement file that the trader gives along."""

    name: str
    sha256: str
    """In hex, of the content."""
    content: bytes

    def __repr__(self) -> str:
        return f"GivenStatement({self.name!r})"


@dataclass(frozen=True)
class PackagedDay:
    """One version of a signed day, whole."""

    day: date
    version: int
    root: bytes
    record: Tree
    extension: Tree | None
    blindings: Blindings | None = field(repr=False)


@dataclass(frozen=True)
class Package:
    """The days of one account, for one witness."""

    chain_id: int
    contract: str
    trader: str
    account: str = field(repr=False)
    """The broker's id."""
    witness: str
    settings: Mapping[str, Any] = field(repr=False)
    """What figures depend on beside the statements, by the names of the settings: texts, lists and tables of texts."""
    days: tuple[PackagedDay, ...]
    """By date; none twice."""
    statements: tuple[GivenStatement, ...] = ()

    def context(self, day: PackagedDay, tree: Tree) -> Context:
        """What the leaves of a day's tree are bound to."""
        return Context(tree.schema_hash, self.chain_id, self.contract, self.trader, day.day)


def is_meant_as_a_package(content: bytes) -> bool:
    """Whether a file is a package that is not sealed, be it cut off or changed: what is sealed is no ASCII for long."""
    begins = content[:1000]
    return begins.isascii() and begins.lstrip().startswith(b"{")


def written(package: Package) -> str:
    """The file: JSON, its last line ended."""
    content = {
        "format": FORMAT,
        "chain_id": str(package.chain_id),
        "contract": package.contract,
        "trader": package.trader,
        "account": package.account,
        "witness": package.witness,
        "settings": package.settings,
        "days": [_written_day(day) for day in package.days],
    }
    if package.statements:
        content["statements"] = [
            {"name": name, "sha256": digest, "base64": base64.b64encode(body).decode("ascii")}
            for name, digest, body in package.statements
        ]
    return json.dumps({**content, "checksum": checksum_of(content)}) + "\n"


def parse(text: str | bytes) -> Package:
    """A package from its file's content. Permanent names the first field that is not as `written` writes it: whatever
    the bytes, nothing else is raised, and no value is in the words."""
    content = strict_json(text, "the package", MAX_BYTES, apart=_APART)
    has_statements = type(content) is dict and "statements" in content
    need_keys("the package", content, _KEYS | {"statements"} if has_statements else _KEYS)
    need(content["format"] == FORMAT, f"format is not {FORMAT}")
    need(matches(NUMBER, content["chain_id"]), "chain_id is no chain's number")
    need(0 < int(content["chain_id"]) < 2**256, "chain_id is no chain's number")
    for name in ("contract", "trader", "witness"):
        need(matches(ADDRESS, content[name]), f"{name} is not an address")
    need(matches(_ACCOUNT, content["account"]), "account is not an account's id")
    need(type(content["settings"]) is dict, "settings is not a table")
    days = content["days"]
    need(type(days) is list and 1 <= len(days) <= MOST_DAYS, f"days is not a list of 1 to {MOST_DAYS}")
    parsed = tuple(_day(f"days[{place}]", entry) for place, entry in enumerate(days))
    for place, (earlier, later) in enumerate(pairwise(parsed), 1):
        need(earlier.day < later.day, f"days[{place}].date does not come after the one before it")
    statements = tuple(_statements(content["statements"])) if has_statements else ()
    need(matches(HASH, content["checksum"]), "checksum is not a hash")
    need(checksum_of(content) == content["checksum"], "checksum is another one: the file was changed")
    return Package(
        int(content["chain_id"]),
        content["contract"],
        content["trader"],
        content["account"],
        content["witness"],
        content["settings"],
        parsed,
        statements,
    )


_KEYS = {"format", "chain_id", "contract", "trader", "account", "witness", "settings", "days", "checksum"}
_DAY_KEYS = {"date", "version", "root", "record", "extension", "blindings"}
_TREE_KEYS = {"schema", "values", "salts"}
_STATEMENT_KEYS = {"name", "sha256", "base64"}
_ACCOUNT = re.compile(r"[A-Za-z0-9._:-]{1,64}")
_SLOT = re.compile(r"[0-9]|[1-5][0-9]|6[0-3]")
_FILE_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._ -]{0,199}")
_DIGEST = re.compile(r"[0-9a-f]{64}")


def _written_day(day: PackagedDay) -> dict[str, Any]:
    blindings = day.blindings
    return {
        "date": day.day.isoformat(),
        "version": day.version,
        "root": hex_of(day.root),
        "record": _written_tree(day.record),
        "extension": None if day.extension is None else _written_tree(day.extension),
        "blindings": None
        if blindings is None
        else {
            "aggregation": None if blindings.aggregation is None else [*map(scalar_text, blindings.aggregation)],
            "period": None if blindings.period is None else scalar_text(blindings.period),
        },
    }


def _written_tree(tree: Tree) -> dict[str, Any]:
    return {
        "schema": hex_of(tree.schema_hash),
        "values": {str(slot): None if value is None else str(value) for slot, value in sorted(tree.values.items())},
        "salts": {str(slot): hex_of(salt) for slot, salt in sorted(tree.salts.items())},
    }


def _day(where: str, entry: Any) -> PackagedDay:
    need_keys(where, entry, _DAY_KEYS)
    version = entry["version"]
    need(type(version) is int and 1 <= version < 2**32, f"{where}.version is not a number from 1 to 4294967295")
    need(matches(HASH, entry["root"]), f"{where}.root is not a hash")
    record = _tree(f"{where}.record", entry["record"])
    extension = None if entry["extension"] is None else _tree(f"{where}.extension", entry["extension"])
    blindings = None if entry["blindings"] is None else _blindings(f"{where}.blindings", entry["blindings"])
    return PackagedDay(day_of(entry["date"]), version, bytes_of(entry["root"]), record, extension, blindings)


def _tree(where: str, entry: Any) -> Tree:
    need_keys(where, entry, _TREE_KEYS)
    need(matches(HASH, entry["schema"]), f"{where}.schema is not a hash")
    values, salts = _table(f"{where}.values", entry["values"]), _table(f"{where}.salts", entry["salts"])
    need(salts.keys() == values.keys(), f"{where}.salts does not have exactly the values' slots")
    for slot, value in values.items():
        need(matches(_SLOT, slot), f"{where}.values has a key that is no slot")
        fits = value is None or (matches(NUMBER, value) and NULL_VALUE < int(value) < -NULL_VALUE)
        need(fits, f"{where}.values[{slot}] is neither null nor a whole number that int256 holds")
        need(matches(HASH, salts[slot]), f"{where}.salts[{slot}] is not a hash")
    return Tree(
        bytes_of(entry["schema"]),
        {int(slot): None if value is None else int(value) for slot, value in values.items()},
        {int(slot): bytes_of(salt) for slot, salt in salts.items()},
    )


def _table(where: str, entry: Any) -> dict[str, Any]:
    is_table = type(entry) is dict and len(entry) > 0
    need(is_table, f"{where} is not a table by slot")
    return entry


def _blindings(where: str, entry: Any) -> Blindings:
    need_keys(where, entry, {"aggregation", "period"})
    three, period = entry["aggregation"], entry["period"]
    is_three = three is None or (type(three) is list and len(three) == 3 and all(map(_is_scalar, three)))
    need(is_three, f"{where}.aggregation is neither null nor three scalars")
    need(period is None or _is_scalar(period), f"{where}.period is neither null nor a scalar")
    scalars = None if three is None else cast(tuple[int, int, int], tuple(int(scalar, 16) for scalar in three))
    return Blindings(scalars, None if period is None else int(period, 16))


def _is_scalar(text: Any) -> bool:
    return matches(HASH, text) and int(text, 16) < ORDER


def _statements(entries: Any) -> list[GivenStatement]:
    need(type(entries) is list and len(entries) > 0, "statements is not a list of files")
    statements: dict[str, GivenStatement] = {}
    for place, entry in enumerate(entries):
        where = f"statements[{place}]"
        need_keys(where, entry, _STATEMENT_KEYS)
        need(matches(_FILE_NAME, entry["name"]), f"{where}.name is not a file's name")
        need(matches(_DIGEST, entry["sha256"]), f"{where}.sha256 is not a digest")
        need(is_text(entry["base64"]), f"{where}.base64 is not a text")
        try:
            content = base64.b64decode(entry["base64"], validate=True)
        except (binascii.Error, ValueError):
            content = None
        need(content is not None and base64.b64encode(content).decode() == entry["base64"], f"{where}.base64 is not")
        body = cast(bytes, content)
        need(sha256(body).hexdigest() == entry["sha256"], f"{where}.sha256 is another one: the file was changed")
        need(entry["name"] not in statements, f"{where}.name is there twice")
        statements[entry["name"]] = GivenStatement(entry["name"], entry["sha256"], body)
    return [*statements.values()]
