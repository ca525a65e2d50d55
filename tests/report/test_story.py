"""The day as a whole: its sections, its open and its close."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from decimal import Decimal

import pytest

from fntx_dagster.model.day import Day, OpenPosition
from fntx_dagster.report.market import part_label
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
    july_17,
    july_18,
    new_york,
    option,
    position,
    quiet_day,
    trades,
)


def moment(day: Day, kind: str) -> Paragraph:
    (paragraph,) = [block for block in narrate(day).paragraphs if block.kind == kind]
    return paragraph


def lines(paragraph: Paragraph) -> list[str]:
    return [line.plain for line in paragraph.lines]


def test_the_blocks_come_in_the_order_of_the_day() -> None:
    assert [(paragraph.kind, paragraph.phase) for paragraph in narrate(july_18()).paragraphs] == [
        ("previous_close", "overnight"),
        ("assignment", "overnight"),
        ("expiration", "overnight"),
        ("trades", "pre_market"),
        ("market_open", "intraday"),
        ("trades", "intraday"),
        ("market_close", "at_close"),
    ]


def test_the_nav_runs_from_the_previous_official_close_to_the_official_close() -> None:
    navs = [paragraph.nav_after for paragraph in narrate(july_18()).paragraphs]
    expected = ["79754.81", "79754.81", "79754.81", "78609.367", "78609.367", "79200.0100496", "79231.03"]
    assert navs == [Decimal(nav) for nav in expected]


def test_a_line_carries_the_exact_amount_that_it_tells() -> None:
    (trade_block,) = [paragraph for paragraph in narrate(july_17()).paragraphs if paragraph.kind == "trades"]
    (total,) = [line for line in trade_block.lines if line.total]
    assert (total.amount, total.currency) == (Decimal("-96.4577824"), "HKD")


def test_a_day_without_anything_overnight_is_one_section() -> None:
    (section,) = narrate(quiet_day()).sections
    assert section.heading == "US Trading Day: Thursday, July 17, 2025"
    assert section.paragraphs[0].heading == "Previous Official Close (04:00 HKT, July 17 / 16:00 EDT, July 16)"


def test_a_day_without_events_says_so() -> None:
    story = narrate(quiet_day())
    assert [paragraph.kind for paragraph in story.paragraphs] == [
        "previous_close",
        "market_open",
        "no_events",
        "market_close",
    ]
    session = story.paragraphs[2]
    assert session.when == "21:30 HKT, July 17 – 04:00 HKT, July 18 / 09:30–16:00 EDT, July 17"
    assert session.summary == "No events. Nothing was traded, assigned or paid."
    assert lines(session) == ["NAV remains: 79,498.68 HKD"]
    assert lines(story.paragraphs[3]) == [
        "Event: The market closes. You hold no open positions.",
        "Official Closing NAV (at 16:00 EDT): The broker books the official NAV of the day.",
        "Closing NAV: 79,498.68 HKD",
        "Reconciliation: The calculated and the official NAV agree at 79,498.68 HKD.",
    ]


def test_in_winter_the_market_opens_and_closes_an_hour_later_in_hong_kong() -> None:
    day = quiet_day(date(2025, 1, 15), date(2025, 1, 14))
    assert moment(day, "market_open").when == "22:30 HKT / 09:30 EST"
    assert moment(day, "market_close").when == "05:00 HKT, January 16 / 16:00 EST, January 15"


def test_an_early_close_is_said_in_the_heading_and_at_the_close() -> None:
    day = quiet_day(date(2025, 11, 28), date(2025, 11, 26), close="13:00")
    assert narrate(day).heading == "US Trading Day: Friday, November 28, 2025 (early close 13:00 EST)"
    close = moment(day, "market_close")
    assert close.when == "02:00 HKT, November 29 / 13:00 EST, November 28"
    assert lines(close)[0] == "Event: The market closes early, at 13:00 EST. You hold no open positions."


def test_one_nav_is_stated_at_the_open_where_official_and_calculated_agree() -> None:
    assert lines(moment(july_17(), "market_open")) == ["Opening NAV: 79,498.68 HKD"]


def test_both_navs_are_stated_at_the_open_with_the_reason_where_they_differ() -> None:
    assert lines(moment(july_18(), "market_open")) == [
        "Official Opening NAV: 79,754.81 HKD",
        "Calculated Opening NAV: 78,609.37 HKD",
        "Why they differ: The broker's official figure does not yet include "
        "the pre-market cover trade (-1,145.44 HKD).",
    ]


def test_a_deposit_and_a_trade_before_the_open_are_both_reasons() -> None:
    at = new_york(JULY_17, "08:00")
    paid = event("d", "deposit", at, amount="1000", impact="1000", currency="HKD", rate=Decimal(1), assumed=True)
    deposit = block("cash", "pre_market", paid, impact="1000", after="80498.68")
    sold = trades(fill("09:00", option("x", JULY_17, "630", "C"), "-1", "0.4"), phase="pre_market", before="80498.68")
    day = quiet_day(blocks=(deposit, sold), opening_nav_calculated=sold.nav_after)
    assert lines(moment(day, "market_open"))[2] == (
        "Why they differ: The broker's official figure does not yet include the deposit (+1,000.00 HKD) "
        "and the pre-market 0DTE trade (+306.04 HKD)."
    )


def test_a_difference_at_the_open_that_the_blocks_do_not_make_is_not_blamed_on_them() -> None:
    day = quiet_day(opening_nav_calculated=Decimal("79500.68"))
    assert lines(moment(day, "market_open"))[2] == "Why they differ: The two differ by +2.00 HKD."


@pytest.mark.parametrize(
    ("held", "sentence"),
    [
        (
            [position(CALL_628, "-1", "expired")],
            "Your short SPY 628 Call expires worthless; the premium is fully realised.",
        ),
        (
            [position(CALL_628, "-3", "expired")],
            "Your 3 short SPY 628 Calls expire worthless; the premium is fully realised.",
        ),
        (
            [position(CALL_628, "1", "expired"), position(PUT_626, "1", "expired")],
            "Both options (long SPY 626 Put, long SPY 628 Call) expire worthless; the premium paid is lost.",
        ),
        (
            [position(option(s, JULY_17, s, "C"), "-1", "expired") for s in ("630", "631", "632")],
            "All 3 options (short SPY 630 Call, short SPY 631 Call, short SPY 632 Call) expire worthless; "
            "the premium is fully realised.",
        ),
    ],
)
def test_options_that_expire_with_the_day_realise_their_premium(held: list[OpenPosition], sentence: str) -> None:
    close = lines(moment(quiet_day(open_at_close=tuple(held)), "market_close"))
    assert close[0] == f"Event: The market closes. {sentence}"
    assert close[-1].startswith("Reconciliation:")


@pytest.mark.parametrize(
    ("held", "sentence"),
    [
        (
            [position(SPY, "-100", "traded")],
            "Your open position (short 100 shares of SPY) is marked to the closing price.",
        ),
        (
            [position(CALL_628, "-1", "expired"), position(SPY, "0.5")],
            "Your open positions (long 0.5 shares of SPY, short SPY 628 Call) are marked to the closing prices.",
        ),
        (
            [position(option("later", JULY_18, "630", "C"), "-1", "expired")],
            "Your open position (short SPY July 18 630 Call) is marked to the closing price.",
        ),
        (
            [position(CALL_628, "-1")],
            "Your open position (short SPY 628 Call) is marked to the closing price. "
            "Your short SPY 628 Call expires today; its outcome arrives with the next statement.",
        ),
        (
            [position(CALL_628, "-2"), position(PUT_626, "-1")],
            "Your open positions (short SPY 626 Put, short 2 SPY 628 Calls) are marked to the closing prices. "
            "Your short SPY 626 Put and 2 short SPY 628 Calls expire today; "
            "their outcome arrives with the next statement.",
        ),
    ],
)
def test_positions_that_live_on_are_marked_to_the_closing_prices(held: list[OpenPosition], sentence: str) -> None:
    day = quiet_day(open_at_close=tuple(held), difference=Decimal(1), unexplained=Decimal(1))
    close = lines(moment(day, "market_close"))
    assert close[0] == f"Event: The market closes. {sentence}"
    assert close[1].startswith("Mark-to-Market P&L:")


def test_a_big_portfolio_is_capped_at_the_close() -> None:
    held = tuple(position(option(str(strike), JULY_18, str(strike), "C"), "-1") for strike in range(600, 640))
    (sentence, *_) = lines(moment(quiet_day(open_at_close=held), "market_close"))
    assert sentence.endswith("short SPY July 18 604 Call, 35 more positions) are marked to the closing prices.")


def test_stock_held_for_days_is_marked_each_day_and_sold_on_the_last() -> None:
    holding = replace(position(SPY, "100", "traded"), opened_at=new_york(date(2025, 7, 14), "10:00"))
    first = quiet_day(
        open_at_close=(holding,),
        closing_nav_official=Decimal("79598.68"),
        difference=Decimal(100),
        difference_parts={"mark_to_market": Decimal(100)},
    )
    assert lines(moment(first, "market_close"))[2:5] == [
        "Unrealised P&L = (79,598.68 - 79,498.68) = +100.00 HKD, made up of:",
        "Open positions marked to the closing prices: +100.00 HKD",
        "Unexplained: 0.00 HKD",
    ]
    sold = trades(fill("10:00", SPY, "-100", "629", closes="100", gross="150", day=JULY_18))
    (sale,) = [
        paragraph
        for paragraph in narrate(quiet_day(JULY_18, JULY_17, blocks=(sold,))).paragraphs
        if paragraph.kind == "trades"
    ]
    assert lines(sale)[0] == "Event: You close the long stock position by selling 100 shares of SPY at $629.00."


def test_the_attribution_names_each_part_and_what_is_left() -> None:
    assert lines(moment(july_18(), "market_close"))[-5:] == [
        "Reconciliation: The difference between the calculated NAV and the official one is "
        "79,231.03 - 79,200.01 = +31.02 HKD, made up of:",
        "Last closing mark of the assigned option, released by the assignment: +31.39 HKD",
        "The trades' exchange rates against the day's rate: -0.25 HKD",
        "FX translation of balances in other currencies: -0.12 HKD",
        "Unexplained: 0.00 HKD",
    ]


def test_parts_that_rounding_keeps_from_adding_up_are_given_exactly_too() -> None:
    assert lines(moment(july_17(), "market_close"))[3:8] == [
        "Open positions marked to the closing prices: +408.05 HKD",
        "Change in accrued interest: -55.47 HKD",
        "FX translation of balances in other currencies: +0.0034 HKD",
        "Unexplained: 0.00 HKD",
        "Exactly, before rounding: +408.0544 - 55.47 + 0.0033824 = +352.5877824 HKD",
    ]


def test_parts_that_cancel_out_are_still_listed() -> None:
    day = quiet_day(difference_parts={"fees": Decimal(-10), "transfers": Decimal(10), "dividends": Decimal(0)})
    assert lines(moment(day, "market_close"))[-4:] == [
        "Reconciliation: The difference between the calculated NAV and the official one is "
        "79,498.68 - 79,498.68 = 0.00 HKD, made up of:",
        "Fees: -10.00 HKD",
        "Transfers: +10.00 HKD",
        "Unexplained: 0.00 HKD",
    ]


def test_a_part_without_words_of_its_own_is_called_by_its_name() -> None:
    assert part_label("stamp_duty") == "Stamp duty"


def test_a_nav_chain_that_rounding_spoils_is_given_exactly_too() -> None:
    at = new_york(JULY_17, "10:00")
    fee = event("f", "fee", at, amount="-0.004", impact="-0.004", currency="HKD", rate=Decimal(1))
    source = block("cash", "intraday", fee, impact="-0.004", after="79498.674")
    story = narrate(quiet_day(blocks=(source,), opening_nav_official=Decimal("79498.678")))
    (paragraph,) = [paragraph for paragraph in story.paragraphs if paragraph.kind == "cash"]
    assert lines(paragraph)[-1] == (
        "NAV becomes: 79,498.68 - 0.00 = 79,498.67 HKD (rounded; exactly 79,498.678 - 0.004 = 79,498.674)"
    )
