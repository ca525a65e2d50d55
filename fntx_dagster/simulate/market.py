"""The market in which the simulated accounts trade: prices by the minute, option values and exchange rates."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Mapping
from datetime import date, timedelta
from decimal import Decimal
from math import erf, exp, pi, sqrt
from random import Random
from typing import NamedTuple

from fntx_dagster.accounting.calendar import sessions
from fntx_dagster.model.period import Period
from fntx_dagster.simulate.contracts import AGG, SAP, SPY, SimulatedContract, option

CENT = Decimal("0.01")


class Walk(NamedTuple):
    """How a price moves: where it starts, and its standard deviation over a session and over a night, as a ratio."""

    start: float
    session: float
    night: float


class Market:
    """Prices that everybody sees, minute by minute in each session, and the exchange rates of every weekday.

    `closes` pins closing prices of SPY; the walk between them stays.
    """

    def __init__(self, seed: str, period: Period, base: str, closes: Mapping[date, str] | None = None) -> None:
        first, last = period
        calendar = (first + timedelta(days=n) for n in range((last - first).days + 1))
        self.base = base
        self.days = [day for day in calendar if day.weekday() < 5]
        beyond = sessions(first, last + timedelta(days=10))
        self.sessions = {session.day: session for session in beyond if session.day <= last}
        self._sessions = [session.day for session in beyond]
        self._paths = {
            contract: self._path(Random(f"{seed}/{contract.symbol}"), walk, closes or {} if contract is SPY else {})
            for contract, walk in _WALKS.items()
        }
        self._rates = self._exchange_rates(Random(f"{seed}/rates"))
        self._options: dict[tuple[str, int, date], SimulatedContract] = {}

    def following(self, day: date) -> date:
        """The session after a day."""
        return self._sessions[bisect_right(self._sessions, day)]

    def minutes(self, day: date) -> int:
        return len(self._paths[SPY][day]) - 1

    def price(self, contract: SimulatedContract, day: date, minute: int = -1) -> float:
        """Of a share at a minute of a session, or at its close; on another day the last close before it."""
        paths = self._paths[contract]
        if day in paths:
            return paths[day][minute]
        before = bisect_right(self._sessions, day)
        return paths[self._sessions[before - 1]][-1] if before else _WALKS[contract].start

    def close(self, contract: SimulatedContract, day: date) -> Decimal:
        """The closing mark of a share or an option, to the cent."""
        if not contract.put_call:
            return cents(self.price(contract, day))
        price = self.close(SPY, day)
        put_call, strike, expiry = contract.terms
        if expiry == day:
            return max(price - strike if put_call == "C" else strike - price, Decimal(0))
        return cents(self.value(contract, day, self.minutes(day)))

    def value(self, contract: SimulatedContract, day: date, minute: int) -> float:
        """An option by Bachelier's formula, with the volatility that the walk has."""
        put_call, strike, expiry = contract.terms
        deviation = self.deviation(expiry, day, minute)
        distance = (self.price(SPY, day, minute) - float(strike)) * (1 if put_call == "C" else -1)
        if not deviation:
            return max(distance, 0.0)
        d = distance / deviation
        return distance * (1 + erf(d / sqrt(2))) / 2 + deviation * exp(-d * d / 2) / sqrt(2 * pi)

    def deviation(self, expiry: date, day: date, minute: int) -> float:
        """How far SPY moves until the close of `expiry`, in dollars."""
        walk = _WALKS[SPY]
        left = 1 - minute / self.minutes(day)
        nights = bisect_right(self._sessions, expiry) - bisect_right(self._sessions, day)
        return self.price(SPY, day, minute) * sqrt((left + nights) * walk.session**2 + nights * walk.night**2)

    def rate(self, currency: str, day: date) -> Decimal:
        """Base currency per unit at the end of a weekday."""
        return self._rates[currency][day]

    def rates(self, day: date, currencies: Iterable[str]) -> dict[str, str]:
        return {currency: str(self.rate(currency, day)) for currency in currencies if currency != self.base}

    def option(self, put_call: str, strike: int, expiry: date) -> SimulatedContract:
        key = (put_call, strike, expiry)
        if key not in self._options:
            self._options[key] = option(put_call, strike, expiry.isoformat())
        return self._options[key]

    def _path(self, random: Random, walk: Walk, closes: Mapping[date, str]) -> dict[date, list[float]]:
        paths, price = {}, walk.start
        for day, session in self.sessions.items():
            minutes = int((session.closes_at - session.opens_at) / timedelta(minutes=1))
            price *= 1 + random.gauss(0, walk.night)
            path = [price]
            for _ in range(minutes):
                path.append(path[-1] * (1 + random.gauss(0, walk.session / sqrt(390))))
            if day in closes:
                off = float(closes[day]) - path[-1]
                path = [price + off * minute / minutes for minute, price in enumerate(path)]
            paths[day], price = path, path[-1]
        return paths

    def _exchange_rates(self, random: Random) -> dict[str, dict[date, Decimal]]:
        start, low, high, step = _DOLLAR[self.base]
        dollar, euro = start, 1.17
        rates: dict[str, dict[date, Decimal]] = {"USD": {}, "EUR": {}}
        for day in self.days:
            dollar = min(max(dollar + random.gauss(0, step), low), high)
            euro *= 1 + random.gauss(0, 0.004)
            rates["USD"][day] = _places(dollar, 4)
            rates["EUR"][day] = Decimal(1) if self.base == "EUR" else _places(dollar * euro, 4)
        return rates


_WALKS = {SPY: Walk(620.0, 0.0070, 0.0040), AGG: Walk(99.0, 0.0020, 0.0010), SAP: Walk(250.0, 0.0110, 0.0060)}
_DOLLAR = {
    "HKD": (7.83, 7.75, 7.85, 0.0018),
    "USD": (1.0, 1.0, 1.0, 0.0),
    "EUR": (0.86, 0.75, 1.0, 0.003),
    "GBP": (0.74, 0.65, 0.85, 0.003),
}
"""Dollars in base currency: start, the band they stay in, and the standard deviation of a day."""


def cents(price: float) -> Decimal:
    """To the nearest cent."""
    return _places(price, 2)


def _places(number: float, places: int) -> Decimal:
    return Decimal(round(number * 10**places)).scaleb(-places)
