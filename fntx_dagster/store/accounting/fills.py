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
        accounts = connection.execute("SELECT DISTINCT account_id FROM raw_flex.statements ORDER BY 1").fetchall()
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
            "SELECT pg_advisory_xact_lock(hashtext('alm_reporting.fills'), hashtext(%s))", [self.account]
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
            f"SELECT {_TRADE_COLUMNS} FROM raw_flex.trades t WHERE {_LIVE_TRADE} AND {condition}",
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
        query = "SELECT DISTINCT contract_id FROM alm_reporting.fills WHERE account_id = %s AND executed_at > %s"
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
            "SELECT coalesce(report_date, row_date), from_currency, rate FROM raw_flex.conversion_rates"
            " WHERE account_id = %s AND withdrawn_at IS NULL AND to_currency = %s AND rate > 0 AND row_date >= %s",
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
            "t.account_id = %s AND t.session > %s",
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
        scope = "t.account_id = %s AND t.executed_at > %s"
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
        scope = "t.account_id = %s AND t.contract_id = ANY (%s) AND (t.closed_at IS NULL OR t.closed_at > %s)"
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

_LIVE_TRADE = "t.account_id = %(account)s AND t.row_kind = 'Trade' AND t.withdrawn_at IS NULL"

_TRADE_COLUMNS = ", ".join(f"t.{name}" for name in TradeRow._fields)

_AFTER_START = "t.row_date >= %(since)s AND (t.date_time > %(start)s OR t.date_time IS NULL)"
"""`since` only lets the index help: no row is reported before it was executed."""

_MARKED = "(t.transaction_type ~ '(Cancel|Correct)$' OR strpos(t.buy_sell, '(Ca.)') > 0)"

_MAY_BE_STRUCK_OUT = f"""
    ({_MARKED}
     OR t.transaction_id IN (SELECT t.orig_transaction_id FROM raw_flex.trades t WHERE {_LIVE_TRADE} AND {_MARKED})
     OR t.trade_id IN (SELECT t.orig_trade_id FROM raw_flex.trades t WHERE {_LIVE_TRADE} AND {_MARKED}))
"""

_EXERCISES = """
    SELECT trade_id, transaction_type, conid FROM raw_flex.option_eae
    WHERE account_id = %(account)s AND withdrawn_at IS NULL AND row_date >= %(since)s
      AND trade_id IS NOT NULL AND transaction_type IS NOT NULL
    ORDER BY row_id
"""

_EARLIEST_AMISS = f"""
    WITH said AS (
        SELECT DISTINCT trade_id, conid, lower(transaction_type) = ANY (%(deliveries)s) AS delivery
        FROM raw_flex.option_eae
        WHERE account_id = %(account)s AND withdrawn_at IS NULL AND trade_id IS NOT NULL
          AND lower(transaction_type) = ANY (%(options)s || %(deliveries)s)
    ),
    live AS (
        SELECT t.*, said.trade_id IS NOT NULL AS said
        FROM raw_flex.trades t
        LEFT JOIN said ON said.trade_id = t.trade_id AND said.delivery = (t.put_call IS NULL)
            AND (said.conid = t.conid) IS NOT FALSE
        WHERE {_LIVE_TRADE} AND t.row_key <> ALL (%(struck_out)s)
    ),
    built AS (
        SELECT * FROM alm_reporting.fills
        WHERE account_id = %(account)s AND label_source NOT IN ('corporate_action', 'transfer')
    )
    SELECT min(least(live.date_time, built.executed_at))
    FROM live FULL JOIN built ON built.fill_id = live.row_key
    WHERE live.row_key IS NULL OR built.fill_id IS NULL
       OR ROW(abs(live.quantity), live.trade_price, live.date_time, coalesce(live.report_date, live.row_date),
              coalesce(live.conid, live.symbol), live.currency, live.fifo_pnl_realized, live.mtm_pnl, live.close_price)
          IS DISTINCT FROM
          ROW(abs(built.quantity), built.price, built.executed_at, built.report_date,
              built.contract_id, built.currency, built.broker_realised, built.broker_mtm, built.close_price)
       OR live.said <> (built.label_source = 'option_eae')
       OR (coalesce(live.ib_commission_currency, live.currency) = live.currency
           AND coalesce(live.ib_commission, 0) + coalesce(live.taxes, 0) <> built.commission)
       OR (built.fx_source <> 'base'
           AND nullif(live.fx_rate_to_base, 0) IS DISTINCT FROM
               CASE WHEN built.fx_source = 'row' THEN built.fx_rate_to_base END)
       OR built.base_currency <> %(base)s
"""

_OPEN_LOTS = f"""
    SELECT {", ".join(f"l.{name}" for name in _Contract._fields)},
        l.direction, sum(l.quantity), l.multiplier, l.open_fill_id, l.opened_at, l.opened_session, l.open_price,
        sum(l.open_fee), l.open_fx_rate, l.how_opened, l.origin_fill_id, l.round_trip_id
    FROM alm_reporting.position_lots l
    JOIN alm_reporting.fills f ON f.account_id = l.account_id AND f.fill_id = l.open_fill_id
    WHERE l.account_id = %(account)s AND l.contract_id = ANY (%(contracts)s)
      AND l.opened_at <= %(start)s AND (l.closed_at IS NULL OR l.closed_at > %(start)s)
    GROUP BY {", ".join(f"l.{name}" for name in _Contract._fields)},
        l.direction, l.multiplier, l.open_fill_id, l.opened_at, l.opened_session, l.open_price, l.open_fx_rate,
        l.how_opened, l.origin_fill_id, l.round_trip_id, f.source_transaction_id
    ORDER BY l.opened_at,
        CASE WHEN f.source_transaction_id ~ '^[0-9]+$' THEN f.source_transaction_id::numeric ELSE 0 END, l.open_fill_id
"""

