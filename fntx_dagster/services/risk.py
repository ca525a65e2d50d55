"""Greeks and risk at a session's close, or now: read from the tables, computed, written.

What belongs here: which days are computed, from which rows, and what is kept. Every rule of pricing and of risk is in
`metrics/`, the moment at which an option ends in `accounting.expiries`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import date, datetime
from itertools import groupby
from typing import NamedTuple

from fntx_dagster.accounting.calendar import Calendar, sessions
from fntx_dagster.accounting.expiries import ends_at
from fntx_dagster.accounting.provisional import session_at
from fntx_dagster.metrics.gateway import positions_at, rate_between
from fntx_dagster.metrics.moves import Moves, calendar_range, first_close
from fntx_dagster.metrics.portfolio import portfolio_row
from fntx_dagster.metrics.terms import Assumptions, terms_of
from fntx_dagster.metrics.valuation import PricedOption, price_options
from fntx_dagster.model.closing import ClosingDay, ClosingPosition, OptionRow, PortfolioRow
from fntx_dagster.model.period import Period
from fntx_dagster.settings import Settings
from fntx_dagster.store.database import Database
from fntx_dagster.store.marts import closing, current
from fntx_dagster.store.syncing import Changes


class Computed(NamedTuple):
    """What computing a range of sessions did. `first` and `last` are the days that were computed: more than were asked
    for where earlier days had changed."""

    first: date
    last: date
    portfolios: list[PortfolioRow]
    option_greeks: Changes
    portfolio_greeks: Changes


def compute(settings: Settings, db: Database, period: Period) -> Computed:
    """Bring both tables up to date for the sessions of a range, and for those whose positions, marks or rates have
    changed since they were computed. Changed settings reach a day when it is asked for."""
    due = Period(*closing.due(db, period))
    days, positions = closing.closing_days(db, due), closing.closing_positions(db, due)
    calendar = _calendar(due, positions)
    moves = _moves(db, calendar, due)
    held = {
        key: list(own) for key, own in groupby(positions, lambda position: (position.account_id, position.trading_day))
    }
    options: list[OptionRow] = []
    portfolios: list[PortfolioRow] = []
    for day in days:
        own = held.get((day.account_id, day.trading_day), [])
        priced = _priced(settings, calendar, day.trading_day, own)
        options += [option.row for option in priced.values()]
        portfolios.append(portfolio_row(day, own, priced, moves.until(day.account_id, day.trading_day)))
    return Computed(*due, portfolios, *closing.keep(db, due, options, portfolios))


class Running(NamedTuple):
    """Greeks and risk of a day that no statement covers yet, as IB Gateway had it at `as_of`; kept nowhere."""

    as_of: datetime
    portfolio: PortfolioRow
    options: list[OptionRow]


def running(settings: Settings, db: Database, period: Period, account: str | None = None) -> Iterator[Running]:
    """The days of a range that only the gateway has seen, by account and day, in the gateway's currency.

    An option is marked at that moment, or at its session's close where the gateway was asked after it. The value at
    risk takes its scenarios from the closing prices of statements.
    """
    for provisional in current.provisional(db, period, account):
        seen = provisional.snapshot
        session = session_at(seen.as_of)
        on = Period.on(session.day)
        valued_at = min(seen.as_of, session.closes_at)
        positions = positions_at(seen, session.day, valued_at, settings.accounting.realtime_rates)
        calendar = _calendar(on, positions)
        priced = _priced(settings, calendar, session.day, positions)
        usd_rate = rate_between("USD", seen.currency, settings.accounting.realtime_rates)
        day = ClosingDay(seen.account_id, session.day, seen.currency, seen.nav, usd_rate, "")
        moves = _moves(db, calendar, on).until(seen.account_id, session.day)
        portfolio = portfolio_row(day, positions, priced, moves)
        yield Running(seen.as_of, portfolio, [option.row for option in priced.values()])


def _priced(
    settings: Settings, calendar: Calendar, day: date, positions: Sequence[ClosingPosition]
) -> Mapping[str, PricedOption]:
    assumptions = Assumptions(
        settings.risk.risk_free_rates, settings.risk.dividend_yields, settings.options.european_underlyings
    )
    ends = {
        position.contract_id: ends_at(
            calendar, terms.expiry, is_late=position.underlying_symbol in settings.options.late_underlyings
        )
        for position in positions
        if (terms := terms_of(position))
    }
    return price_options(positions, ends, calendar.after(day).closes_at, assumptions)


def _moves(db: Database, calendar: Calendar, period: Period) -> Moves:
    days = [session.day for session in calendar.sessions if session.day <= period.last]
    return Moves(closing.closes(db, Period(first_close(days, period.first), period.last)), days)


def _calendar(period: Period, positions: Iterable[ClosingPosition]) -> Calendar:
    return Calendar(sessions(*calendar_range(period, [position.expiry for position in positions if position.expiry])))
