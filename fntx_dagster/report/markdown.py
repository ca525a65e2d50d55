"""The story as Markdown, in the layout of the role model.

What belongs here: emphasis, indentation and escaping. What is said is decided in `story.py`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from fntx_dagster.foreign import LONGEST_CELL, cleaned
from fntx_dagster.model.account_risk import AccountRisk
from fntx_dagster.model.against_market import AgainstMarket
from fntx_dagster.model.strategies import OptionSelling
from fntx_dagster.report import clock
from fntx_dagster.report.account_risk import risk_tables
from fntx_dagster.report.against_market import market_tables
from fntx_dagster.report.narrative import Line, Paragraph, Story, StorySection
from fntx_dagster.report.period import PeriodSummary, narrate_periods
from fntx_dagster.report.strategies import selling_tables, trades_options
from fntx_dagster.report.tables import Table

# What a broker's description or a label may hold and Markdown would read as markup: within a line; at its start, where
# it would make a heading, a list or a rule; and what some renderers make links of.
_MARKUP = re.compile(r"([\\`*_\[\]<>|~]|&(?=#?[0-9A-Za-z]+;)|:(?=//)|@|(?<=\bwww)\.)", re.IGNORECASE)
_BEGINS = re.compile(r"^(\s*(?:\d{1,9}(?=[.)](?:\s|$))|(?=(?:[-+=]|#+)(?:\s|$)|[-=]{2,}\s*$)))")
_RULE = "\n\n---\n\n"


def to_markdown(
    stories: Sequence[Story],
    *,
    account_label: str | None,
    selling: OptionSelling | None = None,
    market: AgainstMarket | None = None,
    risk: AccountRisk | None = None,
    notes: Sequence[str] = (),
) -> str:
    """One document of the stories, in the order given, with their period before them where they are several, what
    option selling made in it, the account beside its benchmark, and what can hurt it at the end. `account_label` is
    printed as given: masking is the caller's. `notes` are sentences about the statements behind them."""
    zones = clock.zones_sentence(
        stories[0].observer if stories else clock.HONG_KONG, [story.day.zone for story in stories[:1]]
    )
    head = [
        f"# ALM Report{_range(stories)}",
        f"Account {escaped(account_label)}. {zones}" if account_label else zones,
        *(escaped(note) for note in notes),
    ]
    sections = [_period(period) for period in narrate_periods(stories)]
    sections += [_selling(selling)] if selling and selling.both.all_in.number else []
    sections += [_tables("The Market and the Costs", market_tables(market))] if market else []
    sections += (
        [_tables(f"Risk at the Close of {clock.full_date(risk.trading_day)}", risk_tables(risk))] if risk else []
    )
    sections += [_section(section) for story in stories for section in story.sections]
    return "\n\n".join(head) + "\n\n" + _RULE.join(sections or ["No trading days."]) + "\n"


def escaped(text: str) -> str:
    """`text` on one line, cleaned, with everything that Markdown would read as markup shown as it is."""
    return _BEGINS.sub(r"\1\\", _MARKUP.sub(r"\\\1", cleaned(text)))


def table(headers: Sequence[str], rows: Sequence[Sequence[str]], left_aligned: int = 1) -> str:
    """A Markdown table; the first `left_aligned` columns are words, the others figures. A text that is too long for a
    cell is cut."""
    rule = [":---"] * left_aligned + ["---:"] * (len(headers) - left_aligned)
    return "\n".join(
        f"| {' | '.join(cells)} |" for cells in ([*map(_cell, headers)], rule, *([*map(_cell, row)] for row in rows))
    )


def _cell(text: str) -> str:
    return escaped(cleaned(text, LONGEST_CELL))


def _range(stories: Sequence[Story]) -> str:
    if not stories:
        return ""
    days = [story.day.trading_day for story in stories]
    return f": {clock.span(min(days), max(days))}"


def _period(period: PeriodSummary) -> str:
    lines = "\n".join(_line(line, below=0) for line in period.lines)
    return f"## {escaped(period.heading)}\n\n{lines}"


def _selling(selling: OptionSelling) -> str:
    name = "Option Selling" if trades_options(selling) else "Trades"
    return _tables(f"{name}, amounts in {selling.base_currency}", selling_tables(selling))


def _tables(heading: str, contents: Iterable[Table]) -> str:
    parts = [f"## {escaped(heading)}"]
    for content in contents:
        rows = (*content.rows, *([content.totals] if content.totals else []))
        parts += [f"### {escaped(content.title)}", table(content.headers, rows, content.words)]
        parts += [escaped(content.footnote)] if content.footnote else []
    return "\n\n".join(parts)


def _section(section: StorySection) -> str:
    paragraphs = "\n\n".join(map(_paragraph, section.paragraphs))
    return f"## {escaped(section.heading)}\n\n{paragraphs}"


def _paragraph(paragraph: Paragraph) -> str:
    summary = f" {escaped(paragraph.summary)}" if paragraph.summary else ""
    return "\n".join([f"- **{escaped(paragraph.heading).strip()}:**{summary}", *map(_line, paragraph.lines)])


def _line(line: Line, below: int = 1) -> str:
    """A paragraph's own lines have bold labels, those below plain ones; a figure that a line leads to is bold."""
    indent = "  " * (line.depth + below)
    label, text, result = (escaped(words).strip() for words in (line.label, line.text, line.result))
    note = escaped(line.note)
    bold = line.depth == 0 or line.total
    if bold and label and result and not text:
        return f"{indent}- **{label}: {result}**{note}"
    content = " = ".join(part for part in (text, f"**{result}**" if result else "") if part)
    head = f"**{label}:** " if bold and label else f"{label}: " if label else ""
    return f"{indent}- {head}{content}{note}".rstrip()
