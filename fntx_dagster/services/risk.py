"""Greeks and risk at the close: from the closing positions to the tables.

Joins the rooms and holds no rule of its own: what is held and marked is dbt's `closing_positions`, when an option ends
`accounting.expiries`', the pricing `metrics.greeks`', the sums and the value at risk `metrics.risk`'s.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import date, datetime
from decimal import Decimal
from itertools import groupby, pairwise
from typing import NamedTuple

from fntx_dagster.accounting.calendar import Calendar, sessions
from fntx_dagster.accounting.expiries import ends_at
from fntx_dagster.accounting.provisional import session_at
from fntx_dagster.metrics.greeks import Greeks, Option, greeks, underlying_by_parity, years_between
from fntx_dagster.metrics.risk import MOST_SCENARIOS, RiskPosition, exposure, value_at_risk
from fntx_dagster.model.closing import ClosingDay, ClosingPosition, ClosingPrice, OptionRow, PortfolioRow
from fntx_dagster.model.period import Period
from fntx_dagster.model.snapshot import Snapshot
from fntx_dagster.settings import Settings
from fntx_dagster.store import closing, current
from fntx_dagster.store.database import Database
from fntx_dagster.store.syncing import Changes

PARITY = "put_call_parity"
_ZERO = Decimal(0)
_OPTIONS = ("OPT", "FOP")
_SHARES = ("STK", "FUT", "CFD")
"""What moves one for one with its own price."""
_PLACES, _FEWEST_DIGITS = Decimal("0.0001"), 6
"""What a price that a put and a call imply is told to: four decimals, and more where it is small, as a yen's."""


class Computed(NamedTuple):
    """What computing a range of sessions did; `last` may lie beyond what was asked, where earlier days had changed."""

    first: date
    last: date
    portfolios: list[PortfolioRow]
    option_greeks: Changes
    portfolio_greeks: Changes


def compute(settings: Settings, db: Database, period: Period) -> Computed:
    """Bring both tables up to date for the sessions of a range, and for those whose positions, marks or rates are not
    what they were computed from. Changed settings reach a day when it is asked for."""
    first, last = period
    first, last = closing.due(db, Period(first, last))
    days, positions = closing.closing_days(db, Period(first, last)), closing.closing_positions(db, Period(first, last))
    calendar = _calendar(Period(first, last), positions)
    moves = _Moves(db, calendar, Period(first, last))
    held = {key: list(own) for key, own in groupby(positions, lambda one: (one.account_id, one.trading_day))}
    options, portfolios = [], []
    for day in days:
        own = held.get((day.account_id, day.trading_day), ())
        valued = _Close(settings, calendar, own)
        options += valued.rows
        portfolios.append(_portfolio(day, own, valued, moves.until(day.account_id, day.trading_day)))
    return Computed(first, last, portfolios, *closing.keep(db, Period(first, last), options, portfolios))


class Running(NamedTuple):
    """Greeks and risk of a day that no statement tells yet, as IB Gateway had it at `as_of`; kept nowhere."""

    as_of: datetime
    portfolio: PortfolioRow
    options: list[OptionRow]


def running(settings: Settings, db: Database, period: Period, account: str | None = None) -> Iterator[Running]:
    """The days of a range that only the gateway has told, by account and day, in the gateway's currency. An option is
    marked at that moment, or at its session's close where the gateway was asked after it; value at risk is under the
    moves that statements tell."""
    for found in current.provisional(db, period, account):
        seen = found.snapshot
        session = session_at(seen.as_of)
        positions = _from_gateway(seen, session.day, min(seen.as_of, session.closes_at), settings.realtime_rates)
        calendar = _calendar(Period.on(session.day), positions)
        valued = _Close(settings, calendar, positions)
        usd_rate = _rate_between("USD", seen.currency, settings.realtime_rates)
        day = ClosingDay(seen.account_id, session.day, seen.currency, seen.nav, usd_rate, "")
        moves = _Moves(db, calendar, Period.on(session.day)).until(seen.account_id, session.day)
        yield Running(seen.as_of, _portfolio(day, positions, valued, moves), valued.rows)


class Priced(NamedTuple):
    """An option at its mark: the row, and itself one day later (None where its underlying's price is unknown)."""

    row: OptionRow
    greeks: Greeks
    later: Option | None


