"""The mapping file of a migration: what the tables and columns of an old service are called, and what its rows do not
say. Every key is optional."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

from fntx_dagster.errors import Permanent
from fntx_dagster.ledger.names import CURRENCY, NAME
from fntx_dagster.store.signals.judging import ENTRY_ID, EXIT_ID, FoldRules, id_pattern
from fntx_dagster.store.signals.old_tables import COLUMNS, KEPT, OldTables

ACCEPTABLE = ("closed_by_another",)
"""Reasons that a person may accept: such rows are folded as they state it."""
_WHOLE = {
    "schema": str,
    "currency": str,
    "zone": str,
    "exchange": str,
    "is_paper": bool,
    "accept": list,
    "archive": str,
    "tables": dict,
    "columns": dict,
    "order_ids": dict,
    "set_aside": dict,
}


class OldMapping(NamedTuple):
    """What a migration knows of the old service. `archive`: the schema that its tables are copied to."""

    tables: OldTables
    rules: FoldRules
    archive: str


def read_mapping(file: Path | None, currency: str, zone: str, schema: str | None = None) -> OldMapping:
    """The mapping of a file, or what holds without one. `currency` and `zone`: where the file names none; `schema`: in
    its place. Raises Permanent for a key or a value that is not known."""
    given = {} if file is None else _parsed(file)
    try:
        return _mapping(given, currency, zone, schema)
    except ValueError as error:
        raise Permanent(f"{file}: {error}", "docs/signals-migration.md lists the keys of a mapping") from None


def _parsed(file: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(file.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise Permanent(f"{file} is no TOML file ({error})", "docs/signals-migration.md shows one") from None


def _mapping(given: Mapping[str, Any], currency: str, zone: str, schema: str | None) -> OldMapping:
    for name, value in given.items():
        if name not in _WHOLE or type(value) is not _WHOLE[name]:
            raise ValueError(f"{name!r} is no key of a mapping, or has a value of another kind")
    zone = given.get("zone", zone)
    _known_zone(zone)
    order_ids = _texts(given, "order_ids", ("entry", "exit"))
    rules = FoldRules(
        currency=_fit("currency", given.get("currency", currency), CURRENCY),
        zone=zone,
        exchange=_fit("exchange", given.get("exchange", "NFO"), NAME),
        is_paper=given.get("is_paper", True),
        entry_id=order_ids.get("entry", ENTRY_ID),
        exit_id=order_ids.get("exit", EXIT_ID),
        set_aside=_set_aside(given.get("set_aside", {})),
        accepted=_accepted(given.get("accept", [])),
    )
    for template in (rules.entry_id, rules.exit_id):
        id_pattern(template)
    columns = given.get("columns", {})
    if strange := columns.keys() - COLUMNS.keys():
        raise ValueError(f"[columns.{min(strange)}] is of no table that is read")
    tables = OldTables(
        schema=schema or given.get("schema", "public"),
        tables=_texts(given, "tables", tuple(COLUMNS)),
        columns={name: _texts(columns, name, tuple(column.name for column in COLUMNS[name])) for name in columns},
        zone=zone,
    )
    return OldMapping(tables, rules, given.get("archive", "signals_archive"))


def _texts(given: Mapping[str, Any], name: str, known: tuple[str, ...]) -> dict[str, str]:
    found = given.get(name, {})
    if not isinstance(found, dict) or not found.keys() <= {*known}:
        raise ValueError(f"[{name}] may hold {', '.join(known)}")
    if not all(isinstance(value, str) and value for value in found.values()):
        raise ValueError(f"[{name}] holds a value that is no text")
    return found


def _set_aside(given: Mapping[str, Any]) -> dict[str, list[int]]:
    if not given.keys() <= {*KEPT} or not all(
        isinstance(ids, list) and all(type(each) is int for each in ids) for ids in given.values()
    ):
        raise ValueError(f"[set_aside] may hold lists of ids, for {', '.join(KEPT)}")
    return {**given}


def _accepted(given: list[Any]) -> list[str]:
    if strange := [each for each in given if each not in ACCEPTABLE]:
        raise ValueError(f"accept may hold {', '.join(ACCEPTABLE)}, not {strange[0]!r}")
    return given


def _known_zone(name: str) -> None:
    try:
        ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        raise ValueError(f"there is no time zone {name!r}") from None


def _fit(name: str, value: str, form: Any) -> str:
    if not form(value):
        raise ValueError(f"{value!r} is no {name}")
    return value
