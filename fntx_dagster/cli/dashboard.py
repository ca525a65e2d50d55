"""`fntx serve`: the dashboard and the API in one process."""

from __future__ import annotations

from contextlib import nullcontext
from typing import Annotated

import typer

from fntx_dagster.cli.options import loopback, settings_and_database

PORT = 8765


def serve(
    host: Annotated[
        str, typer.Option(parser=loopback, help="The address to listen on, of this machine.")
    ] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="The port to listen on.")] = PORT,
    watch: Annotated[bool, typer.Option(help="Watch live books beside it; one process does it for all.")] = True,
    follow: Annotated[
        bool, typer.Option(help="Follow the gateways beside it, and write the stream; one process does it for all.")
    ] = True,
) -> None:
    """Serve the dashboard and the API on this machine, until Ctrl-C.

    fntx serve --port 8765

    `fntx api serve` serves the API alone, `fntx ui` Dagster's UI.
    """
    from fntx_dagster.api.serving import serve as serve_api
    from fntx_dagster.cli.serving import end_by_signals
    from fntx_dagster.cli.terminal import note
    from fntx_dagster.report.clock import zone
    from fntx_dagster.services.live.running import writing
    from fntx_dagster.web.app import make_site
    from fntx_dagster.web.asking import Site

    settings, db = settings_and_database()
    end_by_signals()
    stream = writing(settings, db) if follow else nullcontext()
    site = Site(settings, db, zone(settings.report.time_zone))
    note(f"The dashboard is on http://localhost:{port} (Ctrl-C ends it).")
    try:
        with stream:
            serve_api(settings, db, host, port, watches=watch, around=lambda api: make_site(site, api))
    except KeyboardInterrupt:
        note("The dashboard has ended.")


def live() -> None:
    """Write the stream without serving it: follow every gateway, and what the ledger records; until Ctrl-C.

    fntx live

    `fntx serve` does it beside the pages. One process follows an account; a further one waits until that one has ended.
    """
    from threading import Event

    from fntx_dagster.cli.serving import end_by_signals, ending_by_signals
    from fntx_dagster.cli.terminal import note
    from fntx_dagster.services.live.running import run

    settings, db = settings_and_database()
    ending = Event()
    end_by_signals()
    accounts = len(settings.gateway.addresses)
    try:
        with ending_by_signals(ending.set):
            note(f"Following {accounts} account{'' if accounts == 1 else 's'} and the ledger (Ctrl-C ends it).")
            run(settings, db, ending)
        note("The stream has ended.")
    except KeyboardInterrupt:
        note("The stream has ended.")
