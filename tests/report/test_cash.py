"""Deposits and withdrawals, interest, dividends, taxes and fees."""

from __future__ import annotations

from decimal import Decimal

import pytest

from fntx_dagster.model.contract import Contract
from fntx_dagster.model.day import Event
from fntx_dagster.report.narrative import Paragraph
from fntx_dagster.report.story import narrate

from .role_model import JULY_17, SPY, block, event, new_york, quiet_day

ONE = Decimal(1)


def cash(
    event_type: str, amount: str, clock: str = "08:00", *, contract: Contract | None = None, description: str = ""
) -> Event:
    """A movement in HKD, at a time that was assumed."""
    at = new_york(JULY_17, clock)
    return event(
        f"{event_type}{amount}",
        event_type,
        at,
        contract,
        amount=amount,
        impact=amount,
        currency="HKD",
        rate=ONE,
        source="base",
        assumed=True,
        description=description,
    )


def narrated(*events: Event, phase: str = "pre_market") -> Paragraph:
    impact = sum((each.nav_impact for each in events), Decimal(0))
    source = block("cash", phase, *events, impact=str(impact), after=str(Decimal("79498.68") + impact))
    (paragraph,) = [each for each in narrate(quiet_day(blocks=(source,))).paragraphs if each.source is source]
    return paragraph


def lines(paragraph: Paragraph) -> list[str]:
    return [line.plain for line in paragraph.lines]


def test_a_deposit_says_that_its_time_is_assumed_and_what_the_broker_wrote() -> None:
    deposit = narrated(cash("deposit", "10000", description="CASH RECEIPTS / ELECTRONIC\nFUND TRANSFERS"))
    assert deposit.heading == "Deposit (20:00 HKT / 08:00 EDT, July 17)"
    assert lines(deposit) == [
        "Event: You deposit 10,000.00 HKD (time assumed). "
        "The broker writes: “CASH RECEIPTS / ELECTRONIC FUND TRANSFERS”.",
        "NAV becomes: 79,498.68 + 10,000.00 = 89,498.68 HKD",
    ]


def test_a_withdrawal_comes_at_the_close() -> None:
    withdrawal = narrated(cash("withdrawal", "-1230", "16:00"), phase="at_close")
    assert withdrawal.heading == "Withdrawal (04:00 HKT, July 18 / 16:00 EDT, July 17)"
    assert lines(withdrawal) == [
        "Event: You withdraw 1,230.00 HKD (time assumed).",
        "NAV becomes: 79,498.68 - 1,230.00 = 78,268.68 HKD",
    ]


@pytest.mark.parametrize(
    ("movement", "title", "sentence"),
    [
        (cash("interest", "-2.03"), "Interest", "The broker charges interest of 2.03 HKD (time assumed)."),
        (cash("interest", "2.03"), "Interest", "The broker pays interest of 2.03 HKD (time assumed)."),
        (
            cash("dividend", "176", contract=SPY),
            "Dividend",
            "You receive a dividend of 176.00 HKD on SPY (time assumed).",
        ),
        (cash("dividend", "-176", contract=SPY), "Dividend", "You pay a dividend of 176.00 HKD on SPY (time assumed)."),
        (cash("tax", "-52.8"), "Tax", "Tax of 52.80 HKD is withheld (time assumed)."),
        (cash("fee", "-10"), "Fee", "The broker charges a fee of 10.00 HKD (time assumed)."),
        (cash("fee", "10"), "Fee", "The broker refunds a fee of 10.00 HKD (time assumed)."),
        (cash("other_cash", "10"), "Cash Movement", "The broker credits 10.00 HKD (time assumed)."),
    ],
)
def test_a_movement_says_who_pays_whom(movement: Event, title: str, sentence: str) -> None:
    paragraph = narrated(movement)
    assert (paragraph.title, paragraph.lines[0].text) == (title, sentence)


def test_a_movement_in_another_currency_is_converted() -> None:
    interest = event("i", "interest", new_york(JULY_17, "09:00"), amount="-2.03", impact="-15.929816")
    assert lines(narrated(interest))[1:] == [
        "NAV Impact: -2.03 USD × 7.8472 = -15.93 HKD",
        "NAV becomes: 79,498.68 - 15.93 = 79,482.75 HKD",
    ]


def test_a_movement_that_the_nav_already_held_leaves_it_alone() -> None:
    accrued = event("i", "interest", new_york(JULY_17, "09:00"), amount="-2.03")
    assert lines(narrated(accrued)) == ["Event: The broker charges interest of 2.03 USD.", "NAV remains: 79,498.68 HKD"]


def test_several_kinds_of_movement_are_listed_and_summed() -> None:
    dollars = event("i", "interest", new_york(JULY_17, "08:00"), amount="-2.03", impact="-15.929816", assumed=True)
    movements = narrated(cash("deposit", "10000"), dollars)
    assert movements.title == "Cash Movements"
    assert lines(movements)[2:] == [
        "In HKD: +10,000.00 HKD",
        "In USD: -2.03 USD × 7.8472 = -15.93 HKD",
        "NAV Impact: +10,000.00 - 15.93 = +9,984.07 HKD",
        "NAV becomes: 79,498.68 + 9,984.07 = 89,482.75 HKD",
    ]


def test_many_movements_are_capped() -> None:
    fees = narrated(*(cash("fee", f"-{n}") for n in range(1, 31)))
    assert fees.title == "Fees"
    assert lines(fees)[5:] == [
        "Events: 25 more cash movements.",
        "NAV Impact: -465.00 HKD",
        "NAV becomes: 79,498.68 - 465.00 = 79,033.68 HKD",
    ]
