"""`fntx strategy`: orders on the exchange of the XRP Ledger, cut into slices and watched by a risk controller."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any
from uuid import UUID

import typer

from fntx_dagster.cli.calculators import Input, calculator
from fntx_dagster.cli.options import AsJson, print_json, settings_and_database
from fntx_dagster.cli.treasury_proposals import document, proposed

if TYPE_CHECKING:
    from collections.abc import Mapping

strategy = typer.Typer(
    no_args_is_help=True,
    help="Trade on the exchange of the XRP Ledger: slices, limits, breaker. (`fntx strategies`: options sold.)",
)
_Strategy = Annotated[UUID, typer.Argument(metavar="ID", help="The id that `start` printed.", show_default=False)]
_MaybeStrategy = Annotated[
    UUID | None, typer.Argument(metavar="[ID]", help="A strategy; without it the desk.", show_default=False)
]
_Reason = Annotated[str, typer.Option(help="Why, for the audit log.", show_default=False)]
_File = Annotated[str, typer.Option("--input", metavar="FILE", help="The strategy as JSON; `-` reads standard input.")]


@strategy.command()
def check(file: Input, as_json: AsJson = False) -> None:
    """Cut quantities into slices, and judge orders by the limits of a desk. No database, no network, no key is used.

    A case of the kind `slices` is cut, one of the kind `risk` judged: docs/execution.md shows one of each. Exit code 0:
    the file was read; 1: it is a single case and refused; 2: it cannot be read.

    fntx strategy check --input cases.json
    """
    from fntx_dagster.services.execution.calculator import check

    calculator(file, check)


@strategy.command()
def start(
    file: _File,
    live: Annotated[bool, typer.Option("--live", help="Trade, within the approved limits.")] = False,
    as_json: AsJson = False,
) -> None:
    """Cut an order into slices. Dry, unless --live: it prints the unsigned transactions and keeps nothing.

    docs/execution.md shows a file. The ledger of FNTX_XRPL_URL is asked for the prices of now: where nobody offers
    anything, the file needs `limit_price`.

    fntx strategy start --input sale.json --live
    """
    from fntx_dagster.cli.terminal import out
    from fntx_dagster.services.execution.reading import strategy_document
    from fntx_dagster.services.execution.starting import dry_run
    from fntx_dagster.services.execution.starting import start as begin

    settings, db = settings_and_database()
    asked = document(file)
    if live:
        kept = strategy_document(db, begin(settings, db, asked))
        if as_json:
            print_json(kept)
            return
        out(_slices(kept["slices"]), f"Strategy {kept['strategy_id']} runs.")
        out("`fntx strategy advance -o DIR` proposes its first slices.")
        return
    dry = dry_run(settings, db, asked)
    if as_json:
        print_json(dry._asdict())
        return
    out(_slices([each | {"planned": each["quantity"]} for each in dry.slices]))
    out("A dry run: nothing was kept. --json prints the unsigned transactions, --live trades.")


@strategy.command()
def advance(
    folder: Annotated[
        Path | None, typer.Option("-o", "--output", metavar="DIR", help="Write the files for signers here.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Go on: read fills, end what expired, propose the next slices, prepare what was approved, send what is due.

    fntx strategy advance -o to-sign
    """
    from fntx_dagster.cli.terminal import out
    from fntx_dagster.services.execution.advancing import advance
    from fntx_dagster.services.execution.calculator import percent

    settings, db = settings_and_database()
    done = advance(settings, db, folder)
    state = {"state": done.stand.row.state, "loss_pct": percent(done.stand.loss_pct)}
    if as_json:
        print_json(
            state
            | {"equity": done.stand.row.equity, "read_to": done.entered.read_to, "fills": done.entered.fills}
            | {"files": [str(each) for each in done.files], "sent": done.sent, "problems": done.problems}
        )
        return
    out(f"The desk is {state['state']}, and has lost {state['loss_pct']} % today.")
    out(f"{done.entered.fills} fills entered up to ledger {done.entered.read_to}; {done.sent} orders sent.")
    out(*(f"To sign: {each}" for each in done.files), *(f"Held up: {each}" for each in done.problems))


