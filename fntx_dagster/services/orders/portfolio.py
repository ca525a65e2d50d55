"""What a book is worth and how it came to it: the summary, profits by period, the days to a target."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from typing import Any

from fntx_dagster.ledger import performance
from fntx_dagster.ledger.book import USER, Book, Figures
from fntx_dagster.ledger.entries import moment
from fntx_dagster.ledger.exact import written
from fntx_dagster.ledger.performance import PeriodName, Turnover, Window
from fntx_dagster.ledger.units import Fund
from fntx_dagster.services.orders.turn import Desk
from fntx_dagster.store.database import Readable
from fntx_dagster.store.ledger import books, reading
from fntx_dagster.store.ledger.books import About, Stored
from fntx_dagster.store.ledger.reading import BookDay

ZERO = Fraction(0)


def summary(desk: Desk, user_id: str, is_paper: bool, now: datetime) -> dict[str, Any]:
    """The user's book at the prices of now, from its derived tables: its cost does not grow with its history."""
    with desk.db.snapshot() as db:
        book_id = books.book_of(db, user_id, is_paper)
        book, days = _book_now(desk, _stored(db, book_id, now), now), reading.days(db, book_id) if book_id else []
    return summary_of(desk, book, is_paper, now, days)


def summary_of(desk: Desk, book: Book, is_paper: bool, now: datetime, days: list[BookDay]) -> dict[str, Any]:
    """What a book is worth at the prices it holds; its Sharpe ratio is that of `days`."""
    figures, fund, value = book.figures[USER], book.funds.get(USER, Fund()), book.value()
    known = not figures.unknown
    realized = figures.realized if known else None
    fees = figures.fees if known else None
    parts = None
    if value.unrealized is not None and realized is not None and fees is not None:
        parts = realized + value.unrealized - fees + figures.income
    equity, capital = value.equity, fund.capital
    return {
        "currency": book.currency,
        "as_of": moment(now),
        "is_paper": is_paper,
        "starting_capital": written(capital),
        "equity": _written(equity),
        "realized_pnl": _written(realized),
        "unrealized_pnl": _written(value.unrealized),
        "fees_total": _written(fees),
        "fees_by_currency": {name: written(amount) for name, amount in sorted(book.fees.items()) if amount},
        "fx_translation": None if equity is None or parts is None else written(equity - capital - parts),
        "net_pnl": _written(parts),
        "drawdown_current": written(fund.drawdown),
        "drawdown_max": written(fund.fallen),
        "exposure_gross": _written(value.gross),
        "exposure_net": _written(value.net),
        "exposure_ratio": written(value.gross / equity) if value.gross is not None and equity else None,
        "positions": _positions(book),
        "wins": figures.wins,
        "losses": figures.losing,
        "break_evens": figures.even,
        "win_rate": _written(performance.win_rate(figures)),
        "profit_factor": _written(performance.profit_factor(figures)),
        "sharpe": _float(performance.sharpe(_prices(days, desk.day(now)))),
        "average_mfe": _average(figures.best, figures),
        "average_mae": _average(figures.worst, figures),
        "total_fills": figures.fills,
        "total_volume": written(figures.volume) if known else None,
        "daily_pnl": written(fund.daily_pnl) if equity is not None else None,
        "day_start_equity": written(fund.day_start),
        "data_source": "ledger",
    }


def profits(desk: Desk, user_id: str, is_paper: bool, period: PeriodName, limit: int, now: datetime) -> dict[str, Any]:
    """The last periods, oldest first: fills, fees, volume, realised P&L and what is left after fees."""
    with desk.db.snapshot() as db:
        book_id = books.book_of(db, user_id, is_paper)
        stored, days = _stored(db, book_id, now), reading.days(db, book_id) if book_id else []
    traded = {day.day: Turnover(day.trades, *map(Fraction, (day.fees, day.volume, day.realized))) for day in days}
    series = []
    if stored and stored.first_day:
        series = performance.series(traded, stored.first_day, desk.day(now), period, limit)
    return {
        "period": period,
        "limit": limit,
        "currency": stored.book.currency if stored else desk.currency,
        "series": [
            {
                "date": name,
                "trades": sums.trades,
                "fees": written(sums.fees),
                "volume": written(sums.volume),
                "realized_pnl": written(sums.realized),
                "net_profit": written(sums.net),
            }
            for name, sums in series
        ],
    }


