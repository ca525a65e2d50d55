"""Building the marts: running and testing the models for the sessions of a run and for the stale ones around them. dbt
does it where a view or a table is not as the project's files define it; else what it has compiled is executed."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from datetime import date
from decimal import Decimal
from pathlib import Path
from time import perf_counter
from typing import NamedTuple

from fntx_dagster.adapters.dbt.compiled import array_of
from fntx_dagster.adapters.dbt.project import manifest_in
from fntx_dagster.adapters.dbt.running import NodeResult, Project, project_in
from fntx_dagster.errors import Permanent
from fntx_dagster.model.nav import RETURN_FIELDS, NavDay
from fntx_dagster.model.period import Period
from fntx_dagster.model.shards import Accounts
from fntx_dagster.services.environment import dbt_environment
from fntx_dagster.settings import Settings, export
from fntx_dagster.store.accounting.changes import mark_built, stale_range
from fntx_dagster.store.advisory import holding
from fntx_dagster.store.database import Database
from fntx_dagster.store.labels import account_labels
from fntx_dagster.store.marts.executing import execute
from fntx_dagster.store.marts.performance import rolling_metrics
from fntx_dagster.store.marts.summaries import summary
from fntx_dagster.store.marts.tables import built_from, built_span, row_counts
from fntx_dagster.store.opening import database_name

MARTS_BY_SESSION = (
    "official_days",
    "chronological_events",
    "nav_blocks",
    "daily_summary",
    "round_trips",
    "all_in_trades",
    "rolling_metrics",
    "daily_verification",
    "closing_positions",
    "closing_days",
)
"""The marts whose rows have a trading day."""


Figures = list[tuple[date, dict[str, float]]]
"""What can be plotted: sessions with figures by name and masked account."""


class Built(NamedTuple):
    """What building did: the result of each node, and dbt's words about those that failed. Where none failed, also of
    each model that was built its rows per session of the range, and its figures that can be plotted."""

    results: list[NodeResult]
    failures: list[str]
    rows: dict[str, dict[date, int]]
    figures: dict[str, Figures]


def manifest(settings: Settings) -> Path:
    """Path of the manifest of dbt's project; dbt parses the project first where a file has changed. Needs no database.
    Raises RuntimeError where dbt cannot parse the project."""
    return manifest_in(settings.paths.dbt_target, database_name(settings))


def build_marts(
    settings: Settings,
    db: Database,
    period: Period,
    nodes: Collection[str],
    *,
    all_models: bool,
    only: Accounts = None,
) -> Built:
    """Run and test models (`nodes`: names of models and tests) for the sessions of a range, and for those around it
    that depend on something that has changed since they were built. `all_models` says that the nodes are every mart:
    only then, and where nothing failed, the days are stale no more. `only`: of these accounts."""
    stale = stale_range(db, period, only)
    results = build(settings, db, nodes, stale.period, only)
    failures = [str(result) for result in results if result.is_failure]
    if failures:  # a model's table may not be there
        return Built(results, failures, {}, {})
    built = {result.name for result in results if result.kind == "model" and result.status == "success"}
    rows = {mart: row_counts(db, mart, period) for mart in MARTS_BY_SESSION if mart in built}
    figures = {mart: plotted(db, period) for mart, plotted in _PLOTTED.items() if mart in built}
    if all_models:
        mark_built(db, stale, only)
    return Built(results, failures, rows, figures)


def build(
    settings: Settings, db: Database, nodes: Collection[str], period: Period, only: Accounts = None
) -> list[NodeResult]:
    """Run and test models for the sessions between two days, of all accounts or of those of `only`.

    The views are built with them where the database does not hold them as the project's files define them. Where a mart
    was built from other files than there are now, every day that was ever built is built again, of every account.
    Whoever makes views or tables is alone, on all machines that share the database; else any number of processes build
    side by side.
    """
    project = project_in(settings.paths.dbt_target)
    with holding(db, _AS_DEFINED, shared=True):
        if _is_defined(db, project, nodes):
            return [*_as_compiled(db, project, nodes, period, _fees(settings), only)]
    with holding(db, _AS_DEFINED):
        if _is_defined(db, project, nodes):  # another process was first
            return [*_as_compiled(db, project, nodes, period, _fees(settings), only)]
        return _by_dbt(settings, db, project, nodes, period, only)


_AS_DEFINED = "fntx views and tables of dbt"
"""Who shares this lock may rely on the views and tables; who makes them holds it alone."""


def _is_defined(db: Database, project: Project, nodes: Collection[str]) -> bool:
    """Whether every view and table is there as the project's files define it, and each node is one that is compiled."""
    compiled = project.compiled
    names = {node.name for node in compiled.nodes}
    return compiled.marts | {*compiled.views} <= built_from(db, project.sources) and {*nodes} <= names


