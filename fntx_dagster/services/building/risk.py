"""Greeks and value at risk of a run's sessions: the computation, and the figures and findings that are shown of it."""

from __future__ import annotations

from datetime import date
from typing import NamedTuple

from fntx_dagster.model.closing import PortfolioRow
from fntx_dagster.model.finding import Finding
from fntx_dagster.model.period import Period
from fntx_dagster.model.shards import Accounts
from fntx_dagster.services.risk import update_greeks
from fntx_dagster.settings import Settings
from fntx_dagster.store.database import Database
from fntx_dagster.store.labels import Labels, account_labels
from fntx_dagster.store.marts.closing import rows_by_day


class BuiltRisk(NamedTuple):
    """What a run's step did, and what it shows. `computed` reaches beyond the range where earlier days had changed.
    `option_greeks` and `portfolio_greeks` count rows by what became of them, `undefined` the portfolios without a
    delta; `rows` are each table's rows per session of the range, `figures` what can be plotted per session, and
    `levered` the portfolios whose delta exceeds their NAV."""

    computed: Period
    option_greeks: dict[str, int]
    portfolio_greeks: dict[str, int]
    undefined: int
    rows: dict[str, dict[date, int]]
    figures: list[tuple[date, dict[str, float]]]
    levered: list[Finding]


def build_risk(settings: Settings, db: Database, period: Period, only: Accounts = None) -> BuiltRisk:
    """Compute Greeks and value at risk for the sessions of a range, of all accounts or of those of `only`, and for
    those whose positions, marks or rates have changed since."""
    updated, labels = update_greeks(settings, db, period, only), account_labels(db)
    portfolios = updated.portfolios
    return BuiltRisk(
        updated.period,
        updated.option_greeks._asdict(),
        updated.portfolio_greeks._asdict(),
        sum(row.delta is None for row in portfolios),
        rows_by_day(db, period),
        [(row.trading_day, _figures(row, labels[row.account_id])) for row in portfolios if row.trading_day in period],
        [_levered(row, labels) for row in portfolios if row.delta is not None and abs(row.delta) > 1],
    )


def _figures(row: PortfolioRow, label: str) -> dict[str, float]:
    """What can be plotted; a figure that is undefined is left out."""
    figures = {name: getattr(row, name) for name in ("delta", "theta", "var_95_historical", "var_95_repricing")}
    return {f"{name} {label}": value for name, value in figures.items() if value is not None}


def _levered(row: PortfolioRow, labels: Labels) -> Finding:
    label = labels[row.account_id]
    text = f"{row.trading_day} {label}: the portfolio's delta is {row.delta:.2f} times its NAV"
    return Finding(f"{label} {row.trading_day} delta", text, row.trading_day)
