"""Blocks of trades: titles, sentences, and the arithmetic of realised P&L and premium."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fntx_dagster.model.contract import Contract
from fntx_dagster.model.day import Block, Day, Event, OpenPosition
from fntx_dagster.report import money
from fntx_dagster.report.narrative import Paragraph
from fntx_dagster.report.story import narrate

from .role_model import (
    CALL_628,
    JULY_16,
    JULY_17,
    JULY_18,
    PUT_626,
    RATE,
    SPY,
    block,
    event,
    fill,
    new_york,
    option,
    position,
    quiet_day,
    trades,
)

AUGUST_CALL = option("aug", date(2025, 8, 15), "640", "C")
LEAP = option("leap", date(2026, 1, 16), "627.5", "P")
FUTURE = Contract("es", "ESU5", "ES SEP25", "FUT", "ES", Decimal(50))
SAP = Contract("sap", "SAP", "SAP SE", "STK", "SAP")


def narrated(source: Block, *held: OpenPosition, day: Day | None = None) -> Paragraph:
    """The paragraph of the block on a day that consists of it."""
    story = narrate(replace(day or quiet_day(), blocks=(source,), open_at_close=held))
    (block,) = [block for block in story.paragraphs if block.source is source]
    return block


def lines(block: Paragraph) -> list[str]:
    return [line.plain for line in block.lines]


def events_line(block: Paragraph) -> str:
    return block.lines[0].text


@pytest.mark.parametrize(
    ("fills", "phase", "title"),
    [
        ([fill("10:00", CALL_628, "-1", "0.3"), fill("10:00", PUT_626, "-1", "0.3")], "intraday", "0DTE Trades"),
        ([fill("10:00", CALL_628, "-1", "0.3")], "intraday", "0DTE Trade"),
        ([fill("10:00", AUGUST_CALL, "-1", "3")], "intraday", "Option Trade"),
        ([fill("10:00", CALL_628, "-1", "0.3"), fill("10:01", AUGUST_CALL, "1", "3")], "intraday", "Option Trades"),
        ([fill("10:00", SPY, "10", "628")], "intraday", "Stock Trade"),
        ([fill("10:00", SPY, "10", "628"), fill("10:00", CALL_628, "-1", "0.3")], "intraday", "Trades"),
        ([fill("10:00", SPY, "10", "628", closes="10")], "intraday", "Cover Trade"),
        ([fill("04:00", SPY, "10", "628", closes="10")], "pre_market", "Pre-Market Cover Trade"),
        ([fill("17:00", SPY, "10", "628", closes="10", day=JULY_16)], "overnight", "Overnight Cover Trade"),
        ([fill("10:00", SPY, "-10", "628", closes="10")], "intraday", "Closing Trade"),
        ([fill("10:00", CALL_628, "1", "0.1", closes="1")], "intraday", "Closing Trade"),
        (
            [fill("10:00", CALL_628, "1", "0.1", closes="1"), fill("10:01", PUT_626, "1", "0.1", closes="1")],
            "intraday",
            "Closing Trades",
        ),
        (
            [fill("10:00", CALL_628, "-1", "0.3"), fill("10:01", CALL_628, "1", "0.1", closes="1")],
            "intraday",
            "Day Trades",
        ),
        ([fill("10:00", SPY, "-20", "628", closes="10")], "intraday", "Day Trades"),
    ],
)
def test_the_title_says_what_the_block_is(fills: list[Event], phase: str, title: str) -> None:
    assert narrated(trades(*fills, phase=phase)).title == title


def test_one_order_filled_in_parts_is_one_trade() -> None:
    block = narrated(trades(fill("10:00", CALL_628, "-1", "0.3"), fill("10:00:01", CALL_628, "-2", "0.31")))
    assert block.title == "0DTE Trade"
    assert events_line(block) == "You sell 3 SPY 628 Calls."


@pytest.mark.parametrize(
    ("fills", "sentence"),
    [
        ([fill("10:00", CALL_628, "2", "0.3")], "You buy 2 SPY 628 Calls."),
        ([fill("10:00", AUGUST_CALL, "-1", "3")], "You sell 1 SPY August 15 640 Call."),
        ([fill("10:00", LEAP, "1", "3")], "You buy 1 SPY January 16, 2026, 627.5 Put."),
        ([fill("10:00", SPY, "1", "628")], "You buy 1 share of SPY at $628.00."),
        ([fill("10:00", SPY, "0.25", "628.125")], "You buy 0.25 shares of SPY at $628.125."),
        ([fill("10:00", SPY, "-10", "628")], "You sell short 10 shares of SPY at $628.00."),
        (
            [fill("10:00", SPY, "1", "628"), fill("10:01", SPY, "2", "629")],
            "You buy 3 shares of SPY at an average of $628.6667.",
        ),
        ([fill("10:00", SAP, "10", "231.5", currency="EUR")], "You buy 10 shares of SAP at 231.50 EUR."),
        (
            [
                fill("10:00", option("c1", JULY_17, "630", "C"), "-1", "0.4"),
                fill("10:00", option("c2", JULY_17, "635", "C"), "1", "0.1"),
                fill("10:00", option("p1", JULY_17, "620", "P"), "-1", "0.5"),
                fill("10:00", option("p2", JULY_17, "615", "P"), "1", "0.2"),
            ],
            "You sell 1 SPY 630 Call and 1 SPY 620 Put, and buy 1 SPY 635 Call and 1 SPY 615 Put.",
        ),
        (
            [fill("10:00", SPY, "10", "628"), fill("10:01", SPY, "-10", "629", closes="10")],
            "You buy 10 shares of SPY at $628.00 and sell 10 at $629.00.",
        ),
        (
            [fill("10:00", CALL_628, "-1", "0.3"), fill("10:02", CALL_628, "1", "0.1", closes="1")],
            "You sell and buy back 1 SPY 628 Call.",
        ),
        (
            [fill("10:00", SPY, "-10", "629", closes="10")],
            "You close the long stock position by selling 10 shares of SPY at $629.00.",
        ),
        ([fill("10:00", FUTURE, "2", "6300")], "You buy 2 ESU5 futures at $6,300.00."),
    ],
)
def test_the_events_line_says_what_was_traded(fills: list[Event], sentence: str) -> None:
    assert events_line(narrated(trades(*fills))) == sentence


def test_a_block_that_closes_says_what_it_leaves_open() -> None:
    bought_back = trades(fill("10:00", CALL_628, "1", "0.1", closes="1", gross="20"))
    assert events_line(narrated(bought_back, position(CALL_628, "-2"))) == (
        "You buy back 1 SPY 628 Call, leaving short 2 SPY 628 Calls open."
    )


def test_a_cover_of_a_part_says_so() -> None:
    part = trades(fill("10:00", SPY, "50", "629.45", closes="50", gross="-72.5"))
    assert events_line(narrated(part, position(SPY, "-50"))) == (
        "You cover part of the short stock position by buying 50 shares of SPY at $629.45, "
        "leaving short 50 shares of SPY open."
    )


def test_what_a_block_leaves_open_is_not_what_a_later_one_does() -> None:
    first = trades(fill("10:00", CALL_628, "1", "0.1", closes="1"))
    second = trades(fill("12:00", CALL_628, "2", "0.1", closes="2"))
    story = narrate(quiet_day(blocks=(first, second)))
    sentences = [events_line(block) for block in story.paragraphs if block.kind == "trades"]
    assert sentences == [
        "You buy back 1 SPY 628 Call, leaving short 2 SPY 628 Calls open.",
        "You buy back 2 SPY 628 Calls.",
    ]


def test_a_stock_held_for_days_is_covered_without_a_word_about_an_assignment() -> None:
    block = narrated(trades(fill("10:00", SPY, "100", "629.45", closes="100", gross="-145")))
    assert "P&L Impact: This trade realises a loss." in lines(block)


def test_a_thousand_fills_are_summed_up_in_one_readable_sentence() -> None:
    contracts = [option(f"c{strike}", JULY_17, str(strike), "C") for strike in range(600, 640)]
    fills = [fill(f"10:{n // 60 % 60}:{n % 60}", contracts[n % 40], "-1", "0.3", event_id=f"{n}") for n in range(1000)]
    block = narrated(trades(*fills))
    assert events_line(block) == (
        "1,000 fills in 40 contracts: you sell 25 SPY 600 Calls, 25 SPY 601 Calls, 25 SPY 602 Calls, 25 SPY 603 Calls "
        "and 25 SPY 604 Calls, and trade 35 more contracts."
    )
    assert "Premium: 30,000.00 USD" in lines(block)
    assert len(block.lines) < 10


def test_a_single_closing_shows_how_its_result_comes_about() -> None:
    cases = [
        (
            fill("10:00", SPY, "100", "629.45", closes="100", gross="-145"),
            "(628.00 - 629.45) × 100 shares = -145.00 USD",
        ),
        (fill("10:00", SPY, "-0.5", "630", closes="0.5", gross="1"), "(630.00 - 628.00) × 0.5 shares = 1.00 USD"),
        (fill("10:00", SPY, "-1", "630", closes="1", gross="2"), "(630.00 - 628.00) × 1 share = 2.00 USD"),
        (fill("10:00", CALL_628, "1", "0.2146", closes="1", gross="-5.46"), "(0.16 - 0.2146) × 100 = -5.46 USD"),
        (fill("10:00", CALL_628, "-2", "0.5", closes="2", gross="60"), "(0.50 - 0.20) × 2 × 100 = 60.00 USD"),
    ]
    for closing, arithmetic in cases:
        assert any(line.endswith(arithmetic) for line in lines(narrated(trades(closing))))


def test_no_formula_is_shown_where_the_opening_price_is_no_price() -> None:
    block = narrated(trades(fill("10:00", SPY, "3", "629", closes="3", gross="-1")))
    assert "Realised Loss: -1.00 USD" in lines(block)


def test_a_break_even_is_neither_gain_nor_loss() -> None:
    texts = lines(narrated(trades(fill("10:00", SPY, "3", "629", closes="3", gross="0"))))
    assert "P&L Impact: This trade realises neither a gain nor a loss." in texts
    assert "Realised P&L: (629.00 - 629.00) × 3 shares = 0.00 USD" in texts


def test_the_premium_of_several_contracts_and_fills_is_multiplied_out() -> None:
    block = narrated(trades(fill("10:00", CALL_628, "-3", "0.12"), fill("10:00", PUT_626, "-3", "0.09")))
    assert "Premium: (3 × 0.12 + 3 × 0.09) × 100 = 63.00 USD" in lines(block)


def test_premium_that_is_paid_is_negative() -> None:
    texts = lines(narrated(trades(fill("10:00", CALL_628, "1", "0.12"))))
    assert texts[1:3] == ["P&L Impact (Premium Paid):", "Premium: -0.12 × 100 = -12.00 USD"]


def test_a_stock_bought_costs_its_commission_and_nothing_else() -> None:
    texts = lines(narrated(trades(fill("10:00", SPY, "10", "628"))))
    assert texts[1:] == [
        "P&L Impact: Nothing is realised; only commissions count.",
        "Commissions: -1.00 USD",
        "Total P&L Impact: -1.00 USD × 7.8472 = -7.85 HKD",
        "NAV becomes: 79,498.68 - 7.85 = 79,490.83 HKD",
    ]


def test_premium_that_was_counted_at_the_opening_is_taken_back_at_the_closing() -> None:
    bought_back = fill("14:00", CALL_628, "1", "0.05", closes="1", gross="11", reversal="-16", commission="-0.86")
    texts = lines(narrated(trades(bought_back)))
    assert "Premium Reversal: -16.00 USD (premium already counted when it was opened)" in texts
    assert "Total P&L Impact: -5.86 USD × 7.8472 = -45.98 HKD" in texts


def test_a_total_that_rounding_keeps_from_multiplying_out_is_given_exactly_too() -> None:
    texts = lines(narrated(trades(fill("10:00", SPY, "1", "628", closes="1", gross="-11.2", commission="-1.092"))))
    assert "Total P&L Impact: -12.29 USD (exactly -12.292) × 7.8472 = -96.46 HKD" in texts


def test_a_block_at_several_rates_has_a_line_for_each() -> None:
    later = Decimal("7.8455")
    texts = lines(narrated(trades(fill("10:00", SPY, "1", "628"), fill("10:01", SPY, "1", "628", rate=later))))
    assert texts[3:6] == [
        "In USD: -1.00 USD × 7.8472 = -7.85 HKD",
        "In USD: -1.00 USD × 7.8455 = -7.85 HKD",
        "Total P&L Impact: -15.69 HKD (exactly -15.6927)",
    ]


def test_a_block_at_many_rates_names_their_range() -> None:
    fills = [fill("10:00", SPY, "1", "628", rate=RATE + Decimal(n) / 10000, event_id=f"{n}") for n in range(9)]
    texts = lines(narrated(trades(*fills)))
    assert "Total P&L Impact: -9.00 USD, at 9 rates from 7.8472 to 7.848 = -70.63 HKD" in texts


def test_a_block_in_several_currencies_has_amounts_for_each_and_a_total_in_base_currency() -> None:
    euros = fill("10:00", SAP, "-1", "231", closes="1", gross="31", currency="EUR", rate=Decimal("9.1"))
    texts = lines(narrated(trades(euros, fill("10:01", SPY, "1", "628"))))
    assert texts[2:-1] == [
        "Realised Gain (EUR): (231.00 - 200.00) × 1 share = 31.00 EUR",
        "Commissions (EUR): -1.00 EUR",
        "Commissions (USD): -1.00 USD",
        "In EUR: 30.00 EUR × 9.1 = +273.00 HKD",
        "In USD: -1.00 USD × 7.8472 = -7.85 HKD",
        "Total P&L Impact: +273.00 - 7.85 = +265.15 HKD",
    ]


def test_an_account_in_the_currency_of_its_trades_sees_no_rate() -> None:
    day = quiet_day(base_currency="USD")
    texts = lines(narrated(trades(fill("10:00", CALL_628, "-1", "0.4", rate=Decimal(1), source="base")), day=day))
    assert texts[2:] == [
        "Premium: 0.40 × 100 = 40.00 USD",
        "Commissions: -1.00 USD",
        "Total P&L Impact: +39.00 USD",
        "NAV becomes: 79,498.68 + 39.00 = 79,537.68 USD",
    ]


def test_a_rate_that_the_statement_did_not_hold_is_said_to_be_configured() -> None:
    texts = lines(narrated(trades(fill("10:00", SPY, "1", "628", source="configured"))))
    assert texts[3].endswith("-7.85 HKD (configured rate: the statement has none)")


def test_a_conversion_of_currencies_costs_its_commission() -> None:
    pair = Contract("fx", "USD.HKD", "USD.HKD", "CASH")
    bought = event(
        "fx", "fx_conversion", new_york(JULY_17, "10:00"), pair, "1000", "7.8472", commission="-2", impact="-15.6944"
    )
    converted = narrated(block("trades", "intraday", bought, impact="-15.6944", after="79482.9856"))
    assert converted.title == "Currency Conversion"
    assert events_line(converted) == "You buy 1,000 USD.HKD at 7.8472."


def test_an_overnight_trade_names_the_date_in_both_zones() -> None:
    block = narrated(
        trades(fill("17:30", SPY, "1", "628", day=JULY_17), phase="overnight"), day=quiet_day(JULY_18, JULY_17)
    )
    assert block.heading == "Overnight Stock Trade (05:30 HKT, July 18 / 17:30 EDT, July 17)"


@given(
    gross=st.decimals(1, 1000, places=4).flatmap(lambda size: st.sampled_from([size, -size])),
    commission=st.decimals(Decimal("-0.9"), 0, places=5),
    rate=st.decimals(Decimal("0.5"), 10, places=4),
)
def test_every_printed_product_gives_the_printed_result(gross: Decimal, commission: Decimal, rate: Decimal) -> None:
    closing = fill("10:00", SPY, "1", "628", closes="1", gross=str(gross), commission=str(commission), rate=rate)
    (total,) = [line for line in narrated(trades(closing)).lines if line.label == "Total P&L Impact"]
    shown, factor = total.text.split(" × ")
    exact = shown.split("(exactly ")[1].rstrip(")") if "exactly" in shown else shown.split(" ")[0]
    product = Decimal(exact.replace(",", "")) * Decimal(factor)
    assert f"{money.display(product, signed=True)} HKD" == total.result
