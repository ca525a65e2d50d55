"""The circuit breaker: what trips the user or a bot, with the figures at that moment.

It is judged in the fourth gate, after every fill and every error in their transaction, and by the price feed. Exactly a
limit does not trip. What cannot be computed closes the gate and never opens it; that is the gate's part.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from typing import NamedTuple

from fntx_dagster.ledger.book import USER, Book
from fntx_dagster.ledger.exact import exact, written
from fntx_dagster.ledger.units import Fund

ERROR_WINDOW = timedelta(hours=1)


class Limits(NamedTuple):
    """What trips: fractions of the highest price of a unit and of the day's base, losing round trips in a row, errors
    within an hour. The defaults are the usual ones of an account with modest leverage."""

    drawdown: Decimal = Decimal("0.20")
    daily_loss: Decimal = Decimal("0.10")
    losing_trips: int = 5
    errors: int = 10


DEFAULTS = Limits()


class Trigger(NamedTuple):
    """Why the breaker trips: the type, the words, and the figures of that moment as an entry holds them."""

    type: str
    words: str
    metrics: dict[str, str | int | None]


def metrics(book: Book, bot_id: str, now: datetime) -> dict[str, str | int | None]:
    """What is judged of the user (`USER`) or a bot; a bot without capital of its own has no fund."""
    found: dict[str, str | int | None] = {}
    if bot_id != USER:
        found["consecutive_losses"] = book.figures[bot_id].streak
        found["errors_last_hour"] = errors(book, bot_id, now)
    fund = book.funds.get(bot_id, Fund())
    if bot_id == USER or fund.funded:
        known = book.value(bot_id).equity is not None
        found |= {
            "equity": written(fund.last.equity) if known else None,
            "drawdown": written(fund.guarded_drawdown) if known else None,
            "daily_loss": written(fund.daily_loss) if known else None,
            "daily_pnl": written(fund.daily_pnl) if known else None,
            "day_base": written(fund.day_base),
        }
    return found


def errors(book: Book, bot_id: str, now: datetime) -> int:
    """Errors of a bot in (now − 1 hour, now]."""
    return sum(now - ERROR_WINDOW < at <= now for at in book.errors[bot_id])


def judge(book: Book, bot_id: str, limits: Limits, now: datetime) -> Trigger | None:
    """The first trigger of the user (`USER`) or a bot, as of the book's last valuation; None: nothing trips."""
    for kind, words in _found(book, bot_id, limits, now):
        return Trigger(kind, words, metrics(book, bot_id, now))
    return None


def _found(book: Book, bot_id: str, limits: Limits, now: datetime) -> Iterator[tuple[str, str]]:
    figures = book.figures[bot_id]
    if bot_id != USER and figures.streak >= limits.losing_trips:
        yield "consecutive_losses", f"{figures.streak} losing round trips in a row, {limits.losing_trips} trip"
    if bot_id != USER and (seen := errors(book, bot_id, now)) >= limits.errors:
        yield "error_storm", f"{seen} errors within an hour, {limits.errors} trip"
    fund = book.funds.get(bot_id)
    if fund is None or not fund.funded:
        return
    if fund.guarded_drawdown > exact(limits.drawdown):
        yield "drawdown", f"drawdown {_percent(fund.guarded_drawdown)}, {_percent(limits.drawdown)} at most"
    if fund.daily_loss > exact(limits.daily_loss):
        yield "daily_loss", f"the day's loss is {_percent(fund.daily_loss)}, {_percent(limits.daily_loss)} at most"
    if bot_id == USER and fund.last.equity <= 0:
        yield "equity_exhausted", f"equity {written(fund.last.equity, 2)} {book.currency}: nothing is left"


def _percent(part: Fraction | Decimal) -> str:
    return f"{written(exact(part) * 100, 4)} %"
