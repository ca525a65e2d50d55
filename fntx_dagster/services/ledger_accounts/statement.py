"""The statement of a book's day, as a Flex document: a function of the day's entries and of the prices at its two ends.

It has what a broker's has: trades, money that came and went, positions at the close, cash by currency, the NAV by its
parts, and rates. Each part is computed on its own and none is what is left over, so that the record wing's equations
test something. Amounts are written with all their digits, to 36 places.

- A symbol of a bot at an exchange is a contract of its own, as it is a position of its own in the ledger.
- A row's number is that of its entry times ten; a fee that was taken in the base currency is a second row, a disposal
  at the price of the fill, and the commission of the first is what that brings.
- A reversal of a fill cancels its row; a reversal of money is money that goes back.
- Two sections of its own say what the document follows from: the head of the ledger at the day's end, and the prices
  that were known at both ends. `following` makes the document anew from them and the entries.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import date, datetime
from fractions import Fraction
from typing import NamedTuple

from fntx_dagster.adapters.flex.writing import TAIL, exact_stamp, head, plain, row, section, statement_of
from fntx_dagster.errors import Permanent
from fntx_dagster.ledger.days import DayOfBook, Holdings, ends_at
from fntx_dagster.ledger.entries import moment
from fntx_dagster.ledger.exact import stored
from fntx_dagster.ledger.market import Prices, Symbol
from fntx_dagster.model.orders import Quote
from fntx_dagster.services.ledger_accounts.happenings import (
    ZERO,
    DayRows,
    Entry,
    LedgerMove,
    contract_of,
    day_rows,
    number,
)

_GIVE = (
    "Send a quote of the symbol, let the price feed run, or give prices of past days: `fntx ledger prices FILE` takes "
    "rows of exchange,symbol,day,price, as "
)
QUERY = "FNTX ledger"
HEAD, PRICE = "LedgerHead", "LedgerPrice"
OPENING, CLOSING = "opening", "closing"


class DayPrices(NamedTuple):
    """What was known of the market at the end of the day before, and at the end of the day; when each symbol's price
    at the end was seen last; and whose price it is, where a person gave it."""

    opening: Prices
    closing: Prices
    seen_at: Mapping[Symbol, datetime]
    sources: Mapping[Symbol, str] = {}

    @property
    def ends(self) -> Iterator[tuple[str, Symbol, Quote]]:
        """Each price with the end that it is of."""
        for end, known in ((OPENING, self.opening), (CLOSING, self.closing)):
            for symbol, quote in sorted(known.quotes.items()):
                yield end, symbol, quote


def statement(account: str, day: DayOfBook, prices: DayPrices, entry_of: Callable[[int], Entry]) -> str:
    """The document of an account's day.

    `entry_of`: an entry by its number, for reversals. Raises Permanent where a position has no price since it was
    opened, or a currency no rate.
    """
    _refuse_unpriced(day, prices)
    rows = day_rows(day, prices.closing, entry_of)
    of = plain(day.day)
    parts = (
        section("AccountInformation", row("AccountInformation", accountId=account, currency=prices.closing.currency)),
        section("Trades", *rows.trades),
        section("CashTransactions", *rows.cash),
        section("OpenPositions", *_positions(day, prices.closing)),
        section("CashReport", *_cash_report(day, prices, rows)),
        section("ConversionRates", *_conversion_rates(day, prices, rows)),
        section("EquitySummaryInBase", _equity(day, prices.closing)),
        _change_in_nav(day, prices, rows),
        section(f"{HEAD}s", row(HEAD, entryNo=f"{day.head.entry_no}", hash=day.head.hash)),
        section(f"{PRICE}s", *_known_prices(day, prices, rows)),
    )
    body = statement_of(account, of, of, exact_stamp(ends_at(day.day)), *parts)
    return "\n".join((head(1, QUERY), body, TAIL, ""))


def nav(held: Holdings, prices: Prices, day: date) -> Fraction:
    """What a book's holdings are worth in its currency; Permanent where a price or rate is missing."""
    return stored(sum((value * _rate(prices, name, day) for name, value in _values(held, prices, day).items()), ZERO))


def _positions(day: DayOfBook, prices: Prices) -> Iterator[str]:
    for key, quantity in sorted(day.closing.positions.items()):
        mark = prices.mark(key.exchange, key.symbol)
        assert mark is not None  # `_refuse_unpriced`
        yield row(
            "OpenPosition",
            **contract_of(key),
            position=number(quantity),
            markPrice=number(mark),
            positionValue=number(quantity * mark),
            side="Long" if quantity > 0 else "Short",
            levelOfDetail="SUMMARY",
            reportDate=plain(day.day),
            fxRateToBase=number(_rate(prices, key.symbol.partition("/")[2], day.day)),
        )


def _known_prices(day: DayOfBook, prices: DayPrices, rows: DayRows) -> Iterator[str]:
    """The prices that the day's figures need: of what is held at its ends, and of the currencies."""
    base = prices.closing.currency
    held = {(key.exchange, key.symbol) for key in (*day.opening.positions, *day.closing.positions)}
    for end, symbol, quote in prices.ends:
        if symbol in held | rows.symbols or base in symbol[1].split("/"):
            seen = {"seenAt": moment(prices.seen_at[symbol])} if end == CLOSING else {}
            if end == CLOSING and symbol in prices.sources:
                seen["source"] = prices.sources[symbol]
            yield row(
                PRICE,
                end=end,
                exchange=symbol[0],
                symbol=symbol[1],
                bid=f"{quote.bid:f}",
                ask=f"{quote.ask:f}",
                at=moment(quote.at),
                **seen,
            )


