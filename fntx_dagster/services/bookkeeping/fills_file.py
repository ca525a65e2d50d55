"""A file of fills, CSV with a header or one JSON object to a line: its rows, and what is wrong with each.

Columns: `exchange`, `symbol`, `side`, `qty`, `price`, `timestamp`, `exchange_trade_id`; and, where a file has them,
`bot_id` (imported), `fee` (0; negative of what the exchange paid), `fee_currency` (the quote currency), `liquidity`
(taker), `rate` and `fee_rate` (what one of the quote currency, and of the fee's, was worth in the book's currency then).
"""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Iterator, Mapping
from datetime import datetime
from decimal import Decimal
from fractions import Fraction
from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple

from fntx_dagster.errors import Permanent
from fntx_dagster.ledger.book import EntryRates
from fntx_dagster.ledger.exact import parsed
from fntx_dagster.ledger.names import CURRENCY, NAME
from fntx_dagster.ledger.positions import Key
from fntx_dagster.model.orders import OrderFill
from fntx_dagster.store.ledger.posted import TradeName

_NEEDED = ("exchange", "symbol", "side", "qty", "price", "timestamp", "exchange_trade_id")
_KNOWN = (*_NEEDED, "bot_id", "fee", "fee_currency", "liquidity", "rate", "fee_rate")
_NAMES_OF_NEEDED, _NAMES_OF_KNOWN = frozenset(_NEEDED), frozenset(_KNOWN)
_TRADE_ID = re.compile(r"[\x20-\x7e]{1,128}", re.ASCII).fullmatch
_EXCHANGE = lru_cache(re.compile(r"(?:(?!:)[\x21-\x7e]){1,64}", re.ASCII).fullmatch)
_SYMBOL = lru_cache(re.compile(r"(?! )(?:(?![/:])[\x20-\x7e]){1,41}/[A-Z0-9.]{1,20}", re.ASCII).fullmatch)
"""Without colons, which part the names of the accounts of postings. Few names come in many rows."""
_BOT, _CURRENCY = lru_cache(NAME), lru_cache(CURRENCY)
_NO_RATES = EntryRates(None, None)
_LONGEST_SHOWN = 60


class FileFill(NamedTuple):
    """A fill of a file, and the row that it is in (the first is 1; a CSV's header is not counted)."""

    row: int
    key: Key
    execution: OrderFill
    rates: EntryRates

    @property
    def name(self) -> TradeName:
        return self.key.exchange, self.key.symbol, self.execution.trade_id


class RowFault(NamedTuple):
    """What is wrong with a field of a row of a file."""

    file: str
    row: int
    field: str
    value: str
    words: str

    def __str__(self) -> str:
        return f"{self.file}, row {self.row}, {self.field} = {self.value!r}: {self.words}"


def rows_of(path: Path) -> int:
    """About how many rows a file has. Raises Permanent for a file that cannot be read."""
    try:
        with path.open("rb") as file:
            lines = sum(block.count(b"\n") for block in iter(lambda: file.read(1 << 20), b""))
    except OSError as error:
        raise _unreadable(path, error) from error
    return lines if _is_jsonl(path) else max(lines - 1, 0)


def fills_of(path: Path) -> Iterator[FileFill | RowFault]:
    """The rows of a file, each as a fill or, where something is wrong with it, as its first fault.

    Raises Permanent for a file that cannot be read, and for a CSV without a needed column.
    """
    for number, row in enumerate(_rows(path), 1):
        if isinstance(row, RowFault):
            yield row._replace(row=number)
            continue
        try:
            if not _NAMES_OF_KNOWN.issuperset(row):
                _refuse_unknown(row)
            yield _fill(number, row)
        except _BadFieldError as bad:
            yield RowFault(path.name, number, bad.field, f"{row.get(bad.field, '')}"[:_LONGEST_SHOWN], str(bad))


class _BadFieldError(Exception):
    def __init__(self, field: str, words: str) -> None:
        super().__init__(words)
        self.field = field


def _rows(path: Path) -> Iterator[Mapping[str, Any] | RowFault]:
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            if _is_jsonl(path):
                for line in filter(str.strip, file):
                    yield _object(path, line)
                return
            rows = csv.reader(file, strict=True)
            columns = next(rows, [])
            if lacking := [name for name in _NEEDED if name not in columns]:
                raise Permanent(f"{path} lacks the column {', '.join(lacking)}", "Name the columns in the first line")
            for row in filter(None, rows):
                named = dict(zip(columns, row, strict=False))
                if len(row) > len(columns):
                    named["more"] = f"{row[len(columns) :]}"
                yield {name: value for name, value in named.items() if value}
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise _unreadable(path, error) from error


