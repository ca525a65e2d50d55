"""Which prices of a feed are used: valid ones of now that do not jump.

A price whose mid is further from the last one than a band is held back, and neither judges an order nor values a book.
It is used once the feed has said the same for a while: a level that lasts is the market, a slip does not last.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from typing import NamedTuple

from fntx_dagster.ledger.market import is_valid, mid
from fntx_dagster.model.orders import Quote


class FeedRules(NamedTuple):
    """`jump`: how far a mid may be from the last one, as a part of it; `lasting`: how long a price that jumped must
    last until it is used; `ahead`: how far an exchange's clock may be ahead of ours."""

    jump: Decimal = Decimal("0.10")
    lasting: timedelta = timedelta(seconds=30)
    ahead: timedelta = timedelta(seconds=5)


USUAL = FeedRules()


class HeldPrice(NamedTuple):
    """A price that is held back, and since when prices near it are."""

    bid: Decimal
    ask: Decimal
    since: datetime


def weigh(
    last: Quote | None, held: HeldPrice | None, quote: Quote, now: datetime, rules: FeedRules
) -> HeldPrice | str | None:
    """What is against using a quote at `now`: it is held back, or it is no price (why, in words); None: it is used.

    `last`: the price that was used last; `held`: what was held back since then.
    """
    if not is_valid(quote):
        return f"no market: bid {quote.bid}, ask {quote.ask}"
    if quote.at - now > rules.ahead:
        return f"its time is {(quote.at - now).total_seconds():g} s ahead of ours"
    price = mid(quote)
    if last is None or _near(price, mid(last), rules.jump):
        return None
    if held is None or not _near(price, (Fraction(held.bid) + Fraction(held.ask)) / 2, rules.jump):
        return HeldPrice(quote.bid, quote.ask, now)
    return held if now - held.since < rules.lasting else None


def _near(price: Fraction, other: Fraction, band: Decimal) -> bool:
    return abs(price - other) <= Fraction(band) * other
