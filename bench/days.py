"""From files to receipts: one more day, a year in one run, ten years in one run: `python bench/days.py`.

One simulated account with five orders a day and every kind of event. Each figure is taken in a home of its own, on the
embedded database and the embedded chain, by the job that the schedule runs: load, classify, match, build, verify,
value, report, sign, post, read the receipt. The warm process has built the day before; the fresh one is
`fntx run --fetch`.
"""

from __future__ import annotations

import json
import subprocess
import sys
from datetime import date
from functools import cache
from statistics import median

from measuring import Measurement, alone, deliver, home, shown, timed

from fntx_dagster.model.period import Period
from fntx_dagster.settings import Settings, executable, load_settings
from fntx_dagster.simulate.trading import trade

ACCOUNT, ORDERS_PER_DAY = "U3000001", 5
LAST = date(2024, 12, 31)
YEAR, TEN_YEARS, MONTH = date(2024, 1, 1), date(2015, 1, 2), date(2024, 12, 1)
DAYS = (date(2024, 12, 23), date(2024, 12, 24), date(2024, 12, 26), date(2024, 12, 27), date(2024, 12, 30))
"""Built one after the other: the first warms the process, the others are measured."""


def measure(ten_years: bool = True) -> list[Measurement]:
    with home() as settings:
        figures = alone(__file__, "warm", settings=settings)
        warm, limit = figures["seconds"], figures["limit"]
    with home() as settings:
        fresh = alone(__file__, "fresh", settings=settings)["seconds"]
    with home() as settings:
        year = alone(__file__, "range", YEAR, settings=settings)
    rows = [
        Measurement(
            "one more day, warm process",
            f"{median(warm):.1f} s",
            f"the models and Dagster alone {median(limit):.1f} s",
            f"{median(warm) / median(limit):.2f}",
            "2 s at most",
        ),
        Measurement("one more day, fresh process", f"{median(fresh):.1f} s", "", "", "10 s at most"),
        Measurement(
            f"a year in one run ({year['posted']} sessions)", f"{year['seconds']:.0f} s", "", "", "90 s at most"
        ),
    ]
    if ten_years:
        with home() as settings:
            ten = alone(__file__, "range", TEN_YEARS, settings=settings)
        rows.append(
            Measurement(
                f"ten years in one run ({ten['posted']} sessions)",
                f"{ten['seconds']:.0f} s",
                f"a year {year['seconds']:.0f} s",
                f"{ten['seconds'] / year['seconds']:.1f}",
                "11 at most",
            )
        )
    return rows


def _warm(settings: Settings) -> dict[str, object]:
    from fntx_dagster.defs.run import run_range

    books = _month_before(settings)
    seconds = []
    for day in DAYS:
        _deliver(settings, books, day)
        seconds.append(timed(lambda day=day: _succeeded(run_range(settings, "daily_run", Period.on(day)))))
    return {"seconds": seconds[1:], "limit": [timed(lambda: _models(settings)) + _recorded(settings) for _ in DAYS[1:]]}


def _models(settings: Settings) -> None:
    """The models and their tests of the last day's run, alone."""
    from fntx_dagster.defs.transforms import transforms
    from fntx_dagster.services.building.marts import build
    from fntx_dagster.store.opening import open_database

    models = {spec.key.to_user_string() for spec in transforms.specs if not spec.is_virtual}
    nodes = models | {key.name for key in transforms.check_keys}
    build(settings, open_database(settings), nodes, Period.on(DAYS[-1]))


def _recorded(settings: Settings) -> float:
    """Seconds that Dagster takes for the daily job's graph, every asset and every check, with nothing in it."""
    import dagster as dg

    from fntx_dagster.defs.internals import keep_connections
    from fntx_dagster.defs.ranges import range_tags

    job = _emptied()
    with dg.DagsterInstance.get() as instance:
        keep_connections(instance)
        run = {"tags": range_tags(Period.on(DAYS[-1])), "run_config": {"loggers": {"progress": {}}}}
        return timed(lambda: job.execute_in_process(instance=instance, **run))