_BASE_CURRENCY = """
    SELECT currency FROM (
        SELECT 1 AS choice, row_date, row_id, currency FROM raw_flex.change_in_nav
        WHERE account_id = %(account)s AND withdrawn_at IS NULL
        UNION ALL
        SELECT 2, row_date, row_id, currency FROM raw_flex.equity_summary
        WHERE account_id = %(account)s AND withdrawn_at IS NULL
    ) AS named
    WHERE currency ~ '^[A-Z]{3}$'
    ORDER BY choice, row_date DESC, row_id DESC LIMIT 1
"""

_DAYS_WITHOUT_RATE = f"""
    SELECT DISTINCT coalesce(t.report_date, t.row_date) FROM raw_flex.trades t
    WHERE {_LIVE_TRADE} AND t.row_date >= %(since)s AND t.currency <> %(base)s AND coalesce(t.fx_rate_to_base, 0) = 0
"""

_SUMMARIES = """
    SELECT coalesce(report_date, row_date), asset_category, quantity, proceeds FROM raw_flex.trades
    WHERE account_id = %(account)s AND row_kind = 'AssetSummary' AND withdrawn_at IS NULL
      AND coalesce(report_date, row_date) = ANY (%(days)s)
"""

_ROWS_WITH_RATE = "".join(
    f"""
        UNION ALL
        SELECT {day}, currency, {rate}, NULL FROM raw_flex.{table}
        WHERE account_id = %(account)s AND withdrawn_at IS NULL AND row_date >= %(since)s"""
    for table, day, rate in (
        ("cash_transactions", "row_date", "fx_rate_to_base"),
        ("open_positions", "coalesce(report_date, row_date)", "fx_rate_to_base"),
        ("corporate_actions", "coalesce(report_date, row_date)", "fx_rate_to_base"),
        ("transfers", "coalesce(report_date, row_date)", "fx_rate_to_base"),
        ("transaction_taxes", "coalesce(report_date, row_date)", "fx_rate_to_base"),
        ("option_eae", "row_date", "fx_rate_to_base"),
        ("interest_accruals", "row_date", "NULL"),
    )
)

_BALANCES_WITH_RATE = """
        UNION ALL
        SELECT c.row_date, c.currency, NULL, NULL FROM raw_flex.cash_report c
        WHERE c.account_id = %(account)s AND c.withdrawn_at IS NULL AND c.row_date >= %(since)s
          AND EXISTS (
              SELECT FROM raw_flex.conversion_rates r
              WHERE r.account_id = c.account_id AND r.withdrawn_at IS NULL AND r.from_currency = c.currency
                AND coalesce(r.report_date, r.row_date) = c.row_date
          )"""
"""A balance alone asks for a rate only where the broker has one: else the last one known is the better."""

_CASH_WITHOUT_RATE = """
    SELECT DISTINCT row_date, currency FROM raw_flex.cash_transactions
    WHERE account_id = %(account)s AND withdrawn_at IS NULL AND row_date >= %(since)s
      AND amount IS NOT NULL AND currency ~ '^[A-Z]{3}$' AND coalesce(fx_rate_to_base, 0) = 0
    ORDER BY 1, 2
"""

_RATES_SEEN = f"""
    WITH seen AS (
        SELECT coalesce(t.report_date, t.row_date) AS day, t.currency, t.fx_rate_to_base AS rate, t.date_time
        FROM raw_flex.trades t WHERE {_LIVE_TRADE} AND t.row_date >= %(since)s{_ROWS_WITH_RATE}{_BALANCES_WITH_RATE}
    )
    SELECT day, currency, rate, count(*)::int
    FROM seen WHERE currency ~ '^[A-Z]{{3}}$' AND day >= %(since)s
    GROUP BY day, currency, rate ORDER BY day, max(date_time) NULLS FIRST, rate
"""

_RANGE = """
    SELECT least(
        min(s.from_date),
        (SELECT min(date_time) FROM raw_flex.trades)::date,
        (SELECT min(date_time) FROM raw_flex.corporate_actions)::date,
        (SELECT min(date_time) FROM raw_flex.transfers)::date
    ), max(s.to_date)
    FROM raw_flex.statements s
"""

_AROUND = timedelta(days=14)
"""Longer than any closure of the exchange: what happens after the last close needs the session after it."""


def _trading_sessions(connection: psycopg.Connection, period: Period) -> tuple[Calendar, Changes]:
    """The calendar of everything loaded and asked for, and its table."""
    first, last = period
    earliest, latest = connection.execute(_RANGE).fetchone()
    begin, end = min(first, earliest or first) - _AROUND, max(last, latest or last) + _AROUND
    known = sessions(begin, end)
    return Calendar(known), sync(connection, _SESSIONS, known, "t.session BETWEEN %s AND %s", [begin, end])


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
