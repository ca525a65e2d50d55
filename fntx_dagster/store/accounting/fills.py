"""Fills and lots: from the raw rows of the statements to `fills`, `position_lots`, `day_rates`, `trading_sessions`.

Reads what `raw_flex` holds (by `trades`, `bookings` and `rates`), lets `accounting` decide, and writes only what
differs, one transaction per account. The tables equal what a rebuild from the first statement would give: a range
starts from the lots that were open before it, and it starts earlier when trades or labels of earlier days differ from
the tables, and at the first statement where other lots were held before that (`held`). A rate that comes later, by a
ConversionRates row or the setting, changes an older day only when that day is built again. The earliest session whose
fills or lots changed is noted as stale.
"""

from __future__ import annotations

import gc
from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import date, datetime, timedelta
from decimal import Decimal
from operator import attrgetter
from typing import NamedTuple

import psycopg

from fntx_dagster.accounting import classification, trade_rows
from fntx_dagster.accounting.calendar import LONGEST_CLOSURE, Calendar, sessions
from fntx_dagster.accounting.fills import Fill
from fntx_dagster.accounting.held import Gap, HeldLot
from fntx_dagster.accounting.lots import LONG, UNSTATED, Lot, Matching
from fntx_dagster.accounting.matching import match_contracts
from fntx_dagster.accounting.section_rows import asset_category
from fntx_dagster.errors import Permanent, masked
from fntx_dagster.model.period import Period
from fntx_dagster.model.session import XNYS
from fntx_dagster.model.shards import Accounts, is_among
from fntx_dagster.store.accounting import bookings, held, trades
from fntx_dagster.store.accounting.base_currencies import base_currency, keep_base_currency
from fntx_dagster.store.accounting.calendars import keep_calendars
from fntx_dagster.store.accounting.changes import note_changed
from fntx_dagster.store.accounting.rates import FirstStatement, RatesRead, read_rates, write_day_rates
from fntx_dagster.store.database import Database
from fntx_dagster.store.queries import columns, one_row
from fntx_dagster.store.syncing import Changes, Synced, SyncedTable, sync, sync_by_day


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

    def __add__(  # pyright: ignore[reportIncompatibleMethodOverride]  # counts add up; a tuple joins
        self, other: RebuildCounts
    ) -> RebuildCounts:
        return RebuildCounts(
            self.trading_sessions + other.trading_sessions,
            self.day_rates + other.day_rates,
            self.fills + other.fills,
            self.position_lots + other.position_lots,
            self.unopened + other.unopened,
            self.failed + other.failed,
        )