@cache
def _emptied():
    import dagster as dg

    from fntx_dagster.defs.definitions import defs
    from fntx_dagster.defs.jobs import EVERY_DAY

    order = defs.resolve_asset_graph().toposorted_asset_keys

    def nothing(context):
        for key in sorted(getattr(context, "selected_asset_keys", ()), key=order.index):
            yield dg.MaterializeResult(asset_key=key)
        for key in context.selected_asset_check_keys:
            yield dg.AssetCheckResult(asset_key=key.asset_key, check_name=key.name, passed=True)

    emptied = []
    for number, step in enumerate([*(defs.assets or ()), *(defs.asset_checks or ())]):
        name = f"step_{number}"
        if isinstance(step, dg.AssetChecksDefinition):
            emptied.append(dg.multi_asset_check(specs=[*step.check_specs], name=name, can_subset=True)(nothing))
        elif isinstance(step, dg.AssetsDefinition):
            like = dg.multi_asset(
                specs=[*step.specs],
                check_specs=[*step.check_specs],
                name=name,
                can_subset=True,
                partitions_def=step.partitions_def,
                backfill_policy=step.backfill_policy,
            )
            emptied.append(like(nothing))
        else:
            raise TypeError(f"the definitions hold a {type(step).__name__}")
    job = dg.define_asset_job("emptied", selection=EVERY_DAY, executor_def=dg.in_process_executor)
    return dg.Definitions(assets=emptied, jobs=[job], loggers=defs.loggers).resolve_job_def("emptied")


def _fresh(settings: Settings) -> dict[str, object]:
    books = _month_before(settings)
    seconds = []
    for day in DAYS[1:]:
        _deliver(settings, books, day)
        command = [executable("fntx"), "run", "--fetch", "--from", str(day), "--to", str(day)]
        seconds.append(timed(lambda command=command: subprocess.run(command, check=True, stdout=subprocess.DEVNULL)))
    return {"seconds": seconds}


def _range(settings: Settings, first: date) -> dict[str, object]:
    from fntx_dagster.defs.run import run_range
    from fntx_dagster.store.opening import open_database
    from fntx_dagster.store.outbox.signatures import posted_days

    [books] = trade(1, [ACCOUNT], first, LAST, trades_per_day=ORDERS_PER_DAY)
    _deliver(settings, books, LAST, first)
    seconds = timed(lambda: _succeeded(run_range(settings, "daily_run", Period(first, LAST))))
    return {"seconds": seconds, "posted": len(posted_days(open_database(settings), Period(first, LAST), ACCOUNT))}


def _month_before(settings: Settings):
    """The account's books, and in the home its month up to the first of the days, built and signed."""
    from fntx_dagster.defs.run import run_range

    [books] = trade(1, [ACCOUNT], MONTH, LAST, trades_per_day=ORDERS_PER_DAY)
    _deliver(settings, books, DAYS[0], MONTH)
    _succeeded(run_range(settings, "daily_run", Period(MONTH, DAYS[0])))
    return books


def _deliver(settings: Settings, books, last: date, first: date = MONTH) -> None:
    """The file that the broker delivers on the evening of `last`, month to date, in the folder that is loaded."""
    folder = settings.paths.statements
    folder.mkdir(parents=True, exist_ok=True)
    deliver(folder / f"{last}.xml", books, first, last)


def _succeeded(outcome) -> None:
    if not outcome.success:
        sys.exit("; ".join(outcome.failures))


if __name__ == "__main__":
    if sys.argv[1:]:
        what, *arguments = sys.argv[1:]
        measured = {"warm": _warm, "fresh": _fresh, "range": _range}[what]
        sys.stdout.write(json.dumps(measured(load_settings(), *map(date.fromisoformat, arguments))))
    else:
        shown(measure())
