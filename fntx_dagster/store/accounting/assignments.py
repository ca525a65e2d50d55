"""What a person said of strategies: which round trips belong together, and what they are called.

The rows are a person's and outlive every rebuild: a round trip is known by the fill that opened it.
"""

from __future__ import annotations

from collections.abc import Sequence
from uuid import uuid4

from fntx_dagster.store.database import Database, Readable


def assignments(db: Readable, account: str) -> dict[str, tuple[str, str]]:
    """Round trip → (its group, the kind of the group)."""
    with db.connect() as connection:
        rows = connection.execute(
            "select round_trip_id, group_id, kind from alm_reporting.strategy_assignments where account_id = %s",
            [account],
        )
        return {trip: (group, kind) for trip, group, kind in rows}


def assign(db: Database, account: str, round_trips: Sequence[str], kind: str) -> None:
    """Put round trips into one new group; they leave the groups that they were in."""
    with db.connect() as connection:
        connection.execute(
            """insert into alm_reporting.strategy_assignments (account_id, round_trip_id, group_id, kind)
            select %s, trip, %s, %s from unnest(%s::text[]) as trip
            on conflict (account_id, round_trip_id) do update
            set group_id = excluded.group_id, kind = excluded.kind, assigned_at = now()""",
            [account, str(uuid4()), kind, list(round_trips)],
        )


def reset(db: Database, account: str, round_trips: Sequence[str]) -> int:
    """Take the groups of some round trips away; how many round trips are under the rule again."""
    with db.connect() as connection:
        return connection.execute(
            """delete from alm_reporting.strategy_assignments where account_id = %s and group_id in (
                select group_id from alm_reporting.strategy_assignments
                where account_id = %s and round_trip_id = any (%s)
            )""",
            [account, account, list(round_trips)],
        ).rowcount