def rebuild(db: Database, period: Period, *, fallback: Mapping[str, Decimal], only: Accounts = None) -> RebuildCounts:
    """Bring the tables up to date for the sessions from `first` on, in every account, or in those of `only`.

    `last` is the last day that the calendar must hold; lots always run on to the newest fill, because what is closed
    later depends on what was opened before. `fallback` maps pairs such as `USD/HKD` to rates. One account's bad row
    leaves that account as it was and the others rebuilt.
    """
    first = period.first
    with db.connect() as connection:
        rows = connection.execute("select distinct account_id from raw_flex.statements order by 1")
        accounts = [account for (account,) in rows]
        followed = keep_calendars(connection, accounts)
        calendars, changes = _trading_sessions(connection, period, {XNYS, *followed.values()})
    counts = RebuildCounts(trading_sessions=changes)
    for account in accounts:
        if not is_among(account, only):
            continue
        try:
            with db.connect() as connection, _collector_at_rest():
                counts += _Account(connection, account, calendars[followed[account]], fallback).rebuild(first)
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
        named = base_currency(self.connection, self.account)
        keep_base_currency(self.connection, self.account, named)
        base = named.currency
        cancels = trade_rows.cancellations(trades.trades_to_strike_out(self.connection, self.account))
        gaps = held.gaps(self.connection, self.account, self.calendar)
        start, beginning = self._start(first, cancels, base, gaps), self.calendar.sessions[0].previous_close
        fills, read = self._fills(start, base, cancels)
        before = held.held_lots(self.connection, self.account, base, self.calendar, start, fills)
        built = held.held_as_built(self.connection, self.account)
        is_changed = {held.identity(lot) for lot in before} != built
        if start > beginning and (is_changed or any(lot.lot.opened_at > start for lot in before)):
            start = beginning
            fills, read = self._fills(start, base, cancels)
        if is_changed:
            note_changed(self.connection, self.account, held.first_day(self.connection, self.account))
        later_gaps = [gap for gap in gaps if gap.end.close > start]
        touched = {fill.contract_id for fill in fills} | self._contracts_after(start)
        touched |= self._contracts_of_gaps(start, later_gaps)
        if start == beginning:
            touched |= {lot.row.contract_id for lot in before} | {str(contract) for contract, *_ in built}
            restored = [(_contract_of(lot), lot.lot) for lot in before]
        else:
            restored = self._open_lots(start, touched)
        matchings, appeared = self._matched(fills, restored, later_gaps, base)
        contracts = {lot.open_fill_id: contract for contract, lot in (*restored, *appeared)}
        for fill in fills:
            contracts[fill.fill_id] = contracts[f"{UNSTATED}:{fill.fill_id}"] = _LotContract(*_contract_fields(fill))
        written = {
            "day_rates": write_day_rates(
                self.connection, self.account, self.calendar, read, self.calendar.ending_at(start)
            ),
            "fills": self._write_fills(start, fills, matchings),
            "position_lots": self._write_lots(start, touched, matchings, contracts),
        }
        if days := [table.since for table in written.values() if table.since]:
            note_changed(self.connection, self.account, min(days))
        return RebuildCounts(
            day_rates=written["day_rates"].changes,
            fills=written["fills"].changes,
            position_lots=written["position_lots"].changes,
            unopened=tuple(self._unopened(fills, matchings)),
        )

    def _fills(self, start: datetime, base: str, cancels: trade_rows.Cancellations) -> tuple[list[Fill], RatesRead]:
        """The fills after a moment, in order of execution, and the rates that they were made with."""
        # what is booked after that close may still be reported for that day
        first_day = held.first_day(self.connection, self.account)
        beginning = FirstStatement(first_day, self.calendar.on_or_before(first_day - timedelta(days=1)).day)
        read = read_rates(self.connection, self.account, base, self.calendar.ending_at(start), self.fallback, beginning)
        rates = read.rates
        rows = trades.trades_after(self.connection, self.account, start, cancels.late)
        exercises = trades.exercises_after(self.connection, self.account, start)
        counted = [row for row in rows if row.row_key not in cancels.struck_out]
        classified = classification.classify(counted, exercises, self.calendar, rates, cancels)
        fills = [fill for fill in classified if fill.executed_at > start]
        if booked := bookings.booked(self.connection, self.account, start, self.calendar, rates):
            fills = sorted((*fills, *booked), key=lambda fill: fill.order)
        return fills, read

    def _matched(
        self, fills: Sequence[Fill], lots: list[tuple[_LotContract, Lot]], gaps: Sequence[Gap], base: str
    ) -> tuple[dict[str, Matching], list[tuple[_LotContract, Lot]]]:
        """Per contract what the fills made of its lots, and the lots that appeared in the gaps between statements."""
        whole: dict[str, Matching] = {}
        appeared: list[tuple[_LotContract, Lot]] = []
        held_now = [(contract.contract_id, lot) for contract, lot in lots]
        for gap in gaps:
            until = bisect_right(fills, gap.end.close, key=lambda fill: fill.executed_at)
            _join(whole, match_contracts(fills[:until], held_now, unstated=True))
            fills = fills[until:]
            held_now = [(contract_id, lot) for contract_id, matching in whole.items() for lot in matching.open]
            known: dict[str, Decimal] = defaultdict(Decimal)
            trips = {}
            for contract_id, lot in held_now:
                known[contract_id] += lot.quantity if lot.direction == LONG else -lot.quantity
                trips[contract_id] = lot.round_trip_id
            for found in held.lots_of_gap(self.connection, self.account, base, gap, known, fills):
                contract, lot = _contract_of(found), found.lot
                lot = lot._replace(round_trip_id=trips.get(contract.contract_id, lot.round_trip_id))
                appeared.append((contract, lot))
                held_now.append((contract.contract_id, lot))
        _join(whole, match_contracts(fills, held_now, unstated=True))
        return whole, appeared

    def _start(self, first: date, cancels: trade_rows.Cancellations, base: str, gaps: Sequence[Gap]) -> datetime:
        """The close after which everything is read again: before `first`, or before the earliest mismatch; and before
        the last session of a gap that ends there, whose lots the first day after it says."""
        start = self.calendar.on_or_after(first).previous_close
        mismatches = (
            trades.earliest_mismatch(self.connection, self.account, cancels, base),
            bookings.earliest_mismatch(self.connection, self.account),
        )
        start = min((start, *(self.calendar.at(moment).previous_close for moment in mismatches if moment)))
        ends = [gap.end.session for gap in gaps if gap.end.close == start]
        return self.calendar.on_or_before(ends[0]).previous_close if ends else start

    def _contracts_after(self, start: datetime) -> set[str]:
        query = "select distinct contract_id from alm_reporting.fills where account_id = %s and executed_at > %s"
        return {contract for (contract,) in self.connection.execute(query, [self.account, start])}

    def _contracts_of_gaps(self, start: datetime, gaps: Sequence[Gap]) -> set[str]:
        """Those that Open Positions list after gaps, and those of lots that were built as appeared after a moment."""
        rows = self.connection.execute(
            """select contract_id from alm_reporting.position_lots
            where account_id = %(account)s and how_opened = 'held' and opened_at > %(start)s
            union
            select coalesce(conid, symbol) from raw_flex.open_positions
            where account_id = %(account)s and withdrawn_at is null and position <> 0 and row_date = any (%(days)s)
                and coalesce(conid, symbol) is not null""",
            {"account": self.account, "start": start, "days": [gap.reported for gap in gaps]},
        )
        return {contract for (contract,) in rows}

    def _open_lots(self, start: datetime, contracts: Iterable[str]) -> list[tuple[_LotContract, Lot]]:
        parameters = {"account": self.account, "start": start, "contracts": list(contracts)}
        width = len(_LotContract._fields)
        rows = self.connection.execute(_OPEN_LOTS, parameters)
        return [(_LotContract._make(row[:width]), Lot(*row[width:-1], opened_before=row[-1])) for row in rows]

    def _write_fills(self, start: datetime, fills: Sequence[Fill], matchings: Mapping[str, Matching]) -> Synced:
        rows = ((self.account, *_from_fill(fill), *matchings[fill.contract_id].effects[fill.fill_id]) for fill in fills)
        scope = "t.account_id = %s and t.executed_at > %s"
        return sync_by_day(self.connection, _FILLS, rows, scope, [self.account, start])

    def _write_lots(
        self,
        start: datetime,
        touched: Iterable[str],
        matchings: Mapping[str, Matching],
        contracts: Mapping[str, _LotContract],
    ) -> Synced:
        rows = (
            (self.account, lot.lot_id, *contracts[lot.open_fill_id], *lot)
            for matching in matchings.values()
            for lot in (*matching.closed, *matching.open)
        )
        scope = "t.account_id = %s and t.contract_id = any (%s) and (t.closed_at is null or t.closed_at > %s)"
        return sync_by_day(self.connection, _LOTS, rows, scope, [self.account, list(touched), start])

    def _unopened(self, fills: Iterable[Fill], matchings: Mapping[str, Matching]) -> Iterator[UnopenedFill]:
        left = {
            unopened.fill_id: unopened.quantity for matching in matchings.values() for unopened in matching.unopened
        }
        for fill in fills:
            if fill.fill_id in left:
                yield UnopenedFill(masked(self.account), fill.session, fill.symbol, fill.fill_id, left[fill.fill_id])


