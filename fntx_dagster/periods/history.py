"""What only a chain and a calendar can say of a period: that its days are all there are, and the latest of each.

Pure: a contract's history or a list that somebody read in an explorer comes in, the disagreements go out in words.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from datetime import date
from itertools import pairwise
from typing import NamedTuple

from fntx_dagster.errors import Permanent
from fntx_dagster.periods.file import PeriodAccount, PeriodFile

_LISTED = re.compile(r"\s*([0-9]{4}-[0-9]{2}-[0-9]{2})[,\s]+([1-9][0-9]{0,9})[,\s]+(0x[0-9a-fA-F]{64})[,\s]*")


class HeldDay(NamedTuple):
    """The latest record that a contract holds of a trader's day; `schema_hash` is None where it is not known."""

    version: int
    root: bytes
    schema_hash: bytes | None = None


def against_history(period: PeriodFile, account: PeriodAccount, held: Mapping[date, HeldDay]) -> list[str]:
    """Where an account's days are not exactly those that `held` has within the period's range, in words."""
    problems: list[str] = []
    ours = {day.date: day for day in account.days}
    for day in sorted({*ours, *(each for each in held if period.first <= each <= period.last)}):
        shown, stored = ours.get(day), held.get(day)
        if stored is None:
            problems.append(f"{day}: the contract holds no record of the trader")
        elif shown is None:
            problems.append(f"{day}: the contract holds a record that the period leaves out")
        elif stored.version != shown.version:
            newer = ": ask for a new file" if stored.version > shown.version else ""
            problems.append(f"{day}: the latest version is {stored.version}, the period has {shown.version}{newer}")
        elif stored.root != shown.root:
            problems.append(f"{day}: the contract has another root")
        elif stored.schema_hash not in (None, shown.schemas.record):
            problems.append(f"{day}: the contract has another catalogue's hash")
    return problems


def without_record(period: PeriodFile, account: PeriodAccount, sessions: Iterable[date]) -> list[date]:
    """The days of a calendar's sessions within the period's range that the account has no record of."""
    days = {day.date for day in account.days}
    return [each for each in sessions if period.first <= each <= period.last and each not in days]


def session_jumps(account: PeriodAccount) -> list[tuple[date, date]]:
    """The pairs of days that follow each other in the file and not in the account's own count of sessions."""
    return [(one.date, other.date) for one, other in pairwise(account.days) if other.session != one.session + 1]


def listed_days(text: str) -> dict[date, HeldDay]:
    """The days of a list that somebody made in an explorer: lines with date, version and root, with commas or blanks
    between. Permanent names the line that is none."""
    held: dict[date, HeldDay] = {}
    for number, line in enumerate(text.splitlines(), 1):
        if not line.strip():
            continue
        listed = _LISTED.fullmatch(line)
        try:
            if listed is None:
                raise ValueError
            found = date.fromisoformat(listed[1])
        except ValueError:
            way_out = "Write a day as 2025-03-03, its version, and 0x with 64 hex digits"
            raise Permanent(f"line {number} is not date, version and root", way_out) from None
        if found in held:
            raise Permanent(f"line {number} has {found} again", "Give the latest version of each day")
        held[found] = HeldDay(int(listed[2]), bytes.fromhex(listed[3][2:]))
    return held