def _is_jsonl(path: Path) -> bool:
    return path.suffix.lower() in (".jsonl", ".ndjson", ".json")


def _unreadable(path: Path, error: Exception) -> Permanent:
    reason = (error.strerror if isinstance(error, OSError) else None) or error
    return Permanent(f"{path} cannot be read: {reason}", "Give a CSV or JSONL file in UTF-8")


def _object(path: Path, line: str) -> Mapping[str, Any] | RowFault:
    try:
        row = json.loads(line, parse_float=str, parse_int=str)
    except ValueError as error:
        return RowFault(path.name, 0, "the row", line.strip()[:_LONGEST_SHOWN], f"it is no JSON: {error}")
    if not isinstance(row, dict):
        return RowFault(path.name, 0, "the row", line.strip()[:_LONGEST_SHOWN], "it is no JSON object")
    return {name: value for name, value in row.items() if value is not None}


def _refuse_unknown(row: Mapping[str, Any]) -> None:
    """Raises for a column that nothing reads: its content would be lost."""
    for name in row:
        if name not in _KNOWN:
            raise _BadFieldError(name, f"there is no such column; there are {', '.join(_KNOWN)}")


def _fill(number: int, row: Mapping[str, Any]) -> FileFill:
    if not _NAMES_OF_NEEDED.issubset(row):
        raise _BadFieldError(next(name for name in _NEEDED if name not in row), "it is missing")
    for name, value in row.items():
        if not isinstance(value, str):
            raise _BadFieldError(name, "it is no text or number")
    symbol = _matching(row, "symbol", _SYMBOL, 'a symbol is "BASE/QUOTE"')
    exchange = _matching(row, "exchange", _EXCHANGE, "a name has 1 to 64 printable ASCII characters, no colon")
    bot_id = "imported"
    if "bot_id" in row:
        bot_id = _matching(row, "bot_id", _BOT, "a name has 1 to 64 printable ASCII characters")
    trade_id = _matching(row, "exchange_trade_id", _TRADE_ID, "a trade id has 1 to 128 ASCII characters")
    side, liquidity = row["side"], row.get("liquidity", "taker")
    if side not in ("buy", "sell"):
        raise _BadFieldError("side", "a side is buy or sell")
    if liquidity not in ("maker", "taker"):
        raise _BadFieldError("liquidity", "a liquidity is maker or taker")
    at = _moment(row)
    fee_currency = symbol.partition("/")[2]
    if "fee_currency" in row:
        words = "a currency is capital letters, digits and points"
        fee_currency = _matching(row, "fee_currency", _CURRENCY, words)
    execution = OrderFill(
        trade_id,
        side,
        _number(row, "qty"),
        _number(row, "price"),
        _fee(row),
        fee_currency,
        liquidity,
        at,
    )
    rates = _NO_RATES
    if "rate" in row or "fee_rate" in row:
        rates = EntryRates(*(Fraction(_number(row, name)) if name in row else None for name in ("rate", "fee_rate")))
    return FileFill(number, Key(bot_id, exchange, symbol), execution, rates)


def _matching(row: Mapping[str, str], field: str, form: Any, words: str) -> str:
    if not form(row[field]):
        raise _BadFieldError(field, words)
    return row[field]


def _number(row: Mapping[str, str], field: str) -> Decimal:
    try:
        number = parsed(row[field])
    except ValueError as error:
        raise _BadFieldError(field, str(error)) from None
    if not number:
        raise _BadFieldError(field, "it must be above 0")
    return number


def _fee(row: Mapping[str, str]) -> Decimal:
    try:
        return parsed(row.get("fee", "0"), signed=True)
    except ValueError as error:
        raise _BadFieldError("fee", str(error)) from None


def _moment(row: Mapping[str, str]) -> datetime:
    try:
        at = datetime.fromisoformat(row["timestamp"])
    except ValueError:
        raise _BadFieldError("timestamp", "a time is written as 2026-03-02T09:30:00Z") from None
    if at.tzinfo is None:
        raise _BadFieldError("timestamp", "the time needs its offset, as Z or +08:00")
    return at
