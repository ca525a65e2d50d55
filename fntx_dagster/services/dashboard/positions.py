"""What one account holds at a close: positions with marks, Greeks, exposure, and what can hurt."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any, NamedTuple

from fntx_dagster.metrics.portfolio import by_expiry
from fntx_dagster.model.account_risk import AccountRisk
from fntx_dagster.model.closing import HeldByExpiry
from fntx_dagster.model.day import Day
from fntx_dagster.model.holdings import Mark
from fntx_dagster.model.period import Period
from fntx_dagster.services.account_risk import MARGIN_SESSIONS, account_risk
from fntx_dagster.services.risk import early_assignments_of
from fntx_dagster.settings import Settings
from fntx_dagster.store.database import Database
from fntx_dagster.store.marts import closing, holdings, performance, risk, story
from fntx_dagster.store.marts.status import last_days_of
from fntx_dagster.store.marts.summaries import neighbours


class PositionsShown(NamedTuple):
    """`day` holds what is open at its close; `marks` the broker's closing prices by contract id, `options` the rows of
    option_greeks, `portfolio` that of portfolio_greeks, None before it is computed, `early` the calls that may be
    assigned before a dividend. `risk` is that of the close; its falls and streaks are of a few sessions alone. `before`
    and `after` are the built days beside it."""

    day: Day
    marks: Mapping[str, Mark]
    options: Sequence[Mapping[str, Any]]
    portfolio: Mapping[str, Any] | None
    early: Sequence[Mapping[str, Any]]
    by_expiry: Sequence[HeldByExpiry]
    risk: AccountRisk | None
    before: date | None
    after: date | None


def positions_of(settings: Settings, db: Database, account: str, day: date | None = None) -> PositionsShown | None:
    """Read a session's close, the newest where none is named, from one snapshot; None where it is not built."""
    with db.snapshot() as snapshot:
        at = last_days_of(snapshot, account).built if day is None else day
        built = next(story.days(snapshot, account, Period.on(at)), None) if at else None
        if built is None:
            return None
        on = Period.on(built.trading_day)
        options = risk.option_greeks(snapshot, on, account)
        held = [one for one in closing.closing_positions(snapshot, on) if one.account_id == account]
        recent = performance.nav_history(snapshot, account, on.last, newest=MARGIN_SESSIONS)
        return PositionsShown(
            built,
            holdings.closing_marks(snapshot, account, on.last),
            options,
            next(iter(risk.portfolio_risk(snapshot, on, account)), None),
            early_assignments_of(settings, snapshot, on.last, account, options),
            by_expiry(held, {row["contract_id"]: row for row in options}),
            account_risk(settings, snapshot, on.last, account, history=recent),
            *neighbours(snapshot, account, on.last),
        )
