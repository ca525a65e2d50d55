"""`fntx api`: serve the API of orders; make, list and revoke its tokens."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Annotated

import typer

from fntx_dagster.cli.options import AsJson, loopback, print_json, settings_and_database
from fntx_dagster.cli.plain import write
from fntx_dagster.settings import load_settings

api = typer.Typer(no_args_is_help=True, help="The API of orders and their ledger: serve it, and who may use it.")


@api.command()
def serve(
    host: Annotated[
        str, typer.Option(parser=loopback, help="The address to listen on, of this machine.")
    ] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="The port to listen on.")] = 8000,
    watch: Annotated[bool, typer.Option(help="Watch live books beside it; one process does it for all.")] = True,
) -> None:
    """Serve the API of orders on this machine, until Ctrl-C.

    fntx api serve --port 8000

    Its description is at /openapi.json. Others reach it through a proxy that brings TLS (docs/ledger.md).
    """
    from fntx_dagster.api.serving import serve as serve_api
    from fntx_dagster.cli.serving import end_by_signals
    from fntx_dagster.cli.terminal import note
    from fntx_dagster.serving.listening import listen_on

    settings, db = settings_and_database()
    end_by_signals()
    with listen_on(host, port) as listening:
        taken = listening.getsockname()[1]
        note(f"The API is on http://{f'[{host}]' if ':' in host else host}:{taken} (Ctrl-C ends it).")
        try:
            serve_api(settings, db, listening, watches=watch)
        except KeyboardInterrupt:
            note("The API has ended.")


@api.command("watch")
def watch_books() -> None:
    """Watch live books without serving the API: prices, orders of unknown outcome, alerts; until Ctrl-C.

    fntx api watch

    One process watches a database; a further one waits until that one has ended.
    """
    from threading import Event

    from fntx_dagster.cli.serving import end_by_signals, ending_by_signals
    from fntx_dagster.cli.terminal import note
    from fntx_dagster.services.orders.desk import desk_of
    from fntx_dagster.services.orders.watching import watcher_of

    settings, db = settings_and_database()
    watcher, ending = watcher_of(settings, desk_of(settings, db)), Event()
    end_by_signals()
    try:
        with ending_by_signals(ending.set):
            note("Watching live books (Ctrl-C ends it).")
            watcher.run(ending)
    except KeyboardInterrupt:
        note("The watcher has ended.")


@api.command()
def token(
    user: Annotated[str, typer.Option(help="Whom the token stands for.")],
    role: Annotated[
        str | None,
        typer.Option(help="trader, admin, signal_source, reader, or scoped; else trader, with --scope scoped."),
    ] = None,
    scope: Annotated[
        list[str] | None,
        typer.Option(metavar="SCOPE", help="What else it may, such as treasury:read; again for more (docs/bots.md)."),
    ] = None,
    days: Annotated[int | None, typer.Option(min=1, max=36500, help="After so many days it ends; else never.")] = None,
) -> None:
    """Make a token, and print it alone on the last line. It is shown once: only its digest is stored.

    \b
    fntx api token --user ada --role trader
    fntx api token --user auditor --scope audit:read --days 30
    """
    from fntx_dagster.services.auditing.settings_changes import noted_tokens
    from fntx_dagster.services.orders.access import make_token

    settings, db = settings_and_database()
    lasts = timedelta(days=days) if days else None
    role = role or ("scoped" if scope else "trader")
    write(f"{make_token(db, user, role, lasts, scope or (), log=noted_tokens(settings))}\n")


@api.command()
def tokens(as_json: AsJson = False) -> None:
    """List the tokens: whose, what they may do, and until when; newest first.

    fntx api tokens --json
    """
    from rich.table import Table

    from fntx_dagster.cli.terminal import out
    from fntx_dagster.report.clock import utc_minute
    from fntx_dagster.services.orders.access import list_tokens

    _, db = settings_and_database()
    rows = list_tokens(db)
    if as_json:
        print_json([row._asdict() for row in rows])
        return
    table = Table("number", "user", "role", "scopes", "made", "ends", "revoked")
    for row in rows:
        moments = (row.created_at, row.expires_at, row.revoked_at)
        table.add_row(
            *(f"{row.token_id}", row.user_id, row.role, " ".join(row.scopes)),
            *(utc_minute(at) if at else "" for at in moments),
        )
    out(table if rows else "There is no token yet. `fntx api token --user NAME` makes one.")


@api.command()
def revoke(
    number: Annotated[int, typer.Argument(help="The number of the token, as `fntx api tokens` lists it.")],
) -> None:
    """Let a token end now.

    fntx api revoke 3
    """
    from fntx_dagster.cli.terminal import out
    from fntx_dagster.services.auditing.settings_changes import noted_tokens
    from fntx_dagster.services.orders.access import revoke_token

    settings, db = settings_and_database()
    revoke_token(db, number, log=noted_tokens(settings))
    out(f"Token {number} has ended.")


@api.command()
def exchanges(
    symbol: Annotated[str | None, typer.Option(help="The symbol whose fees are asked for, such as BTC/USDT.")] = None,
    as_json: AsJson = False,
) -> None:
    """Ask each exchange whether the keys of the settings work, for the account's own fees, and for its clock.

    Places nothing, and prints no key. Exit code 1 where an account cannot be used.

    fntx api exchanges
    """
    from rich.table import Table

    from fntx_dagster.cli.terminal import error, note, out
    from fntx_dagster.services.orders.inspecting import look_at_accounts

    rows = look_at_accounts(load_settings(), symbol)
    if as_json:
        print_json([row._asdict() for row in rows])
    else:
        table = Table("user", "exchange", "keys", "symbol", "maker/taker bps", "clock")
        for row in rows:
            fees = "" if row.maker_bps is None else f"{row.maker_bps}/{row.taker_bps}"
            clock = "" if row.clock_ahead is None else f"{row.clock_ahead:+.1f} s"
            keys = {True: "work", False: "do not work", None: "not known"}[row.keys_work]
            table.add_row(row.user_id, row.exchange, keys, row.symbol or "", fees, clock)
        out(table if rows else "No account is set: FNTX_EXCHANGE_KEYS has the keys of each user (docs/ledger.md).")
        for row in rows:
            if not row.is_judged_by_its_fees:
                own = {row.exchange: {"maker": row.maker_bps, "taker": row.taker_bps}}
                judged = f"{row.judged_maker_bps or 'none'}/{row.judged_taker_bps or 'none'}"
                note(
                    f"{row.user_id} at {row.exchange} pays {row.maker_bps}/{row.taker_bps} bps, and orders are judged "
                    f"by {judged}: FNTX_EXCHANGE_FEES='{json.dumps(own)}'"
                )
            if row.problem:
                error(f"{row.user_id} at {row.exchange}: {row.problem}")
    if any(row.problem for row in rows):
        raise typer.Exit(1)
