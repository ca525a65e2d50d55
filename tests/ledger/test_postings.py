"""Every entry balances in each currency, and the cash account is the balance."""

from __future__ import annotations

from collections import defaultdict
from decimal import Decimal
from fractions import Fraction

from hypothesis import given
from hypothesis import strategies as st

from fntx_dagster.ledger.postings import CASH, LedgerLeg, of_fill, of_funding, reversed_, unbalanced
from fntx_dagster.model.orders import OrderFill

from .examples import BTC, NOW, Trading


def test_a_fill_is_a_purchase_against_cash_and_a_fee() -> None:
    execution = OrderFill("t", "buy", Decimal(2), Decimal(100), Decimal("0.2"), "USDT", "taker", NOW)
    held = "position:bot:binance:BTC/USDT"
    assert of_fill(BTC, execution) == [
        LedgerLeg(held, "BTC", Fraction(2)),
        LedgerLeg("trading", "BTC", Fraction(-2)),
        LedgerLeg("cash", "USDT", Fraction(-200)),
        LedgerLeg("trading", "USDT", Fraction(200)),
        LedgerLeg("cash", "USDT", Fraction("-0.2")),
        LedgerLeg("fees", "USDT", Fraction("0.2")),
    ]


def test_a_fee_in_the_base_currency_leaves_the_position() -> None:
    execution = OrderFill("t", "buy", Decimal(2), Decimal(100), Decimal("0.01"), "BTC", "taker", NOW)
    assert LedgerLeg("position:bot:binance:BTC/USDT", "BTC", Fraction("-0.01")) in of_fill(BTC, execution)


def test_an_allocation_moves_capital_and_no_cash() -> None:
    legs = of_funding("allocation", Fraction(5), "USDT", "bot")
    assert {leg.account for leg in legs} == {"capital", "capital:bot"}
    assert not unbalanced(legs)


def test_a_reversal_takes_every_leg_back() -> None:
    legs = of_funding("withdrawal", Fraction(5), "USDT", None)
    assert not unbalanced(legs)
    both = defaultdict(Fraction)
    for leg in legs + reversed_(legs):
        both[leg.account] += leg.amount
    assert not any(both.values())


AMOUNT = st.decimals("0.000001", "1000", places=6, allow_nan=False)
EXECUTIONS = st.builds(
    OrderFill,
    st.just("t"),
    st.sampled_from(["buy", "sell"]),
    AMOUNT,
    AMOUNT,
    st.decimals("0", "1", places=6, allow_nan=False),
    st.sampled_from(["BTC", "USDT", "BNB"]),
    st.sampled_from(["maker", "taker"]),
    st.just(NOW),
)


@given(st.lists(EXECUTIONS, max_size=20))
def test_every_fill_balances_and_cash_is_the_books_balance(executions: list[OrderFill]) -> None:
    trading = Trading("1000")
    cash: defaultdict[str, Fraction] = defaultdict(Fraction, USDT=Fraction(1000))
    held = Fraction(0)
    for number, execution in enumerate(executions):
        legs = of_fill(BTC, execution)
        assert not unbalanced(legs)
        trading.book.fill(BTC, number, execution, trading.book.rates("USDT", execution.fee_currency))
        for leg in legs:
            if leg.account == CASH:
                cash[leg.currency] += leg.amount
            elif leg.account.startswith("position:"):
                held += leg.amount
    assert {currency: amount for currency, amount in trading.book.balances.items() if amount} == {
        currency: amount for currency, amount in cash.items() if amount
    }
    assert not executions or trading.book.positions[BTC].quantity == held
