"""Postings: every entry that moves money as legs that sum to zero in each currency.

Accounts: `cash` (what the book holds of a currency), `position:BOT:EXCHANGE:SYMBOL` (what a bot holds of its base
currency), `trading` (the other side of every purchase and sale), `fees`, `capital` (what the user brought, negative as
it is owed to him), `capital:BOT` (the part of it that a bot was given), `income:CAUSE` (what came without a
fill: dividends, interest; what went so: taxes, a broker's fees), and, in the book of a strategy whose fills are shared,
`participants` (what is theirs: the sum over their allocations) and `shared` (the other side of it).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from fractions import Fraction
from typing import NamedTuple

from fntx_dagster.ledger.exact import exact
from fntx_dagster.ledger.positions import Key
from fntx_dagster.model.orders import OrderFill

CASH, TRADING, FEES, CAPITAL, INCOME = "cash", "trading", "fees", "capital", "income"
PARTICIPANTS, SHARED = "participants", "shared"


class LedgerLeg(NamedTuple):
    """One leg of an entry: an amount that an account receives (negative: gives)."""

    account: str
    currency: str
    amount: Fraction


def of_funding(kind: str, amount: Fraction, currency: str, bot_id: str | None) -> list[LedgerLeg]:
    """A `deposit`, a `withdrawal` or an `allocation` of an amount above zero."""
    bots = f"{CAPITAL}:{bot_id}"
    if kind == "allocation":
        return [LedgerLeg(CAPITAL, currency, amount), LedgerLeg(bots, currency, -amount)]
    flow = amount if kind == "deposit" else -amount
    return [LedgerLeg(CASH, currency, flow), LedgerLeg(bots if bot_id else CAPITAL, currency, -flow)]


def held_by(key: Key) -> str:
    """The account of what a bot holds of a symbol."""
    return f"position:{key.bot_id}:{key.exchange}:{key.symbol}"


def of_fill(key: Key, execution: OrderFill) -> list[LedgerLeg]:
    """A fill: what was bought against what it cost, and its fee."""
    base, _, currency = key.symbol.partition("/")
    quantity, price, fee = exact(execution.signed), exact(execution.price), exact(execution.fee)
    held = held_by(key)
    legs = [
        LedgerLeg(held, base, quantity),
        LedgerLeg(TRADING, base, -quantity),
        LedgerLeg(CASH, currency, -quantity * price),
        LedgerLeg(TRADING, currency, quantity * price),
    ]
    if fee:
        payer = held if execution.fee_currency == base else CASH
        legs += [LedgerLeg(payer, execution.fee_currency, -fee), LedgerLeg(FEES, execution.fee_currency, fee)]
    return legs


def of_shares(symbol: str, quantity: Fraction, money: Fraction) -> list[LedgerLeg]:
    """What a step of a signal gave its participants (negative: took), of the base and of the quote currency."""
    base, _, currency = symbol.partition("/")
    return [
        LedgerLeg(account, name, sign * amount)
        for name, amount in ((base, quantity), (currency, money))
        for account, sign in ((PARTICIPANTS, 1), (SHARED, -1))
        if amount
    ]


def reversed_(legs: Iterable[LedgerLeg]) -> list[LedgerLeg]:
    """The legs of an entry that takes another one back."""
    return [leg._replace(amount=-leg.amount) for leg in legs]


def unbalanced(legs: Iterable[LedgerLeg]) -> dict[str, Fraction]:
    """Currency → what the legs sum to, where that is not zero."""
    sums: defaultdict[str, Fraction] = defaultdict(Fraction)
    for leg in legs:
        sums[leg.currency] += leg.amount
    return {currency: total for currency, total in sums.items() if total}