class _Close:
    """The options of one account at one close."""

    def __init__(self, settings: Settings, calendar: Calendar, positions: Sequence[ClosingPosition]) -> None:
        self.settings = settings
        self.calendar = calendar
        options = [one for one in positions if one.is_option]
        implied = self._by_parity(options)
        self.priced = {one.contract_id: self._priced(one, implied) for one in options}

    @property
    def rows(self) -> list[OptionRow]:
        return [one.row for one in self.priced.values()]

    def _priced(self, one: ClosingPosition, implied: Mapping[tuple, Decimal]) -> Priced:
        price, source = one.underlying_price, one.underlying_source
        if price is None and (price := implied.get(_of(one))) is not None:
            source = PARITY
        end = self._end(one)
        years = years_between(one.valued_at, end) if end else 0.0
        option = self._option(one, price, years) if end and price is not None else None
        found = greeks(option, _float(one.mark), years, float(one.multiplier)) if end else Greeks("no_price")
        row = OptionRow(
            **{name: getattr(one, name) for name in OptionRow._fields if name in ClosingPosition._fields}
            | {"underlying_price": price, "underlying_source": source},
            exercise="european" if self._is_european(one) else "american",
            ends_at=end,
            risk_free_rate=self._rate(one),
            dividend_yield=self._yield(one),
            **{name: _digits(value) for name, value in found._asdict().items() if name != "status"},
            status=found.status,
        )
        following = self.calendar.after(one.trading_day).closes_at
        return Priced(row, found, option and option._replace(years=years_between(following, end)))

    def _option(self, one: ClosingPosition, price: Decimal, years: float) -> Option:
        return Option(
            put_call=one.put_call,
            strike=float(one.strike),
            is_american=not self._is_european(one),
            underlying=float(price),
            rate=float(self._rate(one)),
            dividend_yield=float(self._yield(one)),
            years=years,
        )

    def _by_parity(self, options: Iterable[ClosingPosition]) -> dict[tuple, Decimal]:
        """The price of each underlying that nobody tells, where a put and a call of one strike and expiry are marked:
        of the pair that lies nearest to the money, and of those the one that ends first."""
        pairs: dict[tuple, dict[str, ClosingPosition]] = defaultdict(dict)
        for one in options:
            if one.underlying_price is None and one.mark is not None and self._end(one):
                pairs[*_of(one), one.expiry, one.strike, one.valued_at][one.put_call] = one
        found: dict[tuple, tuple[Decimal, date, Decimal]] = {}
        for pair in pairs.values():
            if len(pair) < 2 or not max(one.mark for one in pair.values()):
                continue
            put, call = pair["P"], pair["C"]
            years = years_between(call.valued_at, self._end(call))
            if years <= 0:
                continue
            price = underlying_by_parity(
                float(call.mark),
                float(put.mark),
                float(call.strike),
                float(self._rate(call)),
                float(self._yield(call)),
                years,
            )
            candidate = (abs(call.mark - put.mark), call.expiry, _implied(price))
            found[_of(call)] = min(found.get(_of(call), candidate), candidate)
        return {underlying: price for underlying, (_, _, price) in found.items()}

    def _end(self, one: ClosingPosition) -> datetime | None:
        """When it ends; None where the statements do not say what it is."""
        if one.expiry is None or one.strike is None or one.put_call not in ("P", "C"):
            return None
        return ends_at(self.calendar, one.expiry, is_late=one.underlying_symbol in self.settings.late_underlyings)

    def _is_european(self, one: ClosingPosition) -> bool:
        return one.underlying_symbol in self.settings.european_underlyings

    def _rate(self, one: ClosingPosition) -> Decimal:
        return self.settings.risk_free_rates.get(one.currency, _ZERO)

    def _yield(self, one: ClosingPosition) -> Decimal:
        """An option on a future is on something that costs nothing to hold."""
        if one.asset_category == "FOP":
            return self._rate(one)
        return self.settings.dividend_yields.get(one.underlying_symbol, _ZERO)


class _Moves:
    """What the underlyings of each account did in the sessions of the past, as its statements tell it."""

    def __init__(self, db: Database, calendar: Calendar, period: Period) -> None:
        first, last = period
        self.days = [session.day for session in calendar.sessions if session.day <= last]
        begin = self.days[max(0, self._place(first) - MOST_SCENARIOS)]
        known: dict[tuple[str, str, str], dict[date, ClosingPrice]] = defaultdict(dict)
        for one in closing.closes(db, Period(begin, last)):
            known[one.account_id, one.symbol, one.currency][one.trading_day] = one
        self.moves: dict[str, dict[date, dict[tuple[str, str], float]]] = defaultdict(lambda: defaultdict(dict))
        for (account, *listing), prices in known.items():
            for before, day in pairwise(self.days):
                here, there = prices.get(day), prices.get(before)
                if here and there and here.is_comparable and there.price > 0:
                    self.moves[account][day][*listing] = float(here.price / there.price) - 1

    def until(self, account: str, day: date) -> list[Mapping[tuple[str, str], float]]:
        """Of the last MOST_SCENARIOS sessions up to a day, oldest first; by symbol and currency."""
        end = self._place(day) + 1
        moves = self.moves[account]
        return [moves.get(one, {}) for one in self.days[max(0, end - MOST_SCENARIOS) : end]]

    def _place(self, day: date) -> int:
        return bisect_right(self.days, day) - 1


