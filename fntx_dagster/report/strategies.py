"""What option selling made, as tables and as a document for programs.

What belongs here: headers, cells and keys. The figures and the classes come from `metrics/`; what they mean is in
docs/strategies.md. Money is in the account's base currency.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from decimal import Decimal
from itertools import groupby
from typing import Any
from zoneinfo import ZoneInfo

from fntx_dagster.foreign import LONGEST_CELL
from fntx_dagster.model.contract import Contract
from fntx_dagster.model.session import NEW_YORK
from fntx_dagster.model.strategies import EdgeTable, Leg, OptionSelling, Outcomes, Strategy
from fntx_dagster.report import clock, money
from fntx_dagster.report.tables import Table

MOST_STRATEGIES = 250
"""So many strategies a report lists, those that made or lost most."""
_NONE = "–"
_MADE = ("Net P&L", "Average")
_OF_OPTIONS = ("Premium", "Captured")
_ALL_IN = "All-in, an option and the shares that it brought or took are one trade."
_CAPTURED = "Captured is the net P&L in percent of the premium received, of strategies that received one."


def selling_tables(selling: OptionSelling) -> list[Table]:
    """Both counts, the strategies by kind, by underlying and one by one, and the properties of the entry; a table
    without rows is left out."""
    span = clock.span(selling.first_day, selling.last_day)
    tables = [
        both_table(selling),
        outcomes_table(selling.by_kind, "Strategy")._replace(title="Strategies by Kind"),
        outcomes_table(selling.by_underlying, "Underlying")._replace(title="Strategies by Underlying"),
        strategies_table(selling.strategies, selling.base_currency, selling.zone),
        running_table(selling.running, selling.base_currency, selling.zone),
        edge_table(selling.edge),
    ]
    tables = [fitting(selling, table) for table in tables if table.rows]
    return [table._replace(title=f"{table.title}, {span}") for table in tables]


def trades_options(selling: OptionSelling) -> bool:
    """Whether an option is among what was traded."""
    return any(one.legs for one in (*selling.strategies, *selling.running))


def fitting(selling: OptionSelling, table: Table) -> Table:
    """A table in the words of the account: of one that traded no option, without the columns and notes of options."""
    if trades_options(selling):
        return table
    kept = [place for place, name in enumerate(table.headers) if name not in _OF_OPTIONS]

    def without(cells: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(cells[place] for place in kept) if cells else ()

    return table._replace(
        headers=tuple("Contract" if name == "Options" else name for name in without(table.headers)),
        rows=tuple(without(row) for row in table.rows if row[0] != "all-in"),
        totals=without(table.totals),
        footnote="" if table.footnote.startswith((_ALL_IN, _CAPTURED)) else table.footnote,
        title="Round Trips" if table.title == "All-In" else table.title,
    )


def both_table(selling: OptionSelling) -> Table:
    """Round trips, and all-in: without rows where nothing ended."""
    both = selling.both
    rows = [made for made in (both.round_trips, both.all_in) if made.number]
    interest = f" Interest is in it with {money.display(both.interest, signed=True)}." if both.interest else ""
    return Table(
        ("Counted", "Trades", "Won", "Lost", "Win rate", *_MADE),
        tuple(_made(made) for made in rows),
        title="All-In",
        footnote=f"{_ALL_IN}{interest}",
        results=_MADE,
    )


def outcomes_table(outcomes: Sequence[Outcomes], name: str) -> Table:
    """Outcomes of strategies, a row for each; `name` heads the first column."""
    return Table(
        (name, "Ended", "Won", "Lost", "Win rate", *_MADE, "Days", "Premium", "Captured"),
        tuple(
            (
                *_made(made),
                _NONE if made.days is None else f"{made.days:,.1f}",
                _NONE if not made.premium else money.display(made.premium),
                _percent(made.captured),
            )
            for made in outcomes
        ),
        footnote=_CAPTURED,
        results=_MADE,
    )


def strategies_table(strategies: Sequence[Strategy], currency: str, zone: ZoneInfo = NEW_YORK) -> Table:
    """Strategies in the order of their opening, with days of `zone`: all of them, or where they are many those that
    made or lost most."""
    result = f"Net P&L ({currency})"
    listed = sorted(strategies, key=lambda one: -abs(one.net_pnl))[:MOST_STRATEGIES]
    footnotes = [f"{len(listed):,} of {len(strategies):,}, those that made or lost most."] * (
        len(listed) < len(strategies)
    )
    footnotes += ["* grouped by a person."] * any(one.is_named for one in listed)
    return Table(
        ("Strategy", "Options", "Opened", "Ended", "Days", "Premium", "Captured", result),
        tuple(_strategy(one, zone) for one in sorted(listed, key=lambda one: (one.opened_at, one.strategy_id))),
        totals=("Total", *[""] * 6, money.display(sum((one.net_pnl for one in strategies), Decimal(0)), signed=True))
        if strategies
        else (),
        footnote=" ".join(footnotes),
        title="Strategies",
        words=4,
        results=(result,),
    )


def running_table(strategies: Sequence[Strategy], currency: str, zone: ZoneInfo = NEW_YORK) -> Table:
    """The strategies of which something is still held: what has ended of them so far."""
    table = strategies_table(strategies, currency, zone)
    so_far = "Net P&L is that of what has ended so far; what is held is not valued in it."
    return table._replace(title="Strategies That Run", footnote=" ".join(filter(None, (so_far, table.footnote))))


def edge_table(edge: Iterable[EdgeTable]) -> Table:
    """All-in trades that an option opened, by the classes of each property of their entry."""
    return Table(
        ("Property", "Class", "Trades", "Won", "Lost", "Win rate", *_MADE),
        tuple(
            (table.property if place == 0 else "", *_made(made))
            for table in edge
            for place, made in enumerate(table.classes)
        ),
        footnote="Trades are all-in, and opened by an option. Unknown: the statements do not state the property.",
        title="Where the Edge Is",
        words=2,
        results=_MADE,
    )


def selling_document(selling: OptionSelling, amount: Callable[[Decimal], Any]) -> dict[str, Any]:
    """The same for programs; `amount` writes money in base currency. Quantities are exact decimal strings, rates in
    percent, moments aware."""

    def strategy(one: Strategy) -> dict[str, Any]:
        values = one._asdict()
        values |= {name: amount(values[name]) for name in ("gross_pnl", "fees", "interest", "net_pnl", "premium")}
        legs = [{"contract": _contract(leg.contract), "quantity": money.plain(leg.quantity)} for leg in one.legs]
        moments = {name: values[name] and clock.utc_stamp(values[name]) for name in ("opened_at", "closed_at")}
        ended = one.trading_day and one.trading_day.isoformat()
        return values | moments | {"legs": legs, "trips": list(one.trips), "trading_day": ended}

    summed = outcomes_document(selling, amount)
    kinds = {name: summed.pop(name) for name in ("by_kind", "by_underlying")}
    return {
        "account_id": selling.account_id,
        "base_currency": selling.base_currency,
        **summed,
        "strategies": [strategy(one) for one in selling.strategies],
        "running": [strategy(one) for one in selling.running],
        **kinds,
        "edge": [
            {"property": table.property, "classes": [_outcome(made, amount) for made in table.classes]}
            for table in selling.edge
        ],
    }


def outcomes_document(selling: OptionSelling, amount: Callable[[Decimal], Any]) -> dict[str, Any]:
    """Both counts, and the outcomes of strategies by kind and by underlying, for programs."""
    both = selling.both
    return {
        "first_day": selling.first_day.isoformat(),
        "last_day": selling.last_day.isoformat(),
        "round_trips": _outcome(both.round_trips, amount),
        "all_in": _outcome(both.all_in, amount) | {"interest": amount(both.interest)},
        "by_kind": [_outcome(made, amount) for made in selling.by_kind],
        "by_underlying": [_outcome(made, amount) for made in selling.by_underlying],
    }


def _outcome(made: Outcomes, amount: Callable[[Decimal], Any]) -> dict[str, Any]:
    values = made._asdict() | {"net_pnl": amount(made.net_pnl)}
    values["average"] = None if made.average is None else amount(made.average)
    values["premium"] = None if made.premium is None else amount(made.premium)
    return values


def _made(made: Outcomes) -> tuple[str, ...]:
    return (
        made.name,
        f"{made.number:,}",
        f"{made.won:,}",
        f"{made.lost:,}",
        _percent(made.win_rate),
        money.display(made.net_pnl, signed=True),
        _NONE if made.average is None else money.display(made.average, signed=True),
    )


def _strategy(one: Strategy, zone: ZoneInfo) -> tuple[str, ...]:
    opened = one.opened_at.astimezone(zone).date()
    return (
        f"{one.kind}{' *' if one.is_named else ''}",
        _options(one),
        opened.isoformat(),
        "" if one.closed_at is None else one.closed_at.astimezone(zone).date().isoformat(),
        _NONE if one.days is None else f"{one.days:,.1f}",
        money.display(one.premium),
        _percent(one.captured),
        money.display(one.net_pnl, signed=True),
    )


def _options(one: Strategy) -> str:
    """The underlying and the options; where a cell does not take all of them, how many more there are."""
    for count in range(len(one.legs), 0, -1):
        more = f" and {len(one.legs) - count} more" if count < len(one.legs) else ""
        said = f"{one.underlying} {'; '.join(_legs(one.legs[:count]))}{more}".strip()
        if len(said) <= LONGEST_CELL or count == 1:
            return said
    return one.underlying


def _legs(options: Sequence[Leg]) -> Iterator[str]:
    """The options by expiry, with their signed numbers: `2025-07-17 -1 623 P, -2 628 C`."""
    for expiry, legs in groupby(options, key=lambda leg: leg.contract.expiry):
        listed = [
            " ".join(
                (
                    money.quantity(leg.quantity),
                    money.plain(leg.contract.strike or Decimal(0)),
                    leg.contract.put_call or "",
                )
            )
            for leg in legs
        ]
        yield f"{expiry} {', '.join(listed)}"


def _percent(value: float | None) -> str:
    return _NONE if value is None else f"{value:,.2f} %"


def _contract(contract: Contract) -> dict[str, Any]:
    return {
        "contract_id": contract.contract_id,
        "symbol": contract.symbol,
        "underlying_symbol": contract.underlying_symbol,
        "strike": None if contract.strike is None else money.plain(contract.strike),
        "expiry": contract.expiry and contract.expiry.isoformat(),
        "put_call": contract.put_call,
    }
