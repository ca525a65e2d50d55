"""`fntx serve`: the dashboard and the API in one process."""

from __future__ import annotations

from contextlib import nullcontext
from typing import TYPE_CHECKING, Annotated

import typer

from fntx_dagster.cli.options import address_to_listen_on, settings_and_database

if TYPE_CHECKING:
    from collections.abc import Collection

    from fntx_dagster.services.database import Database
    from fntx_dagster.settings import Settings

PORT = 8765


def serve(
    host: Annotated[str, typer.Option(parser=address_to_listen_on, help="The address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=1, max=65535, help="The port to listen on.")] = PORT,
    watch: Annotated[bool, typer.Option(help="Watch live books beside it; one process does it for all.")] = True,
    follow: Annotated[
        bool, typer.Option(help="Follow the gateways beside it, and write the stream; one process does it for all.")
    ] = True,
) -> None:
    """Serve the dashboard and the API on this machine, until Ctrl-C.

    fntx serve --port 8765

    Without users it prints a link that lets you in once; `fntx users link` prints another one. With FNTX_WEB_ORIGIN and
    users it serves several people, behind a proxy that brings TLS (docs/access.md).

    `fntx api serve` serves the API alone, `fntx ui` Dagster's UI.
    """
    settings, db = settings_and_database()
    serve_dashboard(settings, db, host, port, watches=watch, follows=follow)


def serve_dashboard(
    settings: Settings,
    db: Database,
    host: str = "127.0.0.1",
    port: int = PORT,
    *,
    watches: bool = True,
    follows: bool = True,
) -> None:
    """Serve the dashboard and the API, and say how to enter, until Ctrl-C."""
    from fntx_dagster.api.serving import serve as serve_api
    from fntx_dagster.cli.serving import end_by_signals
    from fntx_dagster.cli.terminal import note
    from fntx_dagster.report.clock import zone
    from fntx_dagster.services.live.running import writing
    from fntx_dagster.services.visitors import entering
    from fntx_dagster.services.visitors.signing_in import link_of_machine
    from fntx_dagster.services.visitors.users import any_user
    from fntx_dagster.serving.listening import listen_on
    from fntx_dagster.web.app import make_site
    from fntx_dagster.web.asking import Site

    end_by_signals()
    stream = writing(settings, db) if follows else nullcontext()
    site = Site(settings, db, zone(settings.report.time_zone))
    entering.require_safe(settings, db, host)
    with listen_on(host, port) as listening:
        origin = entering.origin_of(settings, port)
        note(f"The dashboard is on {origin} (Ctrl-C ends it).")
        if not any_user(db):
            link = entering.link(origin, link_of_machine(db))
            note(f"Enter once by this link, within half an hour: {link}")
            entering.keep_link(settings, link)
        try:
            with stream:
                serve_api(settings, db, listening, watches=watches, around=lambda api: make_site(site, api))
        except KeyboardInterrupt:
            note("The dashboard has ended.")


def live() -> None:
    """Write the stream without serving it: follow every gateway, and what the ledger records; until Ctrl-C.

    fntx live

    `fntx serve` does it beside the pages. One process follows an account; a further one waits until that one has ended.
    """
    settings, db = settings_and_database()
    write_stream(settings, db)


def write_stream(settings: Settings, db: Database, accounts: Collection[str] | None = None) -> None:
    """Follow the gateways of these accounts, of all where None, and the ledger, until Ctrl-C."""
    from threading import Event

    from fntx_dagster.cli.serving import end_by_signals, ending_by_signals
    from fntx_dagster.cli.terminal import note
    from fntx_dagster.services.live.running import run
    from fntx_dagster.serving.collector import spare_the_collector

    ending = Event()
    end_by_signals()
    number = len(accounts or settings.gateway.addresses)
    try:
        with ending_by_signals(ending.set):
            spare_the_collector()
            note(f"Following {number} account{'' if number == 1 else 's'} and the ledger (Ctrl-C ends it).")
            run(settings, db, ending, accounts=accounts)
        note("The stream has ended.")
    except KeyboardInterrupt:
        note("The stream has ended.")
