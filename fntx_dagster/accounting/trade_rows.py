"""Rows of a statement's trades as delivered, and what they say: signed quantity, money, cancellations.

What belongs here: the reading of one trade, and which rows a cancel or a correction takes back. What each row was is
in `classification.py`. Sources: the broker's Flex reference, sections Trades and OptionEAE.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from functools import lru_cache
from typing import NamedTuple

from fntx_dagster.accounting.section_rows import SectionRow, asset_category, multiplier, needed


@dataclass(frozen=True, slots=True)
class TradeRow(SectionRow):
    """One row of `raw_flex.trades` with row_kind `Trade`, as delivered; money in `currency`."""

    SECTION = "Trades"

    trade_id: str | None = None
    orig_trade_id: str | None = None
    orig_transaction_id: str | None = None
    transaction_type: str | None = None
    trade_price: Decimal | None = None
    ib_commission: Decimal | None = None
    ib_commission_currency: str | None = None
    taxes: Decimal | None = None
    close_price: Decimal | None = None
    fifo_pnl_realized: Decimal | None = None
    mtm_pnl: Decimal | None = None
    buy_sell: str | None = None
    open_close_indicator: str | None = None
    notes: str | None = None
    order_type: str | None = None
    level_of_detail: str | None = None


class ExerciseRow(NamedTuple):
    """One row of `raw_flex.option_eae`: the broker's own word on what a BookTrade was."""

    trade_id: str
    transaction_type: str
    conid: str | None = None


def is_cancel(row: TradeRow) -> bool:
    """Whether a row takes another one back: transactionType `TradeCancel` (and its kin), buySell `BUY (Ca.)`,
    levelOfDetail `CANCEL`; or the code Ca, which what was cancelled may have, too: then only if the row names an
    original, has no tradeID, or moves units against the side that it names."""
    if _is_called_cancel(row) or (row.level_of_detail or "").upper() == "CANCEL":
        return True
    if "Ca" not in codes_of(row.notes):
        return False
    against = (row.quantity or 0) * (-1 if (row.buy_sell or "").startswith("SELL") else 1) < 0
    names = _reference(row.orig_transaction_id) or _reference(row.orig_trade_id)
    return bool(names) or not row.trade_id or (bool(row.buy_sell) and against)


def _is_called_cancel(row: TradeRow) -> bool:
    return (row.transaction_type or "").endswith("Cancel") or "(Ca.)" in (row.buy_sell or "")


class Cancellations(NamedTuple):
    """Row_keys: `struck_out` rows do not count; `reversing` ones are cancels that count as trades of their own. `late`
    are these and the corrections that come with them: they have the original's time, and count on the day of their
    report."""

    struck_out: frozenset[str] = frozenset()
    reversing: frozenset[str] = frozenset()
    late: frozenset[str] = frozenset()


NO_CANCELS = Cancellations()


def cancellations(rows: Iterable[TradeRow]) -> Cancellations:
    """What cancels and corrections do to other rows.

    A cancel reported on the day of its original strikes out both. One reported later reverses it: the broker's NAV of
    the days between counts the trade, so both count. A cancel whose original is not among the rows counts too, because
    the original may have been reported before the first statement. A TradeCorrect row strikes out what it replaces,
    unless a cancel has reversed that. `rows` may be all of an account or only the rows that share a transaction or
    trade id with a cancel or a correction.
    """
    rows = list(rows)
    originals = [row for row in rows if not is_cancel(row)]
    by_transaction: dict[str | None, TradeRow] = {row.transaction_id: row for row in originals if row.transaction_id}
    by_trade: dict[str | None, list[TradeRow]] = defaultdict(list)
    for row in originals:
        if row.trade_id:
            by_trade[row.trade_id].append(row)
    gone: set[str] = set()
    reversed_by: dict[str, str] = {}
    for cancel in filter(is_cancel, rows):
        original = _cancelled_by(cancel, by_transaction, by_trade, originals, gone | reversed_by.keys())
        if original is None:
            continue
        if cancel.reported_on == original.reported_on:
            gone |= {cancel.row_key, original.row_key}
        else:
            reversed_by[original.row_key] = cancel.row_key
    late = set(reversed_by.values()) | {row.row_key for row in rows if is_cancel(row) and row.row_key not in gone}
    for row in originals:
        replaced = by_transaction.get(_reference(row.orig_transaction_id))
        if row.transaction_type != "TradeCorrect":
            continue
        if replaced and replaced.row_key not in {row.row_key, *reversed_by}:
            gone.add(replaced.row_key)
        elif reversed_by and (replaced or _is_of_a_reversed(row, reversed_by, originals)):
            late.add(row.row_key)
    return Cancellations(frozenset(gone), frozenset(reversed_by.values()), frozenset(late))


