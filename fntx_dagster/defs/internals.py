"""The internals of Dagster that the platform uses, because its public API has nothing in their place. Only this module
imports them; tests/defs/test_internals.py fails on a release that changes one.

- Pooled engine: a day's run writes some hundred events, and `dagster-postgres` opens a connection for each
  (dagster #20325, #33935).
- Plans as sets: a run of a year plans an event for each asset and session, and one for each check. `dagster-postgres`
  stores materialisations as sets and these one by one, in several statements each, before the run's first step (no
  issue; near #19829, #18789, #31694).
- Tables looked up once: `dagster-postgres` looks for its own tables and columns at every event (#34058,
  #34153, #34154).
- Wiped assets looked up once in a run, and no observations: for the data version of each thing that an asset depends
  on, Dagster asks whether somebody has wiped it since, and where it was never materialised whether it was observed (no
  issue). Nothing here is observed.
- Metadata of many sessions: `add_asset_metadata` copies, for each session, what it has been given for all the others.
  Ten years of sessions would take it longer than everything else that a run does (no issue; the method came with
  #26562; near #30641).
- Checks of a run over a range: Dagster plans a partitioned check for each session of the run, and records what it found
  for none of them, so that every session stays "skipped" (no issue; partitions of checks are a preview in 1.13).
- Runs from a command: a run that no code location launched says nowhere which job of which location it is of, and the
  timeline lists no such run (no issue).
- Runs of a code server that another one has replaced: a run notes the path that the newest server answers at, so that
  it could not be canceled any more (no issue; Dagster's own servers have a path each).
- Evaluations of checks in the order of their ids: the instance's `get_event_records` is deprecated, and only
  materialisations, observations and changes of a run's status have methods in its place.
- The tags of a run over a range of partitions, what a log record holds beside its text, the text about a step that is
  left out, and the errors of failed steps: Dagster has them, and exports none.

The tables and their rows are Dagster's own.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import date
from functools import partial
from typing import TYPE_CHECKING, Any
from weakref import WeakSet

import dagster as dg
from dagster import DagsterEventType, EventLogEntry
from dagster._config.config_schema import UserConfigSchema
from dagster._core.definitions.repository_definition import SINGLETON_REPOSITORY_NAME
from dagster._core.errors import DagsterAssetCheckFailedError
from dagster._core.execution.context.metadata_logging import AssetMetadataHandle, OutputMetadataAccumulator
from dagster._core.launcher.base import LaunchRunContext
from dagster._core.launcher.default_run_launcher import DefaultRunLauncher
from dagster._core.remote_origin import RegisteredCodeLocationOrigin, RemoteJobOrigin, RemoteRepositoryOrigin
from dagster._core.remote_representation.code_location import GrpcServerCodeLocation
from dagster._core.storage.asset_check_execution_record import AssetCheckExecutionRecordStatus as status
from dagster._core.storage.config import PostgresStorageConfig
from dagster._core.storage.event_log.schema import AssetCheckExecutionsTable, AssetKeyTable, SqlEventLogStorageTable
from dagster._core.storage.sqlalchemy_compat import db_scalar_subquery, db_select
from dagster._core.storage.tags import (
    ASSET_PARTITION_RANGE_END_TAG,
    ASSET_PARTITION_RANGE_START_TAG,
    MAX_RETRIES_TAG,
)
from dagster._grpc.client import DagsterGrpcClient
from dagster._serdes import ConfigurableClassData, serialize_value
from dagster_postgres import DagsterPostgresStorage, PostgresEventLogStorage, PostgresRunStorage
from dagster_postgres.utils import create_pg_engine, pg_url_from_config
from dagster_shared.record import replace

from fntx_dagster.defs import shown
from fntx_dagster.services.database import is_quiet
from fntx_dagster.services.environment import dagster_environment
from fntx_dagster.settings import CODE_LOCATION, load_settings

if TYPE_CHECKING:
    from dagster_shared.error import SerializableErrorInfo

__all__ = [
    "ASSET_PARTITION_RANGE_END_TAG",
    "ASSET_PARTITION_RANGE_START_TAG",
    "FAILED_SESSIONS",
    "MAX_RETRIES_TAG",
    "EventsInSets",
    "PostgresStorage",
    "RunLauncher",
    "RunsOfTheLocation",
    "StorageOfTheSettings",
    "cause_of",
    "describe",
    "evaluation_records",
    "event_of",
    "is_about_a_step_left_out",
    "is_failed_check",
    "keep_connections",
    "message_of",
]

FAILED_SESSIONS = "failed sessions"
"""Metadata of a partitioned check over a range: session → why it failed. Every other session of the run passed."""

_pooled: WeakSet[PostgresRunStorage | PostgresEventLogStorage] = WeakSet()


def keep_connections(instance: dg.DagsterInstance) -> None:
    """Let an instance hold its storages' connections for as long as it lives. One on which the server has said anything
    in the meantime is tested before it is used again: a step may take minutes."""
    for storage in (instance.run_storage, instance.event_log_storage):
        if isinstance(storage, PostgresRunStorage | PostgresEventLogStorage) and storage not in _pooled:
            storage._engine = create_pg_engine(
                storage.postgres_url,
                storage._token_provider,
                isolation_level="AUTOCOMMIT",
                pool_size=1,
                max_overflow=20,
                pool_pre_ping=True,
            )
            dialect: Any = storage._engine.dialect
            dialect.do_ping = partial(_is_alive, dialect.do_ping)
            _pooled.add(storage)
        if isinstance(storage, EventsInSets):
            storage.is_of_a_run = True


def _is_alive(ping: Callable[[Any], bool], connection: Any) -> bool:
    return is_quiet(connection.fileno()) or ping(connection)


def describe(
    context: dg.AssetExecutionContext, figures: Iterable[tuple[date, Mapping[str, Any]]], asset: str | None = None
) -> None:
    """Add metadata to the materialisations of sessions of the run; `asset` where the step has several."""
    step = context.get_step_execution_context()
    key = dg.AssetKey(asset) if asset else context.asset_key
    known = dict(step._metadata_accumulator.per_output_metadata)
    for day, metadata in figures:
        handle = AssetMetadataHandle(asset_key=key, partition_key=day.isoformat())
        known[handle] = {**known.get(handle, {}), **shown.metadata(metadata)}
    step._metadata_accumulator = OutputMetadataAccumulator(per_output_metadata=known)


def event_of(record: logging.LogRecord) -> dg.DagsterEvent | None:
    """The event that a log record of a run is about, if it is about one."""
    return getattr(record, "dagster_meta", {}).get("dagster_event")


def message_of(record: logging.LogRecord) -> str:
    """The text of a log record as it was given, without the run and the step."""
    return getattr(record, "dagster_meta", {}).get("orig_message", record.getMessage())


def is_about_a_step_left_out(record: logging.LogRecord) -> bool:
    """Whether a log record says that a step does not run because one before it has failed."""
    return message_of(record).startswith("Dependencies for step")


def cause_of(event: dg.DagsterEvent) -> SerializableErrorInfo | None:
    """The error at the bottom of a failed step's."""
    error = event.step_failure_data.error
    while error is not None and error.cause is not None:
        error = error.cause
    return error


