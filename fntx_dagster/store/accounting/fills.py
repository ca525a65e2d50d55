"""Fills and lots: from the raw rows of the statements to `fills`, `position_lots`, `day_rates`, `trading_sessions`.

Reads what `raw_flex` holds (corporate actions and transfers by `bookings`), lets `accounting` decide, and writes only
what differs, one transaction per account. The tables equal what a rebuild from the first statement would give: a range
starts from the lots that were open before it, and it starts earlier when trades or labels of earlier days are not what
the tables say. Only a rate that comes later, by a ConversionRates row or the setting, reaches an older day when that
day is asked for. The earliest session that came out otherwise is noted, so that it is told again.
"""

from __future__ import annotations

import gc
from collections import defaultdict
from collections.abc import Container, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import date, datetime, timedelta
from decimal import Decimal
from operator import attrgetter
from typing import NamedTuple

import psycopg
from psycopg.rows import scalar_row

from fntx_dagster.accounting import classification, trade_rows
from fntx_dagster.accounting.calendar import Calendar, sessions
from fntx_dagster.accounting.fills import Fill
from fntx_dagster.accounting.fx import Rates, Summary, Traded, implied_rates
from fntx_dagster.accounting.lots import Lot, Matching
from fntx_dagster.accounting.matching import match_contracts
from fntx_dagster.accounting.trade_rows import ExerciseRow, TradeRow
from fntx_dagster.errors import Permanent, masked
from fntx_dagster.model.period import Period
from fntx_dagster.model.session import NEW_YORK
from fntx_dagster.store.accounting import bookings
from fntx_dagster.store.accounting.changes import note_changed
from fntx_dagster.store.database import Database
from fntx_dagster.store.syncing import Changes, Synced, Table, sync, sync_by_day


class UnopenedFill(NamedTuple):
    """A fill that closed what no statement opened; `account` is masked, the quantity absolute."""

    account: str
    session: date
    symbol: str | None
    fill_id: str
    quantity: Decimal


class FailedAccount(NamedTuple):
    """An account that a bad row left as it was, and the words for it; the account is whole, for the tables."""

    account_id: str
    error: Permanent


class RebuildCounts(NamedTuple):
    """What a rebuild changed, and what it could not match in the range it read."""

    trading_sessions: Changes = Changes()
    day_rates: Changes = Changes()
    fills: Changes = Changes()
    position_lots: Changes = Changes()
    unopened: tuple[UnopenedFill, ...] = ()
    failed: tuple[FailedAccount, ...] = ()

    def __add__(self, other: RebuildCounts) -> RebuildCounts:  # type: ignore[override]  # counts add up; a tuple joins
        return RebuildCounts(*(mine + theirs for mine, theirs in zip(self, other, strict=True)))


def rebuild(db: Database, period: Period, *, fallback: Mapping[str, Decimal]) -> RebuildCounts:
    """Bring the tables up to date for the sessions from `first` on, in every account.

    `last` is the last day that the calendar must hold; lots always run on to the newest fill, because what is closed
    later depends on what was opened before. `fallback` maps pairs such as `USD/HKD` to rates. One account's bad row
    leaves that account as it was and the others rebuilt.
    """
    first = period.first
    with db.connect() as connection:
        calendar, changes = _trading_sessions(connection, period)
        accounts = connection.execute("select distinct account_id from raw_flex.statements order by 1").fetchall()
    counts = RebuildCounts(trading_sessions=changes)
    for (account,) in accounts:
        try:
            with db.connect() as connection, _collector_at_rest():
                counts += _Account(connection, account, calendar, fallback).rebuild(first)
        except Permanent as error:
            counts += RebuildCounts(failed=(FailedAccount(account, error),))
    return counts


