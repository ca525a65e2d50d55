"""Give a book prices of past days, so that days can be closed in which it took no quote: those of an import.

Columns: `exchange`, `symbol`, `day`, `price` (of one of the base currency, in the quote currency, at the end of the day
of UTC), and where a file has it `source` (the name of the file). The rate of a currency is a price, too: of BNB/USDT.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from datetime import UTC, date, datetime
from pathlib import Path
from typing import NamedTuple

from fntx_dagster.errors import Permanent
from fntx_dagster.services.bookkeeping.row_file import (
    BadFieldError,
    Columns,
    RowFault,
    exchange_of,
    made_of,
    matching,
    positive,
    symbol_of,
)
from fntx_dagster.services.ledger_accounts.statements import last_over
from fntx_dagster.store.database import Database
from fntx_dagster.store.ledger import books, day_prices
from fntx_dagster.store.ledger.day_prices import DayPrice

MOST_FAULTS = 50
_COLUMNS = Columns(("exchange", "symbol", "day", "price"), frozenset({"exchange", "symbol", "day", "price", "source"}))
_SOURCE = re.compile(r"[\x20-\x7e]{1,128}", re.ASCII).fullmatch
_DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", re.ASCII).fullmatch


class DaysPriced(NamedTuple):
    """What a file of prices did: prices that were new or others than before, prices that were known, and the rows that
    are bad (the first 50 of `bad`); with one of these, nothing was added."""

    added: int
    known: int
    bad: int
    faults: tuple[RowFault, ...]


def price_days(db: Database, user_id: str, is_paper: bool, path: Path) -> DaysPriced:
    """Give a user's book the prices of a file. A day that was closed takes them when days are closed again.

    Raises Permanent for a file that cannot be read, and for a user without such a book.
    """
    book_id = books.book_of(db, user_id, is_paper)
    if book_id is None:
        raise Permanent(
            f"{user_id} has no such book", "fntx ledger import opens it; fntx ledger status lists the books"
        )
    prices: list[DayPrice] = []
    bad, faults = 0, list[RowFault]()
    for row in _rows(path):
        if isinstance(row, DayPrice):
            prices.append(row)
        else:
            bad += 1
            faults += [row] if bad <= MOST_FAULTS else []
    if bad:
        return DaysPriced(0, 0, bad, tuple(faults))
    added = day_prices.add(db, book_id, prices)
    return DaysPriced(added, len(prices) - added, 0, ())


def _rows(path: Path) -> Iterator[DayPrice | RowFault]:
    """The prices of a file; in place of a second one of a symbol and day, what is wrong with it."""
    over, seen = last_over(datetime.now(UTC)), set[tuple[str, str, date]]()

    def made(_number: int, row: Mapping[str, str]) -> DayPrice:
        words = "a source has 1 to 128 printable ASCII characters"
        source = matching(row, "source", _SOURCE, words) if "source" in row else path.name
        price = DayPrice(exchange_of(row), symbol_of(row), _day(row, over), positive(row, "price"), source)
        if price[:3] in seen:
            raise BadFieldError("day", f"{price.symbol} at {price.exchange} has it in an earlier row")
        seen.add(price[:3])
        return price

    return made_of(path, _COLUMNS, made)


def _day(row: Mapping[str, str], over: date) -> date:
    text = matching(row, "day", _DAY, "a day is written as 2026-03-07")
    try:
        day = date.fromisoformat(text)
    except ValueError:
        raise BadFieldError("day", "there is no such day") from None
    if day > over:
        raise BadFieldError("day", "the day is not over")
    return day
