"""What many accounts cost, from unit costs that other benchmarks measure: `python bench/scale.py`.

A day's work is simulated: accounts in shards, a run for each, machines that take runs, a database that all of them ask
in turn, and a chain whose blocks hold so many records. The runs' own work and the database's are cut into pieces, so
that they queue as they would. Nothing here is measured; UNITS says where each figure comes from.
"""

from __future__ import annotations

import heapq
import math
from typing import NamedTuple

from measuring import Measurement, shown

SESSIONS_A_YEAR = 252
_PIECES = 12
"""Into how many pieces a run is cut."""


class Units(NamedTuple):
    """What one thing costs. Seconds are CPU seconds, sizes bytes."""

    run: float = 8.0
    """Start of a run in a process of its own: `fntx run`, fresh, beside the warm one (bench/days.py)."""
    program: float = 0.21
    """An account's day in the run's process, without the chain: half of the 0.41 s that bench/accounts.py measured with
    60 accounts beside other work, which counts the process and PostgreSQL together."""
    database: float = 0.20
    """An account's day in PostgreSQL: the other half."""
    stored: int = 82_000
    """An account's day in the tables: 172 MB for 100 accounts and 21 sessions."""
    statement: int = 25_000
    """An account's day in statement files, assumed: month to date, one file a day, five orders a day."""
    gas: int = 76_237
    """A record, posted by itself (bench/gas.py)."""
    events: int = 4
    """Rows of Dagster's log for an account's day, beside 178 for a run."""


class Prices(NamedTuple):
    """What is assumed, in US dollars: change them to yours. `gwei` and `ether` are of a chain whose blocks come every
    two seconds (a rollup); on Ethereum itself the gas price is a hundred times as high."""

    core_hour: float = 0.04
    gigabyte_month: float = 0.10
    gwei: float = 0.02
    ether: float = 3_000.0


class Chain(NamedTuple):
    """Seconds between blocks, and the part of a block's gas that our records may have."""

    seconds: float = 2.0
    gas: float = 30_000_000 * 0.25


class Plan(NamedTuple):
    """Machines that take runs, cores and runs at once of each, accounts of a shard, and cores of the database."""

    machines: int
    slots: int
    shard: int
    database_cores: int


class Day(NamedTuple):
    """A simulated day: hours until the last record is in a block, hours of it that the chain alone took, and how busy
    the machines and the database were until then."""

    hours: float
    chain_hours: float
    machines_busy: float
    database_busy: float


PLANS = {10: Plan(1, 1, 10, 1), 1_000: Plan(1, 4, 125, 4), 100_000: Plan(4, 8, 500, 16)}


def simulate(accounts: int, plan: Plan, units: Units, chain: Chain) -> Day:
    """Simulate one day's runs, all of which are due at once."""
    shards = [min(plan.shard, accounts - first) for first in range(0, accounts, plan.shard)]
    database = [0.0] * plan.database_cores
    in_block = max(1, int(chain.gas // units.gas))
    free_from, posted, busy, asked, ended, chain_hours = 0.0, 0, 0.0, 0.0, 0.0, 0.0
    waiting = [(0.0, number, -1, 0) for number in range(plan.machines * plan.slots)]
    heapq.heapify(waiting)
    left = iter(range(len(shards)))
    while waiting:
        now, slot, shard, piece = heapq.heappop(waiting)
        if shard < 0:  # a slot takes the next run
            if (following := next(left, None)) is not None:
                heapq.heappush(waiting, (now + units.run, slot, following, 0))
                busy += units.run
            continue
        if piece < _PIECES:
            own, theirs = (shards[shard] * each / _PIECES for each in (units.program, units.database))
            core = heapq.heappop(database)
            done = max(core, now + own) + theirs
            heapq.heappush(database, done)
            busy, asked = busy + own, asked + theirs
            heapq.heappush(waiting, (done, slot, shard, piece + 1))
            continue
        # its records queue for blocks behind those of the runs before, and it waits for the last of them
        start = max(free_from, math.ceil(now / chain.seconds) * chain.seconds)
        free_from = start + math.ceil(shards[shard] / in_block) * chain.seconds
        posted, chain_hours = posted + shards[shard], chain_hours + (free_from - start) / 3600
        ended = max(ended, free_from)
        heapq.heappush(waiting, (free_from, slot, -1, 0))
    assert posted == accounts
    slots = plan.machines * plan.slots
    return Day(ended / 3600, chain_hours, busy / (ended * slots), asked / (ended * plan.database_cores))


def measure() -> list[Measurement]:
    units, prices, rows = Units(), Prices(), []
    for accounts, plan in PLANS.items():
        day = simulate(accounts, plan, units, Chain())
        gigabytes = accounts * SESSIONS_A_YEAR * units.stored / 1e9
        files = accounts * SESSIONS_A_YEAR * units.statement / 1e9
        gas = accounts * SESSIONS_A_YEAR * units.gas
        cores = plan.machines * plan.slots + plan.database_cores
        dollars = {
            "machines": cores * prices.core_hour * 24 * 365,
            "storage": (gigabytes + files) * prices.gigabyte_month * 12,
            "gas": gas * prices.gwei * 1e-9 * prices.ether,
        }
        rows += [
            Measurement(
                f"{accounts:,} accounts: a day",
                f"{day.hours:.2f} h" if day.hours >= 0.1 else f"{day.hours * 3600:.0f} s",
                f"machines {day.machines_busy:.0%} busy, database {day.database_busy:.0%}",
                f"{plan.machines} × {plan.slots} + {plan.database_cores} cores",
                "2 h at most",
            ),
            Measurement(
                f"{accounts:,} accounts: a year",
                f"{gigabytes:,.1f} GB of tables, {files:,.1f} GB of files",
                f"{gas / 1e9:,.1f} billion gas",
                ", ".join(f"{what} ${each:,.0f}" for what, each in dollars.items()),
                "",
            ),
        ]
    mainnet = simulate(100_000, PLANS[100_000], units, Chain(12.0))
    rows.append(
        Measurement(
            "100,000 accounts, blocks every 12 s",
            f"{mainnet.hours:.1f} h",
            f"{mainnet.chain_hours:.1f} h of it are blocks",
            "",
            "2 h at most",
        )
    )
    return rows


if __name__ == "__main__":
    shown(measure())
