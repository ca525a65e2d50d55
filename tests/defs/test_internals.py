"""The internals of Dagster that `defs.internals` uses: they are as it expects them, and a run's plan is stored as
`dagster-postgres` stores it, on a real server."""

from __future__ import annotations

import inspect
import logging
import time
import warnings
from contextlib import nullcontext
from importlib.metadata import version
from types import SimpleNamespace
from typing import Any

import dagster as dg
import psycopg
import pytest
from dagster._core.definitions.asset_checks.asset_check_evaluation import AssetCheckEvaluationPlanned
from dagster._core.events import AssetMaterializationPlannedData, DagsterEvent
from dagster._core.execution.context.metadata_logging import AssetMetadataHandle, OutputMetadataAccumulator
from dagster._core.execution.context.system import StepExecutionContext
from dagster._core.remote_origin import RegisteredCodeLocationOrigin, RemoteJobOrigin, RemoteRepositoryOrigin
from dagster._core.storage.event_log.schema import AssetCheckExecutionsTable
from dagster._core.utils import make_new_run_id
from dagster_postgres import DagsterPostgresStorage, PostgresEventLogStorage, PostgresRunStorage
from dagster_postgres.utils import create_pg_engine
from psycopg.rows import dict_row
from pydantic import SecretStr

from fntx_dagster.defs import resources
from fntx_dagster.defs.internals import (
    ASSET_PARTITION_RANGE_END_TAG,
    ASSET_PARTITION_RANGE_START_TAG,
    FAILED_SESSIONS,
    MAX_RETRIES_TAG,
    EventsInSets,
    RunLauncher,
    RunsOfTheLocation,
    cause_of,
    evaluation_records,
    event_of,
    is_about_a_step_left_out,
    is_failed_check,
    keep_connections,
    message_of,
)
from fntx_dagster.defs.resources import Platform
from fntx_dagster.settings import Settings
from fntx_dagster.store.database import Database
from fntx_dagster.store.opening import dagster_storage_url

ASSETS = [dg.AssetKey("fills"), dg.AssetKey(["raw", "trades"])]
SESSIONS = ["2025-07-16", "2025-07-17", "2025-07-18"]


def storage_url(database: Database) -> str:
    return dagster_storage_url(Settings(dagster={"database_url": SecretStr(database.url)}))


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
    """The rows that the tables hold of them, in order, each with the event that its number leads to."""
    storage.store_event_batch(entries)
    tables = {
        "event_logs": ("asset_key, partition, event", "id"),
        "asset_keys": ("asset_key", "id, create_timestamp"),
        "asset_check_executions": ("asset_key, check_name, partition", "id, create_timestamp"),
    }
    rows = []
    with psycopg.connect(database.url, autocommit=True, row_factory=dict_row) as connection:
        event_of = {row["id"]: row["event"] for row in connection.execute("SELECT id, event FROM event_logs")}
        for table, (order, own) in tables.items():
            for row in connection.execute(f"SELECT * FROM {table} ORDER BY {order}"):
                number = row.pop("evaluation_event_storage_id", None)
                own_columns = {*own.split(", ")}
                rows.append((event_of.get(number), {name: row[name] for name in row if name not in own_columns}))
        connection.execute("TRUNCATE event_logs, asset_keys, asset_check_executions")
    return rows


def test_a_plan_stored_as_a_set_is_the_plan_that_dagster_stores_one_by_one(database: Database) -> None:
    entries = planned()
    url = storage_url(database)
    theirs = kept(PostgresEventLogStorage(url), entries, database)
    assert kept(EventsInSets(url), entries, database) == theirs
    assert len(theirs) == 8 + 2 + 3
    assert sum(event is not None for event, _ in theirs) == 3


def test_the_instance_of_dagster_yaml_has_it(home: Any, monkeypatch: pytest.MonkeyPatch, database: Database) -> None:
    monkeypatch.setenv("DAGSTER_HOME", str(dg.file_relative_path(__file__, "../..")))
    monkeypatch.setenv("FNTX_DAGSTER_STORAGE_URL", storage_url(database))
    monkeypatch.setenv("FNTX_DAGSTER_FOLDER", str(home))
    with dg.DagsterInstance.get() as instance:
        assert isinstance(instance.event_log_storage, EventsInSets)
        assert isinstance(instance.run_storage, RunsOfTheLocation)
        assert isinstance(instance.run_launcher, RunLauncher)


