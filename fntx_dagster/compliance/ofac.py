"""OFAC's list: sdn.csv with alt.csv (other names) and add.csv (addresses) beside it, all without a header.

`-0-` is nothing, surnames come first, dates of birth are in the remarks, and 0x1A ends a file.
"""

from __future__ import annotations

import hashlib
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator

from fntx_dagster.compliance.entities import ListedEntity
from fntx_dagster.compliance.rows import CsvRow, checked_name, csv_rows, refusal, row_digest_text

SDN_COLUMNS, ALT_COLUMNS, ADD_COLUMNS = 12, 5, 6
_SCHEMAS = {"individual": "Person", "vessel": "Vessel", "aircraft": "Airplane", "": "Organization"}
_BORN = re.compile(r"\bDOB ([^;]+)")
_BETWEEN = re.compile(r"\b(\d{4}) to (?:\d{1,2} )?(?:[A-Z][a-z]{2} )?(\d{4})\b")
_KINDS_OF_NAMES = ("aka", "fka", "nka")
_MOST_YEARS = 30


def ofac_entities(
    sdn: Iterable[bytes], alt: Iterable[bytes] = (), add: Iterable[bytes] = (), file: str = "sdn.csv"
) -> Iterator[ListedEntity]:
    """The entities of the three files, one after another; alt and add are read whole before. `file` is the name of the
    first, for errors. Raises ListRefused, also where an alias or an address belongs to no entity.

    OFAC states countries by names of its own and of addresses only, so its entities have none that could speak against
    a match.
    """
    aliases = _by_number("alt.csv", alt, ALT_COLUMNS)
    addresses = _by_number("add.csv", add, ADD_COLUMNS)
    seen: set[str] = set()
    for row in csv_rows(file, sdn, SDN_COLUMNS):
        number, name, kind, *_, remarks = map(_value, row.fields)
        if number in seen:
            raise refusal(file, row, "number", number, "stands in a row before")
        if not name:
            raise refusal(file, row, "name", name, "is empty")
        if kind.lower() not in _SCHEMAS:
            raise refusal(file, row, "type", kind, f"is none of {', '.join(filter(None, _SCHEMAS))}")
        seen.add(_number(file, row, number))
        schema = _SCHEMAS[kind.lower()]
        own, places = aliases.pop(number, []), addresses.pop(number, [])
        called = [("name", file, row, name), *((_kind(other), "alt.csv", other, other.fields[3]) for other in own)]
        names = [
            _in_order(checked_name(source, where, field, _value(text)), schema)
            for field, source, where, text in called
            if _value(text)
        ]
        hashed = [part for each in (row, *own, *places) for part in ("", *each.fields)]
        yield ListedEntity(
            number,
            schema,
            tuple(dict.fromkeys(names)),
            _births(remarks),
            (),
            hashlib.sha256(row_digest_text(hashed)).hexdigest(),
            row.number,
        )
    for source, left in (("alt.csv", aliases), ("add.csv", addresses)):
        for number, rows in left.items():
            raise refusal(source, rows[0], "number", number, f"is in no row of {file}")


def _by_number(file: str, lines: Iterable[bytes], columns: int) -> dict[str, list[CsvRow]]:
    rows: dict[str, list[CsvRow]] = defaultdict(list)
    for row in csv_rows(file, lines, columns):
        rows[_number(file, row, _value(row.fields[0]))].append(row)
    return rows


def _number(file: str, row: CsvRow, text: str) -> str:
    if not (text.isascii() and text.isdigit()):
        raise refusal(file, row, "number", text, "is no number")
    return text


def _kind(row: CsvRow) -> str:
    kind = _value(row.fields[2])
    if kind.lower() not in _KINDS_OF_NAMES:
        raise refusal("alt.csv", row, "type", kind, f"is none of {', '.join(_KINDS_OF_NAMES)}")
    return kind


def _value(text: str) -> str:
    stripped = text.strip()
    return "" if stripped == "-0-" else stripped


def _in_order(name: str, schema: str) -> str:
    """A person's name with the surname last, as others write it."""
    surname, comma, rest = name.partition(", ")
    return f"{rest} {surname}" if schema == "Person" and comma else name


def _births(remarks: str) -> tuple[str, ...]:
    """What the remarks say of dates of birth; of a span every year of it."""
    found: dict[str, None] = {}
    for text in _BORN.findall(remarks):
        span = _BETWEEN.search(text)
        first, last = (int(span[1]), int(span[2])) if span else (0, -1)
        if 0 <= last - first <= _MOST_YEARS:
            found |= dict.fromkeys(str(year) for year in range(first, last + 1))
        else:
            found[text.strip().rstrip(".")] = None
    return tuple(found)
