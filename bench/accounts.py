"""Many accounts in one process: an account's day from its file to its receipt: `python bench/accounts.py`.

Simulated accounts in one market, five orders a day, a file of each, on the embedded database and the embedded chain,
by the job that the schedule runs: 19 sessions in one run, then one more day in the same process. Seconds are CPU
seconds of this process and of PostgreSQL, so that a busy machine changes them little; those on the clock are beside.
Then a hundred accounts post a day over HTTP to a chain with a block every 12 seconds, by the clock.
`python bench/accounts.py 1000` measures that many accounts too, in an hour or so.
"""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import NamedTuple

from measuring import Measurement, alone, deliver, home, peak, shown

from fntx_dagster.model.period import Period
from fntx_dagster.settings import Settings, load_settings
from fntx_dagster.simulate.trading import trade
from fntx_dagster.store.server import EmbeddedPostgres

ORDERS_PER_DAY = 5
FIRST, BEFORE, LAST = date(2024, 12, 2), date(2024, 12, 27), date(2024, 12, 30)
SESSIONS = 19
"""From FIRST to BEFORE; LAST is one more."""
SIZES = (1, 10, 100)
WITH_CHAIN, WITHOUT_CHAIN, GROWTH = 0.3, 0.15, 1.2
"""What is aimed at: seconds of an account's day, and those with a thousand accounts beside those with ten."""
POSTING, BLOCK_SECONDS, POSTED_WITHIN = 100, 12.0, 60.0
"""How many accounts post at once, to a chain with such blocks, within how many seconds."""


class Spent(NamedTuple):
    """Seconds on the clock, and CPU seconds of this process and of PostgreSQL."""

    clock: float
    cpu: float

    def __sub__(self, other: Spent) -> Spent:
        return Spent(self.clock - other.clock, self.cpu - other.cpu)


def measure(sizes: tuple[int, ...] = SIZES) -> list[Measurement]:
    days, rows = {}, []
    for accounts in sizes:
        with home() as settings:
            figures = alone(__file__, "days", accounts, settings=settings)
        days[accounts] = day = Spent(*figures["day"])
        rows += _rows(accounts, Spent(*figures["month"]), day, Spent(*figures["posting"]), figures["megabytes"])
    if len(days) > 1 and 10 in days and (most := max(days)) > 10:
        many, few = days[most].cpu / most, days[10].cpu / 10
        what, ratio = f"CPU of an account's day, {most:,} accounts beside 10", f"{many / few:.2f}"
        rows.append(Measurement(what, f"{many:.3f} s", f"{few:.3f} s", ratio, f"{GROWTH} at most"))
    with home() as settings:
        figures = alone(__file__, "posting", POSTING, settings=settings)
    seconds, asked = figures["seconds"], figures["asked"] / POSTING
    what = f"{POSTING} accounts post a day, a block every {BLOCK_SECONDS:.0f} s"
    ratio, aim = f"{seconds / POSTED_WITHIN:.2f}", f"{POSTED_WITHIN:.0f} s"
    rows.append(Measurement(what, f"{seconds:.0f} s", f"{asked:.0f} requests to the node an account", ratio, aim))
    return rows


def _rows(accounts: int, month: Spent, day: Spent, posting: Spent, megabytes: int) -> Iterator[Measurement]:
    named = f"{accounts:,} account{'s' if accounts > 1 else ''}"
    apart = day - posting
    yield Measurement(
        f"{named}, {SESSIONS} sessions in one run",
        f"{month.cpu / accounts / SESSIONS:.3f} s of CPU a day",
        f"{month.clock:.0f} s on the clock, {megabytes} MB",
        f"{month.cpu / accounts / SESSIONS / WITH_CHAIN:.2f}",
        f"{WITH_CHAIN} s",
    )
    yield Measurement(
        f"{named}, one more day",
        f"{day.cpu / accounts:.3f} s of CPU an account",
        f"{day.clock:.1f} s on the clock",
        f"{day.cpu / accounts / WITH_CHAIN:.2f}",
        f"{WITH_CHAIN} s",
    )
    yield Measurement(
        f"{named}, one more day without the chain",
        f"{apart.cpu / accounts:.3f} s of CPU an account",
        f"{apart.clock:.1f} s on the clock",
        f"{apart.cpu / accounts / WITHOUT_CHAIN:.2f}",
        f"{WITHOUT_CHAIN} s",
    )


