"""Running the platform: `fntx status`, `alerts`, `demo`, `ui`, `env`, `db`."""

from __future__ import annotations

import os
import shlex
from typing import Annotated

import typer

from fntx_dagster.cli.options import AsJson, print_json, settings_and_database
from fntx_dagster.cli.plain import write
from fntx_dagster.cli.running import keeping_imports
from fntx_dagster.errors import Permanent
from fntx_dagster.settings import export, load_settings

database = typer.Typer(no_args_is_help=True, help="The database: SQL of your own, and the embedded server.")


def status(as_json: AsJson = False) -> None:
    """On one screen: what is loaded up to when, what is missing, what is signed, and what needs a person.

    It reads the database alone. fntx status --json
    """
    from fntx_dagster.cli.tables import alerts_table, fetches_table, status_table
    from fntx_dagster.cli.terminal import out
    from fntx_dagster.services import status as service

    settings, db = settings_and_database()
    service.settle_alerts(settings, db)
    now = service.status(db)
    if as_json:
        print_json(now.account_rows())
        return
    out(status_table(now.accounts))
    if now.fetches:
        out(fetches_table(now.fetches))
    if now.alerts:
        out(alerts_table(now.alerts, {}))


def alerts(
    test: Annotated[bool, typer.Option("--test", help="Send a test message to each destination instead.")] = False,
    dismiss: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NUMBER|KIND",
            help="Neither show nor send an alert any more, or all of a kind, until it is over and returns. "
            "Can be given several times.",
        ),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """What a person has to know now, and where it goes (FNTX_ALERT_URLS).

    fntx alerts --dismiss 12 --dismiss statements
    """
    from fntx_dagster.cli.tables import alerts_table
    from fntx_dagster.cli.terminal import out
    from fntx_dagster.services.alerting import dismissed, send_test_messages
    from fntx_dagster.services.status import account_states, open_alerts, settle_alerts

    if test and dismiss:
        raise typer.BadParameter("give either --test or --dismiss")
    if dismiss:
        settings, db = settings_and_database()
        settle_alerts(settings, db)
        gone = dismissed(db, dismiss)
        print_json([alert._asdict() for alert in gone]) if as_json else out(
            f"{len(gone)} dismissed.", alerts_table(gone, {})
        )
        return
    if not test:
        settings, db = settings_and_database()
        settle_alerts(settings, db)
        raised = open_alerts(db)
        if as_json:
            print_json([alert._asdict() for alert in raised])
            return
        missing = {} if raised else {state.account_id: state.missing for state in account_states(db)}
        out(alerts_table(raised, missing))
        return
    settings = load_settings()
    if not settings.alerts.urls:
        raise Permanent("no destination is in the settings", "Set FNTX_ALERT_URLS; docs/settings.md shows the form")
    deliveries = list(send_test_messages(settings))
    if as_json:
        print_json([delivery._asdict() for delivery in deliveries])
    else:
        out(*(f"{delivery.destination}: {delivery.problem or 'sent'}" for delivery in deliveries))
    if any(delivery.problem for delivery in deliveries):
        raise typer.Exit(1)


