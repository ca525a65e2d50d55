"""A range of days as tables: one per month, with a row per day and a row of totals, and the months side by side.

What belongs here: headers and rows of display strings, for a renderer. Flows and results are summed, and
the sums rounded, from the exact amounts, returns are linked; NAVs, which are states, are neither. The row of a day that
still runs is marked and in no sum, and a footnote says what it is.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from decimal import Decimal
from itertools import groupby
from typing import NamedTuple
from zoneinfo import ZoneInfo

from fntx_dagster.model.day import AnyDay
from fntx_dagster.report import clock, markdown, money, wording
from fntx_dagster.report.performance import linked
from fntx_dagster.report.period import nav_day
from fntx_dagster.report.tables import Table


class _Column(NamedTuple):
    """`cell` gives the text for some days, None where there is nothing to show: one day, or, where `summed`, all of a
    table's."""

    header: str
    cell: Callable[[Sequence[AnyDay]], str | None]
    summed: bool = True


def _sum(
    amount: Callable[[AnyDay], Decimal | None], *, signed: bool = True
) -> Callable[[Sequence[AnyDay]], str | None]:
    def cell(days: Sequence[AnyDay]) -> str | None:
        known = [value for value in map(amount, days) if value is not None]
        return money.display(sum(known, Decimal(0)), signed=signed) if known else None

    return cell


def _cash_flow(day: AnyDay) -> Decimal | None:
    return None if day.deposits is None or day.withdrawals is None else day.deposits - day.withdrawals


def _per_cent(days: Sequence[AnyDay]) -> str | None:
    made = linked(nav_day(day).daily_return for day in days if day.as_of is None)
    return None if made is None else money.percent(made, signed=True)


def _assigned(days: Sequence[AnyDay]) -> str | None:
    """The option that was assigned to the account, or how many."""
    assigned: dict[tuple[str, str], str] = {}
    for day in days:
        for event in (event for block in day.blocks for event in block.events):
            if event.event_type == "assignment" and event.contract is not None:
                name = wording.contract_name(event.contract, event.contract.expiry or day.trading_day)
                assigned[day.trading_day.isoformat(), event.contract.contract_id] = name
    return next(iter(assigned.values())) if len(assigned) == 1 else f"{len(assigned):,} options" if assigned else None


_RESIDUAL = "Residual"
_COLUMNS = (
    _Column("Opening NAV", _sum(lambda day: day.opening_nav_official, signed=False), summed=False),
    _Column("Cash Flow", _sum(_cash_flow)),
    _Column("Gross P&L", _sum(lambda day: day.gross_pnl)),
    _Column("Commissions", _sum(lambda day: day.commissions)),
    _Column("Interest", _sum(lambda day: day.interest)),
    _Column("Fees", _sum(lambda day: day.fees)),
    _Column(_RESIDUAL, _sum(lambda day: day.broker_residual)),
    _Column("Net P&L", _sum(lambda day: day.net_pnl)),
    _Column("Net %", _per_cent),
    _Column("Closing NAV", _sum(lambda day: day.closing_nav_official, signed=False), summed=False),
    _Column("Reconciliation", _sum(lambda day: day.difference)),
    _Column("Unexplained", _sum(lambda day: day.unexplained)),
    _Column("Assignment", _assigned),
)


_RESULTS = ("Gross P&L", "Net P&L", "Net %")
_MARK = " *"


def summary_table(days: Sequence[AnyDay], observer: ZoneInfo = clock.HONG_KONG) -> Table:
    """The table of one account's days, in the order given, in base currency (named in the first header). Net % is the
    time-weighted return; the first column holds trading days (YYYY-MM-DD, and ` *` behind a provisional day).

    Raises ValueError when the days are of several accounts or base currencies: their sums would mean nothing.
    """
    return _by_day(days, _columns(days), observer)


