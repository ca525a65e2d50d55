"""Proofs of periods: how large the files are, how long they take to prove and to check here, in the small file that
strangers run and on their page: `python bench/periods.py`.

The generators of the group are made once in a process and kept; proving and checking is timed with them, the small file
and the page without, as a stranger meets them. All but the page is timed in seconds of the processor, which other work
disturbs less. The days are shaped as those of the published vectors, which the aims for sizes are of.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from decimal import Decimal
from statistics import median
from typing import NamedTuple

from measuring import Measurement, shown, timed

from fntx_dagster.periods.checking import check
from fntx_dagster.periods.shown import bound_of
from tests.periods.examples import PUBLISHED, book, proved
from tests.tools import CHROMIUM
from tests.verify.browser import browser
from tests.verify.pins import PAGE, SCRIPT

TURNS = 5
TOTALS = ("net_pnl", "twr", "wins", "losses")
SHARPE = (*TOTALS, "squares", "chained")
WORST = {"worst_day": bound_of("worst_day", Decimal("-0.2"))}
BOUNDS = WORST | {"drawdown": bound_of("drawdown", Decimal("-0.9"))}


class Kind(NamedTuple):
    """What is shown of a period, and for some numbers of sessions what is aimed at: kilobytes; seconds to prove, to
    check, in the small file, on the page."""

    name: str
    items: tuple[str, ...]
    bounds: dict[str, int]
    kilobytes: dict[int, int]
    seconds: dict[int, tuple[float | None, float | None, float | None, float | None]]


KINDS = (
    Kind("totals", TOTALS, {}, {21: 18, 252: 194, 2520: 1919}, {}),
    Kind(
        "with Sharpe, chained",
        SHARPE,
        {},
        {21: 43, 252: 235, 2520: 2116},
        {252: (0.1, 0.15, 6, 2), 2520: (0.5, 1, 40, 15)},
    ),
    Kind("and worst day", SHARPE, WORST, {21: 48, 252: 287, 2520: 2638}, {252: (0.5, 0.3, None, None)}),
    Kind("and drawdown", SHARPE, BOUNDS, {21: 62, 252: 461, 2520: 4377}, {252: (0.5, 0.3, None, None)}),
)


def measure() -> list[Measurement]:
    rows: list[Measurement] = []
    for sessions in (21, 252, 2520):
        days = book(sessions, others=[62])
        for kind in KINDS:
            rows += _of(kind, sessions, days)
    return rows


def _of(kind: Kind, sessions: int, days: list) -> Iterator[Measurement]:
    text = proved(days, kind.items, bounds=kind.bounds)
    what, aimed = f"{sessions:,} sessions, {kind.name}", kind.kilobytes[sessions] * 1.05
    size = len(text) / 1000
    yield Measurement(what, f"{size:,.0f} kB", "", f"{size / aimed:.2f}", f"{aimed:,.0f} kB at most")
    turns = TURNS if sessions < 1000 else 1
    took = [
        median(_worked(lambda: proved(days, kind.items, bounds=kind.bounds)) for _ in range(turns)),
        median(_worked(lambda: check(text, PUBLISHED)) for _ in range(turns)),
        *_strangers(kind, sessions, text),
    ]
    names = ("prove", "check", "verify.py, a process of its own", "the page, first file")
    for name, seconds, aim in zip(names, took, kind.seconds.get(sessions, [None] * 4), strict=True):
        if seconds is not None:
            ratio, most = (f"{seconds / aim:.2f}", f"{aim:g} s at most") if aim else ("", "")
            yield Measurement(f"… {name}", f"{seconds:.2f} s", "", ratio, most)


def _worked(work: Callable[[], object]) -> float:
    """Seconds of the processor that the work takes, in this process and in those that it waits for."""
    before = os.times()
    work()
    return sum(os.times()[:4]) - sum(before[:4])


def _strangers(kind: Kind, sessions: int, text: str) -> list[float | None]:
    """Seconds of the small file and of the page; None where it takes too long, or there is no browser."""
    if sessions > 1000 and kind.bounds:
        return [None, None]
    with tempfile.NamedTemporaryFile("w", suffix=".json") as file:
        file.write(text)
        file.flush()
        command = [sys.executable, str(SCRIPT), file.name]
        ended: list[int] = []
        script = _worked(lambda: ended.append(subprocess.run(command, stdout=subprocess.DEVNULL).returncode))
    if ended != [75]:  # it holds, and no node was asked
        raise ValueError(f"verify.py ends with {ended}")
    if CHROMIUM is None:
        return [script, None]
    with browser() as page:
        page.open(PAGE)
        said: list[str] = []
        seconds = timed(lambda: said.extend(page.ask(f"fntx.checkPeriod({json.dumps(text)})")["problems"]))
    if said:
        raise ValueError(f"the page says: {said[0]}")
    return [script, seconds]


if __name__ == "__main__":
    shown(measure())
