"""Values out of a document of Horizon, each with its type and its bounds: a server may answer anything."""

from __future__ import annotations

import base64
import binascii
import re
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from fntx_dagster.adapters.stellar.amounts import LARGEST

_AMOUNT = re.compile(r"[0-9]{1,12}(?:\.[0-9]{1,7})?", re.ASCII).fullmatch
_WHOLE = re.compile("[0-9]{1,19}", re.ASCII).fullmatch


class UnreadableDocument(ValueError):
    """A field of a document is not as Horizon writes it; the message names the field, not its value."""


def field_of(document: dict[str, Any], name: str, kind: type | tuple[type, ...]) -> Any:
    """A field that has a type."""
    value = document.get(name)
    if not isinstance(value, kind) or (isinstance(value, bool) and kind is int):
        raise UnreadableDocument(f"no {name} as Horizon writes it")
    return value


def text(document: dict[str, Any], name: str, longest: int = 200) -> str:
    """A text of at most so many signs."""
    value = field_of(document, name, str)
    if len(value) > longest:
        raise UnreadableDocument(f"a {name} that is too long")
    return value


def whole(document: dict[str, Any], name: str, least: int = 0, most: int = 2**63 - 1) -> int:
    """A whole number, which Horizon writes as a number or as digits."""
    value = field_of(document, name, (int, str))
    if isinstance(value, bool) or (isinstance(value, str) and not _WHOLE(value)) or not least <= int(value) <= most:
        raise UnreadableDocument(f"a {name} that is no number between {least} and {most}")
    return int(value)


def yes(document: dict[str, Any], name: str) -> bool:
    """True or false."""
    return field_of(document, name, bool)


def amount(document: dict[str, Any], name: str) -> Decimal:
    """An amount in units, from 0 to what fits, with at most seven decimals."""
    value = field_of(document, name, str)
    if not _AMOUNT(value) or Decimal(value) > LARGEST:
        raise UnreadableDocument(f"a {name} that is no amount")
    return Decimal(value)


def moment(document: dict[str, Any], name: str) -> datetime:
    """A time in UTC."""
    try:
        return datetime.strptime(text(document, name), "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=UTC)
    except ValueError:
        raise UnreadableDocument(f"a {name} that is no time") from None


def rows(document: dict[str, Any], name: str, most: int = 2000) -> list[dict[str, Any]]:
    """A list of objects."""
    value = field_of(document, name, list)
    if len(value) > most or not all(isinstance(row, dict) for row in value):
        raise UnreadableDocument(f"no list of objects under {name}")
    return value


def records(document: dict[str, Any]) -> list[dict[str, Any]]:
    """The rows of a page."""
    return rows(field_of(document, "_embedded", dict), "records", 200)


def content(value: object) -> bytes:
    """The bytes of base64."""
    try:
        return base64.b64decode(value if isinstance(value, str) else "?", validate=True)
    except (ValueError, binascii.Error):
        raise UnreadableDocument("a value that is no base64") from None
