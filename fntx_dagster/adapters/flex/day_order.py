"""Which order of day and month a file has: decided from all its dates and periods together.

Here belongs what speaks against an order. A date that the order makes impossible rules it out. Where both orders give
dates, the laws of the broker's statements decide: a period does not end before it begins, lasts a year at most and is
over when the statement is generated; days that are broken out are weekdays that follow one another; a trade is reported
on a weekday of the period, a few days after it happened at most, and before the statement is generated; an option's
symbol and description repeat its expiry. Where these leave both orders open, or contradict both, only a setting can
say; where they contradict the setting alone, the file is refused, because one of the two is wrong.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator
from contextlib import closing, suppress
from datetime import date, timedelta
from itertools import pairwise
from typing import NamedTuple

from fntx_dagster.adapters.flex.formats import DayOrder, parse_date
from fntx_dagster.adapters.flex.opening import CHUNK, open_statement
from fntx_dagster.adapters.flex.places import Place
from fntx_dagster.adapters.flex.safe_xml import push_parser
from fntx_dagster.adapters.flex.sections import DATE, DAYS, MOMENT, OTHER, section_of
from fntx_dagster.errors import Permanent
from fntx_dagster.model.contract import expiry_in_symbol
from fntx_dagster.model.period import Period

SETTING = "FNTX_FLEX_DATE_ORDER"
IN_CLIENT_PORTAL = (
    "In Client Portal, open Performance & Reports, Flex Queries, edit the query, set its date format to yyyyMMdd, and "
    "download the statement again"
)


def day_order(path: Place, setting: DayOrder | None) -> DayOrder:
    """The order of the dates with slashes in a file, which is read whole; the one that is set where it can have both.

    Raises Permanent where it can have both and none is set, where it speaks against the one that is set, and where its
    dates have no common order; XMLSyntaxError where it is not well-formed.
    """
    dates = _Dates(path)
    with closing(open_statement(path)) as file:
        parser = push_parser(dates)
        while text := file.readline(CHUNK):
            parser.feed(text)
            if text.endswith(b"\n"):
                dates.line += 1
        parser.close()
    return dates.decide(setting)


_LONGEST_PERIOD = timedelta(days=366)
_LONGEST_GAP = timedelta(days=7)
"""Between two weekdays in a row, holidays included; generously."""
_FEW_DAYS = 3
_BEFORE_THE_REPORT, _AFTER_IT = timedelta(days=10), timedelta(days=1)
"""A trade happens before its report, in Asia's time perhaps a day later."""
_WRITTEN_EXPIRY = re.compile(r"\b(\d{2})([A-Z]{3})(\d{2})\b")
"""In an option's description, `SPY 17JUL25 615 P`."""


class _Where(NamedTuple):
    line: int
    tag: str
    name: str
    text: str

    def __str__(self) -> str:
        return f"line {self.line}: {self.tag} has {self.name}={self.text[:80]!r}"


