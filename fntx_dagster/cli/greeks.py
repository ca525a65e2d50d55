"""`fntx greeks`: every option's Greeks at a session's close, and what the portfolio is exposed to."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from fntx_dagster.cli.options import OneDay, account_of, database_of_settings, print_json, refuse_empty
from fntx_dagster.model.period import Period
from fntx_dagster.settings import load_settings


def greeks(
    day: OneDay,
    account: Annotated[str | None, typer.Option(help="Account id; all where it is left out.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="The same, for programs.")] = False,
) -> None:
    """Implied volatility and Greeks of each option at the close, with status and sources, and the portfolio's sums.

    A day without a statement yet is told as IB Gateway saw it last.
    """
    from fntx_dagster.cli.terminal import greeks_tables, out
    from fntx_dagster.services.risk import running
    from fntx_dagster.store.marts import risk

    db, on = database_of_settings(), day.date()
    if account is not None:
        account = account_of(db, account)
    options = risk.option_greeks(db, Period.on(on), account)
    found = [
        _told(portfolio, [row for row in options if row["account_id"] == portfolio["account_id"]])
        for portfolio in risk.portfolio_risk(db, Period.on(on), account)
    ]
    for now in running(load_settings(), db, Period.on(on), account):
        portfolio = now.portfolio._asdict() | {"var_95_returns": None}
        found.append(_told(portfolio, [row._asdict() for row in now.options], as_of=now.as_of))
    refuse_empty(found, on, on)
    if as_json:
        print_json(found)
    else:
        out(*greeks_tables(found))


def _told(portfolio: dict[str, Any], options: list[dict[str, Any]], **more: Any) -> dict[str, Any]:
    """One account's day: `as_of` is null where its statement tells it."""
    key = {name: portfolio.pop(name) for name in ("account_id", "trading_day")}
    portfolio.pop("inputs")
    own = [{name: value for name, value in row.items() if name not in key} for row in options]
    return key | {"as_of": None} | more | {"portfolio": portfolio, "options": own}
