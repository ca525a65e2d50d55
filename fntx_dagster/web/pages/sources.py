"""`/a/{n}/day/{date}/fills`: what a day is made of: the fills and cash rows of each block, and the rows of its NAV."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Any

from fntx_dagster.model.day import Event
from fntx_dagster.report import money, wording
from fntx_dagster.report.holdings import time_of
from fntx_dagster.services.dashboard.sources import DaySources, SectionRows, day_sources
from fntx_dagster.web.asking import Answer, Asked, NotFound, Shown
from fntx_dagster.web.words import cell

_OF_THE_NAV = ("change_in_nav", "equity_summary")
TABLES = {
    "trades": "Trades",
    "cash_transactions": "Cash Transactions",
    "corporate_actions": "Corporate Actions",
    "transfers": "Transfers",
    "change_in_nav": "Change in NAV",
    "equity_summary": "Equity Summary",
    "open_positions": "Open Positions",
    "interest_accruals": "Interest Accruals",
    "conversion_rates": "Conversion Rates",
    "cash_report": "Cash Report",
    "dividend_accruals": "Dividend Accruals",
    "tier_interest": "Interest Details",
    "option_eae": "Option Exercises, Assignments and Expirations",
    "transaction_taxes": "Transaction Taxes",
}
"""Table → what the broker calls the section."""


def show(asked: Asked) -> Answer:
    """The sources of the day that the address names."""
    day = asked.day()
    if day is None:
        raise NotFound
    account = asked.account
    masked = not asked.visitor.sees_names
    found = day_sources(asked.site.db, account.account_id, day, asked.site.observer, masked=masked)
    if found is None:
        raise NotFound
    tables = [_table(each, f"/a/{account.number}") for each in found.rows]
    values = {
        "day": found.story.day,
        "blocks": _blocks(found, day, asked, f"/a/{account.number}"),
        "of_the_nav": [each for each in tables if each["table"] in _OF_THE_NAV],
        "others": [each for each in tables if each["table"] not in _OF_THE_NAV],
    }
    return Shown("sources.html.j2", f"What {found.story.heading.removeprefix('US Trading Day: ')} is made of", values)


def _blocks(found: DaySources, day: date, asked: Asked, account: str) -> list[dict[str, Any]]:
    return [
        {
            "id": paragraph.source.block_id,
            "title": paragraph.title,
            "when": paragraph.when,
            "impact": paragraph.source.nav_impact,
            "nav_after": paragraph.source.nav_after,
            "events": [_event(event, found.made_from, day, asked, account) for event in paragraph.source.events],
        }
        for paragraph in found.story.paragraphs
        if paragraph.source
    ]


def _event(
    event: Event, made_from: Mapping[str, tuple[str, int]], day: date, asked: Asked, account: str
) -> dict[str, Any]:
    source = made_from.get(event.event_id)
    return {
        "at": time_of(event.at, asked.site.observer),
        "what": event.event_type.replace("_", " "),
        "name": wording.contract_name(event.contract, day) if event.contract else event.description,
        "quantity": "" if event.quantity is None else money.quantity(event.quantity),
        "price": "" if event.price is None else money.price(event.price),
        "amount": "" if event.amount is None else money.display(event.amount, signed=True),
        "commission": money.display(event.commission, signed=True) if event.commission else "",
        "currency": event.currency,
        "rate": money.plain(event.fx_rate),
        "impact": money.display(event.nav_impact, signed=True),
        "source": f"{account}/raw/{source[0]}/{source[1]}" if source else "",
        "table": TABLES.get(source[0], source[0]) if source else "",
    }


def _table(each: SectionRows, account: str) -> dict[str, Any]:
    return {
        "table": each.table,
        "title": TABLES[each.table],
        "columns": [name.replace("_", " ").capitalize() for name in each.columns],
        "rows": [
            (f"{account}/raw/{each.table}/{row_id}", kind, [cell(value) for value in values])
            for row_id, kind, values in each.rows
        ],
        "has_more": each.has_more,
    }
