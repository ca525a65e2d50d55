"""What the account holds at the end of a report, as tables.

What belongs here: headers and rows of display strings. Prices and values are in the currency of the contract, realised
P&L of stock in that of the lot.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime
from zoneinfo import ZoneInfo

from fntx_dagster.model.day import AnyDay, OpenPosition
from fntx_dagster.model.holdings import Mark, StockPosition
from fntx_dagster.report import clock, money, wording
from fntx_dagster.report.tables import Table

NONE = "–"
"""A cell without a figure."""
UNKNOWN = "unknown"
"""A cell whose figure no statement gives."""
_ORIGINS = {"held": "held before the statements", "unstated": "not in the statements"}


def positions_table(day: AnyDay, marks: Mapping[str, Mark], observer: ZoneInfo) -> Table:
    """What is held at the day's close, or now on a day that still runs. `marks`: contract id → the broker's closing
    price, where a statement gives it; a provisional day brings its own."""
    rows = tuple(_position(position, marks, observer) for position in in_order(day.open_at_close))
    headers = ("Position", "Opened", "Outcome", "Quantity", "Open price", "Mark", "Market value")
    return Table(headers, rows, title="Open Positions", words=3)


def in_order(positions: Iterable[OpenPosition]) -> list[OpenPosition]:
    """Positions in the order in which every table lists them."""
    return sorted(positions, key=lambda position: wording.ladder_key(position.contract))


def stocks_table(stocks: Sequence[StockPosition], last: date) -> Table:
    """Lots of stock that came or went in a range; one that ends after `last` is open."""
    headers = ("Stock", "Origin", "Entry", "Exit", "Quantity", "Entry price", "Exit price", "Realised P&L")
    return Table(
        headers,
        tuple(_stock(stock, last) for stock in stocks),
        title="Stock That Came or Went",
        words=4,
        results=headers[-1:],
    )


def head_of(position: OpenPosition, observer: ZoneInfo) -> tuple[str, str, str, str]:
    """A position's first columns in every table: name, time of opening, outcome and quantity."""
    return (
        wording.contract_name(position.contract, date.min),  # with its expiry: the table may be read on another day
        opening(position.opened_at, position.opened_before, observer),
        position.ends or "open",
        money.quantity(position.quantity),
    )


def opening(opened_at: datetime | None, opened_before: date | None, observer: ZoneInfo) -> str:
    """When a position was opened, or before which day, where no statement says when."""
    if opened_before is not None:
        return f"before {opened_before}"
    return NONE if opened_at is None else time_of(opened_at, observer)


def time_of(moment: datetime, observer: ZoneInfo) -> str:
    """A moment as tables show it: the day and the time where the observer is."""
    return f"{moment.astimezone(observer):%Y-%m-%d} {clock.clock_time(moment, observer)}"


def _position(position: OpenPosition, marks: Mapping[str, Mark], observer: ZoneInfo) -> tuple[str, ...]:
    contract, mark = position.contract, marks.get(position.contract.contract_id)
    price, currency, value = position.mark, position.currency, position.market_value
    if price is None and mark is not None:
        price, currency = mark
        value = price * position.quantity * contract.multiplier
    return (
        *head_of(position, observer),
        NONE if position.open_price is None else money.price(position.open_price),
        NONE if price is None else money.price(price),
        NONE if value is None else f"{money.display(value)} {currency}",
    )


def _stock(stock: StockPosition, last: date) -> tuple[str, ...]:
    ended = stock.exit_date is not None and stock.exit_date <= last
    option = f" of {' '.join(stock.origin_option.split())}" if stock.origin_option else ""
    how = f" ({stock.how_ended})" if ended and stock.how_ended not in (None, "traded") else ""
    return (
        stock.symbol,
        f"{_ORIGINS.get(stock.origin, stock.origin)}{option}",
        f"before {stock.entry_before}" if stock.entry_before else stock.entry_date.isoformat(),
        f"{stock.exit_date}{how}" if ended else "open",
        money.quantity(-stock.quantity if stock.direction == "short" else stock.quantity),
        UNKNOWN if stock.entry_price is None else money.price(stock.entry_price),
        money.price(stock.exit_price) if ended and stock.exit_price is not None else NONE,
        f"{money.display(stock.gross_pnl, signed=True)} {stock.currency}"
        if ended and stock.gross_pnl is not None
        else UNKNOWN
        if ended
        else NONE,
    )