def stored(storage: EventsInSets, evaluation: dg.AssetCheckEvaluation) -> None:
    """Store an evaluation as a step of the planned run does, and once more, as one that is tried again."""
    event = DagsterEvent(
        event_type_value=dg.DagsterEventType.ASSET_CHECK_EVALUATION.value,
        job_name="daily_run",
        event_specific_data=evaluation,
        step_key="step",
    )
    for _ in range(2):
        storage.store_event(dg.EventLogEntry(None, 10, "", "run", time.time(), "step", "daily_run", event))


def test_an_evaluation_that_failed_and_does_not_say_where_has_failed_in_each_session(database: Database) -> None:
    storage = EventsInSets(storage_url(database))
    storage.store_event_batch(planned())
    stored(storage, dg.AssetCheckEvaluation(asset_key=ASSETS[0], check_name="chains", passed=False, metadata={}))
    history = storage.get_asset_check_execution_history(dg.AssetCheckKey(ASSETS[0], "chains"), limit=10)
    assert {record.partition: record.status.value for record in history} == dict.fromkeys(
        [*SESSIONS[:2], None], "FAILED"
    )
    assert not any(record.evaluation.passed for record in history)


@pytest.mark.parametrize("failed", [{}, {SESSIONS[1]: "does not add up"}])
def test_an_evaluation_of_a_range_is_one_event_and_a_result_for_each_planned_session(
    database: Database, failed: dict[str, str]
) -> None:
    storage = EventsInSets(storage_url(database))
    storage.store_event_batch(planned())
    evaluation = dg.AssetCheckEvaluation(
        asset_key=ASSETS[0],
        check_name="chains",
        passed=not failed,
        description="one of three" if failed else "all add up",
        metadata={FAILED_SESSIONS: failed} if failed else {},
    )
    stored(storage, evaluation)
    history = storage.get_asset_check_execution_history(dg.AssetCheckKey(ASSETS[0], "chains"), limit=10)
    assert {record.partition: record.status.value for record in history} == {
        SESSIONS[0]: "SUCCEEDED",
        SESSIONS[1]: "FAILED" if failed else "SUCCEEDED",
        None: "FAILED" if failed else "SUCCEEDED",
    }
    assert len(history) == 3
    said = {record.partition: record.evaluation for record in history}
    assert said[SESSIONS[0]].passed
    assert (said[SESSIONS[1]].passed, said[SESSIONS[1]].description) == (
        (False, "does not add up") if failed else (True, "all add up")
    )
    assert said[None].passed is not bool(failed)
    assert len(storage.get_logs_for_run("run")) == 8 + 2


def test_a_run_that_nothing_launched_is_of_the_code_location_and_no_other_is_touched(database: Database) -> None:
    storage = RunsOfTheLocation(storage_url(database))
    elsewhere = RemoteJobOrigin(RemoteRepositoryOrigin(RegisteredCodeLocationOrigin("other"), "theirs"), "daily_run")
    for origin, label in ((None, "__repository__@fntx"), (elsewhere, "theirs@other")):
        run = storage.add_run(dg.DagsterRun("daily_run", run_id=make_new_run_id(), remote_job_origin=origin))
        [kept] = storage.get_runs(dg.RunsFilter(run_ids=[run.run_id]))
        assert kept.remote_job_origin.repository_origin.get_label() == label
        assert [one.run_id for one in storage.get_runs(dg.RunsFilter(tags={".dagster/repository": label}))] == [
            run.run_id
        ]


