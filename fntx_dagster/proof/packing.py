"""Disclosures on their way to a browser: packed, several as one series, and one in the fragment of a link.

A packed disclosure names each catalogue by its hash, because the stranger's page knows the published ones; unpacked it
is the very same document, and its checksum is that of the whole. docs/verify.md describes the forms.
"""

from __future__ import annotations

import base64
import json
import zlib
from collections.abc import Iterable
from datetime import date
from typing import Any

from fntx_dagster.proof.form import hex_of
from fntx_dagster.proof.leaves import schema_hash_of

SERIES = "fntx.series/1"


def packed(document: str) -> dict[str, Any]:
    """A disclosure with the hash in the place of each catalogue's text."""
    content = json.loads(document)
    _pack(content)
    if "extension" in content:
        _pack(content["extension"])
    return content


def series_of(first: date, last: date, calendar: str, documents: Iterable[str]) -> str:
    """Several disclosures of a trader, and the period and calendar that they claim to be of, as one JSON text."""
    content = {
        "format": SERIES,
        "first": first.isoformat(),
        "last": last.isoformat(),
        "calendar": calendar,
        "disclosures": [packed(document) for document in documents],
    }
    return _compact(content)


def fragment_of(document: str) -> str:
    """A disclosure for the fragment of a link, which no browser sends to a server: packed, deflated, in base64url."""
    deflater = zlib.compressobj(9, zlib.DEFLATED, -15)
    raw = deflater.compress(_compact(packed(document)).encode("ascii")) + deflater.flush()
    return base64.urlsafe_b64encode(raw).decode("ascii").rstrip("=")


def _pack(tree: dict[str, Any]) -> None:
    tree["catalogue"] = hex_of(schema_hash_of(tree["catalogue"].encode("ascii")))


def _compact(content: Any) -> str:
    return json.dumps(content, separators=(",", ":"))
