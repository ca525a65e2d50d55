"""What Dagster keeps of its runs, schedules and sensors, read from its storage: columns that its own pages show.

Nothing is written here, and a storage that Dagster has not made yet has nothing of it.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any, NamedTuple

import psycopg

from fntx_dagster.errors import Transient
from fntx_dagster.settings import Settings
from fntx_dagster.store.opening import dagster_database_url
from fntx_dagster.store.urls import without_password

_CONNECT_SECONDS = 3


class RunRow(NamedTuple):
    """A run: its job, its state as Dagster calls it, when it was asked for, began and ended."""

    run_id: str
    job: str
    status: str
    created_at: datetime
    started_at: datetime | None
    ended_at: datetime | None


class AutomationRow(NamedTuple):
    """A schedule or a sensor that was ever switched or has ticked: its state, and its newest tick."""

    name: str
    kind: str
    status: str
    tick: str | None
    ticked_at: datetime | None


class CheckRow(NamedTuple):
    """The newest execution of an asset check."""

    name: str
    status: str
    at: datetime | None


class RunFigures(NamedTuple):
    """State, in lower case → runs of the last day; job → seconds of its last run that succeeded in seven days."""

    runs: dict[str, int]
    seconds: dict[str, float]


class DagsterFacts(NamedTuple):
    """The newest runs, newest first; schedules and sensors by name; the checks of the ledger."""

    runs: list[RunRow]
    automations: list[AutomationRow]
    ledger_checks: list[CheckRow]


def dagster_facts(settings: Settings, runs: int) -> DagsterFacts:
    """Read what Dagster keeps, `runs` runs at most. Raises Transient where its storage does not answer in seconds."""
    with _connected(settings) as connection:
        return DagsterFacts(_runs(connection, runs), _automations(connection), _ledger_checks(connection))


def run_figures(settings: Settings) -> RunFigures:
    """Count what Dagster ran. Raises Transient where its storage does not answer in seconds."""
    with _connected(settings) as connection:
        if not _has(connection, "runs"):
            return RunFigures({}, {})
        runs = connection.execute(
            """select lower(status), count(*) from runs
            where create_timestamp > (clock_timestamp() at time zone 'utc') - interval '1 day' group by 1"""
        ).fetchall()
        seconds = connection.execute(
            """select distinct on (pipeline_name) pipeline_name, end_time - start_time from runs
            where status = 'SUCCESS' and end_time is not null and start_time is not null
                and create_timestamp > (clock_timestamp() at time zone 'utc') - interval '7 days'
            order by pipeline_name, id desc"""
        ).fetchall()
        return RunFigures(dict(runs), dict(seconds))


@contextmanager
def _connected(settings: Settings) -> Iterator[psycopg.Connection]:
    url = dagster_database_url(settings)
    try:
        with (
            without_password(url),
            psycopg.connect(
                url, connect_timeout=_CONNECT_SECONDS, application_name="fntx", options="-c statement_timeout=3000"
            ) as connection,
        ):
            connection.read_only = True
            yield connection
    except psycopg.Error:
        raise Transient("Dagster's storage does not answer", "Look whether its database runs") from None


def _has(connection: psycopg.Connection, table: str) -> bool:
    row = connection.execute("select to_regclass(%s) is not null", (table,)).fetchone()
    return bool(row and row[0])


def _runs(connection: psycopg.Connection, limit: int) -> list[RunRow]:
    if not _has(connection, "runs"):
        return []
    rows = connection.execute(
        """select run_id, pipeline_name, status, create_timestamp, start_time, end_time
        from runs order by id desc limit %s""",
        (limit,),
    )
    return [
        RunRow(run_id, job, status, created.replace(tzinfo=UTC), _moment(started), _moment(ended))
        for run_id, job, status, created, started, ended in rows
    ]


def _automations(connection: psycopg.Connection) -> list[AutomationRow]:
    if not (_has(connection, "instigators") and _has(connection, "job_ticks")):
        return []
    rows = connection.execute(
        """select instigator_type, instigators.status, instigator_body, tick.status, tick.timestamp
        from instigators left join lateral (select status, timestamp from job_ticks
            where job_ticks.selector_id = instigators.selector_id order by id desc limit 1) as tick on true"""
    )
    automations = [
        AutomationRow(_name(body), kind.lower(), status, tick, ticked and ticked.replace(tzinfo=UTC))
        for kind, status, body, tick, ticked in rows
    ]
    return sorted(automations, key=lambda each: (each.name, each.kind))


def _ledger_checks(connection: psycopg.Connection) -> list[CheckRow]:
    if not _has(connection, "asset_check_executions"):
        return []
    rows = connection.execute(
        """select distinct on (check_name) check_name, execution_status, evaluation_event_timestamp
        from asset_check_executions where asset_key = '["ledger_balances"]' order by check_name, id desc"""
    )
    return [CheckRow(name, status, at and at.replace(tzinfo=UTC)) for name, status, at in rows]


def _name(body: str) -> str:
    """The name of a schedule or sensor in what Dagster stores of it."""
    origin: dict[str, Any] = json.loads(body).get("origin") or {}
    return str(origin.get("instigator_name") or origin.get("job_name") or "unnamed")


def _moment(seconds: float | None) -> datetime | None:
    return None if seconds is None else datetime.fromtimestamp(seconds, UTC)