def _days(settings: Settings, number: int) -> dict[str, object]:
    """What the first sessions and one more day of so many accounts took, and what posting took of that day."""
    from fntx_dagster.defs import signature
    from fntx_dagster.defs.run import run_range
    from fntx_dagster.store.opening import open_database
    from fntx_dagster.store.outbox.signatures import posted_days

    books = trade(1, [f"U{3_000_000 + n}" for n in range(number)], FIRST, LAST, trades_per_day=ORDERS_PER_DAY)
    posting = [Spent(0, 0)]
    post_days = signature.post_days

    def clocked_posting(*arguments):
        before = _spent(settings)
        posted = post_days(*arguments)
        posting[0] = _spent(settings) - before
        return posted

    signature.post_days = clocked_posting
    open_database(settings)
    spent = []
    for period in (Period(FIRST, BEFORE), Period.on(LAST)):
        for account in books:
            folder = settings.paths.statements
            folder.mkdir(parents=True, exist_ok=True)
            deliver(folder / f"{account.number}-{period.last}.xml", account, FIRST, period.last)
        before = _spent(settings)
        outcome = run_range(settings, "daily_run", period)
        if not outcome.success:
            sys.exit("; ".join(outcome.failures))
        spent.append(_spent(settings) - before)
    posted = len(posted_days(open_database(settings), Period(FIRST, LAST)))
    if posted != number * (SESSIONS + 1):
        sys.exit(f"{posted} days were posted")
    return {"month": spent[0], "day": spent[1], "posting": posting[0], "megabytes": peak()}


def _posting(settings: Settings, number: int) -> dict[str, object]:
    """Seconds until a node with slow blocks has a day of so many accounts, and how often it was asked."""
    from fntx_dagster.adapters.evm.client import connect
    from fntx_dagster.adapters.evm.keys import deployer_of
    from fntx_dagster.services.signatures.posting import post
    from fntx_dagster.services.signatures.signing import sign
    from fntx_dagster.store.opening import open_database
    from tests import by_hand
    from tests.services.signatures.killed_poster import behind
    from tests.slow_blocks import served

    accounts, db = [f"U{3_000_000 + n}" for n in range(number)], open_database(settings)
    by_hand.create_marts(db)
    with connect(settings) as chain:
        for account in accounts:
            by_hand.build(db, account, LAST)
            chain.trader(account)
    sign(settings, db, Period.on(LAST))
    deployer = deployer_of(settings.paths.keys).address
    with served(settings.paths.chain / "chain.sqlite", deployer, BLOCK_SECONDS) as (url, asked):
        started = time.perf_counter()
        with connect(remote := behind(settings, url)) as chain:
            posted = post(remote, db, chain, Period.on(LAST))
        seconds = time.perf_counter() - started
    if len(posted.new) != number:
        sys.exit(f"{len(posted.new)} days were posted: {posted.refused}, {posted.waiting}")
    return {"seconds": seconds, "asked": asked.total() - asked["bodies"]}


def _spent(settings: Settings) -> Spent:
    used = os.times()
    server = int((EmbeddedPostgres(settings.paths.postgres).cluster / "postmaster.pid").read_text().split()[0])
    return Spent(time.perf_counter(), used.user + used.system + _server_seconds(server))


def _server_seconds(server: int) -> float:
    """CPU seconds of a PostgreSQL server and its processes, those that have ended too."""
    ticks = 0
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            fields = (folder / "stat").read_text().rpartition(")")[2].split()
        except OSError:
            continue  # it has just ended
        if int(folder.name) == server:
            ticks += sum(map(int, fields[11:15]))
        elif int(fields[1]) == server:
            ticks += sum(map(int, fields[11:13]))
    return ticks / os.sysconf("SC_CLK_TCK")


if __name__ == "__main__":
    match sys.argv[1:]:
        case ["days", number]:
            sys.stdout.write(json.dumps(_days(load_settings(), int(number))))
        case ["posting", number]:
            sys.stdout.write(json.dumps(_posting(load_settings(), int(number))))
        case numbers:
            shown(measure(tuple(sorted({*SIZES, *map(int, numbers)}))))
