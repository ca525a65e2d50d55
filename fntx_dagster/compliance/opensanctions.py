"""The simple CSV of OpenSanctions (targets.simple.csv): an entity a row, columns by name, values by semicolons."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator

from fntx_dagster.compliance.entities import ListedEntity
from fntx_dagster.compliance.rows import ListRefused, checked_name, csv_rows, refusal, row_digest_text, values_of

_NEEDED = ("id", "schema", "name", "aliases", "birth_date", "countries")
_OF_THE_CRAWLER = frozenset(("dataset", "first_seen", "last_seen", "last_change"))
"""Columns that change on days on which nothing changed of the entity; its hash leaves them out."""


def opensanctions_entities(file: str, lines: Iterable[bytes]) -> Iterator[ListedEntity]:
    """The entities of a file, one after another. `file` is its name, for errors. Raises ListRefused."""
    rows = csv_rows(file, lines)
    header = next(rows, None)
    names = [name.strip() for name in header.fields] if header else []
    if missing := [name for name in _NEEDED if name not in names]:
        raise ListRefused(
            f"{file} has no column {missing[0]}",
            "A list is targets.simple.csv of OpenSanctions, or sdn.csv of OFAC with alt.csv and add.csv beside it",
        )
    if len({*names}) < len(names):
        raise ListRefused(f"{file} has a column twice")
    place = {name: at for at, name in enumerate(names)}
    hashed = [at for at, name in enumerate(names) if name not in _OF_THE_CRAWLER]
    seen: set[str] = set()
    for row in rows:
        if len(row.fields) != len(names):
            raise ListRefused(
                f"{file}, row {row.number}: the row has {len(row.fields)} fields and not {len(names)} as the header"
            )
        entity_id, schema, name, aliases, births, countries = (row.fields[place[each]].strip() for each in _NEEDED)
        if not entity_id or len(entity_id) > 255:
            raise refusal(file, row, "id", entity_id, "is no id")
        if entity_id in seen:
            raise refusal(file, row, "id", entity_id, "stands in a row before")
        seen.add(entity_id)
        called = tuple(dict.fromkeys((*filter(None, (name,)), *values_of(aliases))))
        yield ListedEntity(
            entity_id,
            schema,
            tuple(checked_name(file, row, "name", each) for each in called),
            values_of(births),
            tuple(code.lower() for code in values_of(countries)),
            hashlib.sha256(row_digest_text([row.fields[at] for at in hashed])).hexdigest(),
            row.number,
        )
