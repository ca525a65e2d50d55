"""Which order of day and month a file has: decided from all its dates and periods together.

Here belongs what speaks against an order. A date that the order makes impossible rules it out. Where both orders give
dates, the laws of the broker's statements decide: a period does not end before it begins, lasts a year at most and is
over when the statement is generated; days that are broken out are weekdays that follow one another; a trade is reported
on a weekday of the period; an option's symbol and description repeat its expiry. Where these leave both orders open,
or contradict both, only a setting can say.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator
from contextlib import closing
from datetime import date, timedelta
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

from fntx_dagster.adapters.flex.formats import DayOrder, parse_date
from fntx_dagster.adapters.flex.opening import CHUNK, open_statement
from fntx_dagster.adapters.flex.safe_xml import push_parser
from fntx_dagster.adapters.flex.sections import DATE, DAYS, MOMENT, OTHER, section_of
from fntx_dagster.errors import Permanent

SETTING = "FNTX_FLEX_DATE_ORDER"
IN_CLIENT_PORTAL = (
    "In Client Portal, open Performance & Reports, Flex Queries, edit the query, set its date format to yyyyMMdd, and "
    "download the statement again"
)


def day_order(path: Path, fallback: DayOrder | None) -> DayOrder:
    """The order of the dates with slashes in a file, which is read whole; `fallback` where it can have both.

    Raises Permanent where it can have both and there is no fallback, or where its dates have no common order;
    XMLSyntaxError where it is not well-formed.
    """
    dates = _Dates(path)
    with closing(open_statement(path)) as file:
        parser = push_parser(dates)
        while text := file.readline(CHUNK):
            parser.feed(text)
            if text.endswith(b"\n"):
                dates.line += 1
        parser.close()
    return dates.decide(fallback)


_LONGEST_PERIOD = timedelta(days=366)
_LONGEST_GAP = timedelta(days=7)
"""Between two weekdays in a row, holidays included; generously."""
_FEW_DAYS = 3
_WRITTEN_EXPIRY = re.compile(r"\b(?P<y>\d{2})(?P<m>\d{2})(?P<d>\d{2})[CP]\d{8}$|\b(?P<written>\d{2}[A-Z]{3}\d{2})\b")
"""In an option's symbol, `SPY   250717P00615000`, or description, `SPY 17JUL25 615 P`."""


class _Where(NamedTuple):
    line: int
    tag: str
    name: str
    text: str

    def __str__(self) -> str:
        return f"line {self.line}: {self.tag} has {self.name}={self.text[:80]!r}"


class _Period(NamedTuple):
    first: date
    last: date