def demo(
    live: Annotated[
        bool, typer.Option("--live", help="Against a simulated broker: fetch a month, show today, see it replaced.")
    ] = False,
    serve: Annotated[
        bool, typer.Option("--serve", help="With --live: leave today running, and serve the dashboard of it.")
    ] = False,
    orders: Annotated[
        bool, typer.Option("--orders", help="A bot sends orders through the four gates until its breaker trips.")
    ] = False,
    ledger: Annotated[
        bool, typer.Option("--ledger", help="Thirty days of a paper book: closed, explained, signed, verified.")
    ] = False,
    signals: Annotated[
        bool, typer.Option("--signals", help="Signals of one execution each, shared among five and a hundred users.")
    ] = False,
    proofs: Annotated[
        bool,
        typer.Option("--proofs", help="Figures of a year, proved without one of its days, and a stranger's check."),
    ] = False,
    treasury: Annotated[
        bool, typer.Option("--treasury", help="Tokens that people decide to issue, and a log that three ledgers prove.")
    ] = False,
    bond: Annotated[
        bool, typer.Option("--bond", help="A bond from draft to redemption, reconciled; then a line is altered.")
    ] = False,
) -> None:
    """The main job on the bundled sample statements: load, explain, verify, sign, and check one metric on chain.

    It fills the home with made-up days, so give it one of its own: FNTX_HOME=/tmp/fntx fntx demo
    """
    if serve and not live:
        raise typer.BadParameter("--serve goes with --live")
    if live:
        from fntx_dagster.cli.live_demo import run_live_demo

        run_live_demo(load_settings(), serves=serve)
        return
    for is_asked, show in (
        (orders, _demo_orders),
        (ledger, _demo_ledger),
        (signals, _demo_signals),
        (proofs, _demo_proofs),
        (treasury, _demo_treasury),
        (bond, _demo_bond),
    ):
        if is_asked:
            show()
            return
    with keeping_imports():
        from fntx_dagster.cli.demo import run_demo

    run_demo(load_settings())


def _demo_orders() -> None:
    from fntx_dagster.cli.orders_demo import run_orders_demo

    run_orders_demo(load_settings())


def _demo_ledger() -> None:
    with keeping_imports():
        from fntx_dagster.cli.ledger_demo import run_ledger_demo

    run_ledger_demo(load_settings())


def _demo_signals() -> None:
    from fntx_dagster.cli.signals_demo import run_signals_demo

    run_signals_demo(load_settings())


def _demo_proofs() -> None:
    from fntx_dagster.cli.proofs_demo import run_proofs_demo

    run_proofs_demo(load_settings())


def _demo_bond() -> None:
    from fntx_dagster.cli.bond_demo import run_bond_demo

    run_bond_demo(load_settings())


def _demo_treasury() -> None:
    from fntx_dagster.cli.treasury_demo import run_treasury_demo

    run_treasury_demo(load_settings())


def ui(
    port: Annotated[int, typer.Option(min=1, max=65535, help="Port of the UI.")] = 3000,
    host: Annotated[str, typer.Option(help="Address of this machine to listen on.")] = "127.0.0.1",
) -> None:
    """Serve the Dagster UI and its daemon on the same database, until Ctrl-C.

    What Dagster logs is in the folder logs of the home. fntx ui --port 3001
    """
    from fntx_dagster.cli.serving import serve

    serve(load_settings(), host, port)


def env() -> None:
    """Print what plain `dagster dev` or dbt needs: eval "$(fntx env)". May hold a database password."""
    from fntx_dagster.services.environment import dagster_environment, dbt_environment

    settings = load_settings()
    for name, value in (dagster_environment(settings) | dbt_environment(settings)).items():
        write(f"export {name}={shlex.quote(value)}\n")


@database.command()
def stop() -> None:
    """End the embedded server; the next command that needs it starts it again.

    Nothing in it is lost. fntx db stop
    """
    from fntx_dagster.cli.terminal import note
    from fntx_dagster.services.database import stop_server

    stopped = stop_server(load_settings())
    note("The embedded database is stopped." if stopped else "The embedded database does not run.")


@database.command(context_settings={"ignore_unknown_options": True})
def psql(arguments: Annotated[list[str] | None, typer.Argument(help="What psql takes.")] = None) -> None:
    """Open psql on the database, as the owner of its tables. The embedded server starts where it does not run.

    fntx db psql -c "select * from alm_reporting.daily_summary"
    """
    from fntx_dagster.services.database import psql_command

    command, variables = psql_command(load_settings())
    export(variables)
    try:
        os.execvp(command[0], [*command, *(arguments or ())])
    except OSError as error:
        raise Permanent(f"psql cannot be started ({error.strerror})", "Install PostgreSQL's client programs") from error
