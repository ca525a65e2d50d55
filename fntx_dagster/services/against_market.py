"""How an account did beside a benchmark, how its days are distributed, and what its trading cost, from one snapshot.

What belongs here: where a benchmark's prices come from, and which rows are compared. The formulas are in
`metrics/benchmark.py`, the asking for daily bars is in `benchmark_bars`.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any, NamedTuple

from fntx_dagster.errors import Permanent
from fntx_dagster.metrics.benchmark import beside, compared, distribution, prices_of_csv
from fntx_dagster.model.against_market import AgainstMarket, Costs
from fntx_dagster.model.daily_bars import Closes
from fntx_dagster.model.nav import NavDay
from fntx_dagster.model.period import Period
from fntx_dagster.services.accounts import accounts, chosen_account
from fntx_dagster.services.benchmark_bars import closes_of, is_file
from fntx_dagster.services.sessions import require_days
from fntx_dagster.settings import Settings
from fntx_dagster.store.database import Database, Readable
from fntx_dagster.store.marts import benchmark, performance


class Benchmark(NamedTuple):
    """What returns are compared with: its name, and its closes by source; a return is made of the first that has it."""

    name: str
    sources: Sequence[Closes]


def against_market(
    settings: Settings, db: Database, period: Period, account: str | None = None, against: str | None = None
) -> list[AgainstMarket]:
    """One account, or all, over a range. `against`: a symbol of which daily bars are kept or that the statements price,
    or the path of a CSV file with `date` and `close`; left out, FNTX_BENCHMARK.

    Raises Permanent where the account is not loaded, nothing is built in the range, or the file cannot be read.
    """
    with db.snapshot() as snapshot:
        named = accounts(snapshot) if account is None else [chosen_account(snapshot, account)]
        prices = chosen_benchmark(settings, snapshot, period, against)
        views = [account_against_market(snapshot, each, period, prices) for each in named]
    built = [view for view in views if view]
    require_days(built, period, db, account)
    return built


def chosen_benchmark(settings: Settings, db: Readable, period: Period, against: str | None = None) -> Benchmark:
    """The benchmark's closes from some days before a range to its end: those of a file, else the gateway's daily bars
    that are kept, and the statements' where these are missing."""
    chosen = settings.report.benchmark if against is None else against
    if is_file(chosen):
        prices = prices_of_csv(_text(Path(chosen)), Path(chosen).name)
        return Benchmark(Path(chosen).stem, [Closes("file", prices)])
    if "\0" in chosen:  # no text of the database has it
        raise Permanent("the benchmark is neither a symbol nor a CSV file", "Name a symbol such as SPY")
    asked = Period(_earlier(period.first), period.last)
    by_source = {"gateway": closes_of(db, chosen, asked), "statements": benchmark.closes_of(db, chosen, asked)}
    return Benchmark(chosen, [Closes(source, prices) for source, prices in by_source.items() if prices])


def benchmark_or_why(settings: Settings, db: Readable, period: Period) -> tuple[Benchmark, tuple[str, ...]]:
    """The same for a report, which goes on where the file cannot be read: a benchmark without prices, and a sentence
    that says why."""
    try:
        return chosen_benchmark(settings, db, period), ()
    except Permanent as problem:
        name = Path(settings.report.benchmark).stem
        return Benchmark(name, []), (f"Without the benchmark {name}: {problem}.",)


def account_against_market(
    db: Readable, account: str, period: Period, against: Benchmark, history: Sequence[NavDay] | None = None
) -> AgainstMarket | None:
    """The same of one account; None where the range has none of its sessions. `history`: its NAVs up to the end of the
    range, where they are read already."""
    known = performance.nav_history(db, account, period.last) if history is None else history
    days = [day for day in known if day.trading_day in period]
    if not days:
        return None
    listed = beside(days, benchmark.sessions_before(db, account, period), against.sources)
    base_currency, commissions, fees, premium = benchmark.costs(db, account, period)
    navs = [day.closing_nav for day in days]
    return AgainstMarket(
        account,
        Period(days[0].trading_day, days[-1].trading_day),
        base_currency,
        listed,
        compared(against.name, listed),
        distribution([day.daily_return for day in listed if day.daily_return is not None]),
        benchmark.rolling_risk(db, account, period),
        Costs(-commissions, -fees, premium, sum(navs, Decimal(0)) / len(navs)),
    )


def market_rows(views: Sequence[AgainstMarket]) -> list[dict[str, Any]]:
    """The days in one list: returns of the account and of the benchmark, None where they are undefined."""
    return [
        {"account_id": view.account_id, "benchmark": view.comparison and view.comparison.benchmark} | day._asdict()
        for view in views
        for day in view.days
    ]


def market_documents(views: Sequence[AgainstMarket]) -> list[dict[str, Any]]:
    """The comparisons for programs, by account: money as Decimal in base currency, ratios as numbers."""
    return [
        {
            "account_id": view.account_id,
            "first_day": view.period.first,
            "last_day": view.period.last,
            "base_currency": view.base_currency,
            "comparison": view.comparison and view.comparison._asdict(),
            "distribution": view.distribution
            and view.distribution._asdict()
            | {"bins": [{"from": low, "to": high, "sessions": count} for low, high, count in view.distribution.bins]},
            "costs": view.costs._asdict()
            | {"total": view.costs.total, "of_premium": view.costs.of_premium, "of_nav": view.costs.of_nav},
            "rolling": [each._asdict() for each in view.rolling],
            "days": [day._asdict() for day in view.days],
        }
        for view in views
    ]


def _earlier(day: date) -> date:
    """A day before which the session before `day` does not lie."""
    return date.fromordinal(max(day.toordinal() - 10, 1))


def _text(file: Path) -> str:
    try:
        return Path(os.path.expanduser(file)).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else error  # else it names the whole path
        raise Permanent(
            f"the prices of the benchmark in {file.name} cannot be read: {reason}",
            "Give a CSV file with the columns date and close, in UTF-8",
        ) from None
