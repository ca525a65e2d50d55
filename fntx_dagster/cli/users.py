"""`fntx users`: who may look at the dashboard, and who did."""

from __future__ import annotations

import sys
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from fntx_dagster.cli.options import AsJson, print_json, settings_and_database
from fntx_dagster.cli.plain import write
from fntx_dagster.errors import Permanent

if TYPE_CHECKING:
    from collections.abc import Iterable

users = typer.Typer(no_args_is_help=True, help="Who may look at the dashboard: users, links, sessions, sign-ins.")

Name = Annotated[str, typer.Argument(help="The user's name.")]
_ROLES = "owner, trader, fund, auditor or source."


@users.command()
def add(
    name: Name,
    role: Annotated[str, typer.Option(help=_ROLES)],
    account: Annotated[
        list[str] | None, typer.Option(help="An account that he may see. May be repeated.", show_default=False)
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Add a user. Owners and auditors see every account, others those that are granted to them.

    fntx users add ada --role trader --account U1234567

    Then `fntx users link ada` lets her in, and `fntx users password ada` sets a password.
    """
    from fntx_dagster.cli.terminal import out
    from fntx_dagster.services.auditing.settings_changes import noted_users
    from fntx_dagster.services.visitors.users import add_user, known_name, require_owner_first

    settings, db = settings_and_database()
    require_owner_first(db, name, role)
    add_user(db, name, role, account or [], log=noted_users(settings))
    if as_json:
        print_json({"user_id": known_name(name), "role": role, "accounts": account or []})
    else:
        out(f"{known_name(name)} may sign in once there is a link (`fntx users link`) or a password.")


@users.command("list")
def list_(as_json: AsJson = False) -> None:
    """List the users: role, accounts, how they can sign in.

    fntx users list --json
    """
    from rich.table import Table

    from fntx_dagster.cli.terminal import out
    from fntx_dagster.report.clock import utc_minute
    from fntx_dagster.services.visitors.users import list_users

    _, db = settings_and_database()
    rows = list_users(db)
    if as_json:
        print_json([row._asdict() for row in rows])
        return
    table = Table("user", "role", "accounts", "password", "passkeys", "sessions", "added")
    for row in rows:
        accounts = "all" if row.role in ("owner", "auditor") else ", ".join(row.accounts)
        table.add_row(
            row.user_id,
            row.role,
            accounts,
            "set" if row.has_password else "",
            f"{row.passkeys}",
            f"{row.sessions}",
            utc_minute(row.made_at),
        )
    out(table if rows else "There is no user: the dashboard is yours alone. `fntx users add` adds one.")


@users.command()
def role(name: Name, role: Annotated[str, typer.Argument(help=_ROLES)]) -> None:
    """Give a user another role, which ends his sessions.

    fntx users role ada fund
    """
    from fntx_dagster.cli.terminal import out
    from fntx_dagster.services.auditing.settings_changes import noted_users
    from fntx_dagster.services.visitors.users import change_role

    settings, db = settings_and_database()
    out("His sessions have ended." if change_role(db, name, role, log=noted_users(settings)) else "He has that role.")


@users.command()
def grant(
    name: Name, account: Annotated[list[str], typer.Option(help="An account that he may see. May be repeated.")]
) -> None:
    """Let a user see accounts.

    fntx users grant ada --account U1234567
    """
    from fntx_dagster.cli.terminal import out
    from fntx_dagster.services.auditing.settings_changes import noted_users
    from fntx_dagster.services.visitors.users import grant_account

    settings, db = settings_and_database()
    for each in account:
        out("Granted." if grant_account(db, name, each, log=noted_users(settings)) else "He sees it already.")


@users.command()
def revoke(
    name: Name, account: Annotated[list[str], typer.Option(help="An account to take from him. May be repeated.")]
) -> None:
    """Take accounts from a user, which ends his sessions.

    fntx users revoke ada --account U1234567
    """
    from fntx_dagster.cli.terminal import out
    from fntx_dagster.services.auditing.settings_changes import noted_users
    from fntx_dagster.services.visitors.users import revoke_account

    settings, db = settings_and_database()
    for each in account:
        out("Taken." if revoke_account(db, name, each, log=noted_users(settings)) else "It was not granted to him.")


@users.command()
def remove(name: Name) -> None:
    """Remove a user with his sessions, passkeys and links. The log keeps what he did.

    fntx users remove ada
    """
    from fntx_dagster.cli.terminal import out
    from fntx_dagster.services.auditing.settings_changes import noted_users
    from fntx_dagster.services.visitors.users import remove_user

    settings, db = settings_and_database()
    remove_user(db, name, log=noted_users(settings))
    out(f"{name} is removed.")


@users.command()
def link(
    name: Annotated[str | None, typer.Argument(help="The user's name; left out where there are no users.")] = None,
    minutes: Annotated[int, typer.Option(min=1, max=1440, help="After so many minutes it ends.")] = 30,
    port: Annotated[int, typer.Option(min=1, max=65535, help="The port of `fntx serve` on this machine.")] = 8765,
) -> None:
    """Print a link that signs in once, alone on the last line. It replaces the user's former one.

    fntx users link ada
    """
    from fntx_dagster.cli.terminal import note
    from fntx_dagster.services.visitors import entering
    from fntx_dagster.services.visitors.signing_in import link_of_machine, link_of_user

    settings, db = settings_and_database()
    origin = entering.origin_of(settings, port)
    if name is None:
        address = entering.link(origin, link_of_machine(db, timedelta(minutes=minutes)))
        entering.keep_link(settings, address)
    else:
        address = entering.link(origin, link_of_user(db, name, timedelta(minutes=minutes)))
    note(f"It works once, within {minutes} minutes.")
    write(f"{address}\n")


@users.command()
def password(
    name: Name,
    file: Annotated[
        str | None, typer.Option(metavar="FILE", help="File that holds it; - is standard input. Else it is asked for.")
    ] = None,
) -> None:
    """Set a user's password, which ends his sessions.

    fntx users password ada
    """
    from fntx_dagster.cli.terminal import out
    from fntx_dagster.services.visitors.users import set_password

    _, db = settings_and_database()
    given = _first_line(file) if file else typer.prompt("Password", hide_input=True, confirmation_prompt=True, err=True)
    set_password(db, name, given)
    out("The password is set; his sessions have ended.")


@users.command()
def sessions(
    name: Annotated[str | None, typer.Argument(help="The user's name; all where it is left out.")] = None,
    as_json: AsJson = False,
) -> None:
    """List the sessions that go on, newest first.

    fntx users sessions ada
    """
    from rich.table import Table

    from fntx_dagster.cli.terminal import out
    from fntx_dagster.report.clock import utc_minute
    from fntx_dagster.services.visitors.users import list_sessions

    _, db = settings_and_database()
    rows = list_sessions(db, name)
    if as_json:
        print_json([row._asdict() for row in rows])
        return
    table = Table("number", "user", "proved by", "from", "browser", "signed in", "last seen", "ends")
    for row in rows:
        moments = (utc_minute(at) for at in (row.created_at, row.seen_at, row.ends_at))
        table.add_row(f"{row.session_id}", row.user_id or "owner", row.proof, row.address, row.browser, *moments)
    out(table if rows else "Nobody is signed in.")


@users.command()
def end(
    number: Annotated[int, typer.Argument(help="The session's number, as `fntx users sessions` lists it.")],
) -> None:
    """End a session now.

    fntx users end 12
    """
    from fntx_dagster.cli.terminal import out
    from fntx_dagster.services.visitors.users import end_session

    _, db = settings_and_database()
    end_session(db, number)
    out(f"Session {number} has ended.")


@users.command()
def log(
    name: Annotated[str | None, typer.Argument(help="The user's name; all where it is left out.")] = None,
    limit: Annotated[int, typer.Option(min=1, max=100_000, help="So many entries at most.")] = 50,
    as_json: AsJson = False,
) -> None:
    """List who signed in, from where, and what was changed; newest first.

    fntx users log ada
    """
    from rich.table import Table

    from fntx_dagster.cli.terminal import out
    from fntx_dagster.report.clock import utc_minute
    from fntx_dagster.services.visitors.users import read_log

    _, db = settings_and_database()
    rows = read_log(db, limit, name)
    if as_json:
        print_json([row._asdict() for row in rows])
        return
    table = Table("at", "event", "user", "by", "proved by", "from", "detail")
    for row in rows:
        table.add_row(
            utc_minute(row.at), row.event, *_shown((row.user_id, row.actor, row.proof, row.address, row.detail))
        )
    out(table if rows else "Nobody has signed in yet.")


def _first_line(file: str) -> str:
    try:
        text = sys.stdin.read() if file == "-" else Path(file).expanduser().read_text(encoding="utf-8")
    except ValueError:
        raise Permanent(f"{file} holds no text in UTF-8", "Write the password on its first line") from None
    return (text.splitlines() or [""])[0]


def _shown(values: Iterable[str | None]) -> Iterable[str]:
    return (value or "" for value in values)
