"""What happened to a book in a day, as rows of a statement, and what each row moved."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from fractions import Fraction
from typing import Any, NamedTuple

from fntx_dagster.adapters.flex.writing import exact_stamp, row
from fntx_dagster.foreign import cleaned
from fntx_dagster.ledger import kinds
from fntx_dagster.ledger.days import DayOfBook, reversed_by, takes_effect
from fntx_dagster.ledger.exact import decimal, stored
from fntx_dagster.ledger.market import Prices, Symbol
from fntx_dagster.ledger.positions import Key

ZERO = Fraction(0)

Entry = Mapping[str, Any]


class LedgerMove(NamedTuple):
    """What a row moved, in `currency`: `amount` at `rate` into the base currency (None: at the day's)."""

    currency: str
    amount: Fraction
    rate: Fraction | None


class DayRows(NamedTuple):
    """The rows of the day's entries, and what they moved."""

    trades: list[str]
    cash: list[str]
    proceeds: list[LedgerMove]
    commissions: list[LedgerMove]
    flows: list[LedgerMove]
    symbols: set[Symbol]


def number(amount: Fraction) -> str:
    """An amount with all its digits, as the parser reads it."""
    return format(decimal(amount), "f")


def day_rows(day: DayOfBook, prices: Prices, entry_of: Callable[[int], Entry]) -> DayRows:
    rows = DayRows([], [], [], [], [], set())
    for entry in day.entries:
        original = reversed_by(entry, entry_of)
        stated = original or entry
        if stated["type"] == "fill":
            _trade(rows, entry, stated, prices)
        elif stated["event_type"] in (kinds.DEPOSIT, kinds.WITHDRAWAL):
            _flow(rows, entry, stated)
    return rows


def _trade(rows: DayRows, entry: Entry, stated: Entry, prices: Prices) -> None:
    """The rows of a fill, `stated`, or of the entry that takes it back."""
    execution, key = kinds.execution_of(stated), kinds.key_of(stated)
    base, _, currency = key.symbol.partition("/")
    sign = 1 if entry is stated else -1
    quantity, price, fee = Fraction(execution.signed), Fraction(execution.price), Fraction(execution.fee)
    rate = _stated_rate(stated["rate"])
    in_base = bool(fee) and execution.fee_currency == base
    charged_in = currency if in_base else execution.fee_currency
    commission = -stored(fee * price) if in_base else -fee
    of_fill = _Trade(entry, stated, key, 0, quantity, price, commission, charged_in, rate)
    rows.trades.append(_trade_row(of_fill, prices))
    rows.symbols.add((key.exchange, key.symbol))
    rows.proceeds.append(LedgerMove(currency, -sign * quantity * price, rate))
    if commission:
        fee_rate = rate if charged_in == currency else prices.rate(charged_in)
        rows.commissions.append(LedgerMove(charged_in, sign * commission, fee_rate))
    if in_base:
        rows.trades.append(_trade_row(_Trade(entry, stated, key, 1, -fee, price, ZERO, currency, rate), prices))
        rows.proceeds.append(LedgerMove(currency, sign * fee * price, rate))


class _Trade(NamedTuple):
    """A row of Trades: the entry that it is of, the fill that it is about, and the part of it: 1 for the disposal of a
    fee, else 0."""

    entry: Entry
    stated: Entry
    key: Key
    part: int
    quantity: Fraction
    price: Fraction
    commission: Fraction
    charged_in: str
    rate: Fraction | None


def _trade_row(trade: _Trade, prices: Prices) -> str:
    entry, stated, sign = trade.entry, trade.stated, 1 if trade.entry is trade.stated else -1
    cancels = entry is not stated
    mark = prices.mark(trade.key.exchange, trade.key.symbol)
    proceeds = -sign * trade.quantity * trade.price
    attributes = {
        **contract_of(trade.key),
        "transactionID": _row_number(entry, trade.part),
        "tradeID": "" if cancels else _row_number(entry, trade.part),
        "ibExecID": "" if cancels else stated["exchange_trade_id"],
        "orderReference": stated["order_id"] or "",
        "exchange": trade.key.exchange,
        "dateTime": exact_stamp(takes_effect(entry)),
        "transactionType": "TradeCancel" if cancels else "ExchTrade",
        "quantity": number(sign * trade.quantity),
        "tradePrice": number(trade.price),
        "proceeds": number(proceeds),
        "ibCommission": number(sign * trade.commission),
        "ibCommissionCurrency": trade.charged_in,
        "buySell": f"{'BUY' if trade.quantity > 0 else 'SELL'}{' (Ca.)' if cancels else ''}",
        "levelOfDetail": "EXECUTION",
    }
    if mark is not None:
        attributes |= {
            "closePrice": number(mark),
            "mtmPnl": number(sign * trade.quantity * mark + proceeds),
        }
    if trade.rate is not None:
        attributes["fxRateToBase"] = number(trade.rate)
    if cancels:
        attributes["origTransactionID"] = _row_number(stated, trade.part)
    return row("Trade", **attributes)


def _flow(rows: DayRows, entry: Entry, stated: Entry) -> None:
    """The row of money that came or went, `stated`, or of the entry that sends it back."""
    comes = (stated["event_type"] == kinds.DEPOSIT) == (entry is stated)
    amount = Fraction(stated["amount"]) * (1 if comes else -1)
    rate = Fraction(stated["rate"])
    words = stated["description"] or ""
    if entry is not stated:
        words = f"Reversal of entry {stated['entry_no']}: {entry['reason']}"
    rows.cash.append(
        row(
            "CashTransaction",
            transactionID=_row_number(entry, 0),
            type="Deposits/Withdrawals",
            currency=stated["currency"],
            amount=number(amount),
            description=cleaned(words),
            dateTime=exact_stamp(takes_effect(entry)),
            fxRateToBase=number(rate),
        )
    )
    rows.flows.append(LedgerMove(stated["currency"], amount, rate))


def contract_of(key: Key) -> dict[str, str]:
    """A symbol of a bot at an exchange, as the contract of a row."""
    return {
        "symbol": key.symbol,
        "description": f"{key.symbol} at {key.exchange}, bot {key.bot_id}",
        "conid": f"{key.bot_id}:{key.exchange}:{key.symbol}",
        "assetCategory": "CRYPTO",
        "currency": key.symbol.partition("/")[2],
        "multiplier": "1",
    }


def _row_number(entry: Entry, part: int) -> str:
    return f"{entry['entry_no'] * 10 + part}"


def _stated_rate(text: str | None) -> Fraction | None:
    return None if text is None else Fraction(text)
