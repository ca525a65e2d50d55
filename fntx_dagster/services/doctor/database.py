"""PostgreSQL: the platform's own database, and Dagster's storage."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from fntx_dagster.services.doctor.checks import NO_DATABASE, CheckResult, Circumstances, right
from fntx_dagster.settings import Settings
from fntx_dagster.store.database import Database
from fntx_dagster.store.health import server_facts
from fntx_dagster.store.opening import dagster_storage_answers, open_database


def opens(settings: Settings, on_open: Callable[[Database], None]) -> Iterator[CheckResult]:
    """Whether the database answers and is at this program's version; migrations that are missing run, as they do at
    every command. `on_open` gets it."""
    db = open_database(settings)
    facts = server_facts(db)
    on_open(db)
    whose = "embedded" if settings.database.url is None else "of FNTX_DATABASE_URL"
    yield right(f"PostgreSQL {facts.version}, {whose}, answers; its tables are at version {facts.schema_version}")


def dagster_answers(circumstances: Circumstances) -> Iterator[CheckResult]:
    """Whether Dagster's storage can be reached."""
    if circumstances.db is None:
        yield NO_DATABASE
        return
    dagster_storage_answers(circumstances.settings)
    yield right("answers")
