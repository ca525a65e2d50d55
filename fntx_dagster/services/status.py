"""The state of the platform: what is loaded, missing, built and signed of each account, and what needs a person."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any, NamedTuple

from fntx_dagster.settings import Settings
from fntx_dagster.store import alerts
from fntx_dagster.store.alerts import Alert
from fntx_dagster.store.database import Database, Readable
from fntx_dagster.store.marts.status import AccountState, account_states
from fntx_dagster.store.raw_flex import fetches
from fntx_dagster.store.raw_flex.fetches import Fetch

__all__ = [
    "AccountState",
    "Alert",
    "Fetch",
    "Status",
    "account_states",
    "open_alerts",
    "sessions_explained",
    "settle_alerts",
    "status",
    "unresolved_alerts",
]


class Status(NamedTuple):
    """Each account's state, the last request of each Flex query, and the alerts that are open, oldest first."""

    accounts: list[AccountState]
    fetches: list[Fetch]
    alerts: list[Alert]

    def account_rows(self) -> list[dict[str, Any]]:
        """Each account's state in plain values, under the names that programs know."""
        rows = [state._asdict() for state in self.accounts]
        return [{_PUBLISHED.get(name, name): value for name, value in row.items()} for row in rows]


def settle_alerts(settings: Settings, db: Database) -> None:
    """Resolve the open alerts that are about something that is over by now. Whoever shows alerts to a person does this
    first; the readers below write nothing."""
    if alerts.unresolved(db):
        from fntx_dagster.services.settling import settle  # as much to import as all the rest of a status

        settle(settings, db, datetime.now(UTC))


def status(db: Database) -> Status:
    """Read the state of the platform, all of it from one snapshot."""
    with db.snapshot() as snapshot:
        return Status(account_states(snapshot), fetches.latest(snapshot), alerts.open_alerts(snapshot))


def sessions_explained(before: Iterable[AccountState], after: Iterable[AccountState]) -> int:
    """How many sessions of all accounts were explained between two states, for the first time or again."""
    earlier = {state.account_id: state for state in before}
    count = 0
    for state in after:
        was = earlier.get(state.account_id)
        new = state.built - (was.built if was else 0)
        count += max(new, len({*was.to_build} - {*state.to_build}) if was else 0)
    return count


def open_alerts(db: Readable) -> list[Alert]:
    """Read the alerts that are open and not dismissed, oldest first."""
    return alerts.open_alerts(db)


def unresolved_alerts(db: Readable) -> list[Alert]:
    """Read the alerts that are not over, those that somebody has dismissed too, oldest first."""
    return [*alerts.unresolved(db)]


_PUBLISHED = {"built": "told", "last_built": "last_told", "to_build": "to_tell"}
"""Fields of `AccountState` that programs get under another name."""
