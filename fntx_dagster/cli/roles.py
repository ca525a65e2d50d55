"""What a server runs beside `fntx serve`, a command for each role, and `fntx healthy`, which asks whether it works."""

from __future__ import annotations

from typing import Annotated

import typer

from fntx_dagster.cli.options import AsJson, address_to_listen_on, print_json, settings_and_database
from fntx_dagster.cli.plain import complain, write
from fntx_dagster.errors import Permanent
from fntx_dagster.services.healthy import Role, role_health, role_of_container
from fntx_dagster.settings import load_settings


def webserver(
    port: Annotated[int, typer.Option(min=1, max=65535, help="Port of the UI.")] = 3000,
    host: Annotated[
        str, typer.Option(parser=address_to_listen_on, help="Address of this machine to listen on.")
    ] = "127.0.0.1",
    read_only: Annotated[
        bool, typer.Option("--read-only", help="Nobody starts, stops or changes anything by this UI.")
    ] = False,
) -> None:
    """Serve the Dagster UI without its daemon, until Ctrl-C: on servers, where `fntx daemon` is a process of its own.

    On an address that others reach it asks for FNTX_UI_TOKEN (docs/deploy.md). fntx webserver --read-only
    """
    from fntx_dagster.cli.serving import serve_webserver

    serve_webserver(load_settings(), host, port, read_only=read_only)


def daemon() -> None:
    """Run Dagster's daemon without the UI, until Ctrl-C: schedules, sensors, the queue of runs.

    One works on a database; a second one refuses to start (exit code 1). fntx daemon
    """
    from fntx_dagster.cli.serving import run_daemon

    run_daemon(load_settings())


def follow(
    account: Annotated[
        list[str] | None,
        typer.Option(help="Account whose gateway is followed; all of FNTX_GATEWAYS where it is left out."),
    ] = None,
) -> None:
    """Follow gateways from the machine where they are, until Ctrl-C: `fntx live`, for the accounts that you name.

    fntx follow --account U1000001
    """
    from fntx_dagster.cli.dashboard import write_stream

    settings, db = settings_and_database()
    if strange := sorted({*(account or ())} - settings.gateway.addresses.keys()):
        raise Permanent(f"the account {strange[0]} has no gateway in the settings", "Add it to FNTX_GATEWAYS")
    write_stream(settings, db, account)


def healthy(
    role: Annotated[
        Role | None, typer.Argument(help="The role; that of the container's first process where it is left out.")
    ] = None,
    port: Annotated[
        int | None,
        typer.Option(min=1, max=65535, help="Where serve or webserver listens, if elsewhere than usual."),
    ] = None,
    account: Annotated[str | None, typer.Option(help="Of follow: this account alone.")] = None,
    as_json: AsJson = False,
) -> None:
    """Say within a second whether a role's process works on this machine: exit code 0, or 1 where it does not.

    serve: its database answers. webserver: it answers. daemon: it said so within 5 minutes. follow: each account is
    followed. worker: both databases answer. fntx healthy daemon
    """
    asked = role or role_of_container()
    if asked is None:
        write("The first process of this container has no role: nothing is asked.\n")
        return
    health = role_health(load_settings(), asked, port, account)
    if as_json:
        print_json(health._asdict())
    else:
        (write if health.healthy else complain)(f"{health.role}: {health.said}" + ("\n" if health.healthy else ""))
    if not health.healthy:
        raise typer.Exit(1)
