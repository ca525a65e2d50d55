"""What is read of Dagster's own storage."""

from __future__ import annotations

import json

from dagster_postgres.schedule_storage import PostgresScheduleStorage

from fntx_dagster.settings import Settings
from fntx_dagster.store.dagster_runs import dagster_facts
from fntx_dagster.store.database import Database


def test_a_schedule_that_two_code_locations_hold_is_listed_for_each(database: Database) -> None:
    PostgresScheduleStorage.create_clean_storage(database.url)
    body = json.dumps({"origin": {"instigator_name": "fetching"}})
    with database.connect() as connection:
        for selector in ("old", "new"):
            connection.execute(
                """insert into instigators (selector_id, status, instigator_type, instigator_body)
                values (%s, 'RUNNING', 'SCHEDULE', %s)""",
                (selector, body),
            )
        connection.execute(
            """insert into job_ticks (selector_id, status, type, timestamp)
            values ('new', 'SUCCESS', 'SCHEDULE', '2025-07-18 10:00')"""
        )
    settings = Settings.model_validate({"dagster": {"database_url": database.url}})
    rows = dagster_facts(settings, 20).automations
    assert [(row.name, row.kind) for row in rows] == [("fetching", "schedule")] * 2
    assert {row.tick for row in rows} == {None, "SUCCESS"}