def _by_day(days: Sequence[AnyDay], columns: Sequence[_Column], observer: ZoneInfo) -> Table:
    official = [day for day in days if day.as_of is None]
    return Table(
        headers=(f"Trading Day{_currency(days)}", *(column.header for column in columns)),
        rows=tuple((_trading_day(day), *(column.cell([day]) or "" for column in columns)) for day in days),
        totals=("Total", *_totals(official, columns)) if days else (),
        footnote=_footnote(days, observer),
        title=_months(days),
        results=_RESULTS,
    )


def month_tables(days: Sequence[AnyDay], observer: ZoneInfo = clock.HONG_KONG) -> list[Table]:
    """`summary_table` of each month of one account's days, oldest first; where they are several, the months themselves
    side by side at the end, each with its first opening and its last closing NAV.

    Raises ValueError as `summary_table` does.
    """
    ordered = sorted(days, key=lambda day: day.trading_day)
    months = [list(members) for _, members in groupby(ordered, key=lambda day: clock.month_year(day.trading_day))]
    columns = _columns(ordered)
    tables = [_by_day(month, columns, observer) for month in months]
    return [*tables, _by_month(ordered, months, columns)] if len(months) > 1 else tables


def to_markdown(table: Table) -> str:
    """The table in Markdown, figures to the right, the totals as the last row, the footnote beneath."""
    rows = [*table.rows, table.totals] if table.totals else table.rows
    footnote = f"\n{markdown.escaped(table.footnote)}\n" if table.footnote else ""
    return markdown.table(table.headers, rows, table.words) + "\n" + footnote


def _columns(days: Sequence[AnyDay]) -> tuple[_Column, ...]:
    """The columns; that of the residual only where the broker's statement leaves something over."""
    has_residual = any(money.cents(day.broker_residual) for day in days)
    return tuple(column for column in _COLUMNS if has_residual or column.header != _RESIDUAL)


def _by_month(days: Sequence[AnyDay], months: Sequence[Sequence[AnyDay]], columns: Sequence[_Column]) -> Table:
    official = [[day for day in month if day.as_of is None] for month in months]
    return Table(
        headers=(f"Month{_currency(days)}", *(column.header for column in columns)),
        rows=tuple(_month(month, columns) for month in official if month),
        totals=("Total", *_totals([day for month in official for day in month], columns)),
        title=_months(days),
        results=_RESULTS,
    )


def _month(days: Sequence[AnyDay], columns: Sequence[_Column]) -> tuple[str, ...]:
    opening, closing = [days[0]], [days[-1]]
    ends = {"Opening NAV": opening, "Closing NAV": closing}
    return (
        clock.month_year(days[0].trading_day),
        *(column.cell(ends.get(column.header, days)) or "" for column in columns),
    )


def _totals(days: Sequence[AnyDay], columns: Sequence[_Column]) -> list[str]:
    return [(column.cell(days) if column.summed else None) or "" for column in columns]


def _currency(days: Sequence[AnyDay]) -> str:
    accounts = {(day.account_id, day.base_currency) for day in days}
    if len(accounts) > 1:
        raise ValueError(
            f"a summary table is of one account in one base currency, not of {len(accounts)}: make one each"
        )
    return f" ({accounts.pop()[1]})" if accounts else ""


def _months(days: Sequence[AnyDay]) -> str:
    """`July 2025`, `November 2024 – July 2025`."""
    names = [clock.month_year(day) for day in sorted(day.trading_day for day in days)]
    return " – ".join(dict.fromkeys((names[0], names[-1]))) if names else ""


def _trading_day(day: AnyDay) -> str:
    return day.trading_day.isoformat() + ("" if day.as_of is None else _MARK)


def _footnote(days: Sequence[AnyDay], observer: ZoneInfo) -> str:
    as_of = [
        clock.both_zones(day.as_of, day.as_of, observer, market=day.zone, undated=day.trading_day)
        for day in days
        if day.as_of is not None
    ]
    if not as_of:
        return ""
    return (
        f"* {'; '.join(as_of)}: provisional, from IB Gateway at the real-time rate, and in no total; "
        "the day's statement replaces it."
    )
