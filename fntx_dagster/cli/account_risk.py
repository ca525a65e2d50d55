"""`fntx risk`: what can hurt an account at a close."""

from __future__ import annotations

from decimal import Decimal, InvalidOperation
from typing import Annotated

import typer

from fntx_dagster.cli.files import asked_for, hand_out
from fntx_dagster.cli.options import (
    AnyAccount,
    AsJson,
    AsTable,
    OneDay,
    Output,
    TableFormat,
    settings_and_database,
)

_Moves = tuple[Decimal, ...]


def risk(
    day: OneDay,
    account: AnyAccount = None,
    spots: Annotated[
        str | None,
        typer.Option("--spot", metavar="PERCENT,…", help="Moves of every underlying, such as -10,-5,0,5,10."),
    ] = None,
    points: Annotated[
        str | None,
        typer.Option("--volatility", metavar="POINTS,…", help="Moves of every volatility, such as 0,5,10."),
    ] = None,
    format: AsTable = TableFormat.table,
    output: Output = None,
    as_json: AsJson = False,
) -> None:
    """What can hurt an account: stress, cash if assigned, worst drawdowns, streaks, margin and the return on it.

    The table of stress prices every option again after a move of all underlyings and volatilities. CSV and Parquet
    hold that table alone. docs/risk.md defines every figure.

    fntx risk --date 2025-07-17 --spot -10,-5,0,5,10
    """
    from fntx_dagster.cli.terminal import out, report_table
    from fntx_dagster.model.account_risk import STRESS_POINTS, STRESS_SPOTS
    from fntx_dagster.report.account_risk import risk_tables
    from fntx_dagster.services.account_risk import account_risks, risk_documents, stress_rows

    form = asked_for(format, as_json=as_json, output=output)
    moves = _moves(spots, "--spot") or STRESS_SPOTS, _moves(points, "--volatility") or STRESS_POINTS
    settings, db = settings_and_database()
    risks = account_risks(settings, db, day.date(), account, *moves)
    if form is TableFormat.json:
        hand_out("risk", risk_documents(risks), form, output)
    elif form is not TableFormat.table:
        hand_out("stress", stress_rows(risks), form, output, {"change": "decimal", "change_of_nav": "float"})
    else:
        for each in risks:
            at = f"at the close of {each.trading_day}, account {each.account_id}"
            out(*(report_table(table, f"{table.title} {at}") for table in risk_tables(each)))


def _moves(text: str | None, option: str) -> _Moves:
    """Ratios from percent or points: `-10,-5` → -0.1, -0.05."""
    try:
        moves = tuple(Decimal(part) / 100 for part in text.split(",")) if text else ()
    except InvalidOperation:
        raise typer.BadParameter(f"{text!r} is no list of numbers such as -10,0,10", param_hint=option) from None
    if any(not (move.is_finite() and abs(move) < 1) for move in moves):
        raise typer.BadParameter("a move is more than -100 and less than 100", param_hint=option)
    return moves
