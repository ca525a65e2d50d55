"""A range of days as a table: one row per day and a row of totals.

What belongs here: headers and rows of display strings, for whoever renders them. Flows and results are summed, and
the sums rounded, from the exact amounts; NAVs, which are states, are not. The row of a day that still runs is marked
and in no sum, and a footnote says what it is.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from decimal import Decimal
from typing import NamedTuple

from fntx_dagster.report import clock, markdown, money
from fntx_dagster.report.day import Day


class SummaryTable(NamedTuple):
    """All cells are texts, the first column trading days (YYYY-MM-DD, and ` *` behind a provisional one). `totals` is
    empty when there are no days, `footnote` when none is provisional."""

    headers: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    totals: tuple[str, ...]
    footnote: str = ""


class _Column(NamedTuple):
    header: str
    amount: Callable[[Day], Decimal | None]
    signed: bool = True
    summed: bool = True


_COLUMNS = (
    _Column("Opening NAV", lambda day: day.opening_nav_official, signed=False, summed=False),
    _Column("Deposits", lambda day: day.deposits, signed=False),
    _Column("Withdrawals", lambda day: day.withdrawals, signed=False),
    _Column("Gross P&L", lambda day: day.gross_pnl),
    _Column("Commissions", lambda day: day.commissions),
    _Column("Interest", lambda day: day.interest),
    _Column("Fees", lambda day: day.fees),
    _Column("Net P&L", lambda day: day.net_pnl),
    _Column("Closing NAV", lambda day: day.closing_nav_official, signed=False, summed=False),
    _Column("Reconciliation", lambda day: day.difference),
    _Column("Unexplained", lambda day: day.unexplained),
)


_MARK = " *"


def summary_table(days: Sequence[Day]) -> SummaryTable:
    """The table of one account's days, in the order given, in base currency (named in the first header).

    Raises ValueError when the days are of several accounts or base currencies: their sums would mean nothing.
    """
    accounts = {(day.account_id, day.base_currency) for day in days}
    if len(accounts) > 1:
        raise ValueError(
            f"a summary table is of one account in one base currency, not of {len(accounts)}: make one each"
        )
    currency = f" ({accounts.pop()[1]})" if accounts else ""
    official = [day for day in days if day.as_of is None]
    return SummaryTable(
        headers=(f"Trading Day{currency}", *(column.header for column in _COLUMNS)),
        rows=tuple((_trading_day(day), *(_cell(column, column.amount(day)) for column in _COLUMNS)) for day in days),
        totals=("Total", *(_total(column, official) for column in _COLUMNS)) if days else (),
        footnote=_footnote(days),
    )


def to_markdown(table: SummaryTable) -> str:
    """The table in Markdown, figures to the right, the totals as the last row, the footnote beneath."""
    rows = [*table.rows, table.totals] if table.totals else table.rows
    footnote = f"\n{markdown.escaped(table.footnote)}\n" if table.footnote else ""
    return markdown.table(table.headers, rows) + "\n" + footnote


def _trading_day(day: Day) -> str:
    return day.trading_day.isoformat() + ("" if day.as_of is None else _MARK)


def _footnote(days: Sequence[Day]) -> str:
    as_of = [clock.both_zones(day.as_of, day.as_of, undated=day.trading_day) for day in days if day.as_of is not None]
    if not as_of:
        return ""
    return (
        f"* {'; '.join(as_of)}: provisional, from IB Gateway at the real-time rate, and in no total; "
        "the day's statement replaces it."
    )


def _cell(column: _Column, amount: Decimal | None) -> str:
    return "" if amount is None else money.display(amount, signed=column.signed)


def _total(column: _Column, days: Sequence[Day]) -> str:
    known = [amount for amount in map(column.amount, days) if amount is not None]
    return _cell(column, sum(known, Decimal(0))) if column.summed and known else ""
