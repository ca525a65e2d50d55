"""The story in Markdown."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from fntx_dagster.foreign import cleaned
from fntx_dagster.report.markdown import escaped, to_markdown
from fntx_dagster.report.narrative import Line
from fntx_dagster.report.story import narrate

from .role_model import JULY_17, block, event, july_17, july_18, new_york, quiet_day


def test_a_single_day_is_titled_with_its_date_and_its_account() -> None:
    text = to_markdown([narrate(july_18())], account_label="U…0001")
    assert text.startswith(
        "# ALM Report: July 18, 2025\n\nAccount U…0001. Hong Kong time first, New York time second.\n"
    )


def test_a_range_of_days_is_titled_with_its_ends_whatever_their_order() -> None:
    text = to_markdown([narrate(july_18()), narrate(july_17())], account_label=None)
    assert text.startswith("# ALM Report: July 17 – July 18, 2025\n\nHong Kong time first")


def test_no_days_make_a_report_that_says_so() -> None:
    assert to_markdown([], account_label=None).endswith("\n\nNo trading days.\n")


def test_what_the_broker_writes_cannot_become_markup() -> None:
    fee = event("f", "fee", new_york(JULY_17, "10:00"), amount="-1", description="*FEE* <b>_x_</b> [a](b)")
    story = narrate(quiet_day(blocks=(block("cash", "intraday", fee, impact="0", after="79498.68"),)))
    text = to_markdown([story], account_label="`a`")
    assert r"“\*FEE\* \<b\>\_x\_\</b\> \[a\](b)”" in text
    assert r"Account \`a\`." in text


@given(st.text())
def test_escaping_only_adds_backslashes_to_what_is_cleaned(text: str) -> None:
    plain = text.replace("\\", "")
    assert escaped(plain).replace("\\", "") == cleaned(plain)


def test_figures_can_be_searched_for_as_they_are_displayed() -> None:
    text = to_markdown([narrate(july_17())], account_label=None)
    assert "-96.46 HKD" in text
    assert "\N{MINUS SIGN}" not in text


def test_lines_are_nested_under_their_block() -> None:
    text = to_markdown([narrate(july_17())], account_label=None)
    indents = {(len(line) - len(line.lstrip())) for line in text.splitlines() if line.lstrip().startswith("- ")}
    assert indents == {0, 2, 4, 6}


def test_a_line_of_a_label_alone_has_no_trailing_blank() -> None:
    assert Line("P&L Impact (Premium Received)").plain == "P&L Impact (Premium Received):"
    assert not any(line != line.rstrip() for line in to_markdown([narrate(july_18())], account_label=None).splitlines())
