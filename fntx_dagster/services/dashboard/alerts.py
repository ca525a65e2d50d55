"""Alerts, open and past, as a person looks at them; dismissing one."""

from __future__ import annotations

from datetime import date
from typing import NamedTuple

from fntx_dagster.services.accounts import NumberedAccount, numbered_accounts
from fntx_dagster.services.alerting import TITLES, dismissed
from fntx_dagster.services.visitors.visitor import Visitor
from fntx_dagster.store import alerts
from fntx_dagster.store.alerts import Alert, PastAlert
from fntx_dagster.store.database import Database
from fntx_dagster.store.marts.status import account_states

__all__ = ["TITLES", "Alert", "AlertsShown", "PastAlert", "alerts_of", "dismiss_alert"]

_PAST, _OPEN = 50, 500


class AlertsShown(NamedTuple):
    """What is open, oldest first (500 at most), and what is past, newest first; `before`: behind which number older
    ones are. `missing`: account → the sessions that its statements lack, where nothing is open."""

    open: list[Alert]
    past: list[PastAlert]
    before: int | None
    missing: list[tuple[NumberedAccount, list[date]]]


def alerts_of(db: Database, kind: str | None, before: int | None) -> AlertsShown:
    """The alerts of a kind, or of all. Nothing is written: what is over is resolved by the sensor of the alerts."""
    with db.snapshot() as snapshot:
        past = alerts.past_alerts(snapshot, kind, before, _PAST + 1)
        page = past[:_PAST]
        raised = [alert for alert in alerts.open_alerts(snapshot) if kind in (None, alert.kind)]
        named = {account.account_id: account for account in numbered_accounts(snapshot)}
        states = [] if raised else account_states(snapshot)
        missing = [(named[state.account_id], state.missing) for state in states if state.missing]
        return AlertsShown(raised[:_OPEN], page, page[-1].alert_id if len(past) > len(page) else None, missing)


def dismiss_alert(db: Database, visitor: Visitor, alert_id: int, reason: str) -> None:
    """Dismiss an open alert. Raises Permanent where none is open with this number."""
    dismissed(db, [f"{alert_id}"], visitor.user_id, reason)
