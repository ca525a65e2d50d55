"""The accounts side by side: what each is worth, what it did, and what needs a person."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
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
from fntx_dagster.store.marts.status import LastDays, last_days, last_days_of

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
    """All accounts that a visitor sees, in the order of their numbers, and the alerts that are open, oldest first,
    where they were asked for."""

    accounts: list[AccountNow]
    alerts: list[Alert]


def overview(
    settings: Settings, db: Database, seen: Sequence[NumberedAccount], *, with_alerts: bool = True
) -> Overview:
    """Read the accounts `seen` from one snapshot, in so many queries however many they are. An account whose
    provisional day cannot be computed is shown without it."""
    with db.snapshot() as snapshot:
        found = accounts_now(settings, snapshot, seen, _SPARKLINE)
        return Overview(found, alerts.open_alerts(snapshot) if with_alerts else [])


class OneAccount(NamedTuple):
    """An account as it is now, with the NAVs of a year; `market` those beside the benchmark, None before the first
    run; `alerts` those that are open about it, oldest first."""

    now: AccountNow
    market: AgainstMarket | None
    alerts: list[Alert]


def one_account(settings: Settings, db: Database, account: NumberedAccount) -> OneAccount:
    """Read one account from one snapshot. A benchmark that cannot be read is left out."""
    with db.snapshot() as snapshot:
        [now] = accounts_now(settings, snapshot, [account], _YEAR)
        own = alerts.open_alerts(snapshot, account.label)
        if not now.nav:
            return OneAccount(now, None, own)
        period = Period(now.nav[0].trading_day, now.nav[-1].trading_day)
        benchmark, _ = benchmark_or_why(settings, snapshot, period)
        market = account_against_market(snapshot, account.account_id, period, benchmark, now.nav)
        return OneAccount(now, market, own)


def accounts_now(settings: Settings, db: Readable, seen: Sequence[NumberedAccount], newest: int) -> list[AccountNow]:
    """These accounts as they are now, each with the NAVs of so many sessions at most."""
    ends = last_days(db, [account.account_id for account in seen])
    built = {account: days.built for account, days in ends.items() if days.built}
    rows, metrics = summaries.summaries_on(db, built), performance.metrics_on(db, built)
    navs, today = performance.newest_navs(db, built, newest), _provisional(settings, db, ends)
    return [
        AccountNow(
            account,
            rows.get(name),
            ends[name].signed,
            navs.get(name, []),
            metrics.get(name, {}),
            today.get(name),
        )
        for account in seen
        for name in (account.account_id,)
    ]


def _provisional(settings: Settings, db: Readable, ends: Mapping[str, LastDays]) -> dict[str, ProvisionalDay]:
    """Account → its first session from its newest built day on, or else from the running one on, that has no
    statement."""
    session = latest_session()
    since = {account: days.built or session for account, days in ends.items()}
    if not since:
        return {}
    period = Period(min(since.values()), max(session, *since.values()))
    found: dict[str, ProvisionalDay] = {}
    for day in provisional_days(settings, db, period, next(iter(since)) if len(since) == 1 else None, _unsaid):
        if day.account_id in since and day.trading_day >= since[day.account_id]:
            found.setdefault(day.account_id, day)
    return found


def _unsaid(problem: str) -> None:
    """What keeps a provisional day from being computed is an alert of its own."""


def newest_day(db: Database, account: NumberedAccount) -> date | None:
    """The newest built day of an account; None before the first run."""
    return last_days_of(db, account.account_id).built
