"""The accounts side by side: what each is worth, what it did, and what needs a person."""

from __future__ import annotations

from collections.abc import Collection
from datetime import date
from decimal import Decimal
from typing import Any, NamedTuple

from fntx_dagster.model.against_market import AgainstMarket
from fntx_dagster.model.day import ProvisionalDay
from fntx_dagster.model.nav import NavDay
from fntx_dagster.model.period import Period
from fntx_dagster.services.accounts import NumberedAccount
from fntx_dagster.services.against_market import account_against_market, benchmark_or_why
from fntx_dagster.services.current_day import provisional_days
from fntx_dagster.services.sessions import latest_session
from fntx_dagster.settings import Settings
from fntx_dagster.store import alerts
from fntx_dagster.store.alerts import Alert
from fntx_dagster.store.database import Database, Readable
from fntx_dagster.store.marts import performance, summaries
from fntx_dagster.store.marts.status import last_days

_SPARKLINE = 60
"""Sessions of the small chart."""
_YEAR = 252


class AccountNow(NamedTuple):
    """An account: `last` is its newest row of daily_summary, None before the first run; `nav` its newest sessions,
    oldest first; `metrics` the window → row of rolling_metrics at `last`; `today` the day that still runs."""

    account: NumberedAccount
    last: dict[str, Any] | None
    last_signed: date | None
    nav: list[NavDay]
    metrics: dict[str, dict[str, Any]]
    today: ProvisionalDay | None

    @property
    def unexplained(self) -> Decimal | None:
        """What no part explains of the last day, in base currency."""
        return self.last["unexplained"] if self.last else None


class Overview(NamedTuple):
    """All accounts that a visitor sees, in the order of their numbers, and the alerts that are open, oldest first."""

    accounts: list[AccountNow]
    alerts: list[Alert]


def overview(settings: Settings, db: Database, seen: Collection[NumberedAccount]) -> Overview:
    """Read the accounts `seen` from one snapshot. An account whose provisional day cannot be computed is shown without
    it."""
    with db.snapshot() as snapshot:
        ends = last_days(snapshot)
        return Overview(
            [account_now(settings, snapshot, account, *ends.get(account.account_id, (None, None))) for account in seen],
            alerts.open_alerts(snapshot),
        )


class OneAccount(NamedTuple):
    """An account as it is now, with the NAVs of a year; `market` those beside the benchmark, None before the first
    run; `alerts` those that are open about it, oldest first."""

    now: AccountNow
    market: AgainstMarket | None
    alerts: list[Alert]


def one_account(settings: Settings, db: Database, account: NumberedAccount) -> OneAccount:
    """Read one account from one snapshot. A benchmark that cannot be read is left out."""
    with db.snapshot() as snapshot:
        ends = last_days(snapshot).get(account.account_id, (None, None))
        now = account_now(settings, snapshot, account, *ends, newest=_YEAR)
        own = [alert for alert in alerts.open_alerts(snapshot) if alert.subject == account.label]
        if not now.nav:
            return OneAccount(now, None, own)
        period = Period(now.nav[0].trading_day, now.nav[-1].trading_day)
        benchmark, _ = benchmark_or_why(settings, snapshot, period)
        market = account_against_market(snapshot, account.account_id, period, benchmark, now.nav)
        return OneAccount(now, market, own)


def account_now(
    settings: Settings,
    db: Readable,
    account: NumberedAccount,
    built: date | None,
    signed: date | None,
    newest: int = _SPARKLINE,
) -> AccountNow:
    """One account as it is now; `built` and `signed` are its newest such days."""
    name = account.account_id
    session = latest_session()
    today = provisional_days(settings, db, Period(built or session, max(session, built or session)), name, _unsaid)
    if built is None:
        return AccountNow(account, None, signed, [], {}, next(iter(today), None))
    on = Period.on(built)
    return AccountNow(
        account,
        summaries.summary(db, on, name)[0],
        signed,
        performance.nav_history(db, name, built, newest=newest),
        {row["metric_window"]: row for row in performance.rolling_metrics(db, on, name)},
        next(iter(today), None),
    )


def _unsaid(problem: str) -> None:
    """What keeps a provisional day from being computed is an alert of its own."""


def newest_day(db: Database, account: NumberedAccount) -> date | None:
    """The newest built day of an account; None before the first run."""
    return last_days(db).get(account.account_id, (None, None))[0]