def test_a_column_is_looked_for_until_it_is_found(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []

    def has(self: PostgresEventLogStorage, connection: Any, column: str) -> bool:
        asked.append(column)
        return len(asked) > 1

    monkeypatch.setattr(PostgresEventLogStorage, "_has_asset_key_col_on_connection", has)
    storage = EventsInSets(storage_url(database))
    assert [storage.has_asset_key_col("cached_status_data") for _ in range(4)] == [False, True, True, True]
    assert asked == ["cached_status_data"] * 2


def test_a_kept_connection_of_the_storage_that_was_cut_is_replaced(database: Database, postgres: str) -> None:
    with dg.DagsterInstance.local_temp() as instance:
        storage = EventsInSets(storage_url(database))
        keep_connections(SimpleNamespace(run_storage=instance.run_storage, event_log_storage=storage))
        storage.store_event_batch(planned())
        with psycopg.connect(postgres, autocommit=True) as other:
            other.execute(
                "SELECT pg_terminate_backend(pid, 60000) FROM pg_stat_activity WHERE datname = %s",
                [psycopg.conninfo.conninfo_to_dict(database.url)["dbname"]],
            )
        storage.store_event_batch(planned()[:6])
        assert len(storage.get_logs_for_run("run")) == 8 + 6


def test_a_run_looks_once_for_what_was_wiped_and_finds_what_dagster_finds(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    theirs = PostgresEventLogStorage(storage_url(database))
    theirs.store_event_batch(planned())
    theirs.wipe_asset(ASSETS[1])
    storage, look = EventsInSets(storage_url(database)), PostgresEventLogStorage._get_assets_details
    asked = []

    def counted(self: PostgresEventLogStorage, keys: Any) -> Any:
        asked.append(keys)
        return look(self, keys)

    monkeypatch.setattr(PostgresEventLogStorage, "_get_assets_details", counted)
    assert storage._get_assets_details(ASSETS) == look(theirs, ASSETS)
    with dg.DagsterInstance.local_temp() as instance:
        keep_connections(SimpleNamespace(run_storage=instance.run_storage, event_log_storage=storage))
        found = [storage._get_assets_details([key]) for key in ASSETS for _ in range(2)]
    assert found == [look(theirs, [key]) for key in ASSETS for _ in range(2)]
    assert [details is not None for [details] in found] == [False, False, True, True]
    assert asked == [ASSETS, [ASSETS[1]]]
    assert storage.asset_records_have_last_observation


def parameters(function: Any) -> list[str]:
    return [*inspect.signature(function).parameters]


def test_the_internals_look_as_they_did_when_they_were_read() -> None:
    """A release that changes one fails here: compare `defs.internals` with that release, and mend both."""
    assert version("dagster").split(".")[:2] == ["1", "13"], "read the internals of this release, then raise the bound"
    assert {name: parameters(getattr(PostgresEventLogStorage, name)) for name in INTERNALS} == INTERNALS
    for name in ("_store_asset_check_evaluation_planned", "_has_asset_key_col_on_connection"):
        assert name not in vars(PostgresEventLogStorage), "it is SqlEventLogStorage's"
    assert parameters(create_pg_engine) == ["postgres_url", "token_provider", "engine_kwargs"]
    for storage in (PostgresRunStorage, PostgresEventLogStorage):
        assert {"_engine", "_token_provider", "postgres_url"} <= {*storage.__init__.__code__.co_names}, storage
    assert {column.name for column in AssetCheckExecutionsTable.columns} == CHECK_COLUMNS
    assert parameters(PostgresRunStorage.add_run) == ["self", "dagster_run"]
    assert {"_event_log_storage", "_run_storage"} <= {*DagsterPostgresStorage.__init__.__code__.co_names}
    assert {"partition", "passed", "description", "metadata"} <= {*dg.AssetCheckEvaluation.__annotations__}
    assert MAX_RETRIES_TAG == "dagster/max_retries"
    assert [*AssetMetadataHandle.__annotations__] == ["asset_key", "partition_key"]
    assert [*OutputMetadataAccumulator.__annotations__] == ["per_output_metadata"]
    assert "_metadata_accumulator" in StepExecutionContext.__init__.__code__.co_names
    assert (ASSET_PARTITION_RANGE_START_TAG, ASSET_PARTITION_RANGE_END_TAG) == (
        "dagster/asset_partition_range_start",
        "dagster/asset_partition_range_end",
    )


INTERNALS = {
    "store_event_batch": ["self", "events"],
    "prepare_insert_event_batch": ["self", "events"],
    "index_connection": ["self"],
    "index_transaction": ["self"],
    "has_table": ["self", "table_name"],
    "get_event_records": ["self", "event_records_filter", "limit", "ascending"],
    "_connect": ["self"],
    "_store_asset_event": ["self", "conn", "event", "event_id"],
    "_store_asset_check_evaluation_planned": ["self", "event", "event_id"],
    "_update_asset_check_evaluation": ["self", "event", "event_id"],
    "_get_assets_details": ["self", "asset_keys"],
    "_event_insert_timestamp": ["self", "event"],
    "_has_asset_key_col_on_connection": ["self", "conn", "column_name"],
}
CHECK_COLUMNS = {
    "id",
    "asset_key",
    "check_name",
    "partition",
    "run_id",
    "execution_status",
    "evaluation_event",
    "evaluation_event_timestamp",
    "evaluation_event_storage_id",
    "materialization_event_storage_id",
    "create_timestamp",
}


def keeping(records: list[logging.LogRecord]) -> dg.LoggerDefinition:
    """A logger that adds each log record of a run to `records`."""

    @dg.logger(config_schema={})
    def kept(_context: dg.InitLoggerContext) -> logging.Logger:
        logger = logging.Logger("kept", level=logging.DEBUG)
        handler = logging.Handler()
        handler.emit = records.append
        logger.addHandler(handler)
        return logger

    return kept


def test_a_log_record_of_a_run_holds_its_event_and_its_text() -> None:
    records: list[logging.LogRecord] = []

    @dg.op
    def step(context) -> None:
        context.log.warning("a word")

    @dg.job(logger_defs={"kept": keeping(records)})
    def job() -> None:
        step()

    job.execute_in_process(run_config={"loggers": {"kept": {}}})
    assert "a word" in [message_of(record) for record in records if event_of(record) is None]
    events = [event.event_type_value for record in records if (event := event_of(record))]
    assert {"STEP_START", "STEP_SUCCESS"} <= {*events}


@dg.asset(check_specs=[dg.AssetCheckSpec("holds", asset="checked", blocking=True)])
def checked() -> dg.MaterializeResult:
    return dg.MaterializeResult(check_results=[dg.AssetCheckResult(passed=False)])


def test_a_step_that_a_failed_check_leaves_out_is_recognised_and_so_is_the_check() -> None:
    records: list[logging.LogRecord] = []

    @dg.asset(deps=[checked])
    def left_out() -> None:
        raise AssertionError

    definitions = dg.Definitions(
        [checked, left_out], jobs=[dg.define_asset_job("both")], loggers={"kept": keeping(records)}
    )
    run = definitions.resolve_job_def("both").execute_in_process(
        run_config={"loggers": {"kept": {}}}, raise_on_error=False
    )
    [failure] = [event for event in run.all_events if event.is_step_failure]
    assert is_failed_check(failure)
    [text] = [message_of(record) for record in records if is_about_a_step_left_out(record)]
    assert "left_out" in text


def test_the_error_beneath_a_failed_step_is_found() -> None:
    @dg.op
    def step() -> None:
        raise RuntimeError("above") from ValueError("beneath")

    @dg.job
    def job() -> None:
        step()

    [failure] = [event for event in job.execute_in_process(raise_on_error=False).all_events if event.is_step_failure]
    cause = cause_of(failure)
    assert cause is not None
    assert (cause.cls_name, cause.message.strip()) == ("ValueError", "ValueError: beneath")
    assert not is_failed_check(failure)


def test_evaluations_come_in_the_order_of_their_ids_and_without_a_warning() -> None:
    with dg.DagsterInstance.ephemeral() as instance:
        for _ in range(3):
            dg.materialize([checked], instance=instance, raise_on_error=False)
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            ids = [record.storage_id for record in evaluation_records(instance, None, limit=10, ascending=True)]
            assert len(ids) == 3
            assert ids == sorted(ids)
            later = evaluation_records(instance, ids[0], limit=10, ascending=False)
        assert [record.storage_id for record in later] == [ids[2], ids[1]]
        assert {record.event_log_entry.get_dagster_event().event_type for record in later} == {
            dg.DagsterEventType.ASSET_CHECK_EVALUATION
        }


def test_a_run_keeps_the_connections_of_its_storage_and_a_tick_does_not(monkeypatch: pytest.MonkeyPatch) -> None:
    instances: list[dg.DagsterInstance] = []
    monkeypatch.setattr(resources, "keep_connections", instances.append)
    monkeypatch.setattr(resources, "heartbeat", lambda *_: nullcontext())

    @dg.op
    def step(platform: Platform) -> None:
        assert instances

    @dg.job
    def job() -> None:
        step()

    @dg.sensor(job=job)
    def sensor(context: dg.SensorEvaluationContext, platform: Platform) -> dg.SkipReason:
        return dg.SkipReason("nothing")

    with dg.DagsterInstance.ephemeral() as instance:
        with dg.build_sensor_context(instance=instance, resources={"platform": Platform()}) as context:
            sensor(context)
        assert instances == []
        assert job.execute_in_process(instance=instance, resources={"platform": Platform()}).success
        assert instances == [instance]
