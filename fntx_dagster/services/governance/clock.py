"""The time by which the treasury decides: never before what its audit log already holds.

A clock that was turned back would let a decision count that came too late, and an approval that is over be used.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from fntx_dagster.errors import Transient
from fntx_dagster.store.database import Connection
from fntx_dagster.store.treasury.audit_log import last_after

SLACK = timedelta(seconds=5)
"""By so much the clocks of two machines that write one log may differ."""


def time_after_log(connection: Connection) -> datetime:
    """The time now (aware), or that of the newest event of the log where the clock lies behind it by `SLACK` at most.
    Raises Transient where it lies behind by more."""
    now = datetime.now(UTC)
    newest = last_after(connection, now)
    if newest is None:
        return now
    if newest.at > now + SLACK:
        raise Transient(
            f"the clock of this machine says {now:%Y-%m-%d %H:%M:%S} UTC, and event {newest.seq} of the audit log was "
            f"written at {newest.at:%Y-%m-%d %H:%M:%S} UTC: nothing is decided by a clock that was turned back",
            "Set the clock right, and try again. If a clock that ran ahead wrote the event, wait until then",
        )
    return newest.at
