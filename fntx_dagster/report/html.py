"""The report as one HTML file that needs nothing else: figures, charts, tables, and the narrative of each day.

What belongs here: the page's order. Texts are decided in `story.py` and `period.py`, charts are chosen in `figures.py`,
and the template (`templates/report.html.j2`) cleans and escapes every text that it is given. The page asks for nothing
from anywhere: its policy allows one style sheet, its own, by hash, and no script. The same values give the same bytes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

from fntx_dagster.foreign import cleaned
from fntx_dagster.model.account_risk import AccountRisk
from fntx_dagster.model.against_market import AgainstMarket
from fntx_dagster.model.chain import DayProof
from fntx_dagster.model.day import AnyDay, Day
from fntx_dagster.model.holdings import Mark, StockPosition
from fntx_dagster.model.nav import NavDay
from fntx_dagster.model.round_trips import RoundTrips
from fntx_dagster.model.strategies import OptionSelling
from fntx_dagster.report import clock, money
from fntx_dagster.report.account_risk import risk_tables
from fntx_dagster.report.against_market import market_tables
from fntx_dagster.report.figures import figures, steps_table
from fntx_dagster.report.holdings import in_order, positions_table, stocks_table
from fntx_dagster.report.metrics_table import metrics_table
from fntx_dagster.report.narrative import Story
from fntx_dagster.report.page import report_page
from fntx_dagster.report.performance import linked, monthly_table
from fntx_dagster.report.period import narrate_periods, nav_day
from fntx_dagster.report.proofs import checking, proof_state, proof_table
from fntx_dagster.report.risk_tables import early_assignments_table, exposure_table, greeks_table
from fntx_dagster.report.round_trips import trades_table
from fntx_dagster.report.strategies import selling_tables
from fntx_dagster.report.summary_table import month_tables
from fntx_dagster.report.tables import Table

# More days than a person reads through: from here on their narratives are folded up.
_MOST_UNFOLDED = 31


@dataclass(frozen=True, slots=True)
class AccountReport:
    """What one account's section is made of. `label` is shown as it is: masking is the caller's. `notes` are
    sentences about the statements behind it. `stories` are in the
    order of time and not empty; `history` holds all sessions up to the last, for the table of months; `marks` are the
    broker's closing prices of the last day by contract id; `trades` are the round trips of the range, `proofs`
    the proofs of its signed days; `metrics`, `options` and `portfolio` the rows of
    rolling_metrics, option_greeks and portfolio_greeks of its last official day, `early` the short calls among them
    that are likely to be assigned before a dividend, `risk` what can hurt it then;
    `selling` is what the range's trading made, of several days, `market` the range beside a benchmark."""

    label: str
    stories: Sequence[Story]
    history: Sequence[NavDay] = ()
    marks: Mapping[str, Mark] = field(default_factory=dict)
    stocks: Sequence[StockPosition] = ()
    trades: RoundTrips | None = None
    proofs: Mapping[date, DayProof] = field(default_factory=dict)
    metrics: Sequence[Mapping[str, Any]] = ()
    options: Sequence[Mapping[str, Any]] = ()
    early: Sequence[Mapping[str, Any]] = ()
    portfolio: Mapping[str, Any] | None = None
    selling: OptionSelling | None = None
    risk: AccountRisk | None = None
    market: AgainstMarket | None = None
    notes: Sequence[str] = ()


def to_html(accounts: Sequence[AccountReport], words: Callable[[str], str] = cleaned) -> str:
    """One document of the accounts' sections, in the order given, in the time zone of the stories. Every text passes
    `words`, which may mask more than what `cleaned` takes out."""
    page = report_page("report.html.j2", words)
    days = [story.day.trading_day for account in accounts for story in account.stories]
    observer = accounts[0].stories[0].observer if days else clock.HONG_KONG
    zones = [account.stories[0].day.zone for account in accounts if account.stories]
    return page.template.render(
        style=page.style,
        style_hash=page.style_hash,
        span=clock.span(min(days), max(days)) if days else "",
        zones=clock.zones_sentence(observer, zones),
        sections=[_section(account, f"a{number}", words) for number, account in enumerate(accounts, start=1)],
    )


