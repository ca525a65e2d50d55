"""Expirations, assignments and exercises."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal

import pytest

from fntx_dagster.model.contract import Contract
from fntx_dagster.model.day import Block, Event
from fntx_dagster.report.narrative import Paragraph
from fntx_dagster.report.story import narrate

from .role_model import (
    CALL_628,
    JULY_17,
    JULY_18,
    PUT_626,
    SPY,
    block,
    event,
    fill,
    new_york,
    option,
    quiet_day,
    trades,
)

NAV = "79498.68"


def at_night() -> datetime:
    return new_york(JULY_17, "16:20")


def ends(event_type: str, contract: Contract, quantity: str, price: str = "0") -> Event:
    return event(
        contract.contract_id, event_type, at_night(), contract, quantity, price, closes=quantity.strip("-"), after=NAV
    )


def delivers(
    quantity: str, price: str, *, opens: bool = True, closes: str = "", commission: str = "0", gross: str = "0"
) -> Event:
    """Opens or closes all of `quantity`, or closes as many as said and opens the rest."""
    size = {"opens" if opens else "closes": quantity.strip("-")}
    if closes:
        size = {"closes": closes, "opens": str(abs(Decimal(quantity)) - Decimal(closes))}
    impact = str(Decimal(commission) * Decimal("7.8472"))
    return event(
        "d", "delivery", at_night(), SPY, quantity, price, commission=commission, impact=impact, gross=gross, **size
    )


def narrated(source: Block) -> Paragraph:
    story = narrate(quiet_day(JULY_18, JULY_17, blocks=(source,)))
    assert story.sections[0].heading == "Overnight Period (July 17 Close to July 18 Open)"
    return story.sections[0].paragraphs[1]


@pytest.mark.parametrize(
    ("events", "sentence"),
    [
        ([ends("expiration", PUT_626, "1")], "Your short SPY 626 Put expires worthless."),
        ([ends("expiration", PUT_626, "-1")], "Your long SPY 626 Put expires worthless."),
        ([ends("expiration", PUT_626, "3")], "Your 3 short SPY 626 Puts expire worthless."),
        (
            [ends("expiration", CALL_628, "-2"), ends("expiration", PUT_626, "1")],
            "Your short SPY 626 Put and 2 long SPY 628 Calls expire worthless.",
        ),
        (
            [ends("expiration", option("spx", JULY_17, "6300", "C", "SPX"), "1", "4.2")],
            "Your short SPX 6300 Call expires and is settled in cash at $4.20.",
        ),
    ],
)
def test_an_expiration_says_what_ended(events: list[Event], sentence: str) -> None:
    paragraph = narrated(block("expiration", "overnight", *events, impact="0", after=NAV))
    assert [line.plain for line in paragraph.lines] == [f"Event: {sentence}", "NAV remains: 79,498.68 HKD"]


def test_many_expirations_are_capped() -> None:
    events = [ends("expiration", option(f"c{strike}", JULY_17, str(strike), "C"), "1") for strike in range(600, 640)]
    (sentence, _) = narrated(block("expiration", "overnight", *events, impact="0", after=NAV)).lines
    assert sentence.text.endswith("short SPY 604 Call and 35 more options expire worthless.")


@pytest.mark.parametrize(
    ("kind", "events", "sentence"),
    [
        (
            "assignment",
            [ends("assignment", CALL_628, "1"), delivers("-100", "628")],
            "Your short SPY 628 Call is assigned. Your option liability is replaced with a -100 share short position "
            "in SPY at a cost basis of $628.00/share.",
        ),
        (
            "assignment",
            [ends("assignment", PUT_626, "2"), delivers("200", "626")],
            "Your 2 short SPY 626 Puts are assigned. Your option liability is replaced with a 200 share long position "
            "in SPY at a cost basis of $626.00/share.",
        ),
        (
            "exercise",
            [ends("exercise", CALL_628, "-1"), delivers("100", "628")],
            "Your long SPY 628 Call is exercised. Your option is replaced with a 100 share long position in SPY at a "
            "cost basis of $628.00/share.",
        ),
        (
            "assignment",
            [ends("assignment", CALL_628, "1"), delivers("-100", "628", opens=False)],
            "Your short SPY 628 Call is assigned. You deliver 100 shares of SPY at $628.00/share, which closes your "
            "long position in it.",
        ),
        (
            "assignment",
            [ends("assignment", PUT_626, "1"), delivers("100", "626", opens=False)],
            "Your short SPY 626 Put is assigned. You receive 100 shares of SPY at $626.00/share, which closes your "
            "short position in it.",
        ),
    ],
)
def test_an_assignment_or_exercise_says_what_replaced_the_option(kind: str, events: list[Event], sentence: str) -> None:
    paragraph = narrated(block(kind, "overnight", *events, impact="0", after=NAV))
    assert [line.plain for line in paragraph.lines] == [
        f"Event: {sentence}",
        "NAV Impact: This asset exchange has no immediate P&L impact.",
        "NAV remains: 79,498.68 HKD",
    ]
    assert paragraph.heading == f"{kind.capitalize()} (04:20 HKT, July 18 / 16:20 EDT, July 17)"


def test_shares_that_one_option_brings_and_another_takes_say_what_they_realise() -> None:
    events = [
        ends("assignment", PUT_626, "1"),
        ends("assignment", CALL_628, "2"),
        delivers("100", "626"),
        delivers("-200", "628", closes="100", gross="200"),
    ]
    paragraph = narrated(block("assignment", "overnight", *events, impact="0", after=NAV))
    assert [line.plain for line in paragraph.lines] == [
        "Event: Your short SPY 626 Put and 2 short SPY 628 Calls are assigned. Your option liability is replaced with "
        "a 100 share long position in SPY at a cost basis of $626.00/share. You deliver 100 shares of SPY at "
        "$628.00/share, which closes your long position in it. Your option liability is replaced with a -100 share "
        "short position in SPY at a cost basis of $628.00/share.",
        "NAV Impact: This asset exchange has no immediate P&L impact.",
        "Realised Gain: 200.00 USD on the shares; it moves nothing here and counts where open positions are marked to "
        "the closing prices.",
        "NAV remains: 79,498.68 HKD",
    ]


def test_a_commission_on_an_assignment_moves_the_nav() -> None:
    events = [ends("assignment", CALL_628, "1"), delivers("-100", "628", commission="-1.5")]
    paragraph = narrated(block("assignment", "overnight", *events, impact="-11.7708", after="79486.9092"))
    assert [line.plain for line in paragraph.lines[1:]] == [
        "Commissions: -1.50 USD × 7.8472 = -11.77 HKD",
        "NAV becomes: 79,498.68 - 11.77 = 79,486.91 HKD",
    ]


def test_a_stock_from_an_exercise_that_is_sold_before_the_open_says_where_it_came_from() -> None:
    exercise = block(
        "exercise", "overnight", ends("exercise", CALL_628, "-1"), delivers("100", "628"), impact="0", after=NAV
    )
    sold = trades(fill("05:00", SPY, "-100", "630", closes="100", gross="200", day=JULY_18), phase="pre_market")
    story = narrate(quiet_day(JULY_18, JULY_17, blocks=(exercise, sold)))
    (cover,) = [paragraph for paragraph in story.paragraphs if paragraph.kind == "trades"]
    assert cover.lines[1].text == "This trade realises the total gain from the exercise."


def test_an_expiration_before_the_weekend_names_saturday_in_hong_kong() -> None:
    ended = event("e", "expiration", new_york(JULY_18, "16:20"), PUT_626, "1", "0", closes="1")
    monday = JULY_18.replace(day=21)
    story = narrate(
        quiet_day(monday, JULY_18, blocks=(block("expiration", "overnight", ended, impact="0", after=NAV),))
    )
    assert story.sections[0].heading == "Overnight Period (July 18 Close to July 21 Open)"
    assert story.sections[0].paragraphs[1].when == "04:20 HKT, July 19 / 16:20 EDT, July 18"
