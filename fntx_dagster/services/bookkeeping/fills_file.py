"""A file of fills: its rows, and what is wrong with each.

Columns: `exchange`, `symbol`, `side`, `qty`, `price`, `timestamp`, `exchange_trade_id`; and, where a file has them,
`bot_id` (imported), `fee` (0; negative of what the exchange paid), `fee_currency` (the quote currency), `liquidity`
(taker), `rate` and `fee_rate` (what one of the quote currency, and of the fee's, was worth in the book's currency).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from datetime import datetime
from decimal import Decimal
from fractions import Fraction
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

from fntx_dagster.ledger.book import EntryRates
from fntx_dagster.ledger.exact import parsed
from fntx_dagster.ledger.names import CURRENCY, NAME
from fntx_dagster.ledger.positions import Key
from fntx_dagster.model.orders import OrderFill
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
from fntx_dagster.store.ledger.posted import TradeName

_NEEDED = ("exchange", "symbol", "side", "qty", "price", "timestamp", "exchange_trade_id")
_COLUMNS = Columns(_NEEDED, frozenset({*_NEEDED, "bot_id", "fee", "fee_currency", "liquidity", "rate", "fee_rate"}))
_TRADE_ID = re.compile(r"[\x20-\x7e]{1,128}", re.ASCII).fullmatch
_BOT, _CURRENCY = lru_cache(NAME), lru_cache(CURRENCY)
"""Few names come in many rows."""
_NO_RATES = EntryRates(None, None)


class FileFill(NamedTuple):
    """A fill of a file, and the row that it is in (the first is 1; a CSV's header is not counted)."""

    row: int
    key: Key
    execution: OrderFill
    rates: EntryRates

    @property
    def name(self) -> TradeName:
        return self.key.exchange, self.key.symbol, self.execution.trade_id


def fills_of(path: Path) -> Iterator[FileFill | RowFault]:
    """The rows of a file, each as a fill or, where something is wrong with it, as its first fault.

    Raises Permanent for a file that cannot be read, and for a CSV without a needed column.
    """
    return made_of(path, _COLUMNS, _fill)


def _fill(number: int, row: Mapping[str, str]) -> FileFill:
    exchange, symbol = exchange_of(row), symbol_of(row)
    bot_id = "imported"
    if "bot_id" in row:
        bot_id = matching(row, "bot_id", _BOT, "a name has 1 to 64 printable ASCII characters")
    trade_id = matching(row, "exchange_trade_id", _TRADE_ID, "a trade id has 1 to 128 ASCII characters")
    side, liquidity = row["side"], row.get("liquidity", "taker")
    if side not in ("buy", "sell"):
        raise BadFieldError("side", "a side is buy or sell")
    if liquidity not in ("maker", "taker"):
        raise BadFieldError("liquidity", "a liquidity is maker or taker")
    at = _moment(row)
    fee_currency = symbol.partition("/")[2]
    if "fee_currency" in row:
        words = "a currency is capital letters, digits and points"
        fee_currency = matching(row, "fee_currency", _CURRENCY, words)
    execution = OrderFill(
        trade_id,
        side,
        positive(row, "qty"),
        positive(row, "price"),
        _fee(row),
        fee_currency,
        liquidity,
        at,
    )
    rates = _NO_RATES
    if "rate" in row or "fee_rate" in row:
        rates = EntryRates(*(Fraction(positive(row, name)) if name in row else None for name in ("rate", "fee_rate")))
    return FileFill(number, Key(bot_id, exchange, symbol), execution, rates)


def _fee(row: Mapping[str, str]) -> Decimal:
    try:
        return parsed(row.get("fee", "0"), signed=True)
    except ValueError as error:
        raise BadFieldError("fee", str(error)) from None


def _moment(row: Mapping[str, str]) -> datetime:
    try:
        at = datetime.fromisoformat(row["timestamp"])
    except ValueError:
        raise BadFieldError("timestamp", "a time is written as 2026-03-02T09:30:00Z") from None
    if at.tzinfo is None:
        raise BadFieldError("timestamp", "the time needs its offset, as Z or +08:00")
    return at
