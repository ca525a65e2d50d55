"""What the HTTP API answers of the record: the types of its OpenAPI document and of the client.

Rows have the fields of the commands with `--json` (docs/json.md): what is new in those is new here. Amounts are
decimals as text, in base currency; ratios are numbers; moments are in UTC.
"""

from __future__ import annotations

from typing import Any

from typing_extensions import TypedDict  # the one that pydantic reads before Python 3.12

Row = dict[str, Any]


class AccountsAnswer(TypedDict):
    """The accounts that the token may read, each with its number and its state."""

    accounts: list[Row]


class RowsAnswer(TypedDict):
    """Rows of a range of days, oldest first; `next` is the day to ask from for the rest, null where this is all."""

    rows: list[Row]
    next: str | None


class DayRowsAnswer(TypedDict):
    """Rows of one day."""

    rows: list[Row]


class ShownAnswer(TypedDict):
    """What was shown of an account, newest first, at most 1,000 rows: ask again before the last `shown_id`."""

    rows: list[Row]


class AlertsAnswer(TypedDict):
    """The alerts that are open, oldest first."""

    alerts: list[Row]


class EventsAnswer(TypedDict):
    """Events of the stream in the order of their ids: `last` is the id that was got to, `oldest` the oldest that is
    kept, 0 where none is."""

    events: list[Row]
    last: int
    oldest: int


class DocumentAnswer(TypedDict):
    """A narrative (docs/report.md): further keys say more of its range."""

    format: str
    version: int
    periods: list[Row]
    days: list[Row]
