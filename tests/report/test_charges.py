"""What the broker charges, in sentences."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

from fntx_dagster.model.day import InterestTier
from fntx_dagster.report.charges import charge_lines, charges, interest_lines
from fntx_dagster.report.story import narrate

from .role_model import (
    CALL_628,
    JULY_17,
    RATE,
    block,
    event,
    july_17,
    july_18,
    new_york,
    quiet_day,
)

NIGHT = InterestTier("USD", Decimal("6.83"), Decimal("-62800"), Decimal("-11.91"))


def test_commissions_and_fees_are_summed_by_kind_at_the_rates_they_were_charged_at() -> None:
    fee = event("f", "fee", new_york(JULY_17, "16:00"), amount="-1.5", impact="-11.77", after="0")
    paid = replace(fee, broker_type="Other Fees", fx_rate=Decimal("7.85"))
    day = quiet_day(blocks=(block("cash", "at_close", fee, paid, impact="-23.55", after="0"),))
    charged = charges([july_17(), july_18(), day])
    assert {charge.kind: (charge.amount, charge.quantity) for charge in charged} == {
        "Commissions on options": (Decimal("-7.564"), 8),
        "Commissions on shares": (-1, 100),
        "Other Fees": (Decimal("-1.5"), 0),
        "Fees": (Decimal("-1.5"), 0),
    }
    days = (july_17(), july_18())
    assert sum(charge.in_base for charge in charges(days)) == sum(day.commissions for day in days)
    assert [line.plain for line in charge_lines(charged, "HKD")] == [
        "Fees by Kind: What the broker charged, at the rate of each charge:",
        "Commissions on options: -7.56 USD, 0.95 each of 8, at 7.8472 = -59.36 HKD",
        "Other Fees: -1.50 USD, at 7.85 = -11.78 HKD",
        "Fees: -1.50 USD, at 7.8472 = -11.77 HKD",
        "Commissions on shares: -1.00 USD, at 7.8455 = -7.85 HKD",
    ]
    assert charge_lines((), "HKD") == []


def test_a_charge_in_base_currency_is_said_once() -> None:
    fee = event("f", "fee", new_york(JULY_17, "16:00"), amount="-8", impact="-8", after="0")
    day = quiet_day(
        blocks=(block("cash", "at_close", replace(fee, currency="HKD", fx_rate=Decimal(1)), impact="-8", after="0"),)
    )
    traded = charges([july_17()])[0]._replace(currency="HKD", lowest_rate=Decimal(1), highest_rate=Decimal(1))
    lines = charge_lines((*charges([day]), traded), "HKD")
    assert [line.plain for line in lines[1:]] == [
        "Fees: -8.00 HKD",
        "Commissions on options: 0.97 each of 6 = -45.76 HKD",
    ]


def test_tax_withheld_from_a_dividend_is_a_kind_of_its_own_and_the_dividend_is_none() -> None:
    received = event("d", "dividend", new_york(JULY_17, "16:00"), amount="30", impact="235.42", after="0")
    withheld = event("t", "tax", new_york(JULY_17, "16:00"), amount="-9", impact="-70.62", after="0")
    named = replace(withheld, broker_type="Withholding Tax")
    day = quiet_day(blocks=(block("cash", "at_close", received, withheld, named, impact="94.17", after="0"),))
    assert [(charge.kind, charge.amount) for charge in charges([day])] == [("Taxes", -9), ("Withholding Tax", -9)]


def test_the_interest_of_a_night_is_said_with_its_rate_and_balance() -> None:
    [line] = interest_lines(quiet_day(interest_tiers=(NIGHT, NIGHT._replace(interest=Decimal(3)))))
    assert line.plain == (
        "Margin Interest: The broker charges 11.91 USD for the night: 6.83 % a year on a balance of -62,800.00 USD."
    )
    assert line.amount == Decimal("-11.91")


def test_the_shares_of_an_assignment_are_in_the_balance_of_their_own_currency_alone() -> None:
    at = new_york(JULY_17, "16:20")
    brought = event("s", "delivery", at, CALL_628, "100", "600", opens="100", impact="0", after="0")
    day = quiet_day(
        blocks=(block("assignment", "overnight", brought, impact="0", after="0"),),
        interest_tiers=(NIGHT, NIGHT._replace(currency="EUR")),
    )
    said = [
        line.text.endswith("The shares that the assignment brought are in that balance.")
        for line in interest_lines(day)
    ]
    assert said == [True, False]


def test_a_stop_that_triggers_is_said_and_another_order_is_not() -> None:
    at = new_york(JULY_17, "11:00")
    bought = event("b", "trade", at, CALL_628, "1", "0.9", closes="1", gross="-50", impact="-392.36", after="0")
    for order, said in (("STP", ["Your stop triggers and buys back 1 SPY 628 Call."]), ("LMT", []), (None, [])):
        done = replace(bought, order_type=order, fx_rate=RATE)
        story = narrate(quiet_day(blocks=(block("trades", "intraday", done, impact="-392.36", after="0"),)))
        lines = [line for paragraph in story.paragraphs for line in paragraph.lines]
        assert [line.text for line in lines if line.label == "Stop"] == said