def _fees(settings: Settings) -> dict[str, str]:
    return {currency: f"{fee:f}" for currency, fee in settings.accounting.withdrawal_fees.items()}


def _by_dbt(
    settings: Settings, db: Database, project: Project, nodes: Collection[str], period: Period, only: Accounts
) -> list[NodeResult]:
    """Let dbt make what is not as the files define it, and run the nodes. The caller is alone."""
    first, last = period
    built, views = built_from(db, project.sources), {*project.compiled.views}
    if not project.compiled.marts <= built:
        only = None
        days = (first, last, *built_span(db))
        first, last = min(days), max(days)
    # a view that others are selected from takes them with it: all of them or none
    with_views = not views <= built or views & {*nodes}
    variables = {
        "from_day": f"{first}",
        "to_day": f"{last}",
        "sources": project.sources,
        "as_built": sorted(built),
        "accounts": array_of(only),
        "withdrawal_fees": _fees(settings),
    }
    export(dbt_environment(settings))
    return project.build({*nodes, *views} if with_views else {*nodes}, variables)


def _as_compiled(
    db: Database,
    project: Project,
    names: Collection[str],
    period: Period,
    fees: Mapping[str, str],
    only: Accounts,
) -> Iterator[NodeResult]:
    """Run the nodes in their order, as dbt does: what needs a model that failed, or that failed a test, is skipped."""
    broken = set()
    for node in project.compiled.nodes:
        if node.name not in names:
            continue
        started, status, message, failing = perf_counter(), "skipped", None, 0
        if broken.isdisjoint(node.needs):
            try:
                number = execute(db, node.name, node.over(*period, fees, only))
            except Permanent as error:
                status, message = "error", error.message
            else:
                failing = number if node.kind == "test" else 0
                status = "success" if node.kind == "model" else "fail" if failing else "pass"
                message = f"{failing} rows that it must not find" if failing else None
        if status in ("skipped", "error", "fail"):
            broken.add(node.model or node.name)
        yield NodeResult(node.name, node.kind, node.model, status, message, failing, perf_counter() - started)


def _day_figures(db: Database, period: Period) -> Figures:
    """NAV and P&L of the daily summary per account and session, in the account's base currency, and its return."""
    labels = account_labels(db)
    fields = ("closing_nav_official", "net_pnl", "difference", "unexplained")
    figures = []
    for row in summary(db, period):
        day = NavDay(*(row[name] for name in RETURN_FIELDS))
        values = {field: row[field] for field in fields} | {"daily_return": day.daily_return}
        figures.append((day.trading_day, _of(labels[row["account_id"]], values)))
    return figures


def _window_figures(db: Database, period: Period) -> Figures:
    """Return, volatility and drawdown since an account's first session, as fractions."""
    labels = account_labels(db)
    fields = ("total_return", "volatility", "max_drawdown")
    return [
        (row["trading_day"], _of(labels[row["account_id"]], {field: row[field] for field in fields}))
        for row in rolling_metrics(db, period)
        if row["metric_window"] == "all"
    ]


def _of(label: str, values: Mapping[str, Decimal | float | None]) -> dict[str, float]:
    """What can be plotted of an account; a figure that is undefined is left out."""
    return {f"{name} {label}": float(value) for name, value in values.items() if value is not None}


_PLOTTED = {"daily_summary": _day_figures, "rolling_metrics": _window_figures}
