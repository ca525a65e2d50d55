"""PostgreSQL: the platform's own database, and Dagster's storage."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from fntx_dagster.services.doctor.checks import NO_DATABASE, CheckResult, Circumstances, advice, right, wrong
from fntx_dagster.settings import Settings
from fntx_dagster.store.backups import last_backup, refuse_unverified
from fntx_dagster.store.database import Database
from fntx_dagster.store.health import server_facts
from fntx_dagster.store.opening import dagster_storage_answers, open_database


def opens(settings: Settings, on_open: Callable[[Database], None]) -> Iterator[CheckResult]:
    """Whether the database answers and is at this program's version; of the embedded one, migrations that are
    missing run, as they do at every command. `on_open` gets it."""
    db = open_database(settings)
    facts = server_facts(db)
    on_open(db)
    whose = "embedded" if settings.database.url is None else "of FNTX_DATABASE_URL"
    yield right(f"PostgreSQL {facts.version}, {whose}, answers; its tables are at version {facts.schema_version}")


_BACKUP_HOURS = 26


def is_backed_up(circumstances: Circumstances) -> Iterator[CheckResult]:
    """Whether there is a backup, on servers one of the last 26 hours; and that a restored database was verified."""
    if circumstances.db is None:
        yield NO_DATABASE
        return
    with circumstances.db.connect() as connection:
        refuse_unverified(connection)
    made, is_server = last_backup(circumstances.db), circumstances.settings.database.url is not None
    if made is None:
        yield advice("no backup was made of this database", "`fntx backup FOLDER` makes one")
        return
    hours = (circumstances.now() - made.made_at).total_seconds() / 3600
    if is_server and hours > _BACKUP_HOURS:
        yield wrong(f"the newest backup is {hours:.0f} hours old", "Look at what starts `fntx backup` each day")
    else:
        yield right(f"the newest one is of {made.made_at:%Y-%m-%d %H:%M} UTC, {made.bytes / 1e6:,.1f} MB")


def dagster_answers(circumstances: Circumstances) -> Iterator[CheckResult]:
    """Whether Dagster's storage can be reached."""
    if circumstances.db is None:
        yield NO_DATABASE
        return
    dagster_storage_answers(circumstances.settings)
    yield right("answers")
