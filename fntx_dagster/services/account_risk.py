"""What can hurt an account at a session's close: stress, assignment, drawdowns, streaks and margin, from one snapshot.

What belongs here: which rows each of them is computed from. The rules are in `metrics/`.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from decimal import Decimal
from typing import Any

from fntx_dagster.metrics.assignment import assignments
from fntx_dagster.metrics.drawdowns import return_on_margin, streaks, worst_drawdowns
from fntx_dagster.metrics.stress import stress
from fntx_dagster.model.account_risk import (
    ALL_SHORT,
    IN_THE_MONEY,
    STRESS_POINTS,
    STRESS_SPOTS,
    AccountRisk,
    MarginState,
    ReturnOnMargin,
)
from fntx_dagster.model.nav import NavDay
from fntx_dagster.model.period import Period
from fntx_dagster.model.rates import rate_between
from fntx_dagster.services.accounts import accounts, chosen_account
from fntx_dagster.services.risk import priced_close
from fntx_dagster.services.sessions import require_days
from fntx_dagster.settings import Settings
from fntx_dagster.store.database import Database, Readable
from fntx_dagster.store.marts import margins, performance

MARGIN_SESSIONS = 30
"""Over how many sessions the return on margin is taken."""


def account_risks(
    settings: Settings,
    db: Database,
    day: date,
    account: str | None = None,
    spots: Sequence[Decimal] = STRESS_SPOTS,
    points: Sequence[Decimal] = STRESS_POINTS,
) -> list[AccountRisk]:
    """The risk of one account, or of all, at the close of a session, with the account's whole record up to it.

    Raises Permanent where the account is not loaded or the day is not built.
    """
    with db.snapshot() as snapshot:
        named = accounts(snapshot) if account is None else [chosen_account(snapshot, account)]
        risks = [account_risk(settings, snapshot, day, each, spots, points) for each in named]
    built = [risk for risk in risks if risk]
    require_days(built, Period.on(day), db, account)
    return built


def account_risk(
    settings: Settings,
    db: Readable,
    day: date,
    account: str,
    spots: Sequence[Decimal] = STRESS_SPOTS,
    points: Sequence[Decimal] = STRESS_POINTS,
    history: Sequence[NavDay] | None = None,
) -> AccountRisk | None:
    """The same of one account; None where the session is not built. `history`: its NAVs up to the day, where they are
    read already."""
    close = priced_close(settings, db, day, account)
    if close is None:
        return None
    days = performance.nav_history(db, account, day) if history is None else history
    recent = days[-MARGIN_SESSIONS:]
    known = margins.margins(db, account, Period(recent[0].trading_day, day)) if recent else []
    base = close.day.base_currency
    return AccountRisk(
        account,
        day,
        base,
        close.day.nav,
        stress(close.positions, close.priced, spots, points),
        assignments(close.positions, close.priced, margins.closing_cash(db, account, day)),
        worst_drawdowns(days),
        streaks(days),
        next((state for state in known if state.trading_day == day), None),
        _on_margin(settings, recent, known, base),
    )


def stress_rows(risks: Sequence[AccountRisk]) -> list[dict[str, Any]]:
    """The stress tables in one list: a row for each move of the underlyings and of the volatilities; money in base
    currency, None where it is unknown."""
    return [
        {
            "account_id": risk.account_id,
            "trading_day": risk.trading_day,
            "base_currency": risk.base_currency,
            "spot_move": spot,
            "volatility_move": by,
            "change": change,
            "change_of_nav": None if change is None or risk.nav <= 0 else float(change / risk.nav),
        }
        for risk in risks
        for by, changes in zip(risk.stress.points, risk.stress.changes, strict=True)
        for spot, change in zip(risk.stress.spots, changes, strict=True)
    ]


def risk_documents(risks: Sequence[AccountRisk]) -> list[dict[str, Any]]:
    """The risks for programs, by account: money as Decimal in base currency, or in the `currency` beside it."""
    return [_document(risk) for risk in risks]


def _document(risk: AccountRisk) -> dict[str, Any]:
    keys = ("account_id", "trading_day", "base_currency")
    taken = risk.assignments
    return {
        "account_id": risk.account_id,
        "trading_day": risk.trading_day,
        "base_currency": risk.base_currency,
        "nav": risk.nav,
        "stress": {
            "moves": [{name: row[name] for name in row if name not in keys} for row in stress_rows([risk])],
            "options_without_volatility": risk.stress.without_volatility,
            "positions_unknown": risk.stress.unknown,
            "positions_unmoved": risk.stress.unmoved,
        },
        "assignment": {
            "rows": [row._asdict() for row in taken.rows],
            "cash_needed": {scope: taken.needed(scope) for scope in (IN_THE_MONEY, ALL_SHORT)},
            "options_unknown": taken.unknown,
            "cash": taken.cash,
        },
        "drawdowns": [fall._asdict() for fall in risk.drawdowns],
        "streaks": {name: run and run._asdict() for name, run in risk.streaks._asdict().items()},
        "margin": risk.margin and risk.margin._asdict() | {"available": risk.margin.available},
        "return_on_margin": risk.on_margin and risk.on_margin._asdict(),
    }


def _on_margin(
    settings: Settings, days: Sequence[NavDay], known: Sequence[MarginState], base: str
) -> ReturnOnMargin | None:
    gains = {day.trading_day: day.closing_nav + day.withdrawals - day.opening_nav - day.deposits for day in days}
    used: list[tuple[Decimal, Decimal]] = []
    for state in known:
        rate = rate_between(state.currency, base, settings.accounting.realtime_rates)
        if state.maintenance is not None and rate is not None and state.trading_day in gains:
            used.append((gains[state.trading_day], state.maintenance * rate))
    return return_on_margin(used)