class _Dates:
    """lxml calls this at every tag; it keeps what speaks against each order."""

    def __init__(self, path: Path) -> None:
        self.line = 1
        self._path = path
        self._depth = 0
        self._section_depth = 0
        self._impossible: dict[DayOrder, _Where] = {}
        self._contradicted: set[DayOrder] = set()
        self._either: tuple[_Where, dict[DayOrder, date]] | None = None
        """The first date that the two orders read as two days."""
        self._periods: dict[DayOrder, _Period] = {}
        self._single_days: dict[DayOrder, dict[str, list[date]]] = {order: defaultdict(list) for order in DayOrder}

    def start(self, tag: str, attributes: dict[str, str]) -> None:
        self._depth += 1
        if tag == "FlexStatement":
            self._section_depth = self._depth + 1
            self._see_statement(attributes)
        elif self._section_depth and self._depth >= self._section_depth:
            if self._depth == self._section_depth:
                self._open_section(tag)
            if attributes:
                self._see_row(tag, attributes)

    def end(self, tag: str) -> None:
        self._depth -= 1
        if tag == "FlexStatement":
            self._section_depth = 0

    def doctype(self, *_: object) -> None:
        raise Permanent(f"{self._path} changed while it was read", "Load it again when it has been written")

    def close(self) -> None:
        pass

    def decide(self, fallback: DayOrder | None) -> DayOrder:
        possible = [order for order in DayOrder if order not in self._impossible]
        if not possible:
            day_first, month_first = (self._impossible[order] for order in DayOrder)
            raise Permanent(
                f"{self._path} has dates of no common order: not day first, {day_first}; not month first, "
                f"{month_first}",
                IN_CLIENT_PORTAL,
            )
        for order, accounts in self._single_days.items():
            if any(map(_have_a_gap, accounts.values())):
                self._contradicted.add(order)
        likely = [order for order in possible if order not in self._contradicted]
        if len(possible) == 1 or self._either is None:
            return possible[0]
        if len(likely) == 1:
            return likely[0]
        if fallback is None:
            where, days = self._either
            day_first, month_first = (f"{days[order]:%-d %B %Y}" for order in DayOrder)
            raise Permanent(
                f"{self._path}, {where}, which is {day_first} or {month_first}, and nothing else in the file says "
                "which",
                f"{IN_CLIENT_PORTAL}; or say which comes first: {SETTING}=day-first or {SETTING}=month-first",
            )
        return fallback

    # -- what the file holds

    def _see_statement(self, attributes: dict[str, str]) -> None:
        firsts, lasts, generated = (
            self._read("FlexStatement", name, attributes.get(name, ""))
            for name in ("fromDate", "toDate", "whenGenerated")
        )
        self._periods = {}
        for order in DayOrder:
            first, last, made = firsts.get(order), lasts.get(order), generated.get(order)
            if first is None or last is None:
                continue
            self._periods[order] = _Period(first, last)
            if not timedelta(0) <= last - first <= _LONGEST_PERIOD or (made and made < last - timedelta(days=1)):
                self._contradicted.add(order)
            elif first == last:
                self._single_days[order][attributes.get("accountId", "")].append(first)
                if _on_weekend(first):
                    self._contradicted.add(order)

    def _open_section(self, tag: str) -> None:
        section = section_of(tag)
        typed = (column.attribute for column in section.columns if column.kind in (DATE, MOMENT))
        self._dated = DAYS if section is OTHER else tuple(typed)
        self._are_trades = section.table == "trades"

    def _see_row(self, tag: str, attributes: dict[str, str]) -> None:
        for name in self._dated:
            if not (text := attributes.get(name)):
                continue
            days = self._read(tag, name, text)
            if self._are_trades and name == "reportDate":
                self._see_reported(days)
            elif name == "expiry" and len(set(days.values())) > 1:
                self._see_expiry(days, set(_written_expiries(attributes)))

    def _see_reported(self, days: dict[DayOrder, date]) -> None:
        for order, day in days.items():
            period = self._periods.get(order)
            if _on_weekend(day) or (period and not period.first <= day <= period.last):
                self._contradicted.add(order)

    def _see_expiry(self, days: dict[DayOrder, date], written: set[date]) -> None:
        if written & set(days.values()):
            self._contradicted.update(order for order, day in days.items() if day not in written)

    def _read(self, tag: str, name: str, text: str) -> dict[DayOrder, date]:
        """The day in each order; what is no date in either is left to the reading of the file."""
        days: dict[DayOrder, date] = {}
        unreadable = []
        for order in DayOrder:
            try:
                if day := parse_date(text, order):
                    days[order] = day
            except ValueError:
                unreadable.append(order)
        where = _Where(self.line, tag, name, text)
        if len(unreadable) == 1:
            self._impossible.setdefault(unreadable[0], where)
        elif self._either is None and len(set(days.values())) > 1:
            self._either = where, days
        return days


def _on_weekend(day: date) -> bool:
    return day.weekday() > 4


def _have_a_gap(days: list[date]) -> bool:
    return len(days) >= _FEW_DAYS and any(abs(after - before) > _LONGEST_GAP for before, after in pairwise(days))


def _written_expiries(attributes: dict[str, str]) -> Iterator[date]:
    for name in ("symbol", "description"):
        for match in _WRITTEN_EXPIRY.finditer(attributes.get(name, "")):
            try:
                if written := match["written"]:
                    day = parse_date(f"{written[:2]}-{written[2:5]}-{written[5:]}")
                else:
                    day = parse_date(f"20{match['y']}{match['m']}{match['d']}")
            except ValueError:
                continue
            if day:
                yield day