def _portfolio(
    day: ClosingDay,
    positions: Iterable[ClosingPosition],
    valued: _Close,
    moves: Sequence[Mapping[tuple[str, str], float]],
) -> PortfolioRow:
    open_positions = [one for one in positions if one.quantity]
    held = list(_held(open_positions, valued))
    nav = float(day.nav)
    sums = exposure(held, nav, _float(day.usd_rate))
    at_risk = value_at_risk(held, nav, moves, all_known=len(held) == len(open_positions))
    return PortfolioRow(
        day.account_id,
        day.trading_day,
        day.base_currency,
        day.nav,
        sums.options,
        sums.without,
        sums.delta,
        sums.gamma,
        sums.theta,
        sums.vega,
        at_risk.historical,
        at_risk.repricing,
        at_risk.scenarios,
        day.inputs,
    )


def _held(positions: Iterable[ClosingPosition], valued: _Close) -> Iterator[RiskPosition]:
    """Bonds, funds and the like have no delta here, and no moves: they are left out."""
    for one in positions:
        units, rate = float(one.quantity * one.multiplier), _float(one.rate_to_base)
        if one.is_option:
            priced = valued.priced[one.contract_id]
            row = priced.row
            yield RiskPosition(
                (one.underlying_symbol or "", one.currency),
                units,
                _float(row.underlying_price),
                rate,
                priced.greeks,
                _float(one.mark),
                priced.later,
                row.exercise == "american",
            )
        elif one.asset_category in _SHARES:
            yield RiskPosition((one.symbol or "", one.currency), units, _float(one.mark), rate)


def _from_gateway(
    seen: Snapshot, day: date, valued_at: datetime, rates: Mapping[str, Decimal]
) -> list[ClosingPosition]:
    """The gateway's positions as those of a close; a share among them is its options' underlying."""
    options = [one for one in seen.positions if one.contract.asset_category in _OPTIONS]
    shares = {(one.contract.symbol, one.currency): one.mark for one in seen.positions if one not in options}
    return [
        ClosingPosition(
            account_id=seen.account_id,
            trading_day=day,
            contract_id=one.contract.contract_id,
            symbol=one.contract.symbol,
            asset_category=one.contract.asset_category,
            is_option=one in options,
            is_traded=False,
            underlying_symbol=one.contract.underlying_symbol,
            strike=one.contract.strike,
            expiry=one.contract.expiry,
            put_call=one.contract.put_call,
            multiplier=one.contract.multiplier,
            currency=one.currency,
            quantity=one.quantity,
            rate_to_base=_rate_between(one.currency, seen.currency, rates),
            mark=one.mark,
            mark_source="gateway",
            valued_at=valued_at,
            underlying_price=price,
            underlying_source="gateway" if price is not None else None,
        )
        for one in sorted(seen.positions, key=lambda one: one.contract.contract_id)
        for price in [shares.get((one.contract.underlying_symbol, one.currency)) if one in options else None]
    ]


def _rate_between(currency: str, into: str, rates: Mapping[str, Decimal]) -> Decimal | None:
    """A configured rate, which serves both ways; None where there is none."""
    if currency == into:
        return Decimal(1)
    back = rates.get(f"{into}/{currency}")
    return rates.get(f"{currency}/{into}") or (1 / back if back else None)


def _calendar(period: Period, positions: Iterable[ClosingPosition]) -> Calendar:
    """Whole years, so that one is made for many runs: of the scenarios before, and of every expiry."""
    first, last = period
    expiries = [one.expiry for one in positions if one.expiry]
    begin, end = min([first, *expiries]), max([last, *expiries])
    return Calendar(sessions(date(begin.year - 2, 1, 1), date(end.year + 1, 1, 31)))


def _implied(price: float) -> Decimal:
    exact = Decimal(price)
    return exact.quantize(min(_PLACES, Decimal(1).scaleb(exact.adjusted() + 1 - _FEWEST_DIGITS)))


def _of(one: ClosingPosition) -> tuple:
    return one.underlying_symbol, one.currency


def _float(amount: Decimal | None) -> float | None:
    return None if amount is None else float(amount)


def _digits(value: float | None) -> float | None:
    """Ten digits: the last ones are the machine's."""
    return None if value is None else float(f"{value:.10g}")
