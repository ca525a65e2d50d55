"""What can hurt an account at a close, as tables: stress, assignment, drawdowns, streaks and margin.

What belongs here: headers and rows of display strings. What is unknown is a dash, and a footnote says why.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import date
from decimal import Decimal
from typing import Any

from fntx_dagster.model.account_risk import (
    ALL_SHORT,
    IN_THE_MONEY,
    AccountRisk,
    Assignments,
    Drawdown,
    Streak,
    Streaks,
    Stress,
)
from fntx_dagster.report import clock, money
from fntx_dagster.report.tables import Table

_UNKNOWN = "–"
_SCOPES = {IN_THE_MONEY: "in the money", ALL_SHORT: "every short option"}


def risk_tables(risk: AccountRisk) -> list[Table]:
    """The tables of one account at one close; those that have no row are left out."""
    tables = (
        stress_table(risk),
        assignment_table(risk.assignments, risk.base_currency),
        drawdowns_table(risk.drawdowns),
        figures_table(risk),
    )
    return [table for table in tables if table.rows]


def risk_document(risk: AccountRisk, shown: Callable[[Decimal], dict[str, Any]]) -> dict[str, Any]:
    """The same for the JSON report; `shown` writes an amount, and None stays None."""

    def amount(value: Decimal | None) -> dict[str, Any] | None:
        return None if value is None else shown(value)

    def named(fields: Mapping[str, Any]) -> dict[str, Any]:
        return {
            name: amount(value)
            if isinstance(value, Decimal)
            else value.isoformat()
            if isinstance(value, date)
            else money.rounded(value)
            for name, value in fields.items()
        }

    taken, margin = risk.assignments, risk.margin
    return {
        "account_id": risk.account_id,
        "trading_day": risk.trading_day.isoformat(),
        "base_currency": risk.base_currency,
        "nav": shown(risk.nav),
        "stress": [
            {"spot_move": money.plain(spot), "volatility_move": money.plain(by), "change": amount(change)}
            for by, changes in zip(risk.stress.points, risk.stress.changes, strict=True)
            for spot, change in zip(risk.stress.spots, changes, strict=True)
        ],
        "cash_if_assigned": {scope: amount(taken.needed(scope)) for scope in _SCOPES} | {"cash": amount(taken.cash)},
        "drawdowns": [named(fall._asdict()) for fall in risk.drawdowns],
        "streaks": {name: run and named(run._asdict()) for name, run in risk.streaks._asdict().items()},
        "margin": margin and named(margin._asdict() | {"available": margin.available}),
    }


def stress_table(risk: AccountRisk) -> Table:
    """The change in value in base currency: a row for each move of the volatilities, a column for each of the
    underlyings; one row that says why, where it is unknown or nothing that is held moves."""
    stress = risk.stress
    if why := _no_stress(stress):
        return Table(("Stress", "Change in value"), (("any move", why),), title="Stress", words=2)
    headers = (f"Volatility / price ({risk.base_currency})", *(_percent(spot) for spot in stress.spots))
    rows = tuple(
        (f"{_signed(by * 100)} points" if by else "as it is", *map(_amount, changes))
        for by, changes in zip(stress.points, stress.changes, strict=True)
    )
    return Table(
        headers,
        rows,
        title="Stress",
        footnote=" ".join(_stress_notes(stress, risk.nav)),
        results=headers[1:],
    )


def assignment_table(taken: Assignments, base_currency: str) -> Table:
    """What the short options take if they are assigned."""
    return Table(
        (
            *("If Assigned", "Underlying"),
            *("Contracts", "Shares In", "Shares Out", "Not Covered", "Cash Paid", "Cash Received"),
        ),
        tuple(
            (
                _SCOPES[row.scope],
                row.underlying,
                *map(money.quantity, (row.contracts, row.shares_bought, row.shares_delivered, row.uncovered)),
                f"{money.display(row.cash_paid)} {row.currency}",
                f"{money.display(row.cash_received)} {row.currency}",
            )
            for row in taken.rows
        ),
        title="Assignment",
        words=2,
        footnote=" ".join(_assignment_notes(taken, base_currency)),
    )


def drawdowns_table(drawdowns: Sequence[Drawdown]) -> Table:
    """The deepest falls of the linked return, the deepest first."""
    return Table(
        ("Drawdown", "From", "Lowest", "Recovered", "Sessions Down", "Sessions Up"),
        tuple(
            (
                money.percent(fall.depth),
                _day(fall.peak, "the opening"),
                _day(fall.trough),
                _day(fall.recovered, "not yet"),
                f"{fall.sessions_down:,}",
                _UNKNOWN if fall.sessions_up is None else f"{fall.sessions_up:,}",
            )
            for fall in drawdowns
        ),
        title="Worst Drawdowns",
        words=4,
    )


def figures_table(risk: AccountRisk) -> Table:
    """Streaks, margin and what was made on it."""
    return Table(
        ("Figure", "Value"),
        (*_streak_rows(risk.streaks, risk.base_currency), *_margin_rows(risk)),
        title="Streaks and Margin",
        words=2,
        footnote=_margin_note(risk),
    )


def streaks_table(runs: Streaks, base_currency: str) -> Table:
    """The streaks alone."""
    return Table(("Figure", "Value"), tuple(_streak_rows(runs, base_currency)), title="Streaks", words=2)


def margin_table(risk: AccountRisk) -> Table:
    """Margin and what was made on it; without rows where it is unknown."""
    return Table(("Figure", "Value"), tuple(_margin_rows(risk)), title="Margin", words=2, footnote=_margin_note(risk))


def _streak_rows(runs: Streaks, base_currency: str) -> Iterator[tuple[str, str]]:
    yield ("Longest winning streak", _streak(runs.winning, base_currency))
    yield ("Longest losing streak", _streak(runs.losing, base_currency))
    yield ("Streak at the end", _streak(runs.current, base_currency))


def _margin_rows(risk: AccountRisk) -> Iterator[tuple[str, str]]:
    if margin := risk.margin:
        for name, amount in (
            ("Initial margin", margin.initial),
            ("Maintenance margin", margin.maintenance),
            ("Excess liquidity", margin.excess),
            ("Available funds (NAV less initial margin)", margin.available),
            ("Buying power", margin.buying_power),
        ):
            yield (name, _UNKNOWN if amount is None else f"{money.display(amount)} {margin.currency}")
    if made := risk.on_margin:
        sessions = f"{made.sessions} session{'s' * (made.sessions != 1)}"
        mean = f"{money.display(made.mean_margin)} {risk.base_currency}"
        gain = f"{money.display(made.net_pnl, signed=True)} on {mean}"
        yield ("Return on margin", f"{money.percent(made.ratio, signed=True)}: {gain}, over {sessions}")


def _no_stress(stress: Stress) -> str:
    """Why there is no table of changes; empty where there is one."""
    if stress.unknown:
        return f"unknown: {_positions(stress.unknown)} without a price or a rate"
    if any(change for changes in stress.changes for change in changes):
        return ""
    return "none: nothing that is held changes its value"


def _stress_notes(stress: Stress, nav: Decimal) -> Iterator[str]:
    yield "Every underlying and every volatility moves at once; no time passes."
    known = [change for changes in stress.changes for change in changes if change is not None]
    if known and nav > 0 and min(known) < 0:
        yield f"The worst is {money.percent(min(known) / nav)} of the NAV."
    if stress.without_volatility:
        count = stress.without_volatility
        yield f"{count} option{'s' * (count != 1)} without an implied volatility: counted without time value."
    if stress.unmoved:
        yield f"{_positions(stress.unmoved)} other than options and shares: not moved."


def _assignment_notes(taken: Assignments, base_currency: str) -> Iterator[str]:
    needed = taken.needed(IN_THE_MONEY)
    if needed is not None:
        cash = "unknown" if taken.cash is None else f"{money.display(taken.cash)} {base_currency}"
        least = "at least " if taken.unknown else ""
        paid = f"{least}{money.display(needed)} {base_currency}"
        yield f"In the money at the close: {paid} to pay; cash at the close: {cash}."
    if taken.unknown:
        count = taken.unknown
        yield (
            f"{count} short option{'s' * (count != 1)} of an underlying without a price: whether in the money is "
            "unknown."
        )


def _margin_note(risk: AccountRisk) -> str:
    if risk.margin is None:
        return "The margin is unknown: statements have none, and IB Gateway was not asked on that day."
    return f"Margin by IB Gateway, {clock.utc_minute(risk.margin.as_of)}."


def _positions(count: int) -> str:
    return f"{count} position{'s' * (count != 1)}"


def _percent(ratio: Decimal) -> str:
    return f"{_signed(ratio * 100)} %" if ratio else "as it is"


def _signed(number: Decimal) -> str:
    return f"{'+' if number > 0 else ''}{money.plain(number)}"


def _amount(change: Decimal | None) -> str:
    return _UNKNOWN if change is None else money.display(change, signed=True)


def _day(day: date | None, otherwise: str = "") -> str:
    return otherwise if day is None else day.isoformat()


def _streak(streak: Streak | None, currency: str) -> str:
    if streak is None:
        return "none"
    sessions = f"{streak.sessions} {'winning' if streak.winning else 'losing'} session{'s' * (streak.sessions != 1)}"
    made = f"{money.display(streak.gain, signed=True)} {currency} ({money.percent(streak.linked_return, signed=True)})"
    return f"{sessions}, {clock.span(streak.first, streak.last)}: {made}"
