"""What `defs.storage` keeps of a run's plan, beside what `dagster-postgres` keeps of it, on a real server."""

from __future__ import annotations

import time
from typing import Any

import dagster as dg
import psycopg
import pytest
from dagster._core.definitions.asset_checks.asset_check_evaluation import AssetCheckEvaluationPlanned
from dagster._core.events import AssetMaterializationPlannedData, DagsterEvent
from dagster_postgres import PostgresEventLogStorage
from pydantic import SecretStr

from fntx_dagster.defs.storage import PlansInSets
from fntx_dagster.settings import Settings
from fntx_dagster.store.database import Database, dagster_storage_url

ASSETS = [dg.AssetKey("fills"), dg.AssetKey(["raw", "trades"])]
SESSIONS = ["2025-07-16", "2025-07-17", "2025-07-18"]


def storage_url(database: Database) -> str:
    return dagster_storage_url(Settings(dagster_database_url=SecretStr(database.url)))


def planned() -> list[dg.EventLogEntry]:
    """A plan of two assets over three sessions, a check without and one with some of them."""
    events = [
        DagsterEvent.build_asset_materialization_planned_event(
            "daily_run", "step", AssetMaterializationPlannedData(asset, partition=session, partitions_subset=None)
        )
        for asset in ASSETS
        for session in SESSIONS
    ]
    of_sessions = dg.StaticPartitionsDefinition(SESSIONS).subset_with_partition_keys(SESSIONS[:2])
    checks = [
        DagsterEvent(
            event_type_value=dg.DagsterEventType.ASSET_CHECK_EVALUATION_PLANNED.value,
            job_name="daily_run",
            event_specific_data=AssetCheckEvaluationPlanned(asset_key=ASSETS[0], check_name=name, partitions_subset=of),
            step_key="step",
        )
        for name, of in (("adds_up", None), ("chains", of_sessions))
    ]
    now = time.time()
    return [dg.EventLogEntry(None, 10, "", "run", now, "step", "daily_run", event) for event in [*events, *checks]]


def kept(storage: PostgresEventLogStorage, entries: list[dg.EventLogEntry], database: Database) -> list[Any]:
    """The rows that the tables hold of them, in order, without their numbers."""
    storage.store_event_batch(entries)
    with psycopg.connect(database.url, autocommit=True) as connection:
        tables = [
            connection.execute(query).fetchall()
            for query in (
                "SELECT run_id, event, dagster_event_type, timestamp, step_key, asset_key, partition FROM event_logs"
                " ORDER BY asset_key, partition, event",
                "SELECT asset_key, last_run_id, last_materialization_timestamp FROM asset_keys ORDER BY 1",
                "SELECT asset_key, check_name, partition, run_id, execution_status, evaluation_event::text,"
                " evaluation_event_timestamp FROM asset_check_executions ORDER BY 1, 2, 3",
                "SELECT count(DISTINCT id) FROM event_logs",
            )
        ]
        connection.execute("TRUNCATE event_logs, asset_keys, asset_check_executions")
    return tables


def test_a_plan_stored_as_a_set_is_the_plan_that_dagster_stores_one_by_one(database: Database) -> None:
    entries = planned()
    url = storage_url(database)
    theirs = kept(PostgresEventLogStorage(url), entries, database)
    assert kept(PlansInSets(url), entries, database) == theirs
    assert [len(rows) for rows in theirs] == [8, 2, 3, 1]


def test_the_instance_of_dagster_yaml_has_it(home: Any, monkeypatch: pytest.MonkeyPatch, database: Database) -> None:
    monkeypatch.setenv("DAGSTER_HOME", str(dg.file_relative_path(__file__, "../..")))
    monkeypatch.setenv("FNTX_DAGSTER_STORAGE_URL", storage_url(database))
    monkeypatch.setenv("FNTX_DAGSTER_FOLDER", str(home))
    with dg.DagsterInstance.get() as instance:
        assert isinstance(instance.event_log_storage, PlansInSets)
