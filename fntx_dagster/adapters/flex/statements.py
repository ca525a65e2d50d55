"""Reading a Flex file: statements, the sections they hold and their typed rows, in the order of the file.

Here belongs everything about the XML; the store decides what becomes of the rows. The parser hands over each start tag
and builds no tree, so memory does not grow with the file, nor with one huge statement. A document type declaration is
refused at its first word: the broker sends none, and nothing else can lead to entities, other files or the network.

Dates with slashes have the order that `day_order` finds in the whole file; a file without them is read once.

An unknown section, kind of row or attribute is read, kept and reported. An unreadable date or number, a truncated file
or the broker's error message in place of a statement ends the reading with a Permanent that names file, line, field and
value.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from datetime import date, datetime, timedelta
from enum import Enum, auto
from hashlib import blake2b
from itertools import groupby, repeat
from typing import NamedTuple

from fntx_dagster.adapters.flex.day_order import day_order
from fntx_dagster.adapters.flex.formats import DayOrder, OrderUnknown, midnight, parse_date, parse_moment, parse_text
from fntx_dagster.adapters.flex.opening import CHUNK, open_statement
from fntx_dagster.adapters.flex.places import Place
from fntx_dagster.adapters.flex.safe_xml import XMLSyntaxError, parse_flat, push_parser
from fntx_dagster.adapters.flex.sections import DAYS, OTHER, Section, Value, in_order, section_of
from fntx_dagster.errors import Permanent, know_accounts


class Reading(Enum):
    """How much of a row's typed columns is read."""

    VALUES = auto()
    TEXTS = auto()
    """Each value as the text that PostgreSQL reads as it, empty for none."""
    KEYS = auto()
    """Nothing, so that an unreadable column does not end the reading."""


class Statement(NamedTuple):
    """One FlexStatement: an account and a period, both days inclusive."""

    ordinal: int
    account_id: str
    from_date: date
    to_date: date
    period: str | None
    when_generated: datetime
    """UTC. A statement without it counts as generated when its last day ended in New York."""


class Covered(NamedTuple):
    """The statement holds this section, with or without rows, and so covers every day of its period."""

    statement: Statement
    section: Section
    name: str
    """The section's table; for a section without one of its own, its tag."""


class Row(NamedTuple):
    """A row as delivered and as typed."""

    statement: Statement
    section: Section
    name: str
    tag: str
    account_id: str
    day: date
    """The day that it reports, within the statement's period."""
    identity: str
    """The broker's transactionID, or a digest of what was delivered; equal digests are equal rows."""
    by_id: bool
    """Whether `identity` is the broker's."""
    attributes: dict[str, str]
    names: tuple[str, ...]
    """Of the attributes; rows of the file that have the same names share the object."""
    values: Sequence[Value]
    """By the section's columns, as the file is read."""
    line: int


class FlexFile:
    """A file of Flex statements. Iterating reads it once; the other attributes are complete after that.

    `date_order` is the order of dates with slashes that the settings give; `order` the one that an earlier reading of
    the file has found, if any.
    """

    def __init__(
        self,
        path: Place,
        reading: Reading = Reading.VALUES,
        date_order: DayOrder | None = None,
        order: DayOrder | None = None,
    ) -> None:
        self.path = path
        self.reading = reading
        self.date_order = date_order
        self.order = order
        """Of its dates with slashes; None until one is met."""
        self.query_name: str | None = None
        self.unknown_sections: set[str] = set()
        self.unknown_attributes: dict[str, set[str]] = {}
        """By section name."""

    def __iter__(self) -> Iterator[Statement | Covered | Row]:
        """Raises Permanent for a file that is no statement, is cut off, or cannot be read."""
        target = _Target(self)
        with closing(open_statement(self.path)) as file:
            parser = push_parser(target)
            try:
                while text := file.readline(CHUNK):
                    parser.feed(text)
                    if target.items:
                        yield from target.items
                        target.items.clear()
                    if text.endswith(b"\n"):
                        target.line += 1
                parser.close()
            except XMLSyntaxError as error:
                raise self._malformed(error) from None
            except _NoStatement as other:
                raise self._no_statement(other.root) from None
        yield from target.items

    def error(self, line: int, message: str, way_out: str) -> Permanent:
        """A Permanent about a line of this file."""
        return Permanent(f"{self.path}, line {line}: {message}", way_out)

    def _malformed(self, error: SyntaxError) -> Permanent:
        reason = (error.msg or "no element found").partition(", line ")[0]
        return self.error(
            error.lineno or 1, f"not well-formed XML, or cut off ({reason})", "Download the statement again"
        )

    def _no_statement(self, root: str) -> Permanent:
        """Says what the document is; the broker answers with a FlexStatementResponse when it has no statement."""
        if root == "FlexStatementResponse":
            with closing(open_statement(self.path)) as file:
                _, said = parse_flat(file.read(CHUNK), recover=True)
            code, message = said.get("ErrorCode", "none"), said.get("ErrorMessage", said.get("Status", "nothing"))
            return Permanent(
                f"{self.path} is the broker's answer to a request and no statement: code {code}, {message!r}",
                "Request the statement again, and remove this file",
            )
        return self.error(
            1,
            f"the root element is {root!r}, a statement's is 'FlexQueryResponse'",
            "Export the Flex query as XML and give that file",
        )


