"""Dagster's PostgreSQL storage, with the plan of a run stored as a set.

A run of a year plans an event for each asset and session, and one for each check. `dagster-postgres` stores
materialisations as sets and these one by one, in several statements each, before the run's first step; here they go the
way of the materialisations. It also looks up its own tables and columns at every event; here once. The tables and their
rows are Dagster's.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from dagster import DagsterEventType, EventLogEntry, StringSource
from dagster._core.storage.asset_check_execution_record import AssetCheckExecutionRecordStatus
from dagster._core.storage.event_log.schema import AssetCheckExecutionsTable, SqlEventLogStorageTable
from dagster._serdes import ConfigurableClassData, serialize_value
from dagster_postgres import DagsterPostgresStorage, PostgresEventLogStorage


class PlansInSets(PostgresEventLogStorage):
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
                        "execution_status": AssetCheckExecutionRecordStatus.PLANNED.value,
                        "evaluation_event": serialized,
                        "evaluation_event_timestamp": self._event_insert_timestamp(event),
                        "evaluation_event_storage_id": event_id,
                    }
                )
        with self.index_connection() as connection:
            connection.execute(AssetCheckExecutionsTable.insert(), rows)

    def _inserted(self, events: Sequence[EventLogEntry]) -> list[tuple[EventLogEntry, int]]:
        statement = self.prepare_insert_event_batch(events).returning(SqlEventLogStorageTable.c.id)
        with self._connect() as connection:
            return list(zip(events, connection.execute(statement).scalars(), strict=True))

    def _has_asset_key_col_on_connection(self, conn: Any, column_name: str) -> bool:
        return self._once_true(
            column_name, lambda: super(PlansInSets, self)._has_asset_key_col_on_connection(conn, column_name)
        )

    def has_table(self, table_name: str) -> bool:
        return self._once_true(table_name, lambda: super(PlansInSets, self).has_table(table_name))

    def _once_true(self, name: str, look: Callable[[], bool]) -> bool:
        known = self.__dict__.setdefault("_known", set())
        if name not in known and look():
            known.add(name)
        return name in known


class PostgresStorage(DagsterPostgresStorage):
    """`dagster-postgres` at the URL that dagster.yaml gives, with `PlansInSets` for its event log."""

    def __init__(self, postgres_url: str, inst_data: ConfigurableClassData | None = None) -> None:
        super().__init__(postgres_url, inst_data=inst_data)
        self._event_log_storage = PlansInSets(postgres_url)

    @classmethod
    def config_type(cls) -> dict[str, type]:
        return {"postgres_url": StringSource}

    @classmethod
    def from_config_value(
        cls, inst_data: ConfigurableClassData | None, config_value: dict[str, str]
    ) -> PostgresStorage:
        return cls(config_value["postgres_url"], inst_data)
