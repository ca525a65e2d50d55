"""`fntx init`: asks for the first settings or takes them from flags, and prints what to define at the broker.

Secrets come from a hidden prompt, a file, standard input or the environment, never from the command line, which other
users of the machine can read.
"""

from __future__ import annotations

import sys
import textwrap
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from fntx_dagster.cli.commands import as_typed
from fntx_dagster.cli.options import print_json
from fntx_dagster.errors import Permanent

if TYPE_CHECKING:
    from fntx_dagster.services.setting_up import Broker, SetUp, Wishes

_WIDTH = 100
_LOGIN = "main"


def init(
    time_zone: Annotated[
        str | None, typer.Option(metavar="ZONE", help="Zone of the times in reports: an IANA name, as Europe/London.")
    ] = None,
    token_file: Annotated[
        str | None, typer.Option(metavar="FILE", help="File that holds the Flex token; - is standard input.")
    ] = None,
    query: Annotated[
        list[str] | None,
        typer.Option(metavar="[NAME=]ID", help="Number of a Flex query, with a name of yours. May be repeated."),
    ] = None,
    login: Annotated[str, typer.Option(metavar="NAME", help="Your name for this token, where you have several.")] = (
        _LOGIN
    ),
    gateway: Annotated[
        list[str] | None,
        typer.Option(metavar="ACCOUNT=HOST:PORT", help="IB Gateway of an account. May be repeated."),
    ] = None,
    alerts_file: Annotated[
        str | None, typer.Option(metavar="FILE", help="File with a destination of alerts (Apprise URL) on each line.")
    ] = None,
    from_environment: Annotated[
        bool, typer.Option("--from-environment", help="Write what FNTX_ variables set now, secrets among them.")
    ] = False,
    non_interactive: Annotated[bool, typer.Option("--non-interactive", help="Ask nothing.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="The same, for programs; asks nothing.")] = False,
) -> None:
    """Write the settings file, and say what to click in Client Portal. What is there and not asked for stays.

    fntx init --non-interactive --token-file token.txt --query 123456
    """
    from fntx_dagster.services.setting_up import Wishes, at_the_broker, set_up

    wishes = Wishes(
        time_zone=time_zone,
        token=None if token_file is None else _content(token_file).strip(),
        queries=_queries(query or ()),
        gateways=dict(_gateway(text) for text in gateway or ()),
        alert_urls=[] if alerts_file is None else _content(alerts_file).split(),
        login=login,
        is_from_environment=from_environment,
    )
    if not (non_interactive or as_json):
        if not sys.stdin.isatty():
            raise Permanent("there is no terminal to ask on", "Give what is to be set, and --non-interactive")
        wishes = _asked(wishes)
    done, broker = set_up(wishes), at_the_broker()
    if as_json:
        print_json(done.as_dict() | {"broker": broker.as_dict()})
    else:
        _print_settings(done)
        _print_broker(broker)


def _asked(wishes: Wishes) -> Wishes:
    """The wishes, and what a person answers about those that no flag gave; an empty answer keeps what is there, and an
    answer without the form of its setting is asked for again."""
    from fntx_dagster.cli.terminal import note
    from fntx_dagster.services.setting_up import require_forms
    from fntx_dagster.settings import load_settings

    settings = load_settings()
    require_forms(wishes)
    note("Enter alone keeps what is there. Secrets are not shown while they are typed.")
    if wishes.time_zone is None:
        wishes = _fitting(lambda: wishes._replace(time_zone=_zone(settings.report.time_zone)))
    if wishes.token is None:
        there = _there(settings.flex.tokens)
        wishes = _fitting(lambda: wishes._replace(token=_answer(f"Token of the Flex Web Service{there}", True) or None))
    if not wishes.queries and (wishes.token or wishes.login in settings.flex.tokens):
        there = _there(settings.flex.queries.get(wishes.login))
        wishes = _fitting(
            lambda: wishes._replace(queries=_queries(filter(None, [_answer(f"Number of the Flex query{there}")])))
        )
    if not wishes.gateways:
        wishes = _fitting(lambda: wishes._replace(gateways=_asked_gateway(_there(settings.gateway.addresses))))
    if not wishes.alert_urls:
        there = _there(settings.alerts.urls)
        wishes = _fitting(
            lambda: wishes._replace(alert_urls=_answer(f"Where alerts go, an Apprise URL{there}", True).split())
        )
    return wishes


def _fitting(ask: Callable[[], Wishes]) -> Wishes:
    """The wishes with an answer that has the form of its setting."""
    from fntx_dagster.cli.terminal import error
    from fntx_dagster.services.setting_up import require_forms

    while True:
        try:
            require_forms(wishes := ask())
        except Permanent as refused:
            error(str(refused))
        except typer.Abort:
            raise KeyboardInterrupt from None
        else:
            return wishes


def _zone(there: str) -> str | None:
    zone = typer.prompt("Time zone of reports", default=there, err=True)
    return None if zone == there else zone


def _asked_gateway(there: str) -> dict[str, str]:
    account = _answer(f"Account at IB Gateway{there}")
    if not account:
        return {}
    return {account: typer.prompt("IB Gateway of this account", default="127.0.0.1:4001", err=True)}


def _answer(question: str, is_secret: bool = False) -> str:
    return typer.prompt(question, default="", hide_input=is_secret, show_default=False, err=True).strip()


def _there(value: object) -> str:
    return " (set already)" if value else " (Enter leaves it out)"


def _queries(texts: Iterable[str]) -> dict[str, str]:
    from fntx_dagster.services.setting_up import QUERY

    queries: dict[str, str] = {}
    for name, _, number in (text.rpartition("=") for text in texts):
        if queries.setdefault(name or QUERY, number.strip()) != number.strip():
            raise Permanent(f"two queries are called {name or QUERY}", "Give each a name of its own: --query NAME=ID")
    return queries


def _gateway(text: str) -> tuple[str, str]:
    account, sign, address = text.partition("=")
    if not (account and sign):
        raise typer.BadParameter(f"{text!r} is not ACCOUNT=HOST:PORT")
    return account, address


def _content(file: str) -> str:
    try:
        return sys.stdin.read() if file == "-" else Path(file).expanduser().read_text(encoding="utf-8")
    except UnicodeDecodeError:
        raise Permanent(f"{file} is no text", "Give a file with the secret alone") from None


def _print_settings(done: SetUp) -> None:
    from fntx_dagster.cli.terminal import DOUBTFUL, GOOD, line, new_table, out

    file = done.written.file
    for what, names in (("added", done.written.added), ("changed", done.written.changed)):
        if names:
            out(line(GOOD, f" {what} in {file}: {', '.join(names)}"))
    if not (done.written.added or done.written.changed):
        out(f"Nothing is to be changed in {file}.")
    for setting, place in done.overruled.items():
        out(line(DOUBTFUL, f" {setting} in the file has no effect: {place} ranks above it"))
    if done.there:
        table = new_table("setting", right=())
        table.add_column("set in", overflow="fold")
        for setting, place in sorted(done.there.items()):
            variable, _, where = place.partition(" in ")
            table.add_row(setting, where or f"{variable} in the environment")
        out(table)


def _print_broker(broker: Broker) -> None:
    from fntx_dagster.cli.terminal import out, title

    title("In Client Portal")
    out(*_lines(f"1. {broker.menu}: define one query with these sections."), "")
    for section in broker.sections:
        choice = f" ({section.options})" if section.options else ""
        needed = ", needed" if section.is_needed else ""
        out(f"   {section.title}{choice}{needed}: {section.purpose}")
        out(*_lines(", ".join(section.fields), "     "))
    out("", *_lines("   `Select All` in a section takes these fields and more, which does no harm."), "")
    out("2. Its configuration:", *(f"   {name:48}{value}" for name, value in broker.delivery.items()), "")
    out(*_lines(f"3. {broker.service_menu}: activate it, and generate a token. The query's number is its Query ID."))
    out(
        "",
        as_typed(
            "Then: `fntx init` for the token and the query's number, `fntx doctor`, and `fntx fetch`, "
            "or `fntx load PATH`."
        ),
    )


def _lines(text: str, indent: str = "") -> list[str]:
    return textwrap.wrap(text, _WIDTH, initial_indent=indent, subsequent_indent=indent or "   ", break_on_hyphens=False)