class _LotContract(NamedTuple):
    """What a lot repeats of its contract, taken from its opening fill."""

    contract_id: str
    symbol: str | None
    description: str | None
    asset_category: str
    underlying_symbol: str | None
    strike: Decimal | None
    expiry: date | None
    put_call: str | None
    currency: str


def _join(whole: dict[str, Matching], more: Mapping[str, Matching]) -> None:
    """Add the matchings of later fills, which began with what the earlier ones left open."""
    for contract_id, matching in more.items():
        if earlier := whole.get(contract_id):
            matching = Matching(
                (*earlier.closed, *matching.closed),
                matching.open,
                earlier.effects | matching.effects,
                (*earlier.unopened, *matching.unopened),
            )
        whole[contract_id] = matching


_contract_fields = attrgetter(*_LotContract._fields)


def _contract_of(held_lot: HeldLot) -> _LotContract:
    row = held_lot.row
    return _LotContract(
        row.contract_id,
        row.symbol,
        row.description,
        asset_category(row),
        row.underlying_symbol,
        row.strike,
        row.expiry,
        row.put_call,
        row.currency or "",
    )


_FROM_FILL = (
    *(name for name in Fill._fields if name not in ("delivered_by", "closes", "booked", "ratio")),
    "proceeds",
)
_from_fill = attrgetter(*_FROM_FILL)
_FILLS = SyncedTable(
    "fills",
    ("account_id", "fill_id"),
    ("account_id", *_FROM_FILL, "opening_quantity", "closing_quantity", "gross_realised", "unknown_quantity"),
    day="session",
)
# an open lot has no day: it changes with the fill that opened it, or with what closes a part of it
_LOTS = SyncedTable(
    "position_lots",
    ("account_id", "lot_id"),
    ("account_id", "lot_id", *_LotContract._fields, *Lot._fields),
    day="closed_session",
)
_SESSIONS = SyncedTable(
    "trading_sessions",
    ("calendar", "session"),
    ("session", "previous_close", "opens_at", "closes_at", "early_close", "calendar"),
)

