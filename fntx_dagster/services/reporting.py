"""A range of days out of the tables into the report for people, and a report into its file.

Joins the rooms and holds no rule of its own: what is read is `store.marts`', what is said `report`'s.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from zoneinfo import ZoneInfo

from fntx_dagster.errors import Permanent
from fntx_dagster.model.day import ProvisionalDay
from fntx_dagster.model.period import Period
from fntx_dagster.report.html import AccountReport
from fntx_dagster.report.narrative import Story
from fntx_dagster.report.story import narrate
from fntx_dagster.store.database import Readable
from fntx_dagster.store.marts import holdings, performance, risk, story


def stories_of(
    db: Readable, account: str, period: Period, observer: ZoneInfo, running: Sequence[ProvisionalDay] = ()
) -> list[Story]:
    """An account's days of a range, told in the order of time; those of `running` that are the account's come last,
    for no statement tells them yet."""
    days = [*story.days(db, account, period), *(day for day in running if day.account_id == account)]
    return [narrate(day, observer) for day in days]


def account_report(db: Readable, label: str, stories: Sequence[Story]) -> AccountReport:
    """What the HTML report shows of one account around its stories, which are in the order of time and not empty.
    Metrics, marks and risk are those of the last official day."""
    account = stories[0].day.account_id
    first, last = (story.day.trading_day for story in (stories[0], stories[-1]))
    official = [story.day.trading_day for story in stories if story.day.as_of is None]
    if not official:
        return AccountReport(label, stories)
    return AccountReport(
        label,
        stories,
        history=performance.nav_history(db, account, official[-1]),
        marks=holdings.closing_marks(db, account, official[-1]),
        stocks=holdings.stock_positions(db, account, Period(first, last)),
        metrics=performance.rolling_metrics(db, Period.on(official[-1]), account),
        options=risk.option_greeks(db, Period.on(official[-1]), account),
        portfolio=next(iter(risk.portfolio_risk(db, Period.on(official[-1]), account)), None),
    )


def write_whole(file: Path, text: str, *, private: bool = False) -> None:
    """Write a file whole or not at all, in place of what is there and readable for the same people; `private`: for the
    owner alone. What is no regular file, such as a pipe, is written to as it is. Permanent where its folder does not
    exist."""
    target = file.expanduser().resolve()
    if not target.parent.is_dir():
        raise Permanent(f"the folder {file.parent} of {file.name} does not exist", "Create it, or give another path")
    if target.is_dir():
        raise Permanent(f"{file} is a folder", "Give the path of a file in it")
    if target.exists() and not target.is_file():
        target.write_text(text, encoding="utf-8")
        return
    mode = 0o600 if private else target.stat().st_mode & 0o777 if target.exists() else 0o666
    unfinished = target.with_name(f".{target.name}.{os.getpid()}.unfinished")
    try:
        unfinished.unlink(missing_ok=True)
        descriptor = os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
        with open(descriptor, "w", encoding="utf-8") as stream:
            stream.write(text)
        unfinished.replace(target)
    finally:
        unfinished.unlink(missing_ok=True)
