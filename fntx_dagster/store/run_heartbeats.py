"""The heartbeats of Dagster's runs: a row for each, written while it lives, and what ends one that is silent.

A run's sessions in the database carry its name (`session_name`). Whoever gives a run up ends them, so that a process
that was only paused cannot commit what it had begun, and holds no lock against the run that takes its place.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import NamedTuple

from fntx_dagster.store.database import Database, Readable

_KEPT_DAYS = 30


class LivingRun(NamedTuple):
    """A run, the machine and the process it works in, the class of its launcher, and its shard (empty: all)."""

    run_id: str
    host: str
    process: int
    launcher: str
    shard: str


class Silence(NamedTuple):
    """How many seconds ago a run was heard of, where it works, and whether it was given up already. While the server
    itself was away nobody could be heard: that time does not count."""

    seconds: float
    host: str
    is_given_up: bool


def session_name(run_id: str) -> str:
    """What the sessions of a run are called in pg_stat_activity."""
    return f"fntx run {run_id}"


def begin(db: Database, run: LivingRun) -> bool:
    """Write that a run begins; False where it was given up before. Rows of runs that ended a month ago are deleted."""
    with db.connect() as connection:
        connection.execute(
            "delete from fntx.run_heartbeats where coalesce(ended_at, given_up_at) < now() - make_interval(days => %s)",
            [_KEPT_DAYS],
        )
        written = connection.execute(
            """insert into fntx.run_heartbeats as known (run_id, host, process, launcher, shard)
            values (%s, %s, %s, %s, %s)
            on conflict (run_id) do update
                set host = excluded.host, process = excluded.process, seen_at = clock_timestamp(), ended_at = null
                where known.given_up_at is null
            returning run_id""",
            run,
        )
        return written.fetchone() is not None


def beat(db: Database, run_id: str) -> bool:
    """Write that a run lives; False where it was given up."""
    with db.connect() as connection:
        written = connection.execute(
            """update fntx.run_heartbeats set seen_at = clock_timestamp()
            where run_id = %s and given_up_at is null returning run_id""",
            [run_id],
        )
        return written.fetchone() is not None


def end(db: Database, run_id: str) -> None:
    """Write that a run ends."""
    with db.connect() as connection:
        connection.execute("update fntx.run_heartbeats set ended_at = clock_timestamp() where run_id = %s", [run_id])


def silences(db: Readable, run_ids: Collection[str]) -> Mapping[str, Silence]:
    """Run → its silence, of those that ever wrote a heartbeat."""
    with db.connect() as connection:
        rows = connection.execute(
            """select run_id, host, given_up_at is not null,
                extract(epoch from clock_timestamp() - greatest(seen_at, pg_postmaster_start_time()))::float
            from fntx.run_heartbeats where run_id = any(%s)""",
            [list(run_ids)],
        )
        return {run_id: Silence(seconds, host, given_up) for run_id, host, given_up, seconds in rows}


def give_up(db: Database, run_id: str, seconds: float) -> bool:
    """Give a run up that has been silent for so many seconds, and end its sessions; False where it was heard of
    meanwhile."""
    with db.connect() as connection:
        given_up = connection.execute(
            """update fntx.run_heartbeats set given_up_at = coalesce(given_up_at, clock_timestamp())
            where run_id = %s and seen_at < clock_timestamp() - make_interval(secs => %s) returning run_id""",
            [run_id, seconds],
        ).fetchone()
    if given_up is None:
        return False
    end_sessions(db, run_id)
    return True


def end_sessions(db: Database, run_id: str) -> None:
    """End the sessions that carry a run's name: what they had not committed is undone, their locks are free."""
    with db.connect() as connection:
        connection.execute(
            """select pg_terminate_backend(pid) from pg_stat_activity
            where application_name = %s and pid <> pg_backend_pid()""",
            [session_name(run_id)],
        )
