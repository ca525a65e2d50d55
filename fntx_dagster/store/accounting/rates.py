"""Rates of exchange for the rebuild of fills and lots, from the statements; and the rate of each session and currency.

Reads the conversion rates and the rates of rows from `raw_flex`, and fills `day_rates`; the totals
that imply a rate are in `base_totals.py`, which rate counts is in `accounting/fx.py`.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Container, Iterator, Mapping, Sequence
from datetime import date, timedelta
from decimal import Decimal
from typing import NamedTuple

import psycopg

from fntx_dagster.accounting.base_totals import implied_rates
from fntx_dagster.accounting.calendar import Calendar
from fntx_dagster.accounting.fx import Rate, Rates, known_rates, rates_of_rows
from fntx_dagster.model.rates import CONFIGURED
from fntx_dagster.store.accounting.base_totals import base_totals
from fntx_dagster.store.accounting.trades import LIVE_TRADE
from fntx_dagster.store.queries import own_sql
from fntx_dagster.store.syncing import Synced, SyncedTable, sync_by_day


class FirstStatement(NamedTuple):
    """The first day that a statement of an account covers, and the session before it, whose rates the first Cash Report
    can imply."""

    first_day: date
    session: date


class RatesRead(NamedTuple):
    """The rates of an account, and where its rows have or need one: (day, currency, rate or None, how many rows),
    oldest first."""

    rates: Rates
    seen: list[tuple[date, str, Decimal | None, int]]
    beginning: FirstStatement


def read_rates(
    connection: psycopg.Connection,
    account: str,
    base: str,
    since: date,
    fallback: Mapping[str, Decimal],
    beginning: FirstStatement,
) -> RatesRead:
    """The rates into the base currency for an account's rows that are reported from a day on; `fallback` maps pairs
    such as `USD/HKD` to the rate that counts where no statement gives one."""
    converted = connection.execute(
        "select coalesce(report_date, row_date), from_currency, rate from raw_flex.conversion_rates"
        " where account_id = %s and withdrawn_at is null and to_currency = %s and rate > 0 and row_date >= %s",
        [account, base, since],
    )
    conversions = {(day, currency): rate for day, currency, rate in converted}
    keys = {"account": account, "since": since, "base": base, **beginning._asdict()}
    seen = connection.execute(_RATES_SEEN, keys).fetchall()
    rows = [(day, currency, rate) for day, currency, rate, times in seen if rate for _ in range(times)]
    given = rates_of_rows(rows) | conversions
    lacking = {(day, currency) for day, currency, rate, _ in seen if not rate and currency != base} - given.keys()
    lacking |= {*connection.execute(_BALANCES, keys)} - given.keys()
    days = sorted({day for day, _ in lacking})
    totals = base_totals(connection, keys | {"days": days}) if days else ()
    implied = implied_rates(totals, base, given)
    before = connection.execute(_KNOWN_BEFORE, keys).fetchall() if lacking else ()
    known = known_rates(rows, conversions, implied, before)
    seen += [(*key, None, 0) for key in sorted(implied.keys() & lacking)]
    return RatesRead(Rates(base, conversions, implied, known, fallback), seen, beginning)


def write_day_rates(
    connection: psycopg.Connection, account: str, calendar: Calendar, read: RatesRead, after: date
) -> Synced:
    """Bring `day_rates` up to date for an account's sessions after a day; where that is the one before the first
    statement, for that session, too.

    Raises Permanent for cash in a currency without a rate: dbt, which converts it, could not name what is missing.
    """
    rates, beginning = read.rates, read.beginning
    if after == beginning.session:
        after -= timedelta(days=1)
    since = after + timedelta(days=1)
    seen = [row for row in read.seen if row[0] >= since]
    staged = [
        (account, session, currency, rates.base_currency, *rate)
        for session, currency, rate in _session_rates(calendar, rates, seen)
    ]
    known = {(session, currency) for _, session, currency, *_ in staged}
    _refuse_cash_without_rate(connection, account, calendar, rates, since, known)
    written = sync_by_day(connection, _DAY_RATES, staged, "t.account_id = %s and t.session > %s", [account, after])
    # what changes before the first statement changes the first day
    return written._replace(since=max(written.since, beginning.first_day) if written.since else None)


def _session_rates(
    calendar: Calendar, rates: Rates, rows: Sequence[tuple[date, str, Decimal | None, int]]
) -> Iterator[tuple[date, str, Rate]]:
    """(session, currency, its rate with where that is from) of every session in which a row needs one."""
    seen: dict[tuple[date, str], list[tuple[date, Decimal | None, int]]] = defaultdict(list)
    for day, currency, rate, times in rows:
        session = calendar.on_or_after(day).day
        seen[session, currency].append((day, rate, times))
        seen.setdefault((session, rates.base_currency), [])
    for (session, currency), given in seen.items():
        newest = max((day for day, rate, _ in given if rate), default=None)  # a holiday's rows are of another rate
        on_rows = [rate for day, rate, times in given if rate and day == newest for _ in range(times)]
        rate = rates.of_session(currency, sorted({day for day, _, _ in given}) or [session], on_rows)
        if rate:
            yield session, currency, rate


def _refuse_cash_without_rate(
    connection: psycopg.Connection,
    account: str,
    calendar: Calendar,
    rates: Rates,
    since: date,
    known: Container[tuple[date, str]],
) -> None:
    """A fill without a rate is an error where it is classified; cash is classified in SQL, too late for words."""
    for day, currency in connection.execute(_CASH_WITHOUT_RATE, {"account": account, "since": since}):
        if (calendar.on_or_after(day).day, currency) not in known:
            raise rates.missing(currency, day)


_DAY_RATES = SyncedTable(
    "day_rates",
    ("account_id", "session", "currency"),
    ("account_id", "session", "currency", "base_currency", *Rate._fields),
    day="session",
)

_BALANCES = """
    select distinct coalesce(to_date, row_date), currency from raw_flex.cash_report
    where account_id = %(account)s and withdrawn_at is null and row_date >= %(since)s
      and currency ~ '^[A-Z0-9.]{1,20}$' and currency <> %(base)s and ending_cash <> 0
    union
    select %(session)s::date, currency from raw_flex.cash_report
    where account_id = %(account)s and withdrawn_at is null and %(session)s >= %(since)s
      and coalesce(from_date, row_date) = %(first_day)s
      and currency ~ '^[A-Z0-9.]{1,20}$' and currency <> %(base)s and starting_cash <> 0
