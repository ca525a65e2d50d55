"""Greeks and risk at a session's close, or now: read from the tables, computed, written.

What belongs here: which days are computed, from which rows, and what is kept. Every rule of pricing and of risk is in
`metrics/`, the moment at which an option ends in `accounting.expiries`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import date, datetime
from decimal import Decimal
from itertools import groupby
from typing import Any, NamedTuple

from fntx_dagster.accounting.calendar import Calendar, session_at
from fntx_dagster.metrics.early_assignment import early_assignments
from fntx_dagster.metrics.gateway import positions_at
from fntx_dagster.metrics.moves import Moves, first_close
from fntx_dagster.metrics.portfolio import portfolio_row
from fntx_dagster.metrics.terms import Dividend, Underlying, underlying_of
from fntx_dagster.metrics.valuation import PricedOption, price_options
from fntx_dagster.model.closing import ClosingDay, ClosingPosition, OptionRow, PortfolioRow
from fntx_dagster.model.period import Period
from fntx_dagster.model.rates import rate_between
from fntx_dagster.model.shards import Accounts
from fntx_dagster.services.accounts import chosen_account
from fntx_dagster.services.dividends import known_dividends
from fntx_dagster.services.pricing import assumptions, calendar_for, ends_of
from fntx_dagster.services.sessions import require_days
from fntx_dagster.settings import Settings
from fntx_dagster.store.accounting.calendars import calendar_of, calendars
from fntx_dagster.store.database import Database, Readable
from fntx_dagster.store.marts import closing, current, risk
from fntx_dagster.store.syncing import Changes


class UpdatedGreeks(NamedTuple):
    """What updating a range of sessions did. `period` bounds the days that were computed; it reaches further back than
    the range where earlier days had changed."""

    period: Period
    portfolios: list[PortfolioRow]
    option_greeks: Changes
    portfolio_greeks: Changes


def update_greeks(settings: Settings, db: Database, period: Period, only: Accounts = None) -> UpdatedGreeks:
    """Bring `option_greeks` and `portfolio_greeks` up to date for the sessions of a range, and for those whose
    positions, marks or rates have changed since they were computed. Changed settings take effect on the days of the
    range alone.

    Every input is read from one snapshot: a row never mixes two states of the tables. Where a day is rebuilt meanwhile,
    its `inputs` differ from then on, and the next run computes it again.
    """
    with db.snapshot() as snapshot:
        due = closing.due(snapshot, period, only)
        days, positions = closing.closing_days(snapshot, due, only), closing.closing_positions(snapshot, due, only)
        followed, dividends = calendars(snapshot), known_dividends(settings, snapshot, due.last)
        markets = {
            name: _Market(calendar := calendar_for(due, positions, name), _moves(snapshot, calendar, due))
            for name in {followed[day.account_id] for day in days}
        }
    by_day = {
        key: list(own) for key, own in groupby(positions, lambda position: (position.account_id, position.trading_day))
    }
    options: list[OptionRow] = []
    portfolios: list[PortfolioRow] = []
    for day in days:
        own = by_day.get((day.account_id, day.trading_day), [])
        known, market = dividends.at(day.account_id, day.trading_day), markets[followed[day.account_id]]
        priced = _priced(settings, market.calendar, day.trading_day, own, known)
        options += [option.row for option in priced.values()]
        portfolios.append(portfolio_row(day, own, priced, market.moves.until(day.account_id, day.trading_day)))
    return UpdatedGreeks(due, portfolios, *closing.keep(db, due, options, portfolios, only))


class _Market(NamedTuple):
    """The sessions of a calendar, and the moves of underlyings from one to the next."""

    calendar: Calendar
    moves: Moves


class PricedClose(NamedTuple):
    """An account at a session's close: its NAV, what it holds, and its options priced, by contract."""

    day: ClosingDay
    positions: list[ClosingPosition]
    priced: Mapping[str, PricedOption]


def priced_close(settings: Settings, db: Readable, day: date, account: str) -> PricedClose | None:
    """An account's positions at a close, priced as for its Greeks; None where the session is not built."""
    on = Period.on(day)
    built = next((each for each in closing.closing_days(db, on) if each.account_id == account), None)
    if built is None:
        return None
    positions = [position for position in closing.closing_positions(db, on) if position.account_id == account]
    known = known_dividends(settings, db, day).at(account, day)
    calendar = calendar_for(on, positions, calendar_of(db, account))
    return PricedClose(built, positions, _priced(settings, calendar, day, positions, known))


class ProvisionalRisk(NamedTuple):
    """Greeks and risk of a day that no statement covers yet, as IB Gateway saw it at `as_of`; kept nowhere."""

    as_of: datetime
    portfolio: PortfolioRow
    options: list[OptionRow]
    shares: Mapping[Underlying, Decimal]


