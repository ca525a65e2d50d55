"""The windows of one session's metrics side by side.

What belongs here: how each metric is written. A column of rolling_metrics that is not named here is shown as well, by
its own name, and so is a window; what is undefined is a dash.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

from fntx_dagster.model.nav import FEW_OBSERVATIONS
from fntx_dagster.report import money
from fntx_dagster.report.definitions import DEFINITIONS
from fntx_dagster.report.metric_names import WINDOWS, metric_name
from fntx_dagster.report.tables import Table

_KEYS = ("account_id", "trading_day", "metric_window", "base_currency", "few_observations")
# Ratios that people read in per cent; the win rates are in per cent already.
_IN_PERCENT = (
    *("total_return", "broker_return", "money_weighted_return", "xirr", "xirr_by_date"),
    *("volatility", "max_drawdown", "var_95", "cvar_95"),
)
_PERCENT = ("win_rate", "win_rate_all_in")
_HOURS = ("average_holding_hours",)
_MULTIPLES = ("paid_in", "dpi", "rvpi", "tvpi")


def metrics_table(rows: Sequence[Mapping[str, Any]]) -> Table:
    """`rows`: those of rolling_metrics for one account and session, one per window; ratios as floats, money as Decimal
    in base currency."""
    names = [name for name in rows[0] if name not in _KEYS] if rows else []
    order = list(WINDOWS)
    ordered = sorted(
        rows, key=lambda row: order.index(row["metric_window"]) if row["metric_window"] in order else len(order)
    )
    return Table(
        headers=("Metric", *(_window(row["metric_window"]) for row in ordered)),
        rows=tuple((metric_name(name), *(_cell(name, row[name]) for row in ordered)) for name in names),
        title="Metrics",
        footnote=_few(ordered),
    )


def defined_table(row: Mapping[str, Any]) -> Table:
    """One window's metrics, each with its definition; those that are counted from the account's beginning alone are
    left out where they have no figure."""
    window = _window(row["metric_window"]).replace(":", " to ")
    names = [name for name in row if name not in _KEYS and (row[name] is not None or name not in _MULTIPLES)]
    return Table(
        headers=("Metric", "Definition", window),
        rows=tuple((metric_name(name), DEFINITIONS.get(name, ""), _cell(name, row[name])) for name in names),
        title="Metrics",
        words=2,
        footnote=_few([row]),
    )


def _few(rows: Sequence[Mapping[str, Any]]) -> str:
    """A warning where windows have few observations; with the number of each where they differ."""
    few = [row for row in rows if 0 < row.get("observations", 0) < FEW_OBSERVATIONS]
    counts = {row["observations"] for row in few}
    if not few:
        return ""
    if len(counts) == 1 and len(few) == len(rows):
        said = f"{counts.pop()} observations are few"
    else:
        windows = ", ".join(f"{_window(row['metric_window'])} ({row['observations']})" for row in few)
        said = f"Few observations in {windows}"
    return f"{said}: volatility, Sharpe, Sortino, VaR and CVaR can change much with the next days."


def _window(name: str) -> str:
    return WINDOWS.get(name, name)


def _cell(name: str, value: float | Decimal | int | None) -> str:
    if value is None:
        return "–"
    if isinstance(value, Decimal):
        return money.display(value)
    if isinstance(value, int):
        return f"{value:,}"
    if name in _HOURS:
        return f"{value:,.1f}"
    return f"{value:.2f} %" if name in _PERCENT else money.ratio(value, in_percent=name in _IN_PERCENT)