class _Account:
    """One account's rebuild within one transaction."""

    def __init__(
        self, connection: psycopg.Connection, account: str, calendar: Calendar, fallback: Mapping[str, Decimal]
    ) -> None:
        self.connection = connection
        self.account = account
        self.calendar = calendar
        self.fallback = fallback

    def rebuild(self, first: date) -> RebuildCounts:
        self.connection.execute(
            "select pg_advisory_xact_lock(hashtext('alm_reporting.fills'), hashtext(%s))", [self.account]
        )
        base = self._base_currency()
        cancels = trade_rows.cancellations(self._trades(_MAY_BE_STRUCK_OUT))
        struck_out = cancels.struck_out
        start = self._start(first, struck_out, base)
        rates = self._rates(start, base)
        rows = self._trades(_AFTER_START, start=start, since=_new_york_day(start))
        counted = [row for row in rows if row.row_key not in struck_out]
        fills = classification.classify(counted, self._exercises(start), self.calendar, rates, cancels.reversing)
        if booked := bookings.booked(self.connection, self.account, start, self.calendar, rates):
            fills = sorted((*fills, *booked), key=lambda fill: fill.order)
        touched = {fill.contract_id for fill in fills} | self._contracts_after(start)
        restored = self._open_lots(start, touched)
        matchings = match_contracts(fills, ((contract.contract_id, lot) for contract, lot in restored))
        contracts = {lot.open_fill_id: contract for contract, lot in restored}
        contracts |= {fill.fill_id: contract for fill, contract in zip(fills, map(_contract_of, fills), strict=True)}
        written = {
            "day_rates": self._write_day_rates(start, rates),
            "fills": self._write_fills(start, fills, matchings),
            "position_lots": self._write_lots(start, touched, matchings, contracts),
        }
        if days := [table.since for table in written.values() if table.since]:
            note_changed(self.connection, self.account, min(days))
        changes = {name: table.changes for name, table in written.items()}
        return RebuildCounts(**changes, unopened=tuple(self._unopened(fills, matchings)))

    # -- reading

    def _trades(self, condition: str, **parameters: object) -> list[TradeRow]:
        cursor = self.connection.cursor(binary=True)
        cursor.execute(
            f"select {_TRADE_COLUMNS} from raw_flex.trades t where {_LIVE_TRADE} and {condition}",
            {"account": self.account, **parameters},
        )
        return [TradeRow._make(row) for row in cursor]

    def _exercises(self, start: datetime) -> list[ExerciseRow]:
        rows = self.connection.execute(_EXERCISES, {"account": self.account, "since": _new_york_day(start)})
        return [ExerciseRow._make(row) for row in rows]

    def _start(self, first: date, struck_out: Iterable[str], base: str) -> datetime:
        """The close after which everything is read again: before `first`, or before the earliest raw row amiss."""
        start = self.calendar.on_or_after(first).previous_close
        words = {"options": list(classification.OPTION_WORDS), "deliveries": list(classification.DELIVERY_WORDS)}
        parameters = {"account": self.account, "struck_out": list(struck_out), "base": base, **words}
        amiss = self.connection.cursor(row_factory=scalar_row).execute(_EARLIEST_AMISS, parameters).fetchone()
        found = [one for one in (amiss, bookings.earliest_amiss(self.connection, self.account)) if one]
        return min((start, *(self.calendar.at(one).previous_close for one in found)))

    def _contracts_after(self, start: datetime) -> set[str]:
        query = "select distinct contract_id from alm_reporting.fills where account_id = %s and executed_at > %s"
        return {contract for (contract,) in self.connection.execute(query, [self.account, start])}

    def _open_lots(self, start: datetime, contracts: Iterable[str]) -> list[tuple[_Contract, Lot]]:
        parameters = {"account": self.account, "start": start, "contracts": list(contracts)}
        width = len(_Contract._fields)
        rows = self.connection.execute(_OPEN_LOTS, parameters)
        return [(_Contract._make(row[:width]), Lot(*row[width:])) for row in rows]

    # -- rates

    def _rates(self, start: datetime, base: str) -> Rates:
        since = _new_york_day(start)  # what is booked after that close may still be reported for that day
        conversions = self.connection.execute(
            "select coalesce(report_date, row_date), from_currency, rate from raw_flex.conversion_rates"
            " where account_id = %s and withdrawn_at is null and to_currency = %s and rate > 0 and row_date >= %s",
            [self.account, base, since],
        )
        known = {(day, currency): rate for day, currency, rate in conversions}
        return Rates(base, known, self._implied_rates(base, since), self.fallback)

    def _base_currency(self) -> str:
        found = self.connection.execute(_BASE_CURRENCY, {"account": self.account}).fetchone()
        if found is None:
            raise Permanent(
                "no statement names the base currency",
                "Load the section Change in NAV, with its field currency, or the NAV in Base section for this account",
            )
        return found[0]

    def _implied_rates(self, base: str, since: date) -> dict[tuple[date, str], Decimal]:
        """Rates of the days on which a row has none of its own; none are needed otherwise."""
        parameters = {"account": self.account, "base": base, "since": since}
        days = [day for (day,) in self.connection.execute(_DAYS_WITHOUT_RATE, parameters)]
        if not days:
            return {}
        summaries = self.connection.execute(_SUMMARIES, {"account": self.account, "days": days}).fetchall()
        trades = self._trades("coalesce(t.report_date, t.row_date) = ANY (%(days)s)", days=days)
        return implied_rates((Summary._make(row) for row in summaries), _traded(trades), base)

    def _write_day_rates(self, start: datetime, rates: Rates) -> Synced:
        rows = self.connection.execute(
            _RATES_SEEN, {"account": self.account, "since": _new_york_day(start) + timedelta(days=1)}
        )
        seen: dict[tuple[date, str], list[tuple[date, Decimal | None, int]]] = defaultdict(list)
        for day, currency, rate, times in rows:  # oldest first
            session = self.calendar.on_or_after(day).day
            seen[session, currency].append((day, rate, times))
            seen.setdefault((session, rates.base_currency), [])
        staged = []
        for (session, currency), found in seen.items():
            newest = max((day for day, rate, _ in found if rate), default=None)  # a holiday's rows are of another rate
            on_rows = [rate for day, rate, times in found if rate and day == newest for _ in range(times)]
            rate = rates.of_session(currency, sorted({day for day, _, _ in found}), on_rows)
            if rate:
                staged.append((self.account, session, currency, rates.base_currency, *rate))
        self._refuse_cash_without_rate(rates, start, {(session, currency) for _, session, currency, *_ in staged})
        return sync_by_day(
            self.connection,
            _DAY_RATES,
            staged,
            "t.account_id = %s and t.session > %s",
            [self.account, _new_york_day(start)],
        )

    def _refuse_cash_without_rate(self, rates: Rates, start: datetime, known: Container[tuple[date, str]]) -> None:
        """A fill without a rate is an error where it is classified; cash is classified in SQL, too late for words."""
        since = _new_york_day(start) + timedelta(days=1)
        rows = self.connection.execute(_CASH_WITHOUT_RATE, {"account": self.account, "since": since})
        for day, currency in rows:
            if (self.calendar.on_or_after(day).day, currency) not in known:
                raise rates.missing(currency, day)

    # -- writing

    def _write_fills(self, start: datetime, fills: Sequence[Fill], matchings: Mapping[str, Matching]) -> Synced:
        rows = (
            (
                self.account,
                *_from_fill(fill),
                *matchings[fill.contract_id].effects[fill.fill_id],
            )
            for fill in fills
        )
        scope = "t.account_id = %s and t.executed_at > %s"
        return sync_by_day(self.connection, _FILLS, rows, scope, [self.account, start])

    def _write_lots(
        self,
        start: datetime,
        touched: Iterable[str],
        matchings: Mapping[str, Matching],
        contracts: Mapping[str, _Contract],
    ) -> Synced:
        rows = (
            (self.account, lot.lot_id, *contracts[lot.open_fill_id], *lot)
            for matching in matchings.values()
            for lot in (*matching.closed, *matching.open)
        )
        scope = "t.account_id = %s and t.contract_id = any (%s) and (t.closed_at is null or t.closed_at > %s)"
        return sync_by_day(self.connection, _LOTS, rows, scope, [self.account, list(touched), start])

    def _unopened(self, fills: Iterable[Fill], matchings: Mapping[str, Matching]) -> Iterator[UnopenedFill]:
        left = {one.fill_id: one.quantity for matching in matchings.values() for one in matching.unopened}
        for fill in fills:
            if fill.fill_id in left:
                yield UnopenedFill(masked(self.account), fill.session, fill.symbol, fill.fill_id, left[fill.fill_id])


