"""Gateways that are followed and say nothing within a session: what a person has to know of them.

A nightly restart and the weekly login are normal, so that only what lasts counts, and only while the exchange is open.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from fntx_dagster.accounting.calendar import session_at
from fntx_dagster.errors import without_accounts
from fntx_dagster.model.finding import Finding, Observed
from fntx_dagster.model.live import Following
from fntx_dagster.report.clock import utc_minute
from fntx_dagster.services.live.holding import UNATTENDED_SECONDS
from fntx_dagster.store.database import Readable
from fntx_dagster.store.labels import account_labels
from fntx_dagster.store.live.states import gateways, heartbeats

LONGEST_AWAY = timedelta(minutes=10)
_SOURCE = "live/gateway_is_there"


def observed_gateways(db: Readable, now: datetime) -> Observed:
    """The followed gateways that have been away, or cut off from the broker, for ten minutes of the session that runs
    at the aware moment `now`. An alert is over once its gateway is followed again, also after the close; of one that
    no process follows nothing is known."""
    session, beats = session_at(now), heartbeats(db)
    is_open = session.opens_at <= now <= session.closes_at
    findings: list[Finding] = []
    looked: list[str] = []
    known = gateways(db)
    labels = account_labels(db, [each.account_id for each in known])
    for each in known:
        beat, label = beats.get(f"follow {each.account_id}"), labels[each.account_id]
        if beat is None or beat.age > UNATTENDED_SECONDS:
            continue
        if each.state == Following.FOLLOWING:
            looked.append(label)
        elif is_open and now - max(each.since, session.opens_at) >= LONGEST_AWAY:
            reason = f": {without_accounts(each.reason)}" if each.reason else ""
            since = utc_minute(each.since)
            findings.append(Finding(label, f"{label}: IB Gateway is away since {since}, in a session{reason}"))
            looked.append(label)
    return Observed("gateway", _SOURCE, findings, looked=looked)
