"""Which backups are kept: the newest of each of the last days, weeks and months."""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import datetime
from typing import NamedTuple

from fntx_dagster.errors import Permanent

_PART = re.compile(r"([0-9]{1,4})([dwm])").fullmatch


class Keeping(NamedTuple):
    """How many days, weeks (ISO) and months keep their newest backup, in UTC, each counted by those that have one."""

    days: int
    weeks: int
    months: int


def keeping_of(text: str) -> Keeping:
    """The rule that a text such as `7d,4w,12m` writes. Permanent where it writes none, or would keep nothing."""
    found: dict[str, int] = {}
    for part in text.replace(" ", "").split(","):
        matched = _PART(part)
        if matched is None or matched[2] in found:
            found = {}
            break
        found[matched[2]] = int(matched[1])
    if not any(found.values()):
        raise Permanent(f"--keep cannot be {text!r}", "Write days, weeks and months, as in 7d,4w,12m")
    return Keeping(found.get("d", 0), found.get("w", 0), found.get("m", 0))


def kept(moments: Iterable[datetime], rule: Keeping) -> set[datetime]:
    """Of the moments of backups (UTC) those that are kept. The newest is among them, whatever the rule."""
    newest_first = sorted(set(moments), reverse=True)
    chosen = set(newest_first[:1])
    periods = (
        (rule.days, lambda moment: moment.date()),
        (rule.weeks, lambda moment: moment.isocalendar()[:2]),
        (rule.months, lambda moment: (moment.year, moment.month)),
    )
    for count, period_of in periods:
        newest: dict[object, datetime] = {}
        for moment in newest_first:
            newest.setdefault(period_of(moment), moment)
        chosen |= set(list(newest.values())[:count])
    return chosen
