"""The options at a close with their Greeks, and what the portfolio is exposed to.

What belongs here: how each figure is written, and in what unit. What is undefined is a dash, and its status says why.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from fntx_dagster.report import money
from fntx_dagster.report.tables import Table


def greeks_table(options: Sequence[Mapping[str, Any]]) -> Table:
    """`options`: rows of option_greeks of one account and session; prices as Decimal in the option's currency, Greeks
    per unit as floats."""
    return Table(
        headers=(
            "Option",
            "Status",
            "Prices From",
            "Quantity",
            "Mark",
            "Underlying",
            "IV",
            "Delta",
            "Gamma",
            "Theta",
            "Vega",
        ),
        rows=tuple(
            (
                _name(row),
                row["status"].replace("_", " "),
                " / ".join((row[name] or "–").replace("_", " ") for name in ("mark_source", "underlying_source")),
                money.plain(row["quantity"]),
                *("–" if row[name] is None else money.price(row[name]) for name in ("mark", "underlying_price")),
                money.ratio(row["implied_volatility"], in_percent=True),
                *(money.ratio(row[name]) for name in ("delta", "gamma", "theta", "vega")),
            )
            for row in options
        ),
        title="Greeks",
        words=3,
        footnote=" ".join(_notes(options)),
    )


def exposure_table(portfolio: Mapping[str, Any]) -> Table:
    """`portfolio`: a row of portfolio_greeks, with `var_95_returns`; ratios of the NAV as floats."""
    without, held, scenarios = (portfolio[name] for name in ("options_without", "options", "scenarios"))
    notes = []
    if without:
        notes.append(
            f"{without} of {held} options held {'has' if without == 1 else 'have'} no Greeks, so the sums have none."
        )
    if scenarios is not None:
        notes.append(f"Value at risk at the close over {scenarios} past day{'' if scenarios == 1 else 's'}.")
    sums = (
        ("Delta", "delta", "of the NAV"),
        ("Gamma", "gamma", "of delta, per USD"),
        ("Theta", "theta", "USD a day"),
        ("Vega", "vega", "USD a point"),
    )
    at_risk = (
        ("by delta and gamma", "var_95_historical"),
        ("by repricing", "var_95_repricing"),
        ("of the account's returns", "var_95_returns"),
    )
    return Table(
        headers=("Exposure", "Measured", "Figure"),
        rows=(
            *((name, unit, money.ratio(portfolio[column])) for name, column, unit in sums),
            *(("VaR 95 %, one day", how, money.ratio(portfolio[column], in_percent=True)) for how, column in at_risk),
        ),
        title="Exposure",
        words=2,
        footnote=" ".join(notes),
    )


def _notes(options: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    yield "Per unit: theta a calendar day, vega a point of volatility."
    if any(not row["quantity"] for row in options):
        yield "Quantity 0: not in the broker's position at the close: closed again, or ended and booked that day."
    marks, underlyings = (sum(row[name] is None for row in options) for name in ("mark", "underlying_price"))
    if marks or underlyings:
        yield (
            f"{_lacking(marks, underlyings)}. Open Positions and the day's trades give these prices, or IB Gateway "
            "where it was asked at the close."
        )


def _lacking(marks: int, underlyings: int) -> str:
    """`2 options have no mark, 1 has no price of its underlying, so their Greeks are empty`."""
    parts = []
    for count, thing in ((marks, "mark"), (underlyings, "price of {} underlying")):
        if count:
            noun = "" if parts else " option" if count == 1 else " options"
            verb, whose = ("has", "its") if count == 1 else ("have", "their")
            parts.append(f"{count}{noun} {verb} no {thing.format(whose)}")
    their = "its" if len(parts) == 1 and marks + underlyings == 1 else "their"
    return f"{', '.join(parts)}, so {their} Greeks are empty"


def _name(row: Mapping[str, Any]) -> str:
    """`SPY 2025-07-17 628 C`; what the statements call it where they do not say all of that."""
    terms = [row[name] for name in ("underlying_symbol", "expiry", "strike", "put_call")]
    if None in terms:
        return row["symbol"] or row["contract_id"]
    underlying, expiry, strike, put_call = terms
    return f"{underlying} {expiry} {money.plain(strike)} {put_call}"
