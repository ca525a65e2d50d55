"""The link by which somebody enters the dashboard: its address, and the file in the home that holds the owner's.

The secret stands behind the `#`, so that no browser sends it to a server and no log holds it.
"""

from __future__ import annotations

import os
from ipaddress import ip_address
from pathlib import Path

from fntx_dagster.errors import Permanent
from fntx_dagster.services.visitors.users import any_user
from fntx_dagster.settings import Settings
from fntx_dagster.store.database import Readable

DEFAULT_PORT = 8765
PATH = "/enter"
_FILE = "enter-link"


def origin_of(settings: Settings, port: int = DEFAULT_PORT) -> str:
    """The origin that browsers reach the dashboard under: the setting's, else this machine's on a port."""
    return settings.web.origin or f"http://localhost:{port}"


def is_local(origin: str) -> bool:
    """Whether an origin is this machine's own, where one person needs no user."""
    return origin.startswith("http://localhost")


ON_THIS_MACHINE = (
    "An address of localhost opens on this machine only; for others serve it under FNTX_WEB_ORIGIN (docs/access.md)."
)
"""What is said where somebody makes a link to be given away."""


def link(origin: str, secret: str) -> str:
    """The address that a person opens."""
    return f"{origin}{PATH}#{secret}"


def keep_link(settings: Settings, address: str) -> Path:
    """Keep the owner's link in a file of the home that he alone can read: the file."""
    file = settings.paths.home / _FILE
    written = file.with_name(f".{_FILE}.{os.getpid()}")
    written.unlink(missing_ok=True)
    with open(written, "x", encoding="utf-8", opener=lambda path, flags: os.open(path, flags, 0o600)) as opened:
        opened.write(f"{address}\n")
    written.replace(file)
    return file


def forget_link(settings: Settings) -> None:
    """Remove the file of a link that was used."""
    (settings.paths.home / _FILE).unlink(missing_ok=True)


def require_safe(settings: Settings, db: Readable, host: str) -> None:
    """Raise Permanent where the dashboard would be open to more than this machine and nobody is there to sign in:
    listening elsewhere than on loopback, or an origin of others, needs https and a user."""
    origin = origin_of(settings)
    if is_local(origin):
        if not (ip_address(host).is_loopback or settings.web.published_locally):
            raise Permanent(
                f"{host} is an address that others reach, and the dashboard's origin is {origin}",
                "Set FNTX_WEB_ORIGIN=https://… to what a proxy of yours brings TLS to (docs/access.md)",
            )
    elif not any_user(db):
        raise Permanent(
            f"the dashboard of {origin} has no user, and no link lets a stranger in",
            "Add one with `fntx users add NAME --role owner`",
        )
