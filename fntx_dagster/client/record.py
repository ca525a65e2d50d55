"""The record: accounts, their days, metrics, risk, trades and signed days."""

from __future__ import annotations

from datetime import date
from typing import Any, Literal

from fntx_dagster.client.sending import Requester, written
from fntx_dagster.model import record_answers as answers


class RecordReader(Requester):
    """What a token of an admin or a reader may read of accounts; `number` is that of `accounts`."""

    def accounts(self) -> answers.AccountsAnswer:
        """The accounts that the token may read, and the state of each."""
        return self._read("")

    def days(self, number: int, first: date | None = None, last: date | None = None) -> answers.RowsAnswer:
        """The summary of each day of a range, at most 366 days; `next` is where the rest begins."""
        return self._read(f"/{number}/days", **{"from": first, "to": last})

    def day(self, number: int, day: date) -> answers.DocumentAnswer:
        """The report of a day."""
        return self._read(f"/{number}/days/{day}")

    def current(self, number: int) -> answers.DocumentAnswer:
        """The day that still runs, provisional."""
        return self._read(f"/{number}/current")

    def metrics(self, number: int, on: date | None = None) -> answers.DayRowsAnswer:
        """The metrics up to a day, the newest where none is named."""
        return self._read(f"/{number}/metrics", on=on)

    def positions(self, number: int, on: date | None = None) -> answers.DayRowsAnswer:
        """Greeks and risk at a close, the newest where no day is named."""
        return self._read(f"/{number}/positions", on=on)

    def signatures(self, number: int, first: date | None = None, last: date | None = None) -> answers.RowsAnswer:
        """The signed days of a range, each with its root and its receipt."""
        return self._read(f"/{number}/signatures", **{"from": first, "to": last})

    def shown(self, number: int, before: int | None = None) -> answers.ShownAnswer:
        """What was shown of signed days, newest first, at most 1,000 rows; ask again before the last `shown_id`."""
        return self._read(f"/{number}/shown", before=before)

    def table(
        self,
        number: int,
        name: Literal["events", "fills", "trades", "verification"],
        first: date | None = None,
        last: date | None = None,
    ) -> answers.RowsAnswer:
        """The rows of a table in a range, at most 366 days; `next` is where the rest begins."""
        return self._read(f"/{number}/tables/{name}", **{"from": first, "to": last})

    def alerts(self) -> answers.AlertsAnswer:
        """What needs a person."""
        return self._call("GET", "/api/v1/alerts")

    def events(self, after: int = 0, limit: int = 100) -> answers.EventsAnswer:
        """What has happened since the event `after`: at most 1,000 events; ask again from `last`."""
        return self._call("GET", "/api/v1/events", params={"after": f"{after}", "limit": f"{limit}"})

    def _read(self, path: str, **query: date | int | None) -> Any:
        return self._call("GET", f"/api/v1/accounts{path}", params=written(query))