def countdown(desk: Desk, user_id: str, is_paper: bool, target: Decimal, now: datetime) -> dict[str, Any]:
    """How far a target equity is, and in how many days it is reached at the pace of the last 30."""
    with desk.db.snapshot() as db:
        book_id = books.book_of(db, user_id, is_paper)
        stored, days = _stored(db, book_id, now), reading.days(db, book_id) if book_id else []
    book = _book_now(desk, stored, now)
    today, goal, equity = desk.day(now), Fraction(target), book.value().equity
    answer: dict[str, Any] = {
        "current_equity": _written(equity),
        "target": written(goal),
        "remaining": None,
        "progress_pct": None,
        "avg_daily_profit_30d": None,
        "days_to_target_linear": None,
        "days_to_target_compound": None,
        "currency": book.currency,
    }
    if equity is None:
        return answer
    price = book.funds.get(USER, Fund()).last.each
    first = stored.first_day if stored and stored.first_day else today
    found = performance.countdown(equity, price, goal, _window(days, first, today))
    return answer | {
        "remaining": written(found.remaining),
        "progress_pct": written(found.progress),
        "avg_daily_profit_30d": written(found.average),
        "days_to_target_linear": found.linear,
        "days_to_target_compound": found.compound,
    }


def _stored(db: Readable, book_id: int | None, now: datetime) -> Stored | None:
    if book_id is None:
        return None
    with db.connect() as connection:
        return books.read(connection, book_id, About(now))


def _book_now(desk: Desk, stored: Stored | None, now: datetime) -> Book:
    """The book, valued now; an empty one where nothing ever happened."""
    book = stored.book if stored else Book(desk.currency)
    book.observe(desk.day(now))
    return book


def _positions(book: Book) -> list[dict[str, Any]]:
    shown = []
    for key, position in sorted(book.positions.items()):
        if not position.quantity:
            continue
        mark = book.market.mark(key.exchange, key.symbol)
        shown.append(
            {
                **key._asdict(),
                "quantity": written(position.quantity),
                "average_entry_price": _written(position.average_price),
                "mark_price": _written(mark),
                "unrealized_pnl": None if mark is None else written(position.unrealized(mark)),
                "priced_at": None if mark is None else moment(book.quotes[key.exchange, key.symbol].at),
            }
        )
    return shown


def _prices(days: list[BookDay], today: date) -> list[Fraction]:
    """The price of a unit at the start of the first day with money, and at the end of each day from it to yesterday."""
    ends = {day.day: Fraction(day.equity) / Fraction(day.units) for day in days if day.equity is not None and day.units}
    if not ends:
        return []
    day, prices = min(ends), [Fraction(1)]
    while day < today:
        prices.append(ends.get(day, prices[-1]))
        day += timedelta(days=1)
    return prices


def _window(days: list[BookDay], first: date, today: date) -> Window:
    start = performance.window_start(first, today)
    before = [day for day in days if day.day < start and day.equity is not None]
    flows = sum((Fraction(day.flows) for day in days if start <= day.day <= today), ZERO)
    last = before[-1] if before else None
    equity = Fraction(last.equity) if last and last.equity is not None else ZERO
    price = equity / Fraction(last.units) if last and last.units else Fraction(1)
    return Window(equity, price, flows, (today - start).days + 1)


def _average(total: Fraction, figures: Figures) -> str | None:
    return written(total / figures.ended) if figures.ended else None


def _written(number: Fraction | None) -> str | None:
    return None if number is None else written(number)


def _float(number: float | None) -> str | None:
    return None if number is None else written(Fraction(number))
