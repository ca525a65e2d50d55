"""How long the performance of every session takes, in the real model, and the same windows by pandas and empyrical:
`python bench/metrics.py`.

The accounts are made up, in tables: what is measured is dbt's `round_trips` and `rolling_metrics`, and nothing before
them. Each number of sessions has a home and a process of its own.
"""

from __future__ import annotations

import json
import sys
import time
from datetime import date, timedelta
from decimal import Decimal
from itertools import islice
from random import Random
from statistics import median

from measuring import Measurement, alone, home, shown

from fntx_dagster.accounting.calendar import sessions
from fntx_dagster.model.period import Period
from fntx_dagster.settings import Settings, load_settings
from fntx_dagster.store.database import Database
from fntx_dagster.store.marts.performance import METRIC_WINDOWS
from fntx_dagster.store.opening import open_database

FIRST = date(2015, 1, 2)
MODELS = ("round_trips", "rolling_metrics")
TRIPS_A_DAY, FLOW_EVERY = 5, 21
CASES = ((600, 1), (252, 1), (2520, 1), (2520, 3))


def measure(cases: tuple[tuple[int, int], ...] = CASES[:1]) -> list[Measurement]:
    """Of each case of (sessions, accounts) the whole and its last session alone; the peer beside those of 600."""
    rows = []
    for count, accounts in cases:
        with home() as settings:
            seconds = alone(__file__, count, accounts, settings=settings)
        name = f"metrics, {count:,} sessions × {len(METRIC_WINDOWS)} windows, {accounts} account{'s' * (accounts > 1)}"
        whole, peer = seconds["whole"], seconds["peer"]
        beside, ratio = (f"pandas, empyrical {peer:.1f} s", f"{peer / whole:.0f}") if peer else ("", "")
        rows.append(Measurement(name, f"{whole:.2f} s", beside, ratio, "2 s at most" if peer else ""))
        rows.append(Measurement("  the last session alone", f"{seconds['last'] * 1000:.0f} ms", "", "", ""))
    return rows


def _case(settings: Settings, count: int, accounts: int) -> dict[str, float | None]:
    from fntx_dagster.services.building.marts import build, manifest

    db = open_database(settings)
    manifest(settings)
    build(settings, db, ["path:models/staging", "path:models/marts"], Period.on(FIRST))
    days = list(islice((session.day for session in sessions(FIRST, FIRST + timedelta(days=count * 3 // 2 + 9))), count))
    navs = [_fill(db, f"U40000{number:02}", days, Random(number)) for number in range(accounts)]
    whole, last = (
        median(_seconds(build(settings, db, MODELS, Period(first, days[-1]))) for _ in range(3))
        for first in (days[0], days[-1])
    )
    return {"whole": whole, "last": last, "peer": _peer(days, navs[0]) if (count, accounts) == CASES[0] else None}


_SESSIONS = "alm_reporting.trading_sessions"


def _seconds(results) -> float:
    """What the models took, without dbt's own start and its tests."""
    failed = [str(done) for done in results if done.status not in ("success", "pass")]
    if failed:
        sys.exit("; ".join(failed))
    return sum(done.seconds for done in results if done.kind == "model")


def _fill(db: Database, account: str, days: list[date], random: Random) -> list[tuple[Decimal, Decimal]]:
    """Days and lots of one account; (invested in the morning, worth in the evening) of each day comes back."""
    rows, navs, nav = [], [], Decimal(1_000_000)
    for number, day in enumerate(days):
        flow = Decimal(random.randint(-5000, 9000)) if number % FLOW_EVERY == FLOW_EVERY // 2 else Decimal(0)
        deposit, withdrawal = max(flow, Decimal(0)), max(-flow, Decimal(0))
        worth = ((nav + deposit) * Decimal(str(1 + random.gauss(0.0005, 0.01)))).quantize(Decimal("0.01"))
        rows.append((account, day, "USD", nav, worth - withdrawal, deposit, withdrawal))
        navs.append((nav + deposit, worth))
        nav = worth - withdrawal
    known = {session.day: session for session in sessions(days[0], days[-1])}
    with db.connect() as connection, connection.cursor() as cursor:
        of_session = "session, previous_close, opens_at, closes_at, early_close, calendar"
        cursor.execute(f"create temp table made on commit drop as select {of_session} from {_SESSIONS} limit 0")
        with cursor.copy("copy made from stdin") as copy:
            for session in known.values():
                copy.write_row(session)
        cursor.execute(f"insert into {_SESSIONS} ({of_session}) select * from made on conflict do nothing")
        cursor.execute("insert into alm_reporting.account_calendars values (%s, 'XNYS')", [account])
        columns = (
            "account_id, trading_day, base_currency, opening_nav_official, closing_nav_official, deposits, withdrawals"
        )
        with cursor.copy(f"copy alm_reporting.daily_summary ({columns}) from stdin") as copy:
            for row in rows:
                copy.write_row(row)
        columns = (
            "account_id, lot_id, contract_id, asset_category, multiplier, currency, direction, quantity, open_fill_id, "
            "close_fill_id, opened_at, closed_at, opened_session, closed_session, open_price, close_price, open_fee, "
            "close_fee, gross_pnl, open_fx_rate, close_fx_rate, how_opened, how_ended, round_trip_id"
        )
        with cursor.copy(f"copy alm_reporting.position_lots ({columns}) from stdin") as copy:
            for day in days:
                opens, closes = known[day].opens_at, known[day].closes_at
                for number in range(TRIPS_A_DAY):
                    trip, gain = f"{day} {number}", random.randint(-80, 100)
                    contract = (account, trip, trip, "OPT", 100, "USD", "short", 1, trip, f"{trip} closed")
                    ending = random.choice(["traded", "expired"])
                    times = (opens, closes, day, day)
                    copy.write_row((*contract, *times, 1, 1, -1, -1, gain, 1, 1, "trade", ending, trip))
        cursor.execute("analyze")
    return navs


def _peer(days: list[date], navs: list[tuple[Decimal, Decimal]]) -> float:
    """Seconds that empyrical takes for the same windows of the same returns, from slices of a pandas series."""
    import empyrical
    import pandas

    metrics = (
        empyrical.cum_returns_final,
        empyrical.annual_volatility,
        empyrical.sharpe_ratio,
        empyrical.sortino_ratio,
        empyrical.max_drawdown,
        empyrical.calmar_ratio,
        empyrical.value_at_risk,
        empyrical.conditional_value_at_risk,
    )
    returns = pandas.Series([float(worth / invested - 1) for invested, worth in navs], pandas.DatetimeIndex(days))
    started = time.perf_counter()
    for number, day in enumerate(returns.index):
        for first in (
            day - timedelta(29),
            returns.index[max(0, number - 29)],
            day.replace(day=1),
            day.replace(month=day.month - (day.month - 1) % 3, day=1),
            day.replace(month=1, day=1),
            day - timedelta(364),
            day - timedelta(1824),
            returns.index[0],
        ):
            window = returns.loc[first:day]
            for metric in metrics:
                metric(window)
    return time.perf_counter() - started


if __name__ == "__main__":
    if sys.argv[1:]:
        sys.stdout.write(json.dumps(_case(load_settings(), *map(int, sys.argv[1:]))))
    else:
        shown(measure(CASES))
