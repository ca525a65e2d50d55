"""How accounts did: the summary of each trading day, and the metrics up to a session."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from typing import Any

from fntx_dagster.model.day import AnyDay, ProvisionalDay
from fntx_dagster.model.nav import FEW_OBSERVATIONS, RETURN_FIELDS, NavDay
from fntx_dagster.model.period import Period
from fntx_dagster.services.accounts import accounts, chosen_account
from fntx_dagster.services.current_day import provisional_days
from fntx_dagster.services.sessions import require_days, say_lacking_ends
from fntx_dagster.settings import Settings
from fntx_dagster.store.database import Database, Readable
from fntx_dagster.store.labels import account_labels
from fntx_dagster.store.marts import performance, story, summaries, windows


def summary_rows(
    settings: Settings,
    db: Database,
    period: Period,
    account: str | None = None,
    on_problem: Callable[[str], None] | None = None,
) -> list[dict[str, Any]]:
    """The summary of each trading day of a range, of one account or of all, by account and day.

    A row has the fields of `daily_summary`, with money in base currency, `daily_return` as a fraction, and `as_of`:
    None, or the time (UTC) of a provisional day, whose official fields are None. Raises Permanent where the account
    is not loaded or nothing is built in the range. `on_problem` as in `reporting.report`.
    """
    with db.snapshot() as snapshot:
        account = None if account is None else chosen_account(snapshot, account)
        provisional = provisional_days(settings, snapshot, period, account, on_problem)
        official = summaries.summary(snapshot, period, account)
        labels = account_labels(snapshot)
    rows = [
        row | {"daily_return": NavDay(*(row[name] for name in RETURN_FIELDS)).daily_return, "as_of": None}
        for row in official
    ]
    rows += [_provisional_row(day) for day in provisional]
    require_days(rows, period, db, account)
    rows.sort(key=lambda row: (row["account_id"], row["trading_day"]))
    days: dict[str, list[date]] = {}
    for row in rows:
        days.setdefault(row["account_id"], []).append(row["trading_day"])
    say_lacking_ends(db, days, labels, period, on_problem)
    return rows


def summary_days(
    settings: Settings,
    db: Database,
    period: Period,
    account: str | None = None,
    on_problem: Callable[[str], None] | None = None,
) -> dict[str, list[AnyDay]]:
    """Account → its trading days in a range, oldest first, a provisional day last: what the tables of months show.

    Raises as `summary_rows` does.
    """
    with db.snapshot() as snapshot:
        account = None if account is None else chosen_account(snapshot, account)
        provisional = provisional_days(settings, snapshot, period, account, on_problem)
        days = days_by_account(snapshot, period, account, provisional)
        labels = account_labels(snapshot)
    require_days(days, period, db, account)
    built = {account_id: [day.trading_day for day in own] for account_id, own in days.items()}
    say_lacking_ends(db, built, labels, period, on_problem)
    return days


def days_by_account(
    db: Readable, period: Period, account: str | None, provisional: list[ProvisionalDay]
) -> dict[str, list[AnyDay]]:
    """Account → its days of a range, oldest first, without the accounts that have none; `provisional` are the days
    that no statement covers yet."""
    known = [account] if account else sorted({*accounts(db), *(day.account_id for day in provisional)})
    days = {
        account_id: [*story.days(db, account_id, period), *(day for day in provisional if day.account_id == account_id)]
        for account_id in known
    }
    return {account_id: own for account_id, own in days.items() if own}


def rolling_metrics(db: Database, period: Period, account: str | None = None) -> list[dict[str, Any]]:
    """The metrics of each session of a range over its windows, by account, day and window: rows of `rolling_metrics`,
    with ratios as fractions and None where a metric is undefined; `few_observations` warns of a window so short that
    its estimates say little.

    Raises Permanent where the account is not loaded or nothing is built in the range.
    """
    with db.snapshot() as snapshot:
        rows = performance.rolling_metrics(
            snapshot, period, None if account is None else chosen_account(snapshot, account)
        )
    require_days(rows, period, db, account)
    return _warned(rows)


def window_metrics(db: Database, window: Period, account: str | None = None) -> list[dict[str, Any]]:
    """The metrics over a window of the user's choice, a row per account as `rolling_metrics` gives them; raises as it
    does."""
    with db.snapshot() as snapshot:
        rows = windows.window_metrics(snapshot, window, None if account is None else chosen_account(snapshot, account))
    require_days(rows, window, db, account)
    return _warned(rows)


def _warned(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [row | {"few_observations": row["observations"] < FEW_OBSERVATIONS} for row in rows]


def _provisional_row(day: ProvisionalDay) -> dict[str, Any]:
    """A summary row of a day that no statement covers yet: None where only a statement has the figure."""
    fields = {name: getattr(day, name, None) for name in summaries.SUMMARY_FIELDS}
    return fields | {"daily_return": None, "as_of": day.as_of}