def _cash_report(day: DayOfBook, prices: DayPrices, rows: DayRows) -> Iterator[str]:
    names = {*day.opening.cash, *day.closing.cash, *(moved.currency for moved in (*rows.flows, *rows.commissions))}
    starts = ends = ZERO
    for name in sorted({*names, prices.closing.currency}):
        starting, ending = day.opening.cash.get(name, ZERO), day.closing.cash.get(name, ZERO)
        starts += starting * _rate(prices.opening, name, day.day) if starting else ZERO
        ends += ending * _rate(prices.closing, name, day.day) if ending else ZERO
        yield _cash_row(name, day.day, starting, ending)
    yield _cash_row("BASE_SUMMARY", day.day, stored(starts), stored(ends))


def _cash_row(currency: str, day: date, starting: Fraction, ending: Fraction) -> str:
    period = {"fromDate": plain(day), "toDate": plain(day)}
    return row(
        "CashReportCurrency", currency=currency, **period, startingCash=number(starting), endingCash=number(ending)
    )


def _conversion_rates(day: DayOfBook, prices: DayPrices, rows: DayRows) -> Iterator[str]:
    base = prices.closing.currency
    held = {*day.opening.cash, *day.closing.cash}
    held |= {key.symbol.partition("/")[2] for key in (*day.opening.positions, *day.closing.positions)}
    moved = {each.currency for each in (*rows.proceeds, *rows.commissions, *rows.flows)}
    for name in sorted((held | moved) - {base}):
        if (rate := prices.closing.rate(name)) is not None:
            yield row(
                "ConversionRate", reportDate=plain(day.day), fromCurrency=name, toCurrency=base, rate=number(rate)
            )


def _equity(day: DayOfBook, prices: Prices) -> str:
    cash = sum((amount * _rate(prices, name, day.day) for name, amount in day.closing.cash.items()), ZERO)
    crypto = sum(
        (
            amount * _rate(prices, name, day.day)
            for name, amount in _values(Holdings({}, day.closing.positions), prices, day.day).items()
        ),
        ZERO,
    )
    none = dict.fromkeys(("stock", "options", "bonds", "funds", "interestAccruals", "dividendAccruals"), "0")
    return row(
        "EquitySummaryByReportDateInBase",
        currency=prices.currency,
        reportDate=plain(day.day),
        cash=number(cash),
        crypto=number(crypto),
        **none,
        total=number(nav(day.closing, prices, day.day)),
    )


def _change_in_nav(day: DayOfBook, prices: DayPrices, rows: DayRows) -> str:
    """The NAV at both ends and its parts: what prices did to positions, at the day's rates; what rates did to what was
    held, and to rows that have a rate of their own; commissions and flows at the rates of their rows."""
    base = prices.closing.currency

    def closing(currency: str) -> Fraction:
        return _rate(prices.closing, currency, day.day)

    def in_base(moved: Iterable[LedgerMove]) -> Fraction:
        return sum((each.amount * (closing(each.currency) if each.rate is None else each.rate) for each in moved), ZERO)

    mtm = in_base(each._replace(rate=None) for each in rows.proceeds)
    for sign, held, known in ((1, day.closing, prices.closing), (-1, day.opening, prices.opening)):
        for name, value in _values(Holdings({}, held.positions), known, day.day).items():
            mtm += sign * value * closing(name)
    fx = sum(
        (
            value * (closing(name) - _rate(prices.opening, name, day.day))
            for name, value in _values(day.opening, prices.opening, day.day).items()
            if name != base
        ),
        ZERO,
    )
    for moved in (*rows.flows, *rows.commissions):
        fx += moved.amount * (closing(moved.currency) - moved.rate) if moved.rate is not None else ZERO
    return row(
        "ChangeInNAV",
        currency=base,
        fromDate=plain(day.day),
        toDate=plain(day.day),
        startingValue=number(nav(day.opening, prices.opening, day.day)),
        mtm=number(mtm),
        fxTranslation=number(fx),
        commissions=number(in_base(rows.commissions)),
        depositsWithdrawals=number(in_base(rows.flows)),
        interest="0",
        dividends="0",
        otherFees="0",
        endingValue=number(nav(day.closing, prices.closing, day.day)),
    )


def _refuse_unpriced(day: DayOfBook, prices: DayPrices) -> None:
    unpriced: dict[Symbol, datetime] = {}
    for key in sorted(day.closing.positions):
        seen, name = prices.seen_at.get((key.exchange, key.symbol)), (key.exchange, key.symbol)
        if seen is None or seen < day.held_since[key]:
            unpriced[name] = max(day.held_since[key], unpriced.get(name, day.held_since[key]))
    if unpriced:
        words = [
            f"no price of {symbol} at {exchange} is known since the position was opened at {moment(since)}"
            for (exchange, symbol), since in unpriced.items()
        ]
        row = ",".join((*next(iter(unpriced)), f"{day.day}", "PRICE"))
        raise Permanent(f"{day.day}: {'; '.join(words)}", f"{_GIVE}{row}")


def _values(held: Holdings, prices: Prices, day: date) -> dict[str, Fraction]:
    """Currency → what is held in it, cash and positions at their marks, in that currency."""
    values = dict(held.cash)
    for key, quantity in held.positions.items():
        mark = prices.mark(key.exchange, key.symbol)
        if mark is None:
            raise Permanent(f"{day}: no price of {key.symbol} at {key.exchange} is known", "Send a quote of the symbol")
        name = key.symbol.partition("/")[2]
        values[name] = values.get(name, ZERO) + quantity * mark
    return values


def _rate(prices: Prices, currency: str, day: date) -> Fraction:
    rate = prices.rate(currency)
    if rate is None:
        raise Permanent(
            f"{day}: no quote says what {currency} was worth in {prices.currency}",
            f"{_GIVE}EXCHANGE,{currency}/{prices.currency},{day},PRICE",
        )
    return rate
