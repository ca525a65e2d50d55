"""A period against what a contract holds, a calendar, and a list that somebody read in an explorer."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta

import pytest

from fntx_dagster.errors import Permanent
from fntx_dagster.periods.checking import check
from fntx_dagster.periods.history import HeldDay, against_history, listed_days, session_jumps, without_record
from tests.periods.examples import PUBLISHED, book, proved

BOOK = book(5)
PERIOD = check(proved(BOOK, ["net_pnl"]), PUBLISHED).period
ACCOUNT = PERIOD.accounts[0]
HELD = {day.date: HeldDay(day.version, day.root, day.schemas.record) for day in ACCOUNT.days}
SECOND = ACCOUNT.days[1].date


def test_the_latest_records_of_exactly_these_days_agree():
    before, after = ACCOUNT.days[0].date - timedelta(days=1), ACCOUNT.days[-1].date + timedelta(days=1)
    assert against_history(PERIOD, ACCOUNT, HELD | {before: HELD[SECOND], after: HELD[SECOND]}) == []


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        (None, "holds no record"),
        (HeldDay(2, bytes(32)), "latest version is 2, the period has 1: ask for a new file"),
        (HELD[SECOND]._replace(root=bytes(32)), "another root"),
        (HELD[SECOND]._replace(schema_hash=bytes(32)), "another catalogue"),
    ],
)
def test_a_day_that_differs_is_named(changed, words):
    held = {day: each for day, each in HELD.items() if day != SECOND} | ({SECOND: changed} if changed else {})
    (problem,) = against_history(PERIOD, ACCOUNT, held)
    assert problem.startswith(str(SECOND))
    assert words in problem


def test_a_day_that_the_period_leaves_out_is_named():
    period = check(proved([*BOOK[:1], *BOOK[2:]], ["net_pnl"]), PUBLISHED).period
    (problem,) = against_history(period, period.accounts[0], HELD)
    assert problem == f"{SECOND}: the contract holds a record that the period leaves out"
    assert without_record(period, period.accounts[0], HELD) == [SECOND]
    assert session_jumps(period.accounts[0]) == [(BOOK[0].row.date, BOOK[2].row.date)]


def test_sessions_outside_of_the_range_are_nobodys_business():
    sessions = [PERIOD.first - timedelta(days=1), *HELD, PERIOD.last + timedelta(days=1)]
    assert without_record(PERIOD, ACCOUNT, sessions) == []
    wider = replace(PERIOD, first=sessions[0])
    assert without_record(wider, ACCOUNT, sessions) == [sessions[0]]
    assert session_jumps(ACCOUNT) == []


def test_a_list_of_an_explorer_is_read():
    lines = "\n".join(f"{day}, {held.version},0x{held.root.hex()}" for day, held in HELD.items())
    listed = listed_days(f"{lines}\n\n")
    assert listed == {day: held._replace(schema_hash=None) for day, held in HELD.items()}
    assert against_history(PERIOD, ACCOUNT, listed) == []


@pytest.mark.parametrize(
    "line", ["2025-01-01 1", "2025-13-01 1 0x" + "00" * 32, "2025-01-01 0 0x" + "00" * 32, "2025-01-01 1 0x12"]
)
def test_a_line_that_is_none_is_named(line):
    with pytest.raises(Permanent, match="line 2 is not date, version and root"):
        listed_days(f"2024-01-01 1 0x{'00' * 32}\n{line}")


def test_a_day_that_is_listed_twice_is_refused():
    line = f"2024-01-01 1 0x{'00' * 32}"
    with pytest.raises(Permanent, match=r"line 2 has 2024-01-01 again"):
        listed_days(f"{line}\n{line}")
    assert listed_days(line)[date(2024, 1, 1)].version == 1