class _Contract(NamedTuple):
    """What a lot repeats of its contract, as its opening fill says it."""

    contract_id: str
    symbol: str | None
    description: str | None
    asset_category: str
    underlying_symbol: str | None
    strike: Decimal | None
    expiry: date | None
    put_call: str | None
    currency: str


_contract_of = attrgetter(*_Contract._fields)


_FROM_FILL = (
    *(name for name in Fill._fields if name not in ("delivered_by", "closes", "booked", "ratio")),
    "proceeds",
)
_from_fill = attrgetter(*_FROM_FILL)
_FILLS = Table(
    "fills",
    ("account_id", "fill_id"),
    ("account_id", *_FROM_FILL, "opening_quantity", "closing_quantity", "gross_realised"),
    day="session",
)
# an open lot has no day: it changes with the fill that opened it, or with what closes a part of it
_LOTS = Table(
    "position_lots",
    ("account_id", "lot_id"),
    ("account_id", "lot_id", *_Contract._fields, *Lot._fields),
    day="closed_session",
)
_DAY_RATES = Table(
    "day_rates",
    ("account_id", "session", "currency"),
    ("account_id", "session", "currency", "base_currency", "rate", "source"),
    day="session",
)
_SESSIONS = Table(
    "trading_sessions", ("session",), ("session", "previous_close", "opens_at", "closes_at", "early_close")
)