# -- private --------------------------------------------------------------------------------------------------------

_OUTSIDE = 1 << 30
_NOTHING = repeat("")
_LONGEST_ID = 64
_NO_ID = frozenset(("", "-", "--", "0"))
_DOWNLOAD = "Download the statement again; if it stays so, leave the field out of the Flex query"


class _NoStatement(Exception):
    def __init__(self, root: str) -> None:
        self.root = root


class _Layout(NamedTuple):
    """What all rows of a section with the same attributes have in common."""

    columns: tuple[tuple[str, Callable[[str], Value]], ...]
    kinds: tuple[tuple[Callable[[Sequence[str]], Sequence[str]], tuple[str, ...]], ...]
    """The readers of TEXTS, and the attributes that each reads."""
    days: tuple[str, ...]
    names: tuple[str, ...]
    sorted_names: tuple[str, ...]
    dated: bool
    """Whether the rows say their own day; if not, the statement's last day is part of their identity."""
    timed: bool
    """Whether the rows have tradeDate and tradeTime, which count where dateTime is missing."""


class _Target:
    """lxml calls this at every tag; `items` collects what it makes of them until the reader takes it."""

    def __init__(self, file: FlexFile) -> None:
        self.file = file
        self._reading = file.reading
        self._order = file.order
        self.line = 1
        self.items: list[Statement | Covered | Row] = []
        self._depth = 0
        self._section_depth = _OUTSIDE
        self._statements = 0
        self._statement: Statement
        self._section: Section
        self._name: str
        self._layouts: dict[tuple[str, str, tuple[str, ...]], _Layout] = {}

    def start(self, tag: str, attributes: dict[str, str]) -> None:
        depth = self._depth
        self._depth = depth + 1
        if depth >= self._section_depth:
            if depth == self._section_depth:
                self._open_section(tag)
            if attributes:
                try:
                    self._add_row(tag, attributes)
                except OrderUnknown:
                    self._find_order()
                    self._add_row(tag, attributes)
        elif tag == "FlexStatement":
            self._section_depth = depth + 1
            try:
                self._open_statement(attributes)
            except OrderUnknown:
                self._find_order()
                self._open_statement(attributes)
        elif depth == 0:
            if tag != "FlexQueryResponse":
                raise _NoStatement(tag)
            self.file.query_name = attributes.get("queryName")
        elif tag != "FlexStatements":
            self.file.unknown_sections.add(tag)

    def end(self, tag: str) -> None:
        self._depth -= 1
        if self._depth < self._section_depth - 1 or tag == "FlexStatement":
            self._section_depth = _OUTSIDE

    def doctype(self, *_: object) -> None:
        raise self.file.error(
            self.line,
            "a document type declaration, which no statement of the broker has",
            "Do not load this file; download the statement again",
        )

    def close(self) -> None:
        pass

    def _find_order(self) -> None:
        self._order = self.file.order = day_order(self.file.path, self.file.date_order)
        self._layouts.clear()

    def _open_statement(self, attributes: dict[str, str]) -> None:
        account_id = attributes.get("accountId", "").strip()
        if account_id in _NO_ID:
            raise self.file.error(
                self.line,
                f"FlexStatement has accountId={account_id!r}",
                "A statement must name its account; download it again",
            )
        know_accounts([account_id])  # an error about this file may hold it
        from_date, to_date = (self._period_end(attributes, name) for name in ("fromDate", "toDate"))
        if to_date < from_date:
            raise self.file.error(
                self.line,
                f"FlexStatement ends (toDate {to_date}) before it begins (fromDate {from_date})",
                "Set the query's date format to yyyyMMdd, and download the statement again",
            )
        made = self._when_generated(attributes) or midnight(to_date + timedelta(days=1))
        self._statement = Statement(self._statements, account_id, from_date, to_date, attributes.get("period"), made)
        self._statements += 1
        self.items.append(self._statement)

    def _period_end(self, attributes: dict[str, str], name: str) -> date:
        text = attributes.get(name, "")
        try:
            if day := parse_date(text, self._order):
                return day
        except OrderUnknown:
            raise
        except ValueError as error:
            raise self._unreadable("FlexStatement", name, text, error) from None
        raise self.file.error(
            self.line, f"FlexStatement has {name}={text!r}", "A statement must say its period; download it again"
        )

    def _when_generated(self, attributes: dict[str, str]) -> datetime | None:
        text = attributes.get("whenGenerated", "")
        try:
            moment, day = parse_moment(text, self._order), parse_date(text, self._order)
        except OrderUnknown:
            raise
        except ValueError as error:
            raise self._unreadable("FlexStatement", "whenGenerated", text, error) from None
        return moment or (midnight(day) if day else None)

    def _open_section(self, tag: str) -> None:
        self._section = section = section_of(tag)
        self._name = tag if section is OTHER else section.table
        if section is OTHER:
            self.file.unknown_sections.add(tag)
        self.items.append(Covered(self._statement, section, self._name))

    def _add_row(self, tag: str, attributes: dict[str, str]) -> None:
        shape = (self._name, tag, tuple(attributes))
        layout = self._layouts.get(shape) or self._new_layout(shape)
        statement, section, get = self._statement, self._section, attributes.get
        if layout.timed and not parse_text(attributes.get("dateTime", "")) and parse_text(attributes["tradeTime"]):
            get = (attributes | {"dateTime": f"{attributes['tradeDate']};{attributes['tradeTime']}"}).get
        try:
            values: list[Value] = []
            if self._reading is Reading.TEXTS:
                for texts, names in layout.kinds:
                    values += texts([*map(get, names, _NOTHING)])
            elif self._reading is Reading.VALUES:
                values = [parse(text) if (text := get(name)) else None for name, parse in layout.columns]
        except OrderUnknown:
            raise
        except ValueError:
            raise self._unreadable_column(tag, attributes, layout) from None
        account_id = get("accountId")
        if account_id is None or account_id in _NO_ID:
            account_id = statement.account_id
        identity = get("transactionID", "") if tag in section.identified else ""
        by_id = identity not in _NO_ID and len(identity) <= _LONGEST_ID
        if not by_id:
            identity = self._digest(tag, attributes, layout)
        self.items.append(
            Row(
                statement,
                section,
                self._name,
                tag,
                account_id,
                self._day(attributes, layout),
                identity,
                by_id,
                attributes,
                layout.names,
                values,
                self.line,
            )
        )

    def _new_layout(self, shape: tuple[str, str, tuple[str, ...]]) -> _Layout:
        """Resolve columns for this set of attributes, and note the unknown ones."""
        name, _, delivered = shape
        present, section = frozenset(delivered), self._section
        typed = [
            (column.misspelt if column.misspelt in present else column.attribute, in_order(column.kind, self._order))
            for column in section.columns
        ]
        read = {attribute for attribute, _ in typed} if section is not OTHER else present
        columns = tuple((attribute, kind.parse) for attribute, kind in typed)
        kinds = tuple(
            (kind.texts, tuple(attribute for attribute, _ in same))
            for kind, same in groupby(typed, key=lambda pair: pair[1])
        )
        days = tuple(day for day in DAYS if day in present and day in read)
        if section is not OTHER and (unknown := present - section.known_attributes):
            self.file.unknown_attributes.setdefault(name, set()).update(unknown)
        # Each day's statement has an equity summary of the day before too: two statements, two rows.
        dated = bool(days) and section.table != "equity_summary"
        timed = section.table == "trades" and {"tradeDate", "tradeTime"} <= present
        layout = _Layout(columns, kinds, days, delivered, tuple(sorted(present)), dated, timed)
        self._layouts[shape] = layout
        return layout

    def _day(self, attributes: dict[str, str], layout: _Layout) -> date:
        first, last = self._statement.from_date, self._statement.to_date
        for name in layout.days:
            try:
                day = parse_date(attributes[name], self._order)
            except OrderUnknown:
                raise
            except ValueError:
                continue  # a typed column would have raised; an attribute without a column never ends the reading
            if day is not None and first <= day <= last:
                return day
        return last

    def _digest(self, tag: str, attributes: dict[str, str], layout: _Layout) -> str:
        """Of every attribute that is not empty, in any order of delivery."""
        parts = [f"{name}={text}" for name in layout.sorted_names if (text := attributes[name])]
        own_day = layout.dated and any(attributes[name] for name in layout.days)
        parts += (self._name, tag, "" if own_day else str(self._statement.to_date))
        return blake2b("\x1f".join(parts).encode(), digest_size=16).hexdigest()

    def _unreadable_column(self, tag: str, attributes: dict[str, str], layout: _Layout) -> Permanent:
        for name, parse in layout.columns:
            text = attributes.get(name, "")
            try:
                parse(text)
            except ValueError as error:
                return self._unreadable(tag, name, text, error)
        raise AssertionError("every column can be read")

    def _unreadable(self, tag: str, name: str, text: str, error: ValueError) -> Permanent:
        problem, _, way_out = str(error).partition(": ")
        return self.file.error(
            self.line, f"{tag} has {name}={text[:80]!r}, {problem}", f"{way_out[:1].upper()}{way_out[1:]}" or _DOWNLOAD
        )
