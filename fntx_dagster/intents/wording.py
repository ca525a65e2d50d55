"""How the values of a transaction are worded for the person who is to sign it: numbers, times, text of others."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from decimal import Decimal

from fntx_dagster.audit.anchor import payload_of
from fntx_dagster.foreign import LONGEST_CELL, cleaned

_MOST_PLAIN_DIGITS = 30


def number(value: Decimal) -> str:
    """A number with commas; with an exponent where it would be longer than a line."""
    if value and not -_MOST_PLAIN_DIGITS < value.adjusted() < _MOST_PLAIN_DIGITS:
        return f"{value.normalize():e}"
    text = f"{value:,f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def moment(seconds: int) -> str:
    """A time of Unix seconds; of one that no calendar has, the seconds."""
    try:
        return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%d %H:%M:%S} UTC"
    except (OverflowError, ValueError, OSError):
        return f"{seconds} seconds after 1970"


def quoted(text: str) -> str:
    """Text that somebody chose, harmless, on one line and in quotation marks, which it cannot end."""
    return "“" + cleaned(text, LONGEST_CELL).replace("“", "'").replace("”", "'") + "”"


def worded_bytes(content: bytes) -> str:
    """Bytes as text where they are printable ASCII, else as hex, which is cut."""
    if re.fullmatch(rb"[ -~]+", content):
        return quoted(content.decode("ascii"))
    return f"the {len(content)} bytes {cleaned(content.hex().upper(), LONGEST_CELL)}"


def anchored(content: bytes) -> str | None:
    """The sentence of an anchor of an audit log; None for bytes that are none."""
    if len(content) != len(payload_of("", 0, bytes(32))):
        return None
    size = int.from_bytes(content[32:40], "big")
    return f"Anchors an audit log of {size:,} events with the root {content[:32].hex()}."


def joined(words: list[str]) -> str:
    """Words as a list in a sentence."""
    return ", ".join(words[:-1]) + " and " + words[-1] if len(words) > 1 else "".join(words)