def _section(account: AccountReport, key: str, words: Callable[[str], str]) -> dict[str, Any]:
    stories = account.stories
    days = [story.day for story in stories]
    official = [day for day in days if isinstance(day, Day)]
    last = days[-1]
    periods, sessions = narrate_periods(stories), [day.trading_day for day in official]
    return {
        "key": key,
        "label": account.label,
        "notes": account.notes,
        "currency": last.base_currency,
        "figures": _figures(days, official),
        "period": periods[0] if periods else None,
        "charts": figures(stories, official, key, words, account.market),
        "months": [monthly_table(account.history)] if account.history else [],
        "since": clock.span(account.history[0].trading_day, account.history[-1].trading_day) if account.history else "",
        "summaries": month_tables(days, stories[0].observer),
        "positions": positions_table(last, account.marks, stories[0].observer),
        "positions_at": _positions_at(last, stories[0].observer),
        "trades": _trades(account, last),
        "tables": [
            *([stocks_table(account.stocks, last.trading_day)] if account.stocks else []),
            *(market_tables(account.market) if account.market else []),
            *_risk(account, official[-1] if official else None),
            *([_metrics(account.metrics)] if account.metrics else []),
            *(selling_tables(account.selling) if account.selling else []),
        ],
        "proofs": proof_table(sessions, account.proofs),
        "checking": checking(sessions, account.proofs),
        "stories": [_story(story, key, account.proofs) for story in stories],
        "steps": _printed_steps(stories),
        "anchors": {day.trading_day.isoformat(): _anchor(day, key) for day in days},
        "folded": len(stories) > _MOST_UNFOLDED,
    }


def _figures(days: Sequence[AnyDay], official: Sequence[Day]) -> list[tuple[str, str, str]]:
    """The figures at the top: (name, figure, unit or return)."""
    first, last = days[0], days[-1]
    currency = last.base_currency
    shown = []
    if official:
        made = linked(nav_day(day).daily_return for day in official)
        if made is not None:
            shown.append(("Return", money.percent(made, signed=True), "time-weighted"))
        shown.append(("Net P&L", money.display(_sum(official, "net_pnl"), signed=True), currency))
    if first.opening_nav_official is not None:
        shown.append(("Opening NAV", money.display(first.opening_nav_official), currency))
    if official:
        deposits, withdrawals = _sum(official, "deposits"), _sum(official, "withdrawals")
        if deposits or withdrawals:
            shown.append(("Cash flow", money.display(deposits - withdrawals, signed=True), currency))
    shown.append(("NAV now" if last.as_of else "Closing NAV", money.display(last.closing_nav_official), currency))
    if official:
        shown.append(("Unexplained", money.display_small(_sum(official, "unexplained"), signed=True), currency))
    return shown


def _sum(days: Sequence[AnyDay], name: str) -> Decimal:
    return sum((getattr(day, name) for day in days), Decimal(0))


def _trades(account: AccountReport, last: AnyDay) -> list[Table]:
    if account.trades is None:
        return []
    table = trades_table(account.trades, last, account.stories[0].observer)
    return [table] if table.rows else []


def _metrics(rows: Sequence[Mapping[str, Any]]) -> Table:
    table = metrics_table(rows)
    return table._replace(title=f"Metrics up to {clock.full_date(rows[0]['trading_day'])}")


def _risk(account: AccountReport, day: Day | None) -> Iterator[Table]:
    """The Greeks of the options that the last official day holds at its close, the exposure, and what can hurt."""
    if day is None:
        return
    tables = risk_tables(account.risk) if account.risk else []
    if account.portfolio:
        greeks = greeks_table(account.options, in_order(day.open_at_close))
        early = early_assignments_table(account.early, account.options)
        shown = (greeks, early, exposure_table(account.portfolio))
        tables = [*(table for table in shown if table.rows), *tables]
    for table in tables:
        yield table._replace(title=f"{table.title} at the Close of {clock.full_date(day.trading_day)}")


def _positions_at(day: AnyDay, observer: ZoneInfo) -> str:
    at = day.as_of or day.closes_at
    return f"{'Now' if day.as_of else 'At the close'}: {clock.both_zones(at, at, observer, market=day.zone)}"


def _printed_steps(stories: Sequence[Story]) -> dict[str, Table]:
    """What a page of several days prints of each of them, by its heading; a single day prints its narrative."""
    if not 1 < len(stories) <= _MOST_UNFOLDED:
        return {}
    tables = {story.heading: steps_table(story) for story in stories}
    return {heading: table for heading, table in tables.items() if table.rows}


def _story(story: Story, key: str, proofs: Mapping[date, DayProof]) -> dict[str, Any]:
    day = story.day
    made = nav_day(day).daily_return if day.as_of is None else None
    return {
        "anchor": _anchor(day, key),
        "day": story.heading.removeprefix("US Trading Day: "),
        "heading": story.heading,
        "net": "" if day.net_pnl is None else f"{money.display(day.net_pnl, signed=True)} {day.base_currency}",
        "made": "" if made is None else money.percent(made, signed=True),
        "closing": f"{money.display(day.closing_nav_official)} {day.base_currency}",
        "proof": "" if day.as_of else proof_state(proofs.get(day.trading_day)),
        "sections": story.sections,
    }


def _anchor(day: AnyDay, key: str) -> str:
    return f"{key}-{day.trading_day.isoformat()}"