class _Dates:
    """lxml calls this at every tag; it keeps what speaks against each order."""

    def __init__(self, path: Place) -> None:
        self.line = 1
        self._path = path
        self._depth = 0
        self._section_depth = 0
        self._impossible: dict[DayOrder, _Where] = {}
        self._contradicted: dict[DayOrder, str] = {}
        """With the first thing that speaks against each."""
        self._either: tuple[_Where, dict[DayOrder, date]] | None = None
        """The first date that the two orders read as two days."""
        self._periods: dict[DayOrder, Period] = {}
        self._generated: dict[DayOrder, date] = {}
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

    def decide(self, setting: DayOrder | None) -> DayOrder:
        possible = [order for order in DayOrder if order not in self._impossible]
        if not possible:
            day_first, month_first = (self._impossible[order] for order in DayOrder)
            raise Permanent(
                f"{self._path} has dates of no common order: not day first, {day_first}; not month first, "
                f"{month_first}",
                IN_CLIENT_PORTAL,
            )
        self._weigh(
            {
                order: "the days of the statements do not follow one another"
                for order, accounts in self._single_days.items()
                if any(map(_have_a_gap, accounts.values()))
            }
        )
        if len(possible) == 2 and self._either is None:
            return setting or possible[0]
        likely = possible
        if len(possible) == 2:
            likely = [order for order in possible if order not in self._contradicted] or possible
        if setting and setting not in likely:
            raise self._other_than(setting, likely[0])
        if setting or len(likely) == 1:
            return setting or likely[0]
        raise self._undecided()

    def _other_than(self, setting: DayOrder, found: DayOrder) -> Permanent:
        where = self._impossible.get(setting)
        evidence = f"{where}, which is no date then" if where else self._contradicted[setting]
        return Permanent(
            f"{self._path} does not have the order of dates that is set, {SETTING}={setting}: {evidence}",
            f"If the query's dates are {found}, set {SETTING}={found} or leave it unset. Otherwise: {IN_CLIENT_PORTAL}",
        )

    def _undecided(self) -> Permanent:
        assert self._either is not None  # else every order would do
        where, days = self._either
        day_first, month_first = (f"{days[order]:%-d %B %Y}" for order in DayOrder)
        return Permanent(
            f"{self._path}, {where}, which is {day_first} or {month_first}, and nothing else in the file says which",
            f"{IN_CLIENT_PORTAL}; or say which comes first: {SETTING}=day-first or {SETTING}=month-first",
        )

    # -- what the file holds

    def _see_statement(self, attributes: dict[str, str]) -> None:
        firsts, lasts, generated = (
            self._read("FlexStatement", name, attributes.get(name, ""))
            for name in ("fromDate", "toDate", "whenGenerated")
        )
        self._periods, self._generated = {}, generated
        against: dict[DayOrder, str] = {}
        for order in DayOrder:
            first, last, made = firsts.get(order), lasts.get(order), generated.get(order)
            if first is None or last is None:
                continue
            self._periods[order] = Period(first, last)
            what = f"FlexStatement from {first} to {last}"
            if last < first:
                against[order] = f"{what} ends before it begins"
            elif last - first > _LONGEST_PERIOD:
                against[order] = f"{what} lasts more than a year"
            elif made and made < last - timedelta(days=1):
                against[order] = f"{what} is generated before it ends, on {made}"
            elif first == last:
                self._single_days[order][attributes.get("accountId", "")].append(first)
                if _on_weekend(first):
                    against[order] = f"FlexStatement is of {first}, a {first:%A}"
        self._weigh(against)

    def _open_section(self, tag: str) -> None:
        section = section_of(tag)
        typed = (column.attribute for column in section.columns if column.kind in (DATE, MOMENT))
        self._dated = DAYS if section is OTHER else tuple(typed)
        self._are_trades = section.table == "trades"

    def _see_row(self, tag: str, attributes: dict[str, str]) -> None:
        read = {name: self._read(tag, name, text) for name in self._dated if (text := attributes.get(name))}
        if self._are_trades:
            self._see_trade(tag, read)
        expiries = read.get("expiry", {})
        if len(set(expiries.values())) > 1:
            self._see_expiry(tag, expiries, set(_written_expiries(attributes)))

    def _see_trade(self, tag: str, read: dict[str, dict[DayOrder, date]]) -> None:
        reports = read.get("reportDate", {})
        against: dict[DayOrder, str] = {}
        for order, day in reports.items():
            period = self._periods.get(order)
            if _on_weekend(day):
                against[order] = f"{tag} is reported on {day}, a {day:%A}"
            elif period and day not in period:
                against[order] = f"{tag} is reported on {day}, outside of the statement's period"
        self._weigh(against)
        for name in ("tradeDate", "dateTime"):
            against = {}
            for order, day in read.get(name, {}).items():
                known = Period.on(report) if (report := reports.get(order)) else self._periods.get(order)
                earliest = known.first - _BEFORE_THE_REPORT if known else date.min
                latest = min(known.last if known else _NEVER, self._generated.get(order, _NEVER)) + _AFTER_IT
                if not earliest <= day <= latest:
                    against[order] = f"{tag} has {name} {day}, far from its report or its statement"
            self._weigh(against)

    def _see_expiry(self, tag: str, days: dict[DayOrder, date], written: set[date]) -> None:
        self._weigh(
            {
                order: f"{tag} expires on {day}, and its symbol or description says otherwise"
                for order, day in days.items()
                if day not in written
            }
        )

    def _weigh(self, against: dict[DayOrder, str]) -> None:
        """Note what speaks against one order; what speaks against both says nothing about the order."""
        if len(against) == 1:
            ((order, evidence),) = against.items()
            self._contradicted.setdefault(order, f"line {self.line}, read so: {evidence}")

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


_NEVER = date(9999, 1, 1)


def _on_weekend(day: date) -> bool:
    return day.weekday() > 4


def _have_a_gap(days: list[date]) -> bool:
    return len(days) >= _FEW_DAYS and any(abs(after - before) > _LONGEST_GAP for before, after in pairwise(days))


def _written_expiries(attributes: dict[str, str]) -> Iterator[date]:
    for name in ("symbol", "description"):
        text = attributes.get(name, "")
        if in_symbol := expiry_in_symbol(text):
            yield in_symbol
        for match in _WRITTEN_EXPIRY.finditer(text):
            with suppress(ValueError):
                if day := parse_date("-".join(match.groups())):
                    yield day