_OPEN_LOTS = f"""
    select {columns(_LotContract._fields, of="l")},
        l.direction, sum(l.quantity), l.multiplier, l.open_fill_id, l.opened_at, l.opened_session, l.open_price,
        sum(l.open_fee), l.open_fx_rate, l.how_opened, l.origin_fill_id, l.round_trip_id, l.opened_before
    from alm_reporting.position_lots l
    left join alm_reporting.fills f on f.account_id = l.account_id and f.fill_id = l.open_fill_id
    where l.account_id = %(account)s and l.contract_id = any (%(contracts)s)
      and l.opened_at <= %(start)s and (l.closed_at is null or l.closed_at > %(start)s)
    group by {columns(_LotContract._fields, of="l")},
        l.direction, l.multiplier, l.open_fill_id, l.opened_at, l.opened_session, l.open_price, l.open_fx_rate,
        l.how_opened, l.origin_fill_id, l.round_trip_id, l.opened_before, f.source_transaction_id
    order by l.opened_at,
        case when f.source_transaction_id ~ '^[0-9]+$' then f.source_transaction_id::numeric else 0 end, l.open_fill_id
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


def _trading_sessions(
    connection: psycopg.Connection, period: Period, followed: Iterable[str]
) -> tuple[dict[str, Calendar], Changes]:
    """The calendars that accounts follow, for everything loaded and for the period, and the changes of their table."""
    first, last = period
    earliest, latest = one_row(connection.execute(_RANGE))
    begin = min(first, earliest or first) - LONGEST_CLOSURE
    end = max(last, latest or last) + LONGEST_CLOSURE  # what happens after the last close needs the session after it
    known = {calendar: sessions(begin, end, calendar) for calendar in followed}
    rows = [session for each in known.values() for session in each]
    changes = sync(connection, _SESSIONS, rows, "t.session between %s and %s", [begin, end])
    return {calendar: Calendar(each) for calendar, each in known.items()}, changes


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
