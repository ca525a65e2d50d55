"""Dagster's PostgreSQL storage, with the plan of a run stored as a set.

A run of a year plans an event for each asset and session. `dagster-postgres` stores materialisations as sets and these
one by one, in several statements each, before the run's first step; here they go the way of the materialisations. The
tables and their rows are Dagster's.
"""

from __future__ import annotations

from collections.abc import Sequence

from dagster import DagsterEventType, EventLogEntry
from dagster._core.storage.config import PostgresStorageConfig
from dagster._core.storage.event_log.schema import SqlEventLogStorageTable
from dagster._serdes import ConfigurableClassData
from dagster_postgres import DagsterPostgresStorage, PostgresEventLogStorage
from dagster_postgres.utils import pg_url_from_config


class PlansInSets(PostgresEventLogStorage):
    def store_event_batch(self, events: Sequence[EventLogEntry]) -> None:
        planned = [event for event in events if event.dagster_event_type is _PLANNED]
        if planned:
            with self._connect() as connection:
                inserted = connection.execute(
                    self.prepare_insert_event_batch(planned).returning(SqlEventLogStorageTable.c.id)
                )
                ids = [event_id for (event_id,) in inserted]
            last = {
                event.get_dagster_event().asset_key: (event, number) for event, number in zip(planned, ids, strict=True)
            }
            with self.index_transaction() as connection:
                for event, event_id in last.values():
                    self._store_asset_event(connection, event, event_id)
        if others := [event for event in events if event.dagster_event_type is not _PLANNED]:
            super().store_event_batch(others)


_PLANNED = DagsterEventType.ASSET_MATERIALIZATION_PLANNED


class PostgresStorage(DagsterPostgresStorage):
    """`dagster-postgres` as configured in dagster.yaml, with `PlansInSets` for its event log."""

    def __init__(self, postgres_url: str, inst_data: ConfigurableClassData | None = None) -> None:
        super().__init__(postgres_url, inst_data=inst_data)
        self._event_log_storage = PlansInSets(postgres_url)

    @classmethod
    def from_config_value(
        cls, inst_data: ConfigurableClassData | None, config_value: PostgresStorageConfig
    ) -> PostgresStorage:
        return cls(pg_url_from_config(config_value), inst_data)
