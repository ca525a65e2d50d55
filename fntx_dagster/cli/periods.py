"""`fntx signature period`, and what `fntx verify` prints of its file: a period shown without its days."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from time import monotonic
from typing import TYPE_CHECKING, Annotated

import typer

from fntx_dagster.cli.options import AsJson, From, To, print_json, settings_and_database
from fntx_dagster.cli.plain import write_json
from fntx_dagster.model.period import Period

if TYPE_CHECKING:
    from fntx_dagster.services.signatures.period_checking import CheckedPeriod

Isolate = Annotated[
    bool, typer.Option("--isolate", help="Show it although fewer than five sessions would stand alone by it.")
]
Show = Annotated[
    str,
    typer.Option(
        metavar="NAME,…",
        help="What it shows: net_pnl, twr, sharpe, volatility, flows, turnover, costs, win_rate, break_evens, "
        "nav_change. sharpe and volatility show each other and twr too.",
    ),
]
Bounds = Annotated[
    list[str] | None,
    typer.Option("--bound", metavar="NAME=-5%", help="worst_day or drawdown; rounded outward to 0.1 %."),
]
Accounts = Annotated[str | None, typer.Option(metavar="A,B", help="Account id, or several whose figures are added up.")]

_SECONDS_APART = 2.0
_FRACTIONS = ("twr", "win_rate", "volatility_log", "worst_day", "drawdown", "no_day_below")
_IN_WORDS = {
    "net_pnl": "net P&L",
    "external_flow": "deposits less withdrawals",
    "nav_change": "change of NAV",
    "unexplained": "change of NAV that P&L and flows leave unexplained",
    "twr": "return, time-weighted",
    "volatility_log": "volatility of log returns, annual",
    "sharpe_log": "Sharpe ratio of log returns",
    "no_day_below": "no day's return is below",
    "worst_day": "no day's return is below",
    "drawdown": "no drawdown is below",
    "win_rate": "win rate",
    "break_evens": "round trips that broke even",
}


def period(
    first: From,
    last: To,
    show: Show,
    bounds: Bounds = None,
    account: Accounts = None,
    audience: Annotated[str | None, typer.Option(help="Whom it is for; the file says so.")] = None,
    isolate: Isolate = False,
    output: Annotated[Path | None, typer.Option("-o", "--output", help="Write to a file instead.")] = None,
    as_json: AsJson = False,
) -> None:
    """Prove figures of a period without showing one of its days: a file that a stranger checks with `fntx verify`.

    It reads signed days alone. It shows the sum, the return or the Sharpe ratio of the period, and that no day is left
    out; every day stays hidden. What is shown is registered (`fntx signature shown`), and refused where fewer than five
    sessions would stand alone by it.

    fntx signature period --from 2025-01-01 --to 2025-12-31 --show twr,sharpe --bound drawdown=-20% -o period.json
    """
    from fntx_dagster.cli.terminal import note
    from fntx_dagster.services.accounts import chosen_account
    from fntx_dagster.services.reporting import refuse_unwritable, write_whole
    from fntx_dagster.services.sharing.making import TERMINAL
    from fntx_dagster.services.signatures.period_proofs import PeriodRequest, prove_period

    if as_json and output is None:
        raise typer.BadParameter("--json describes the file: give -o with it")
    if output is not None:  # before it is registered as shown
        refuse_unwritable(output)
    settings, db = settings_and_database()
    names = [None] if account is None else account.split(",")
    accounts = list(dict.fromkeys(chosen_account(db, name and name.strip()) for name in names))
    asked, notes, said = Period(first.date(), last.date()), [], monotonic()

    def on_note(text: str) -> None:
        notes.append(text)
        note(f"warning: {text}")

    def on_progress(done: int, whole: int) -> None:
        nonlocal said
        if monotonic() - said > _SECONDS_APART:
            said = monotonic()
            note(f"{done:,} of {whole:,} days")

    shown = [name.strip() for name in show.split(",")]
    request = PeriodRequest(accounts, asked, shown, bounds or (), audience, isolate)
    proved = prove_period(settings, db, request, by=TERMINAL, on_note=on_note, on_progress=on_progress)
    if output is None:
        write_json(proved.text)
        return
    write_whole(output, proved.text)
    if as_json:
        print_json({"file": f"{output}", "days": proved.days, "shown": proved.items, "warnings": notes})
    else:
        note(f"Written: {output}: {', '.join(proved.names)} of {proved.days} days")


def print_checked_period(checked: CheckedPeriod) -> None:
    """A period's figures, whose they are, what the check found, and what it did not look at."""
    from fntx_dagster.cli.terminal import BAD, DOUBTFUL, GOOD, line, out, outcome

    said = checked.alone.period
    if said is not None:
        out("For everybody" if said.audience is None else f"For: {said.audience}")
        out(f"{said.first} to {said.last}, {len(said.days)} days")
        for account in said.accounts:
            out(
                f"trader {account.trader}, {len(account.days)} days, sessions {account.days[0].session} to "
                f"{account.days[-1].session}",
                f"contract {account.contract} on chain {account.chain_id}",
            )
        sign = GOOD if checked.figures_hold else BAD
        for name, figure in checked.alone.figures.items():
            out(line("  ", sign, f" {_IN_WORDS.get(name, name)}: {_figure(name, figure, said.currency)}"))
        if "chained" in said.shown:
            out(line("  ", sign, " chained: each day opens with the NAV that the day before closed with"))
    sign = BAD if checked.problems else DOUBTFUL if checked.exit_code else GOOD
    outcome(sign, checked.verdict, checked.problems, checked.notes, checked.not_checked)


def _figure(name: str, figure: Decimal | float | int | None, currency: str) -> str:
    if figure is None:
        return "not defined"
    if isinstance(figure, Decimal):
        return f"{figure:,.2f} {currency}"
    if name in _FRACTIONS:
        return f"{figure * 100:.4f} %"
    return f"{figure:,}" if isinstance(figure, int) else f"{figure:.4f}"
