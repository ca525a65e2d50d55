"""The role model's two days: the whole report, and each of its figures."""

from __future__ import annotations

import json
from decimal import Decimal
from pathlib import Path

import pytest

from fntx_dagster.model.day import Day
from fntx_dagster.report.document import to_json
from fntx_dagster.report.markdown import to_markdown
from fntx_dagster.report.story import narrate

from .role_model import july_17, july_18

GOLDEN = Path(__file__).parents[1] / "golden" / "report"


@pytest.fixture(scope="module")
def markdown() -> str:
    return to_markdown([narrate(july_17()), narrate(july_18())], account_label="U…0001")


def test_the_markdown_of_both_days_is_the_golden_file(markdown: str) -> None:
    assert markdown == (GOLDEN / "role_model.md").read_text(encoding="utf-8")


def test_the_json_of_both_days_is_the_golden_file() -> None:
    document = to_json([narrate(july_17()), narrate(july_18())])
    assert document == (GOLDEN / "role_model.json").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    "figure",
    [
        "79,498.68",
        "-6.46 USD",
        "-5.83 USD",
        "-12.29 USD",
        "-96.46 HKD",
        "79,402.22",
        "+352.59",
        "79,754.81",
        "(628.00 - 629.45) × 100 shares = -145.00 USD",
        "-146.00 USD × 7.8455 = **-1,145.44 HKD**",
        "79,754.81 - 1,145.44 = **78,609.37 HKD**",
        "(0.37 + 0.40) × 100 = 77.00 USD",
        "-1.73 USD",
        "75.27 USD",
        "+590.64",
        "78,609.37 + 590.64 = **79,200.01 HKD**",
        "79,231.03",
        "79,231.03 - 79,200.01 = **+31.02 HKD**",
        "+31.39",
        "-0.25",
        "-0.12",
        "Unexplained: 0.00 HKD",
    ],
)
def test_the_report_holds_each_figure_of_the_role_model(markdown: str, figure: str) -> None:
    assert figure in markdown


@pytest.mark.parametrize(
    "words",
    [
        "## US Trading Day: Thursday, July 17, 2025",
        "**Market Open (21:30 HKT / 09:30 EDT):** The day begins.",
        "**Day Trades (00:46–00:50 HKT, July 18 / 12:46–12:50 EDT, July 17):** You adjust your option positions.",
        "sell 2 and buy back 1 SPY 628 Call",
        "leaving short SPY 626 Put and short SPY 628 Call open",
        "Your open positions (short SPY 626 Put, short SPY 628 Call) are marked to the closing prices.",
        "Unrealised P&L = (79,754.81 - 79,402.22) = **+352.59 HKD**",
        "## Overnight Period (July 17 Close to July 18 Open)",
        "**Assignment (04:20 HKT, July 18 / 16:20 EDT, July 17):**",
        "Your short SPY 628 Call is assigned. Your option liability is replaced with a -100 share short position "
        "in SPY at a cost basis of $628.00/share.",
        "This asset exchange has no immediate P&L impact.",
        "**NAV remains: 79,754.81 HKD**",
        "## US Trading Day: Friday, July 18, 2025",
        "**Pre-Market Cover Trade (13:15 HKT / 01:15 EDT, July 18):**",
        "You cover the short stock position by buying 100 shares of SPY at $629.45.",
        "This trade realises the total loss from the assignment.",
        "does not yet include the pre-market cover trade (-1,145.44 HKD)",
        "**0DTE Trades (22:32 HKT / 10:32 EDT):**",
        "You sell 1 SPY 629 Call and 1 SPY 626 Put.",
        "**Market Close (04:00 HKT, July 19 / 16:00 EDT, July 18):**",
        "Both options (short SPY 626 Put, short SPY 629 Call) expire worthless; the premium is fully realised.",
        "**Closing NAV: 79,231.03 HKD**",
    ],
)
def test_the_report_speaks_the_words_of_the_role_model(markdown: str, words: str) -> None:
    assert words in markdown


def test_the_sections_follow_each_other_as_in_the_role_model(markdown: str) -> None:
    assert [line for line in markdown.splitlines() if line.startswith("#")] == [
        "# ALM Report: July 17 – July 18, 2025",
        "## The Period: July 17 – July 18, 2025 (2 sessions)",
        "## Overnight Period (July 16 Close to July 17 Open)",
        "## US Trading Day: Thursday, July 17, 2025",
        "## Overnight Period (July 17 Close to July 18 Open)",
        "## US Trading Day: Friday, July 18, 2025",
    ]


@pytest.mark.parametrize("day", [july_17(), july_18()], ids=["17 July", "18 July"])
def test_each_block_of_the_hand_written_days_starts_where_the_one_before_ended(day: Day) -> None:
    nav = day.opening_nav_official
    for block in day.blocks:
        for event in block.events:
            counted = event.gross_realised if block.closes else event.premium
            counted = counted if event.event_type == "trade" else Decimal(0)
            assert event.nav_impact == (counted + event.commission) * event.fx_rate
            nav += event.nav_impact
            assert event.nav_after == nav
        assert block.nav_after == nav
    assert nav == day.closing_nav_calculated
    assert sum(day.difference_parts.values()) + day.unexplained == day.closing_nav_official - nav == day.difference


def test_the_json_holds_exact_amounts_beside_displayed_ones() -> None:
    first, second = json.loads(to_json([narrate(july_17()), narrate(july_18())]))["days"]
    assert first["closing_nav_calculated"] == {"amount": "79402.2222176", "display": "79,402.22"}
    assert second["difference"] == {"amount": "31.0199504", "display": "+31.02"}
    assert [(part["name"], part["amount"], part["display"]) for part in second["difference_parts"]] == [
        ("assigned_option_mark", "31.3888", "+31.39"),
        ("rate_difference", "-0.2465", "-0.25"),
        ("fx_translation", "-0.1223496", "-0.12"),
    ]
    assert second["unexplained"] == {"amount": "0", "display": "0.00"}
