"""The figures for Prometheus, from the command line: `fntx exporter`."""

from __future__ import annotations

from typing import Annotated

import typer

from fntx_dagster.cli.options import settings_and_database
from fntx_dagster.cli.plain import write
from fntx_dagster.errors import Permanent

PORT = 8766


def exporter(
    port: Annotated[int, typer.Option(help="Port to listen on.")] = PORT,
    host: Annotated[str, typer.Option(help="Address of this machine to listen on.")] = "127.0.0.1",
    once: Annotated[bool, typer.Option("--once", help="Print the figures instead, and end.")] = False,
) -> None:
    """Serve the platform's figures to Prometheus on /metrics, until Ctrl-C.

    They are asked of the tables when they are scraped, at most every ten seconds. An account is a number there, never
    its id. Another address than loopback needs FNTX_METRICS_TOKEN, which the scraper brings as a bearer token.

    fntx exporter --once
    """
    from fntx_dagster.services.monitoring import Scraped
    from fntx_dagster.serving.alone import serve_alone
    from fntx_dagster.serving.asgi import is_loopback
    from fntx_dagster.serving.listening import listen_on
    from fntx_dagster.web.scraped import scraped_app

    settings, db = settings_and_database()
    scraped = Scraped(settings, db)
    if once:
        write(scraped.text().decode())
        return
    token = settings.monitoring.token
    if token is None and not is_loopback(f"[{host}]" if ":" in host else host):
        raise Permanent(
            f"{host} is not this machine alone, and anybody could read the figures there",
            "Set FNTX_METRICS_TOKEN, or listen on 127.0.0.1",
        )
    from fntx_dagster.cli.terminal import note

    with listen_on(host, port) as listening:
        shown = f"[{host}]" if ":" in host else host
        note(f"The figures are on http://{shown}:{listening.getsockname()[1]}/metrics. Ctrl-C ends.")
        try:
            serve_alone(scraped_app(scraped, token.get_secret_value() if token else None), listening)
        except KeyboardInterrupt:
            note("Ended.")