def is_failed_check(event: dg.DagsterEvent) -> bool:
    """Whether a step failed because a blocking check of it did."""
    error = event.step_failure_data.error
    return error is not None and error.cls_name == DagsterAssetCheckFailedError.__name__


def evaluation_records(
    instance: dg.DagsterInstance, after: int | None, *, limit: int, ascending: bool
) -> Sequence[dg.EventLogRecord]:
    """The evaluations of checks whose ids are above `after` (None: all), in the order of their ids."""
    evaluations = dg.EventRecordsFilter(event_type=dg.DagsterEventType.ASSET_CHECK_EVALUATION, after_cursor=after)
    return instance.event_log_storage.get_event_records(evaluations, limit=limit, ascending=ascending)


class EventsInSets(PostgresEventLogStorage):
    """`dagster-postgres`' event log, with the plan of a run stored as a set, with what a check found recorded for each
    session of its run, and with its tables looked up once."""

    is_of_a_run = False
    """Whether it lives no longer than a run, which looks once for the assets that were wiped."""
    _wiped: dict[dg.AssetKey, Any] | None = None

    def store_event_batch(self, events: Sequence[EventLogEntry]) -> None:
        events = list(events)
        for kind, store in self._kept.items():
            if planned := [event for event in events if event.dagster_event_type is kind]:
                store(planned)
        if others := [event for event in events if event.dagster_event_type not in self._kept]:
            super().store_event_batch(others)

    @property
    def _kept(self) -> dict[DagsterEventType, Callable[[Sequence[EventLogEntry]], None]]:
        return {
            DagsterEventType.ASSET_MATERIALIZATION_PLANNED: self._plan_assets,
            DagsterEventType.ASSET_CHECK_EVALUATION_PLANNED: self._plan_checks,
        }

    def _plan_assets(self, events: Sequence[EventLogEntry]) -> None:
        last = {event.get_dagster_event().asset_key: (event, number) for event, number in self._inserted(events)}
        with self.index_transaction() as connection:
            for event, event_id in last.values():
                self._store_asset_event(connection, event, event_id)

    def _plan_checks(self, events: Sequence[EventLogEntry]) -> None:
        """As `SqlEventLogStorage._store_asset_check_evaluation_planned` does for one."""
        rows = []
        for event, event_id in self._inserted(events):
            planned = event.get_dagster_event().asset_check_planned_data
            sessions = planned.partitions_subset.get_partition_keys() if planned.partitions_subset else [None]
            serialized = serialize_value(event)
            for session in sessions:
                rows.append(
                    {
                        "asset_key": planned.asset_key.to_string(),
                        "check_name": planned.check_name,
                        "partition": session,
                        "run_id": event.run_id,
                        "execution_status": status.PLANNED.value,
                        "evaluation_event": serialized,
                        "evaluation_event_timestamp": self._event_insert_timestamp(event),
                        "evaluation_event_storage_id": event_id,
                    }
                )
        with self.index_connection() as connection:
            connection.execute(AssetCheckExecutionsTable.insert(), rows)

    def _update_asset_check_evaluation(self, event: EventLogEntry, event_id: int | None) -> None:
        """As Dagster's, which records an evaluation of a range for no session; then for the sessions that were planned,
        as a set: it is one event, whatever the number of sessions."""
        evaluation = event.get_dagster_event().asset_check_evaluation_data
        if evaluation.partition is None:
            self._record_sessions(event, evaluation, event_id)
        super()._update_asset_check_evaluation(event, event_id)

    def _record_sessions(self, event: EventLogEntry, evaluation: dg.AssetCheckEvaluation, event_id: int | None) -> None:
        table, log = AssetCheckExecutionsTable, SqlEventLogStorageTable
        key = evaluation.asset_key.to_string()
        of_run = [
            table.c.asset_key == key,
            table.c.check_name == evaluation.check_name,
            table.c.run_id == event.run_id,
            table.c.partition.is_not(None),
        ]
        materialized = db_select([log.c.id]).where(
            log.c.asset_key == key,
            log.c.dagster_event_type == DagsterEventType.ASSET_MATERIALIZATION.value,
            log.c.partition == table.c.partition,
        )
        latest = db_scalar_subquery(materialized.order_by(log.c.id.desc()).limit(1))
        found: Any = evaluation.metadata.get(FAILED_SESSIONS)  # of Dagster's many kinds of values, JSON
        failed: dict[str, str] = found.value if found else {}
        # where it failed and does not say in which sessions, in all of them
        unsaid = None if evaluation.passed or found else evaluation.description or "failed"
        with self.index_transaction() as connection:
            for session, why in [(None, unsaid), *failed.items()]:
                connection.execute(
                    table.update()
                    .where(*of_run, *([] if session is None else [table.c.partition == session]))
                    .values(
                        execution_status=(status.SUCCEEDED if why is None else status.FAILED).value,
                        evaluation_event=serialize_value(_of_session(event, why)),
                        evaluation_event_timestamp=self._event_insert_timestamp(event),
                        evaluation_event_storage_id=event_id,
                        materialization_event_storage_id=latest,
                    )
                )

    def _inserted(self, events: Sequence[EventLogEntry]) -> list[tuple[EventLogEntry, int]]:
        statement = self.prepare_insert_event_batch(events).returning(SqlEventLogStorageTable.c.id)
        with self._connect() as connection:
            return list(zip(events, connection.execute(statement).scalars(), strict=True))

    def _has_asset_key_col_on_connection(self, conn: Any, column_name: str) -> bool:
        return self._once_true(
            column_name, lambda: super(EventsInSets, self)._has_asset_key_col_on_connection(conn, column_name)
        )

    def has_table(self, table_name: str) -> bool:
        return self._once_true(table_name, lambda: super(EventsInSets, self).has_table(table_name))

    @property
    def asset_records_have_last_observation(self) -> bool:
        """Said to be, so that nobody looks for observations: there are none."""
        return True

    def _get_assets_details(self, asset_keys: Sequence[dg.AssetKey]) -> Sequence[Any]:
        if not self.is_of_a_run:
            return super()._get_assets_details(asset_keys)
        if self._wiped is None:
            with self.index_connection() as connection:
                wiped = connection.execute(AssetKeyTable.select().where(AssetKeyTable.c.asset_details.is_not(None)))
                keys = [key for row in wiped if (key := dg.AssetKey.from_db_string(row.asset_key))]
            self._wiped = dict(zip(keys, super()._get_assets_details(keys), strict=True))
        wiped = self._wiped
        return [wiped.get(key) for key in asset_keys]

    def _once_true(self, name: str, look: Callable[[], bool]) -> bool:
        known = vars(self).setdefault("_known", set())
        if name not in known and look():
            known.add(name)
        return name in known


