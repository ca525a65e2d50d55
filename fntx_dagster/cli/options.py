"""What the commands share: options that mean the same everywhere, the account that a user means, JSON for programs."""

from __future__ import annotations

import ipaddress
import re
import sys
from collections.abc import Callable
from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, BinaryIO
from zoneinfo import ZoneInfo

import typer

from fntx_dagster.cli.plain import write_json
from fntx_dagster.foreign import cleaned
from fntx_dagster.model.period import Period
from fntx_dagster.settings import load_settings

if TYPE_CHECKING:
    from fntx_dagster.services.database import Database
    from fntx_dagster.settings import Settings


def day_option(text: str) -> datetime:
    """A day as it is typed; anything else is a wrong command line."""
    try:
        if not text.isascii():
            raise ValueError(text)
        day = datetime.strptime(text, "%Y-%m-%d")
    except ValueError:
        raise typer.BadParameter(f"{text!r} is no date of the form 2025-07-17") from None
    if not 2000 <= day.year < 2100:
        raise typer.BadParameter(f"{text} is not in this century")
    return day


def window_option(text: str) -> Period:
    """A window as it is typed, `2025-07-01:2025-07-18`; anything else is a wrong command line."""
    first, colon, last = text.partition(":")
    if not colon:
        raise typer.BadParameter(
            f"{text!r} is no window of the form 2025-07-01:2025-07-18; --date shows mtd, qtd, ytd and the other windows"
        )
    return Period(day_option(first).date(), day_option(last).date())


def hash_option(text: str) -> str:
    """A hash as it is typed, in lower case: a transaction's or a root."""
    if not re.fullmatch("0x[0-9a-fA-F]{64}", text):
        raise typer.BadParameter(f"{text!r} is no hash: give 0x and 64 hex digits")
    return text.lower()


def address_option(text: str) -> str:
    """An address as it is typed."""
    if not re.fullmatch("0x[0-9a-fA-F]{40}", text):
        raise typer.BadParameter(f"{text!r} is no address: give 0x and 40 hex digits")
    return text


def witness_option(text: str) -> str:
    """A witness with its name, `0x…=Smith Audit`, as it is typed."""
    if not re.fullmatch(r"0x[0-9a-fA-F]{40}=.*\S.*", text):
        raise typer.BadParameter(f"{text!r} names no witness: give 0x and 40 hex digits, =, the name")
    return text


def url_option(text: str) -> str:
    """The URL of a node as it is typed; it may hold a key, so it is not shown."""
    if not re.fullmatch(r"https?://[^/\s]\S*", text):
        raise typer.BadParameter("that is no URL of a node: its form is https://host/path")
    return text


def loopback(host: str) -> str:
    """An address of this machine alone."""
    try:
        if ipaddress.ip_address(host).is_loopback:
            return host
    except ValueError:
        pass
    raise typer.BadParameter(
        f"{host!r} is no address of this machine alone: FNTX listens on loopback; a proxy of yours brings TLS to it"
    )


def address_to_listen_on(host: str) -> str:
    """An address of this machine, or one that stands for all of them."""
    try:
        return str(ipaddress.ip_address(host))
    except ValueError:
        raise typer.BadParameter(f"{host!r} is no IP address: give 127.0.0.1, or 0.0.0.0 for every one") from None


def hours_option(text: str) -> float:
    """A number of hours as it is typed, up to a century of them."""
    try:
        hours = float(text)
    except ValueError:
        hours = -1.0
    if not 0 <= hours <= 1_000_000:  # neither nan nor inf
        raise typer.BadParameter(f"{text!r} is no number of hours from 0 to 1000000")
    return hours


From = Annotated[datetime, typer.Option("--from", parser=day_option, metavar="YYYY-MM-DD", help="First day.")]
To = Annotated[datetime, typer.Option("--to", parser=day_option, metavar="YYYY-MM-DD", help="Last day, inclusive.")]
MaybeFrom = Annotated[
    datetime | None, typer.Option("--from", parser=day_option, metavar="YYYY-MM-DD", help="First day.")
]
MaybeTo = Annotated[
    datetime | None, typer.Option("--to", parser=day_option, metavar="YYYY-MM-DD", help="Last day, inclusive.")
]
OneDay = Annotated[datetime, typer.Option("--date", parser=day_option, metavar="YYYY-MM-DD", help="The trading day.")]
Account = Annotated[str | None, typer.Option(help="Account id; needed only where several are loaded.")]
AsJson = Annotated[bool, typer.Option("--json", help="JSON for programs; its keys stay.")]
AnyAccount = Annotated[str | None, typer.Option(help="Account id; all where it is left out.")]
Output = Annotated[
    Path | None,
    typer.Option("-o", "--output", metavar="FILE", help="Write to a file instead, whole or not at all."),
]
TimeZone = Annotated[
    str | None,
    typer.Option(
        "--tz",
        metavar="ZONE",
        help="Show times in this zone, beside New York's: an IANA name, such as Europe/London. "
        "Left out: FNTX_TIME_ZONE, which is Asia/Hong_Kong unless it is set.",
        show_default=False,
    ),
]


class TableFormat(StrEnum):
    """How a command that prints a table writes it: for people, or for programs with every digit."""

    table = "table"
    json = "json"
    csv = "csv"
    parquet = "parquet"


TABLE_FORMAT_HELP = "A table; or JSON, CSV or Parquet with exact decimals (Parquet into a file, with -o)."
AsTable = Annotated[TableFormat, typer.Option("--format", help=TABLE_FORMAT_HELP)]


def content_of(file: str, read: Callable[[BinaryIO], bytes]) -> bytes:
    """What `read` takes of a file that an argument names; `-` is standard input."""
    if file == "-":
        if sys.stdin is None:
            raise typer.BadParameter("standard input is closed")
        return read(sys.stdin.buffer)
    try:
        with Path(file).open("rb") as stream:
            return read(stream)
    except OSError as error:
        raise typer.BadParameter(f"cannot read {cleaned(file)}: {error.strerror}") from None


def settings_and_database() -> tuple[Settings, Database]:
    """The settings, read once, and the database that they name, migrated; the embedded server is started unless it
    runs."""
    from fntx_dagster.services.database import open_database

    settings = load_settings()
    return settings, open_database(settings)


def observer_of(settings: Settings, zone: str | None) -> ZoneInfo:
    """The time zone that the option names, else that of the settings."""
    from fntx_dagster.report import clock

    return clock.zone(settings.report.time_zone if zone is None else zone)


def print_json(value: Any) -> None:
    """JSON for programs: money as strings of exact decimals, days and times in ISO form, bytes never."""
    from fntx_dagster.report.programs import json_text

    write_json(json_text(value))