_LIVE_TRADE = "t.account_id = %(account)s and t.row_kind = 'Trade' and t.withdrawn_at is null"

_TRADE_COLUMNS = ", ".join(f"t.{name}" for name in TradeRow._fields)

_AFTER_START = "t.row_date >= %(since)s and (t.date_time > %(start)s or t.date_time is null)"
"""`since` only lets the index help: no row is reported before it was executed."""

_MARKED = "(t.transaction_type ~ '(Cancel|Correct)$' or strpos(t.buy_sell, '(Ca.)') > 0)"

_MAY_BE_STRUCK_OUT = f"""
    ({_MARKED}
     or t.transaction_id in (select t.orig_transaction_id from raw_flex.trades t where {_LIVE_TRADE} and {_MARKED})
     or t.trade_id in (select t.orig_trade_id from raw_flex.trades t where {_LIVE_TRADE} and {_MARKED}))
"""

_EXERCISES = """
    select trade_id, transaction_type, conid from raw_flex.option_eae
    where account_id = %(account)s and withdrawn_at is null and row_date >= %(since)s
      and trade_id is not null and transaction_type is not null
    order by row_id
"""

_EARLIEST_AMISS = f"""
    with said as (
        select distinct trade_id, conid, lower(transaction_type) = any (%(deliveries)s) as delivery
        from raw_flex.option_eae
        where account_id = %(account)s and withdrawn_at is null and trade_id is not null
          and lower(transaction_type) = any (%(options)s || %(deliveries)s)
    ),
    live as (
        select t.*, said.trade_id is not null as said
        from raw_flex.trades t
        left join said on said.trade_id = t.trade_id and said.delivery = (t.put_call is null)
            and (said.conid = t.conid) is not false
        where {_LIVE_TRADE} and t.row_key <> all (%(struck_out)s)
    ),
    built as (
        select * from alm_reporting.fills
        where account_id = %(account)s and label_source not in ('corporate_action', 'transfer')
    )
    select min(least(live.date_time, built.executed_at))
    from live full join built on built.fill_id = live.row_key
    where live.row_key is null or built.fill_id is null
       or row(abs(live.quantity), live.trade_price, live.date_time, coalesce(live.report_date, live.row_date),
              coalesce(live.conid, live.symbol), live.currency, live.fifo_pnl_realized, live.mtm_pnl, live.close_price)
          is distinct from
          row(abs(built.quantity), built.price, built.executed_at, built.report_date,
              built.contract_id, built.currency, built.broker_realised, built.broker_mtm, built.close_price)
       or live.said <> (built.label_source = 'option_eae')
       or (coalesce(live.ib_commission_currency, live.currency) = live.currency
           and coalesce(live.ib_commission, 0) + coalesce(live.taxes, 0) <> built.commission)
       or (built.fx_source <> 'base'
           and nullif(live.fx_rate_to_base, 0) is distinct from
               case when built.fx_source = 'row' then built.fx_rate_to_base end)
       or built.base_currency <> %(base)s
"""