def _of_session(event: EventLogEntry, failure: str | None) -> EventLogEntry:
    """The evaluation of a range as one session's: passed, or failed with the words of the failure."""
    of_range = event.get_dagster_event()
    evaluation = of_range.asset_check_evaluation_data
    of_session = replace(
        evaluation,
        passed=failure is None,
        description=evaluation.description if failure is None and evaluation.passed else failure,
        metadata={},
    )
    return event._replace(dagster_event=of_range._replace(event_specific_data=of_session))


class RunsOfTheLocation(PostgresRunStorage):
    """`dagster-postgres`' runs. A run that says nowhere what launched it is a command's, and of the code location."""

    def add_run(self, dagster_run: dg.DagsterRun) -> dg.DagsterRun:
        if dagster_run.remote_job_origin is None:
            repository = RemoteRepositoryOrigin(RegisteredCodeLocationOrigin(CODE_LOCATION), SINGLETON_REPOSITORY_NAME)
            dagster_run = dagster_run._replace(remote_job_origin=RemoteJobOrigin(repository, dagster_run.job_name))
        return super().add_run(dagster_run)


class RunLauncher(DefaultRunLauncher):
    """Dagster's launcher on a code server whose socket may be a link to the newest one's. A run notes the socket that
    is linked to, so that it is canceled where it runs when another server has taken the place of its own."""

    def launch_run(self, context: LaunchRunContext) -> None:
        """As `DefaultRunLauncher.launch_run` does, which notes the link."""
        run = context.dagster_run
        if context.workspace is None or run.remote_job_origin is None:
            return super().launch_run(context)
        name = run.remote_job_origin.repository_origin.code_location_origin.location_name
        location = context.workspace.get_code_location(name)
        if not isinstance(location, GrpcServerCodeLocation) or location.socket is None:
            return super().launch_run(context)
        client = DagsterGrpcClient(socket=os.path.realpath(location.socket), host=location.host)
        self.launch_run_from_grpc_client(self._instance, run, client)
        self._run_ids.add(run.run_id)
        return None


class PostgresStorage(DagsterPostgresStorage):
    """`dagster-postgres` at the URL that dagster.yaml gives, with `EventsInSets` for its event log and
    `RunsOfTheLocation` for its runs."""

    def __init__(self, postgres_url: str, inst_data: ConfigurableClassData | None = None) -> None:
        super().__init__(postgres_url, inst_data=inst_data)
        self._event_log_storage = EventsInSets(postgres_url)
        self._run_storage = RunsOfTheLocation(postgres_url)

    @classmethod
    def from_config_value(
        cls, inst_data: ConfigurableClassData | None, config_value: PostgresStorageConfig
    ) -> PostgresStorage:
        return cls(pg_url_from_config(config_value), inst_data)


class StorageOfTheSettings(PostgresStorage):
    """The same on servers, at the URL that follows from the settings of this process: no instance file and no
    container's environment holds its password."""

    @classmethod
    def config_type(cls) -> UserConfigSchema:
        return {}

    @classmethod
    def from_config_value(
        cls, inst_data: ConfigurableClassData | None, config_value: PostgresStorageConfig
    ) -> StorageOfTheSettings:
        return cls(dagster_environment(load_settings())["FNTX_DAGSTER_STORAGE_URL"], inst_data)
