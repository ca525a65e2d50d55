"""The Flex query to define at the broker: what Client Portal calls the sections, and which fields of each are read.

Fields come from the table of sections that the parser reads by, so that this list never differs from what is read.
"""

from __future__ import annotations

from typing import NamedTuple

from fntx_dagster.adapters.flex.sections import SECTIONS, Kind, Section


class QuerySection(NamedTuple):
    """A section of the query."""

    table: str
    tag: str
    """Its name in the file."""
    title: str
    """Its name in Client Portal."""
    options: str
    """What to choose in it beside the fields; empty for nothing."""
    purpose: str
    is_needed: bool
    """Whether no day can be built without it; without another one some figures are missing."""
    fields: tuple[str, ...]
    """Attributes in the file; Client Portal writes the same words with blanks between them."""


MENU = "Performance & Reports, Flex Queries, Activity Flex Query, +"
SERVICE_MENU = "Performance & Reports, Flex Queries, Flex Web Service Configuration"

DELIVERY = {
    "Format": "XML",
    "Period": "Month to Date",
    "Include Canceled Trades?": "No",
    "Include Currency Rates?": "Yes",
    "Display Account Alias in Place of Account ID?": "No",
    "Breakout by Day?": "Yes",
    "Date Format": "yyyyMMdd",
    "Time Format": "HHmmss",
    "Date/Time Separator": "; (semi-colon)",
}
"""The general configuration of the query, as Client Portal words it."""

_SECTIONS = {
    "trades": ("Trades", "Executions", "fills and commissions", True),
    "change_in_nav": ("Change in NAV", "", "the official NAV and its components", True),
    "option_eae": (
        "Option Exercises, Assignments and Expirations",
        "",
        "distinguishes an assignment from an expiration",
        False,
    ),
    "cash_transactions": ("Cash Transactions", "all types, Detail", "deposits, interest, dividends, fees", False),
    "corporate_actions": ("Corporate Actions", "Detail", "splits, mergers, changes of symbol", False),
    "transfers": ("Transfers", "", "positions and cash from and to other accounts", False),
    "interest_accruals": ("Interest Accruals", "", "accruals", False),
    "equity_summary": ("Net Asset Value (NAV) in Base", "", "what the positions are worth", False),
    "cash_report": ("Cash Report", "", "balances, for FX translation", False),
    "dividend_accruals": ("Change in Dividend Accruals", "", "dividends before their ex-date", False),
    "tier_interest": ("Interest Details", "Tier Interest Details", "the margin interest of each night", False),
    "open_positions": ("Open Positions", "Summary", "closing prices, for Greeks and revaluation", False),
}
"""Table → its name and options in Client Portal. Left out: the sections that no figure uses, the performance summaries,
which repeat what the trades say, and the exchange rates, which `Include Currency Rates?` adds."""

NEEDED_FIELDS = {"trades": ("currency", "quantity", "tradePrice", "dateTime", "symbol|conid")}
"""Table → the fields without which a row is incomplete; of two with a bar between them one is enough."""
OPTION_FIELDS = ("multiplier", "strike", "expiry", "putCall")
"""Needed beside those in the row of an option."""


def query_sections() -> list[QuerySection]:
    """The sections of one query that delivers all that is read, those that are needed first."""
    by_table = {section.table: section for section in SECTIONS}
    return [
        QuerySection(table, by_table[table].tags[0], title, options, purpose, is_needed, fields_of(by_table[table]))
        for table, (title, options, purpose, is_needed) in _SECTIONS.items()
    ]


def fields_of(section: Section) -> tuple[str, ...]:
    """The attributes that are read of a section, those first that say what a row is."""
    return tuple(column.attribute for column in sorted(section.columns, key=lambda column: _order(column.kind)))


def _order(kind: Kind) -> int:
    return ("text", "date", "timestamptz", "numeric").index(kind.sql)
