"""How Horizon lists rows: pages by cursor, order and limit, as a HAL document with its links."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import urlencode

from fntx_dagster.simulate.horizon.problems import bad_field

_USUAL, _MOST = 10, 200


def page(rows: Sequence[dict[str, Any]], query: Mapping[str, str], here: str) -> dict[str, Any]:
    """A page of rows, which come in rising order of their paging tokens. `here`: the address without its query."""
    limit, cursor, descending = _limit(query), query.get("cursor", ""), query.get("order") == "desc"
    if query.get("order", "asc") not in ("asc", "desc"):
        raise bad_field("order", "order: must be asc or desc")
    if descending:
        rows = rows[::-1]
    if cursor == "now":
        rows = rows if descending else []
    elif cursor:
        after = _key(cursor)
        rows = [row for row in rows if (_key(row["paging_token"]) < after if descending else
                                        _key(row["paging_token"]) > after)]  # fmt: skip
    shown = list(rows[:limit])
    order = "desc" if descending else "asc"
    first, last = (shown[0]["paging_token"], shown[-1]["paging_token"]) if shown else (cursor, cursor)
    back = "asc" if descending else "desc"
    kept = {name: value for name, value in query.items() if name not in ("cursor", "order", "limit")}
    links = {
        "self": {"href": _address(here, kept, cursor, limit, order)},
        "next": {"href": _address(here, kept, last, limit, order)},
        "prev": {"href": _address(here, kept, first, limit, back)},
    }
    return {"_links": links, "_embedded": {"records": shown}}


def _limit(query: Mapping[str, str]) -> int:
    text = query.get("limit") or str(_USUAL)
    if not (text.isascii() and text.isdigit() and 1 <= int(text[:6]) <= _MOST):
        raise bad_field("limit", f"limit: must be between 1 and {_MOST}")
    return int(text)


def _key(token: str) -> tuple[int, str]:
    """Tokens of transactions are numbers, those of accounts and assets texts."""
    return (int(token), "") if token.isascii() and token.isdigit() else (0, token)


def _address(here: str, kept: Mapping[str, str], cursor: str, limit: int, order: str) -> str:
    return f"{here}?{urlencode({**kept, 'cursor': cursor, 'limit': limit, 'order': order})}"
