"""What an account anchored: size and root in each of the 48 bytes, whichever log they name. An anchor of another log on
our account is none of ours, and has to be seen."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from fntx_dagster.audit.history import PAYLOAD_BYTES


def anchored(contents: Iterable[bytes]) -> list[dict[str, Any]]:
    """The anchors in what transactions hold, in their order; what is none is left out."""
    return [
        {"size": int.from_bytes(content[32:40], "big"), "root": content[:32].hex()}
        for content in contents
        if len(content) == PAYLOAD_BYTES
    ]