def _is_of_a_reversed(row: TradeRow, reversed_by: Collection[str], originals: Iterable[TradeRow]) -> bool:
    """Whether a correction that names no original has the trade, or the contract and the time, of a reversed row."""
    return any(
        original.row_key in reversed_by
        and (row.conid or row.symbol, row.date_time) == (original.conid or original.symbol, original.date_time)
        for original in originals
    )


def proceeds(row: TradeRow) -> Decimal:
    """Signed cash of a row in its currency, from its own quantity, price and multiplier; exact."""
    return -signed_quantity(row) * needed(row, row.trade_price, "tradePrice") * multiplier(row, asset_category(row))


def signed_quantity(row: TradeRow) -> Decimal:
    """Buys positive, sells negative; a cancel reverses the side that it names."""
    quantity = needed(row, row.quantity, "quantity")
    side = row.buy_sell or ""
    if not side.startswith(("BUY", "SELL")):
        return quantity
    if is_cancel(row) and not _is_called_cancel(row) and (quantity > 0) != side.startswith("BUY"):
        return quantity
    return abs(quantity) if side.startswith("BUY") != is_cancel(row) else -abs(quantity)


@lru_cache(maxsize=1024)
def codes_of(text: str | None) -> frozenset[str]:
    """The codes of the field Notes/Codes, or of the open/close indicator; several are parted by semicolons."""
    return frozenset((text or "").replace(",", ";").replace(" ", "").split(";"))


def _cancelled_by(
    cancel: TradeRow,
    by_transaction: Mapping[str | None, TradeRow],
    by_trade: Mapping[str | None, list[TradeRow]],
    originals: Iterable[TradeRow],
    gone: Collection[str],
) -> TradeRow | None:
    """The row that a cancel takes back. A trade id alone is shared by corrections, so size and price must agree too."""
    original = by_transaction.get(_reference(cancel.orig_transaction_id))
    if original and original.row_key not in gone:
        return original
    same_trade = by_trade.get(_reference(cancel.orig_trade_id), [])
    named = next((row for row in same_trade if row.row_key not in gone and _same_deal(row, cancel)), None)
    if named or _reference(cancel.orig_transaction_id) or _reference(cancel.orig_trade_id):
        return named
    return next((row for row in originals if row.row_key not in gone and _is_undone(row, cancel)), None)


def _is_undone(row: TradeRow, cancel: TradeRow) -> bool:
    """Whether a cancel that names no original undoes a row: the same deal at the same time, the other way round."""
    return (
        _same_deal(row, cancel)
        and row.date_time == cancel.date_time
        and row.reported_on <= cancel.reported_on
        and signed_quantity(row) == -signed_quantity(cancel)
    )


def _reference(identifier: str | None) -> str | None:
    """The broker writes 0 for "no original"."""
    return None if identifier in (None, "", "0") else identifier


def _same_deal(row: TradeRow, cancel: TradeRow) -> bool:
    return (
        (row.conid or row.symbol) == (cancel.conid or cancel.symbol)
        and abs(row.quantity or 0) == abs(cancel.quantity or 0)
        and row.trade_price == cancel.trade_price
    )
