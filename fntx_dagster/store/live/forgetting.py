"""Which events of the stream are removed, and when; in batches, so that nobody waits for long.

Of a state only the newest counts, and that one is kept as the events of its week are: who is behind by more than an
hour gets it, and no older one. Facts that a gateway reported stay until their day is built from its statement, but no
longer than the statements of an account that has some may be late.
"""

from __future__ import annotations

from fntx_dagster.store.database import Database

KEPT_DAYS = 7
STATES_KEPT_HOURS = 1
UNBUILT_KEPT_DAYS = 60
_AT_ONCE = 5_000


def forget(db: Database, at_once: int = _AT_ONCE) -> int:
    """Remove old events, and the states of positions that were closed: how many events."""
    removed = 0
    while True:
        with db.connect() as connection:
            batch = connection.execute(_FORGET, _LIMITS | {"at_once": at_once}).rowcount
        removed += batch
        if batch < at_once:
            break
    with db.connect() as connection:
        connection.execute(_FORGET_CLOSED, _LIMITS)
    return removed


_LIMITS = {"days": KEPT_DAYS, "hours": STATES_KEPT_HOURS, "unbuilt_days": UNBUILT_KEPT_DAYS}
_FORGET = """
delete from live.events where event_id = any(array(
    select event_id from live.events as old
    where heard_at < now() - %(hours)s * interval '1 hour' and (
        (kind in ('pnl', 'position', 'margin') and exists (
            select from live.states as newest
            where (newest.account_id, newest.kind, newest.key) = (old.account_id, old.kind, coalesce(old.key, ''))
                and newest.event_id > old.event_id
        ))
        or (heard_at < now() - %(days)s * interval '1 day' and (
            is_state or not is_provisional or heard_at < now() - %(unbuilt_days)s * interval '1 day' or exists (
                select from live.events as built
                where (built.account_id, built.trading_day, built.kind) = (old.account_id, old.trading_day, 'told')
            )
        ))
    )
    order by event_id limit %(at_once)s
))
"""
_FORGET_CLOSED = """
delete from live.states
where kind = 'position' and (body ->> 'quantity')::numeric = 0 and heard_at < now() - %(hours)s * interval '1 hour'
"""
