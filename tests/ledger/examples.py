"""Books and fills that the tests of the ledger write by hand."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from itertools import count

from fntx_dagster.ledger.book import Book, Booked
from fntx_dagster.ledger.positions import Key
from fntx_dagster.model.orders import OrderFill, Quote

NOW = datetime(2026, 3, 2, 12, tzinfo=UTC)
TODAY = NOW.date()
BTC = Key("bot", "binance", "BTC/USDT")


def quote(bid: str, ask: str | None = None, size: str | None = None, at: datetime = NOW) -> Quote:
    """One price for both sides, unless an ask is given."""
    sizes = None if size is None else Decimal(size)
    return Quote(Decimal(bid), Decimal(ask or bid), sizes, sizes, at)


class Trading:
    """A book that trades in one currency: what a test does with it is one line each."""

    def __init__(self, *deposits: str, bot: str | None = None, currency: str = "USDT") -> None:
        self.book = Book(currency)
        self.numbers = count(1)
        self.day: date = TODAY
        for amount in deposits:
            self.deposit(amount, bot=bot)

    def deposit(self, amount: str, bot: str | None = None, currency: str | None = None) -> None:
        """A negative amount is a withdrawal."""
        currency = currency or self.book.currency
        rate = self.book.rates(currency, currency).price
        assert rate is not None
        self.book.flow(Fraction(amount), currency, rate, bot, self.day)
        self.book.observe(self.day)

    def price(self, price: str, ask: str | None = None, key: Key = BTC, at: datetime = NOW) -> None:
        self.book.quote(key.exchange, key.symbol, quote(price, ask, at=at))
        self.book.observe(self.day)

    def trade(
        self, quantity: str, price: str, fee: str = "0", fee_currency: str | None = None, key: Key = BTC
    ) -> Booked:
        """A negative quantity is a sale."""
        number = next(self.numbers)
        amount, currency = Decimal(quantity), key.symbol.partition("/")[2]
        side = "buy" if amount > 0 else "sell"
        paid_in = fee_currency or currency
        execution = OrderFill(f"t{number}", side, abs(amount), Decimal(price), Decimal(fee), paid_in, "taker", NOW)
        booked = self.book.fill(key, number, execution, self.book.rates(currency, paid_in))
        self.book.observe(self.day)
        return booked

    def tomorrow(self) -> None:
        self.day += timedelta(days=1)
