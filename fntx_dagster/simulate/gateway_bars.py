"""The daily bars that a simulated IB Gateway gives of its market, as message 17 of the protocol.

What the real one refuses, this one refuses with the same code: an end where bars are adjusted (321), a symbol without
bars (162), a contract that it does not know (200).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from decimal import Decimal

from fntx_dagster.model.session import NEW_YORK

HISTORICAL_BARS = 20
"""What a client sends."""
_ANSWER, _ERROR = 17, 4
_DURATION = re.compile(r"([1-9]\d*) ([DY])").fullmatch
_REFUSED = "Historical Market Data Service error message:"
PACING = (162, f"{_REFUSED}Historical data request pacing violation")
NO_PERMISSION = (162, f"{_REFUSED}No market data permissions for ARCA STK")


@dataclass
class BarDesk:
    """What it knows: by symbol the close of each day, which may change between two answers; `refuses`: a code and
    words for every request; `odd`: fields in place of those of a day's bar, which no real one sends."""

    closes: dict[str, Mapping[date, Decimal]] = field(default_factory=dict)
    refuses: tuple[int, str] | None = None
    odd: dict[date, tuple[object, ...]] = field(default_factory=dict)


def bar_messages(desk: BarDesk, asked: list[str], now: datetime) -> Iterator[tuple[object, ...]]:
    """The messages that answer a request."""
    request, symbol, kind = asked[1], asked[3], asked[4]
    end, size, duration, shown = asked[15], asked[16], asked[17], asked[19]
    today = now.astimezone(NEW_YORK).date()
    if desk.refuses:
        yield _refusal(request, *desk.refuses)
    elif size != "1 day" or not (span := _DURATION(duration)):
        yield _refusal(request, 321, "Error validating request: cause - Invalid bar size or duration")
    elif shown == "ADJUSTED_LAST" and end:
        yield _refusal(request, 321, "Error validating request: cause - End Date not supported with adjusted last")
    elif kind != "STK" or symbol not in desk.closes:
        yield _refusal(request, 200, "No security definition has been found for the request")
    else:
        known = {day: close for day, close in desk.closes[symbol].items() if day <= today}
        days = _of_span(sorted(known), today, int(span[1]), span[2])
        if not days:
            yield _refusal(request, 162, f"{_REFUSED}HMDS query returned no data: {symbol}@SMART Trades")
            return
        bars = [desk.odd.get(day) or _bar(day, known[day]) for day in days]
        begin = f"{days[0]:%Y%m%d} 00:00:00 US/Eastern"
        until = f"{today:%Y%m%d} {now.astimezone(NEW_YORK):%H:%M:%S} US/Eastern"
        yield (_ANSWER, request, begin, until, len(bars), *(value for bar in bars for value in bar))


def _of_span(days: list[date], today: date, count: int, unit: str) -> list[date]:
    """A number of days are as many bars; a number of years are those of the calendar."""
    if unit == "D":
        return days[-count:]
    return [day for day in days if day > today - timedelta(days=365 * count)]


def _bar(day: date, close: Decimal) -> tuple[object, ...]:
    """Day, open, high, low, close, volume, average, trades."""
    move = close * Decimal("0.004")
    prices = (close - move / 2, close + move, close - move, close)
    return (f"{day:%Y%m%d}", *(price.quantize(Decimal("0.0001")).normalize() for price in prices), 1000, close, 10)


def _refusal(request: str, code: int, words: str) -> tuple[object, ...]:
    return (_ERROR, 2, request, code, words, "")
