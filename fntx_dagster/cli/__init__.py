"""`fntx`: what the UI can do, from a terminal.

Commands read their arguments, call one service and print; this page lists them. Output for people goes to standard
output, errors and progress to standard error; `--json` and `--format json` are for programs. Exit codes: 0 done, 1 a
person has to change something, 2 the command line is wrong, 75 try again later, 130 stopped by Ctrl-C, 141 whoever read
the output went away.
"""

from __future__ import annotations

import inspect
import os
import sys
from typing import Annotated

import typer

from fntx_dagster.cli.account_risk import risk
from fntx_dagster.cli.accounts import greeks, metrics, report, summary, today
from fntx_dagster.cli.against_market import market
from fntx_dagster.cli.aggregate import aggregate
from fntx_dagster.cli.api import api
from fntx_dagster.cli.archive import statement_archive
from fntx_dagster.cli.attest import attest
from fntx_dagster.cli.audit import audit
from fntx_dagster.cli.backup import backup, migrate, restore
from fntx_dagster.cli.bonds import bond
from fntx_dagster.cli.chain import chain
from fntx_dagster.cli.compliance import compliance
from fntx_dagster.cli.dashboard import live, serve
from fntx_dagster.cli.doctor import doctor
from fntx_dagster.cli.escrows import escrow
from fntx_dagster.cli.exporter import exporter
from fntx_dagster.cli.files import table
from fntx_dagster.cli.ledger import ledger
from fntx_dagster.cli.logs import log_as_json
from fntx_dagster.cli.operation import alerts, database, demo, env, status, ui
from fntx_dagster.cli.plain import complain, write
from fntx_dagster.cli.reconcile import reconcile
from fntx_dagster.cli.roles import daemon, follow, healthy, webserver
from fntx_dagster.cli.setup import init
from fntx_dagster.cli.share import share
from fntx_dagster.cli.signals import signals
from fntx_dagster.cli.signature import signature
from fntx_dagster.cli.statements import fetch, load, run
from fntx_dagster.cli.strategies import edge, strategies
from fntx_dagster.cli.strategy import strategy
from fntx_dagster.cli.tax import tax
from fntx_dagster.cli.treasury import treasury
from fntx_dagster.cli.users import users
from fntx_dagster.cli.verify import verify
from fntx_dagster.cli.worker import worker
from fntx_dagster.errors import FntxError
from fntx_dagster.settings import logs_are_json, write_privately

_HELP = """From a broker's statements to a track record that nobody has to take on trust.

\b
fntx demo                          everything, on sample statements
fntx init                          the first settings of your own
fntx load PATH                     statements into the database
fntx run --from DAY --to DAY       explain the days, verify and sign them
fntx report --from DAY --to DAY    why the account moved
fntx status                        what is there, what is missing

All of it is kept in one folder, the home: FNTX_HOME, else `.fntx`. `fntx COMMAND -h` explains a command.

Exit codes: 0 done, 1 a person has to change something, 2 the command line is wrong, 75 try again later,
130 stopped by Ctrl-C, 141 whoever read its output went away.
"""


def _flowing(text: str) -> str:
    """A docstring with one line to a paragraph: typer keeps its line breaks, and a terminal folds at its own width."""
    paragraphs = inspect.cleandoc(text).split("\n\n")
    return "\n\n".join(each if each.startswith("\b") else " ".join(each.split()) for each in paragraphs)


app = typer.Typer(
    name="fntx",
    no_args_is_help=True,
    context_settings={"help_option_names": ["-h", "--help"]},
    pretty_exceptions_enable=False,
    help=_flowing(_HELP),
)
for command in (
    init,
    doctor,
    load,
    fetch,
    run,
    today,
    report,
    summary,
    metrics,
    strategies,
    edge,
    status,
    alerts,
    greeks,
    risk,
    market,
    tax,
    table,
    verify,
    demo,
    serve,
    live,
    ui,
    webserver,
    daemon,
    follow,
    healthy,
    worker,
    env,
    exporter,
    backup,
    restore,
    migrate,
):
    app.command()(command)
app.add_typer(signature, name="signature")
app.add_typer(share, name="share")
app.add_typer(attest, name="attest")
app.add_typer(aggregate, name="aggregate")
app.add_typer(audit, name="audit")
app.add_typer(compliance, name="compliance")
app.add_typer(chain, name="chain")
app.add_typer(api, name="api")
app.add_typer(ledger, name="ledger")
app.add_typer(signals, name="signals")
app.add_typer(treasury, name="treasury")
app.add_typer(strategy, name="strategy")
app.add_typer(bond, name="bond")
app.add_typer(escrow, name="escrow")
app.add_typer(reconcile, name="reconcile")
app.add_typer(users, name="users")
app.add_typer(database, name="db")
app.add_typer(statement_archive, name="statements")

_groups = [app]
for group in _groups:
    _groups += [inner.typer_instance for inner in group.registered_groups if inner.typer_instance]
    for registered in group.registered_commands:
        registered.help = _flowing((registered.callback and registered.callback.__doc__) or "")


def _print_version(wanted: bool) -> None:
    if wanted:
        from importlib.metadata import version

        write(f"fntx {version('fntx-dagster')}\n")
        raise typer.Exit


@app.callback()
def options(
    version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    """The options of `fntx` itself."""


_UNREAD = 141
"""The exit code where whoever read the output went away, as a shell gives it for the signal SIGPIPE."""


def main() -> None:
    """Entry point: errors that a user is meant to read become one line and an exit code."""
    write_privately()
    if logs_are_json():
        log_as_json()
    stdout = sys.stdout
    try:
        app()
    except FntxError as error:
        complain(f"fntx: {error}")
        sys.exit(error.exit_code)
    except SystemExit as end:
        sys.exit(_UNREAD if sys.stdout is not stdout else end.code)  # typer has put another in its place
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(_UNREAD)
    except OSError as error:
        named = f": {error.filename}" if error.filename else ""
        if named and isinstance(error, FileNotFoundError):
            complain(f"fntx: {error.filename} does not exist, or a folder on the way to it. Check the path")
        else:
            complain(f"fntx: {error.strerror or error}{named}. Check the path, its permissions and the space left")
        sys.exit(1)