@strategy.command()
def status(strategy_id: _MaybeStrategy = None, as_json: AsJson = False) -> None:
    """Show the desk with its limits and what it went through, or a strategy with its slices.

    fntx strategy status
    """
    from fntx_dagster.cli.terminal import out
    from fntx_dagster.services.execution.reading import desk_document, strategy_document

    _, db = settings_and_database()
    if strategy_id is not None:
        found = strategy_document(db, strategy_id)
        if as_json:
            print_json(found)
            return
        out(
            _slices(found["slices"]),
            f"{found['strategy']} {found['side']} is {found['state']} {found['reason']}".strip(),
        )
        out(f"{found['filled']} of {found['quantity']} traded; with what is signed at most {found['committed']}.")
        return
    found = desk_document(db)
    if as_json:
        print_json(found)
        return
    desk = found["desk"]
    if desk is None:
        out("The desk may not trade live: `fntx treasury propose trade.live` proposes it (docs/execution.md).")
        return
    out(f"The desk is {desk['state']}. {desk['reason']}".strip())
    out(f"Equity {desk['equity']} {desk['quote']['currency']}, at the start of the day {desk['equity_start']}.")
    out(*(f"{name}: {value}" for name, value in desk["limits"].items()))


@strategy.command("list")
def list_(as_json: AsJson = False) -> None:
    """List the strategies of the desk.

    fntx strategy list
    """
    from fntx_dagster.cli.terminal import new_table, out
    from fntx_dagster.services.execution.reading import desk_document

    rows = desk_document(settings_and_database()[1])["strategies"]
    if as_json:
        print_json(rows)
        return
    table = new_table("strategy", "kind", "side", "of", "state", right=("quantity", "filled"))
    for each in rows:
        of = f"{each['base']['currency']}/{each['quote']['currency']}"
        amounts = (f"{each['quantity']}", f"{each['filled']}")
        table.add_row(str(each["strategy_id"]), each["strategy"], each["side"], of, each["state"], *amounts)
    out(table if rows else "There is no strategy.")


@strategy.command()
def profile(
    file: Annotated[
        str,
        typer.Option("--input", metavar="FILE", help="The market as JSON: base and quote; `-` reads standard input."),
    ],
    as_json: AsJson = False,
) -> None:
    """Make the volume profile of a market, of its last 20 days on the ledger, or of a file that has its hours.

    fntx strategy profile --input market.json
    """
    from fntx_dagster.cli.terminal import new_table, out
    from fntx_dagster.services.execution.profiles import make_profile

    row, is_new = make_profile(*settings_and_database(), document(file))
    if as_json:
        print_json(row._asdict() | {"new": is_new})
        return
    table = new_table("hour", right=("volume",))
    for hour, volume in enumerate(row.hours):
        table.add_row(f"{hour:02}:00", f"{volume}")
    out(table, f"The profile {row.hash} is of {row.source}.")


@strategy.command()
def halt(reason: _Reason, strategy_id: _MaybeStrategy = None, as_json: AsJson = False) -> None:
    """Halt a strategy for good, or the desk until two signers resume it. It takes effect at once.

    fntx strategy halt --reason "the market is closed"
    """
    from fntx_dagster.cli.terminal import out
    from fntx_dagster.services.execution.halting import halt
    from fntx_dagster.services.execution.reading import desk_document, strategy_document

    settings, db = settings_and_database()
    halt(settings, db, strategy_id, reason)
    if as_json:
        print_json(desk_document(db) if strategy_id is None else strategy_document(db, strategy_id))
        return
    out("The desk is halted. `fntx strategy resume` proposes to go on." if strategy_id is None else "It is halted.")


@strategy.command()
def kill(reason: _Reason, as_json: AsJson = False) -> None:
    """Propose to kill the desk: one signer decides, and from then on it places no order and cancels what rests.

    fntx strategy kill --reason "prices are wrong"
    """
    proposed("trade.kill", {"reason": reason, "desk": "xrpl"}, [], as_json=as_json)


@strategy.command()
def resume(reason: _Reason, as_json: AsJson = False) -> None:
    """Propose that a desk which is halted or killed trades again; two signers decide.

    fntx strategy resume --reason "the loss is explained"
    """
    proposed("breaker.reset", {"reason": reason, "desk": "xrpl"}, [], as_json=as_json)


def _slices(rows: list[Mapping[str, Any]]) -> Any:
    from fntx_dagster.cli.terminal import new_table

    table = new_table("slice", "at", "state", right=("planned", "asked", "filled"))
    for each in rows:
        amounts = (f"{each[name]}" if each.get(name) is not None else "" for name in ("planned", "asked", "filled"))
        state = f"{each.get('state', '')} {each.get('words', '')}".strip()
        table.add_row(f"{each['n']}", f"{each['at']}", state, *amounts)
    return table