def provisional_risk(
    settings: Settings, db: Readable, period: Period, account: str | None = None
) -> Iterator[ProvisionalRisk]:
    """The days of a range that only the gateway has seen, by account and day, in the gateway's currency.

    An option is marked at the moment of the snapshot, or at its session's close where the snapshot is later. The value
    at risk takes its scenarios from the closing prices of statements.
    """
    for provisional in current.provisional(db, period, account):
        seen = provisional.snapshot
        session = session_at(seen.as_of)
        on = Period.on(session.day)
        valued_at = min(seen.as_of, session.closes_at)
        positions = positions_at(seen, session.day, valued_at, settings.accounting.realtime_rates)
        calendar = calendar_for(on, positions)
        known = known_dividends(settings, db, session.day).at(seen.account_id, session.day)
        priced = _priced(settings, calendar, session.day, positions, known)
        usd_rate = rate_between("USD", seen.currency, settings.accounting.realtime_rates)
        day = ClosingDay(seen.account_id, session.day, seen.currency, seen.nav, usd_rate, "")
        moves = _moves(db, calendar, on).until(seen.account_id, session.day)
        portfolio = portfolio_row(day, positions, priced, moves)
        options = [option.row for option in priced.values()]
        yield ProvisionalRisk(seen.as_of, portfolio, options, _shares(positions))


class ClosingRisk(NamedTuple):
    """Greeks and risk of an account at a session's close, or at `as_of` (UTC) on a day that no statement covers yet.

    `portfolio` is the row of `portfolio_greeks`, with the value at risk of the account's own returns; `options` are the
    rows of `option_greeks`, Greeks per unit, None where undefined. `early_assignments` are the short calls that are
    likely to be assigned before a known dividend (`metrics.early_assignment`).
    """

    account_id: str
    trading_day: date
    as_of: datetime | None
    portfolio: dict[str, Any]
    options: list[dict[str, Any]]
    early_assignments: list[dict[str, Any]]


def closing_risk(settings: Settings, db: Database, day: date, account: str | None = None) -> list[ClosingRisk]:
    """Read the Greeks and the risk of a session, of one account or of all; days that no statement covers yet come last.

    Raises Permanent where the account is not loaded or the day is not built.
    """
    on = Period.on(day)
    with db.snapshot() as snapshot:
        account = None if account is None else chosen_account(snapshot, account)
        options = risk.option_greeks(snapshot, on, account)
        known, positions = known_dividends(settings, snapshot, day), closing.closing_positions(snapshot, on)
        days = []
        for portfolio in risk.portfolio_risk(snapshot, on, account):
            owner = portfolio["account_id"]
            own = [row for row in options if row["account_id"] == owner]
            held = _shares(position for position in positions if position.account_id == owner)
            days.append(_closing_risk(portfolio, own, _early(own, known.at(owner, day), held)))
        for now in provisional_risk(settings, snapshot, on, account):
            portfolio = now.portfolio._asdict() | {"var_95_returns": None}
            own = [row._asdict() for row in now.options]
            early = _early(own, known.at(now.portfolio.account_id, day), now.shares)
            days.append(_closing_risk(portfolio, own, early, now.as_of))
    require_days(days, on, db, account)
    return days


def early_assignments_of(
    settings: Settings, db: Readable, day: date, account: str, options: Sequence[Mapping[str, Any]]
) -> list[dict[str, Any]]:
    """The short calls among an account's rows of `option_greeks` of a session that are likely to be assigned early."""
    known = known_dividends(settings, db, day).at(account, day)
    if not any(known.values()):
        return []
    positions = closing.closing_positions(db, Period.on(day))
    return _early(options, known, _shares(position for position in positions if position.account_id == account))


def option_rows(days: Iterable[ClosingRisk]) -> list[dict[str, Any]]:
    """The options of those closes in one list, each with its account, its session and `as_of`."""
    return [
        {"account_id": day.account_id, "trading_day": day.trading_day, "as_of": day.as_of} | option
        for day in days
        for option in day.options
    ]


def _early(
    options: Iterable[Mapping[str, Any]],
    dividends: Mapping[str, Sequence[Dividend]],
    held: Mapping[Underlying, Decimal],
) -> list[dict[str, Any]]:
    rows = [OptionRow(**{name: row[name] for name in OptionRow._fields}) for row in options]
    return [flagged._asdict() for flagged in early_assignments(rows, dividends, held)]


def _shares(positions: Iterable[ClosingPosition]) -> dict[Underlying, Decimal]:
    """The shares held of each underlying, which cover its calls."""
    held: dict[Underlying, Decimal] = {}
    for position in positions:
        if position.asset_category == "STK":
            key = underlying_of(position)
            held[key] = held.get(key, Decimal(0)) + position.quantity
    return held


def _closing_risk(
    portfolio: dict[str, Any],
    options: list[dict[str, Any]],
    early: list[dict[str, Any]],
    as_of: datetime | None = None,
) -> ClosingRisk:
    key = ("account_id", "trading_day")
    own = [{name: value for name, value in row.items() if name not in key} for row in options]
    sums = {name: value for name, value in portfolio.items() if name not in (*key, "inputs")}
    return ClosingRisk(portfolio["account_id"], portfolio["trading_day"], as_of, sums, own, early)


def _priced(
    settings: Settings,
    calendar: Calendar,
    day: date,
    positions: Sequence[ClosingPosition],
    dividends: Mapping[str, Sequence[Dividend]],
) -> Mapping[str, PricedOption]:
    ends = ends_of(settings, calendar, positions)
    return price_options(positions, ends, calendar.after(day).closes_at, assumptions(settings, dividends))


def _moves(db: Readable, calendar: Calendar, period: Period) -> Moves:
    days = [session.day for session in calendar.sessions if session.day <= period.last]
    return Moves(closing.closes(db, Period(first_close(days, period.first), period.last)), days)
