"""The options at a close with their Greeks, and what the portfolio is exposed to.

What belongs here: how each figure is written, and in what unit. What is undefined is a dash, and its status says why.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import date
from decimal import Decimal
from typing import Any

from fntx_dagster.model.closing import FEWEST_SCENARIOS, HeldByExpiry, delta_of_spent
from fntx_dagster.model.contract import is_option
from fntx_dagster.model.day import OpenPosition
from fntx_dagster.report import money, wording
from fntx_dagster.report.tables import Table

_GREEKS = ("delta", "gamma", "theta", "vega")
_NOT_COMPUTED = {"status": "not computed"} | dict.fromkeys(
    (
        "mark",
        "mark_source",
        "underlying_price",
        "underlying_source",
        "strike",
        "put_call",
        "implied_volatility",
        *_GREEKS,
    )
)


def greeks_table(options: Sequence[Mapping[str, Any]], held: Sequence[OpenPosition] | None = None) -> Table:
    """`options`: rows of option_greeks of one account and session; prices as Decimal in the option's currency, Greeks
    per unit as floats. `held`: what a report lists as open at that close; the table then has the options among them,
    in that order and quantity, and no other; one that ended that day says so."""
    rows = [(_name(row), row["quantity"], row) for row in options] if held is None else list(_held(options, held))
    return Table(
        headers=(
            "Option",
            "Status",
            "Prices From",
            "Quantity",
            "Mark",
            "Underlying",
            "IV",
            *(name.capitalize() for name in _GREEKS),
        ),
        rows=tuple(
            (
                name,
                row["status"].replace("_", " "),
                " / ".join((row[source] or "–").replace("_", " ") for source in ("mark_source", "underlying_source")),
                _quantity(quantity, row["quantity"]),
                *("–" if row[price] is None else money.price(row[price]) for price in ("mark", "underlying_price")),
                money.ratio(row["implied_volatility"], in_percent=True),
                *map(money.ratio, _greeks(row)),
            )
            for name, quantity, row in rows
        ),
        title="Greeks",
        words=3,
        footnote=" ".join(_notes(rows)),
    )


def early_assignment_sentences(early: Sequence[Mapping[str, Any]], options: Sequence[Mapping[str, Any]]) -> list[str]:
    """What each short call that is likely to be assigned before a dividend takes. `early`: fields of
    `metrics.early_assignment.EarlyAssignment`, `options` the rows of option_greeks that they are of."""
    names = {row["contract_id"]: _name(row) for row in options}
    said = []
    for call in early:
        currency = call["currency"]
        cash, owed, proceeds = (
            f"{money.display(call[name])} {currency}" for name in ("cash", "dividend_owed", "proceeds")
        )
        uncovered = f"{money.quantity(call['uncovered'])} of them are not held: to buy these takes {cash} more, and who"
        takes = f"{uncovered} stays short of them owes {owed}." if call["uncovered"] else "You hold the shares."
        said.append(
            f"Short {names[call['contract_id']]} may be assigned before the ex-date {call['ex_date']}: its dividend of "
            f"{money.price(call['dividend'])} is more than its time value of {money.price(call['time_value'])}. "
            f"You would deliver {money.quantity(call['shares'])} shares for {proceeds}. {takes}"
        )
    return said


def early_assignments_table(early: Sequence[Mapping[str, Any]], options: Sequence[Mapping[str, Any]]) -> Table:
    """The same calls as a table, for a page."""
    names = {row["contract_id"]: _name(row) for row in options}
    amounts = ("proceeds", "cash", "dividend_owed")
    return Table(
        headers=(
            *("Short Call", "Ex-Date", "Dividend", "Time Value"),
            *("Shares to Deliver", "Not Held", "Proceeds", "Cash to Buy", "Dividend Owed"),
        ),
        rows=tuple(
            (
                names[call["contract_id"]],
                f"{call['ex_date']}",
                money.price(call["dividend"]),
                money.price(call["time_value"]),
                *(money.quantity(call[name]) for name in ("shares", "uncovered")),
                *(f"{money.display(call[name])} {call['currency']}" for name in amounts),
            )
            for call in early
        ),
        title="Calls That May Be Assigned Early",
        words=2,
        footnote="The dividend is more than the time value, so the holder gains by exercising before the ex-date. "
        "To buy the shares that are not held takes cash beyond the proceeds; who stays short of them owes the "
        "dividend.",
    )


def exposure_table(portfolio: Mapping[str, Any]) -> Table:
    """`portfolio`: a row of portfolio_greeks; ratios of the NAV as floats. The value at risk of the account's returns
    is another measure, and stands in the table of metrics alone."""
    sums = (
        ("Delta", "delta", "of the NAV"),
        ("Gamma", "gamma", "of delta, per USD"),
        ("Theta", "theta", "USD a day"),
        ("Vega", "vega", "USD a point"),
    )
    at_risk = (("by delta and gamma", "var_95_historical"), ("by repricing", "var_95_repricing"))
    return Table(
        headers=("Exposure", "Measured", "Figure"),
        rows=(
            *((name, unit, money.ratio(portfolio[column])) for name, column, unit in sums),
            *(
                ("VaR 95 % of positions, one day", how, money.ratio(portfolio[column], in_percent=True))
                for how, column in at_risk
            ),
        ),
        title="Exposure",
        words=2,
        footnote=" ".join(_exposure_notes(portfolio)),
    )


def by_expiry_table(held: Sequence[HeldByExpiry]) -> Table:
    """What is held by underlying and expiry, with the Greeks of whole positions."""
    return Table(
        headers=("Underlying", "Expiry", "Long", "Short", "Market value", "Delta", "Gamma", "Theta", "Vega"),
        rows=tuple(
            (
                one.underlying,
                "–" if one.expiry is None else f"{one.expiry}",
                *map(money.quantity, (one.long, one.short)),
                "–" if one.market_value is None else f"{money.display(one.market_value)} {one.currency}",
                *("–" if each is None else f"{each:,.2f}" for each in (one.delta, one.gamma, one.theta, one.vega)),
            )
            for one in held
        ),
        title="By Underlying and Expiry",
        words=2,
        footnote="Of whole positions: delta in shares, gamma their change for a move of 1; theta a calendar day and "
        "vega a point of volatility, in the currency of the market value.",
    )


def _exposure_notes(portfolio: Mapping[str, Any]) -> Iterator[str]:
    without, held, scenarios = (portfolio[name] for name in ("options_without", "options", "scenarios"))
    if without:
        yield f"{without} of {held} options held {'has' if without == 1 else 'have'} no Greeks, so the sums have none."
    if scenarios is None:
        if portfolio["var_95_historical"] == 0:
            yield "Nothing is held that can lose value, so the value at risk is 0."
    elif scenarios < FEWEST_SCENARIOS:
        yield (
            f"Value at risk needs the moves of {FEWEST_SCENARIOS} past days; the statements give {scenarios} of what "
            "is held."
        )
    else:
        yield f"Value at risk at the close over {scenarios} past days."


def _quantity(held: Decimal, at_close: Decimal) -> str:
    """What was held, and that it had ended by the close, where it had."""
    return money.plain(held) if at_close or not held else f"{money.plain(held)}, 0 after its end"


def _held(
    options: Sequence[Mapping[str, Any]], held: Sequence[OpenPosition]
) -> Iterator[tuple[str, Decimal, Mapping[str, Any]]]:
    known = {row["contract_id"]: row for row in options}
    for position in held:
        if is_option(position.contract):
            row = known.get(position.contract.contract_id, _NOT_COMPUTED | {"quantity": position.quantity})
            yield wording.contract_name(position.contract, date.min), position.quantity, row


def _greeks(row: Mapping[str, Any]) -> tuple[float | None, ...]:
    """An option's Greeks. Of one whose mark holds no time value, those that the sums count: it moves as its shares do
    where it is in the money, else not at all."""
    delta = _delta_of_spent(row)
    return tuple(row[name] for name in _GREEKS) if delta is None else (delta, 0.0, 0.0, 0.0)


def _delta_of_spent(row: Mapping[str, Any]) -> float | None:
    return delta_of_spent(row["status"], row["delta"], row["put_call"], row["strike"], row["underlying_price"])


def _notes(rows: Sequence[tuple[str, Decimal, Mapping[str, Any]]]) -> Iterator[str]:
    options = [row for _, _, row in rows]
    yield "Per unit: theta a calendar day, vega a point of volatility."
    if any(_delta_of_spent(row) is not None for row in options):
        yield "Without an IV: the mark holds no time value, so the option counts as its shares, or as nothing."
    if any(not quantity for _, quantity, _ in rows):
        yield "Quantity 0: not in the broker's position at the close: closed again, or ended and booked that day."
    elif booked := sum(not row["quantity"] for row in options):
        yield (
            f"{booked} {'ends' if booked == 1 else 'end'} and {'is' if booked == 1 else 'are'} booked that day: the "
            "broker's closing position, and so the exposure, no longer counts "
            f"{'it' if booked == 1 else 'them'}."
        )
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
