"""An order in a market as it is judged, whoever asks for it: a slice of a strategy, or an offer that people wrote."""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction
from typing import Any, NamedTuple

from fntx_dagster.errors import Permanent
from fntx_dagster.execution.assets import DROPS, LedgerAsset, LedgerPair
from fntx_dagster.execution.books import MarketBook
from fntx_dagster.execution.risk import BUY, SELL, DeskOrder

_AT_ONCE = {"immediate_or_cancel", "fill_or_kill"}


class OrderWish(NamedTuple):
    """So much of the base at `price` at worst. `waits`: what finds nobody rests at that price."""

    pair: LedgerPair
    side: str
    quantity: Fraction
    price: Fraction
    waits: bool = False

    @property
    def value(self) -> Fraction:
        """In the quote currency, at its worst price."""
        return self.quantity * self.price


def wish_of_offer(params: Mapping[str, Any], quote: LedgerAsset) -> OrderWish | None:
    """What the parameters of an `offer.create` ask for, counted in a currency; None where they do not trade it."""
    gives, given = _read(params["taker_gets"])
    gets, wanted = _read(params["taker_pays"])
    waits = not _AT_ONCE & {*params.get("flags", ())}
    return wish_of_amounts(quote, gives, given, gets, wanted, waits=waits)


def wish_of_amounts(
    quote: LedgerAsset, gives: LedgerAsset, given: Fraction, gets: LedgerAsset, wanted: Fraction, *, waits: bool
) -> OrderWish | None:
    """The same of what an offer gives and gets; None as well where it gives or gets nothing."""
    if quote not in (gives, gets) or not given or not wanted:
        return None
    if gives == quote:
        return OrderWish(LedgerPair(gets, quote), BUY, wanted, given / wanted, waits)
    return OrderWish(LedgerPair(gives, quote), SELL, given, wanted / given, waits)


def expected_order(wish: OrderWish, book: MarketBook) -> DeskOrder:
    """The order as the risk controller asks for it: at what walking the book says, at its own price of an empty one.
    One that waits trades at no worse price than its own, and what finds nobody rests there."""
    expected = book.expected(wish.side, wish.quantity)
    paid = wish.price if expected is None else expected
    if wish.waits:
        paid = min(paid, wish.price) if wish.side == BUY else max(paid, wish.price)
    return DeskOrder(wish.side, wish.quantity, paid, book.mid or wish.price)


def _read(amount: Any) -> tuple[LedgerAsset, Fraction]:
    if isinstance(amount, str):
        return LedgerAsset("XRP"), Fraction(int(amount), DROPS)
    if not isinstance(amount, Mapping):
        raise Permanent("an amount is neither drops nor an object", "Write it as docs/treasury.md says")
    return LedgerAsset(amount["currency"], amount["issuer"]), Fraction(amount["value"])
