"""What the locks of a key's turn have in common: how long a sender waits for another one, and the error after that."""

from __future__ import annotations

from fntx_dagster.errors import Transient

TURN_SECONDS = 120.0


def overtaken(key: str) -> Transient:
    """The error of a sender that did not get the turn of a key (its address or name)."""
    return Transient(f"another process is sending for {key}", "Try again when it has finished")