"""

_KNOWN_BEFORE = own_sql(
    f"""
    select distinct on (currency) coalesce(rate_day, session), currency, rate from alm_reporting.day_rates
    where account_id = %(account)s and session < %(since)s and currency <> base_currency and source <> '{CONFIGURED}'
    order by currency, session desc
"""
)
"""A last known rate leads back to the day that it is of."""

_ROWS_WITH_RATE = own_sql(
    "".join(
        f"""
        union all
        select {day}, currency, {rate}, null from raw_flex.{table}
        where account_id = %(account)s and withdrawn_at is null and row_date >= %(since)s"""
        for table, day, rate in (
            ("cash_transactions", "row_date", "fx_rate_to_base"),
            ("open_positions", "coalesce(report_date, row_date)", "fx_rate_to_base"),
            ("corporate_actions", "coalesce(report_date, row_date)", "fx_rate_to_base"),
            ("transfers", "coalesce(report_date, row_date)", "fx_rate_to_base"),
            ("transaction_taxes", "coalesce(report_date, row_date)", "fx_rate_to_base"),
            ("option_eae", "row_date", "fx_rate_to_base"),
        )
    )
)

_BALANCES_WITH_RATE = """
        union all
        select c.row_date, c.currency, null, null from raw_flex.cash_report c
        where c.account_id = %(account)s and c.withdrawn_at is null and c.row_date >= %(since)s
          and exists (
              select from raw_flex.conversion_rates r
              where r.account_id = c.account_id and r.withdrawn_at is null and r.from_currency = c.currency
                and coalesce(r.report_date, r.row_date) = c.row_date
          )"""
"""A balance alone needs a rate only where the broker gives one; elsewhere the last known rate is better."""

_CASH_WITHOUT_RATE = """
    select distinct row_date, currency from raw_flex.cash_transactions
    where account_id = %(account)s and withdrawn_at is null and row_date >= %(since)s
      and amount is not null and currency ~ '^[A-Z0-9.]{1,20}$' and coalesce(fx_rate_to_base, 0) = 0
    order by 1, 2
"""

_RATES_SEEN = f"""
    with seen as (
        select coalesce(t.report_date, t.row_date) as day, t.currency, t.fx_rate_to_base as rate, t.date_time
        from raw_flex.trades t where {LIVE_TRADE} and t.row_date >= %(since)s{_ROWS_WITH_RATE}{_BALANCES_WITH_RATE}
    )
    select day, currency, rate, count(*)::int
    from seen where currency ~ '^[A-Z0-9.]{{1,20}}$' and day >= %(since)s
    group by day, currency, rate order by day, max(date_time) nulls first, rate
"""
