"""What a download takes and what it gives: the service, the query, and the statement that arrived.

Here belong these values, and the check of what no request could succeed with. The conversation is in `webservice`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from datetime import date, timedelta
from pathlib import Path
from typing import NamedTuple
from urllib.parse import urlsplit

from fntx_dagster.adapters.flex.answers import NEW_TOKEN
from fntx_dagster.adapters.flex.formats import DayOrder
from fntx_dagster.adapters.flex.pace import SharedTimes, SystemClock
from fntx_dagster.adapters.flex.token import Token
from fntx_dagster.errors import Permanent
from fntx_dagster.model.period import Period

MOST_DAYS = 365
"""The longest period, in days, that the service accepts in a request."""

QUERY_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]*")
"""A query's name becomes part of a file's name."""


class Query(NamedTuple):
    """A Flex query that the account's owner has defined at the broker."""

    name: str
    """Ours, for files and messages: letters, digits, `-` and `_`."""
    query_id: str
    """The broker's number of the query."""


class Download(NamedTuple):
    """A statement that has arrived."""

    path: Path
    size: int
    """Bytes of the file."""
    sha256: str
    """Of the file, in hex."""
    last_day: date | None
    """The last day that its statements cover for every account; None where they do not say."""
    requests: int
    """How many requests the service received for it."""
    seconds: float


@dataclass(frozen=True)
class FlexService:
    """Where the service is, and how long to wait for it. Waits vary by a quarter, so that accounts spread out."""

    limits_folder: Path
    """Keeps the times of each token's requests, for all processes that share it, unless `times` does."""
    base_url: str = "https://ndcdyn.interactivebrokers.com/AccountManagement/FlexWebService"
    hosts: frozenset[str] = frozenset({"ndcdyn.interactivebrokers.com", "gdcdyn.interactivebrokers.com"})
    """Besides base_url's own, the hosts that may receive the token when an answer points to them."""
    wait: timedelta = timedelta(seconds=20)
    """Between two requests for a statement that is being generated."""
    throttled_wait: timedelta = timedelta(seconds=60)
    """After the service has answered that there were too many requests."""
    deadline: timedelta = timedelta(minutes=10)
    """Of one download, everything included."""
    timeout: timedelta = timedelta(seconds=60)
    """Of a connection, and of each piece of an answer."""
    date_order: DayOrder | None = None
    """Of dates with slashes in statements that allow both orders."""
    times: SharedTimes | None = field(default=None, repr=False, compare=False)
    """Keeps them for all machines."""
    clock: SystemClock = field(default_factory=SystemClock, repr=False, compare=False)


def require_valid(service: FlexService, token: Token, query: Query, period: Period | None) -> None:
    """Raises Permanent for a request that cannot succeed, or that would send the token unencrypted."""
    if not token.value:
        raise Permanent(f"the token for {query.name!r} is empty", NEW_TOKEN)
    if not QUERY_NAME.fullmatch(query.name):
        raise Permanent(
            f"{query.name!r} is no name for a query",
            "Use letters, digits, - and _ in FNTX_FLEX_QUERIES: it names files",
        )
    if not query.query_id.strip():
        raise Permanent(f"the query {query.name} has no id", "Give the broker's query id in FNTX_FLEX_QUERIES")
    if period is not None and not 1 <= (days := (period.last - period.first).days + 1) <= MOST_DAYS:
        raise Permanent(
            f"the period from {period.first} to {period.last} has {days} days", f"Give from 1 to {MOST_DAYS} days"
        )
    base = urlsplit(service.base_url)
    if base.scheme != "https" and (base.scheme, base.hostname) not in (("http", "127.0.0.1"), ("http", "localhost")):
        raise Permanent(
            "the Flex Web Service's address is not https, and the token would travel readable", "Correct FNTX_FLEX_URL"
        )
