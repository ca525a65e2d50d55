"""Values for programs, in JSON: money as strings of exact decimals, times in ISO form, ids as text, no bytes."""

from __future__ import annotations

import json
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

from fntx_dagster.report import money


def json_text(value: Any, indent: int | None = 2) -> str:
    """A document as text, with a final line feed. Raises TypeError for what has no JSON form."""
    return json.dumps(value, indent=indent, default=_plain, ensure_ascii=False) + "\n"


def _plain(value: Any) -> Any:
    if isinstance(value, Decimal):
        return money.plain(value)
    if isinstance(value, (date, datetime)):
        return value.isoformat()
    if isinstance(value, timedelta):
        return value.total_seconds()
    if isinstance(value, UUID):
        return str(value)
    raise TypeError(f"{type(value).__name__} has no JSON form here")