_OPEN_LOTS = f"""
    select {", ".join(f"l.{name}" for name in _Contract._fields)},
        l.direction, sum(l.quantity), l.multiplier, l.open_fill_id, l.opened_at, l.opened_session, l.open_price,
        sum(l.open_fee), l.open_fx_rate, l.how_opened, l.origin_fill_id, l.round_trip_id
    from alm_reporting.position_lots l
    join alm_reporting.fills f on f.account_id = l.account_id and f.fill_id = l.open_fill_id
    where l.account_id = %(account)s and l.contract_id = any (%(contracts)s)
      and l.opened_at <= %(start)s and (l.closed_at is null or l.closed_at > %(start)s)
    group by {", ".join(f"l.{name}" for name in _Contract._fields)},
        l.direction, l.multiplier, l.open_fill_id, l.opened_at, l.opened_session, l.open_price, l.open_fx_rate,
        l.how_opened, l.origin_fill_id, l.round_trip_id, f.source_transaction_id
    order by l.opened_at,
        case when f.source_transaction_id ~ '^[0-9]+$' then f.source_transaction_id::numeric else 0 end, l.open_fill_id
"""

_BASE_CURRENCY = """
    select currency from (
        select 1 as choice, row_date, row_id, currency from raw_flex.change_in_nav
        where account_id = %(account)s and withdrawn_at is null
        union all
        select 2, row_date, row_id, currency from raw_flex.equity_summary
        where account_id = %(account)s and withdrawn_at is null
    ) as named
    where currency ~ '^[A-Z]{3}$'
    order by choice, row_date desc, row_id desc limit 1
"""

_DAYS_WITHOUT_RATE = f"""
    select distinct coalesce(t.report_date, t.row_date) from raw_flex.trades t
    where {_LIVE_TRADE} and t.row_date >= %(since)s and t.currency <> %(base)s and coalesce(t.fx_rate_to_base, 0) = 0
"""

_SUMMARIES = """
    select coalesce(report_date, row_date), asset_category, quantity, proceeds from raw_flex.trades
    where account_id = %(account)s and row_kind = 'AssetSummary' and withdrawn_at is null
      and coalesce(report_date, row_date) = any (%(days)s)
"""

_ROWS_WITH_RATE = "".join(
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
        ("interest_accruals", "row_date", "null"),
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
"""A balance alone asks for a rate only where the broker has one: else the last one known is the better."""

_CASH_WITHOUT_RATE = """
    select distinct row_date, currency from raw_flex.cash_transactions
    where account_id = %(account)s and withdrawn_at is null and row_date >= %(since)s
      and amount is not null and currency ~ '^[A-Z]{3}$' and coalesce(fx_rate_to_base, 0) = 0
    order by 1, 2
"""

_RATES_SEEN = f"""
    with seen as (
        select coalesce(t.report_date, t.row_date) as day, t.currency, t.fx_rate_to_base as rate, t.date_time
        from raw_flex.trades t where {_LIVE_TRADE} and t.row_date >= %(since)s{_ROWS_WITH_RATE}{_BALANCES_WITH_RATE}
    )
    select day, currency, rate, count(*)::int
    from seen where currency ~ '^[A-Z]{{3}}$' and day >= %(since)s
    group by day, currency, rate order by day, max(date_time) nulls first, rate
"""

_RANGE = """
    select least(
        min(s.from_date),
        (select min(date_time) from raw_flex.trades)::date,
        (select min(date_time) from raw_flex.corporate_actions)::date,
        (select min(date_time) from raw_flex.transfers)::date
    ), max(s.to_date)
    from raw_flex.statements s
"""

_AROUND = timedelta(days=14)
"""Longer than any closure of the exchange: what happens after the last close needs the session after it."""


def _trading_sessions(connection: psycopg.Connection, period: Period) -> tuple[Calendar, Changes]:
    """The calendar of everything loaded and asked for, and its table."""
    first, last = period
    earliest, latest = connection.execute(_RANGE).fetchone()
    begin, end = min(first, earliest or first) - _AROUND, max(last, latest or last) + _AROUND
    known = sessions(begin, end)
    return Calendar(known), sync(connection, _SESSIONS, known, "t.session between %s and %s", [begin, end])


def _traded(trades: Iterable[TradeRow]) -> Iterator[Traded]:
    for row in trades:
        yield Traded(
            row.report_date or row.row_date,
            trade_rows.asset_category(row),
            row.currency or "",
            row.quantity or Decimal(0),
            trade_rows.proceeds(row),
        )


@contextmanager
def _collector_at_rest() -> Iterator[None]:
    """Ten years are millions of values without a cycle; walking them again and again took a third of the time."""
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()


def _new_york_day(moment: datetime) -> date:
    return moment.astimezone(NEW_YORK).date()
