"""How a database comes to the version of a program while others work on it, and which programs it works with."""

from __future__ import annotations

import re
from pathlib import Path

import psycopg
import pytest

from fntx_dagster.errors import Permanent, Transient
from fntx_dagster.settings import Settings
from fntx_dagster.store import migrating
from fntx_dagster.store.database import Database
from fntx_dagster.store.migrating import OLDEST_PROGRAM, migrate
from fntx_dagster.store.opening import migrate_database, open_database
from tests.store.test_database import at_revision

_TAKES_AWAY = re.compile(
    r"(?i)\b(drop (table|column|view|schema|function)|rename|set not null|alter column \w+ type)\b"
)


def settings_of(database: Database, home: Path) -> Settings:
    return Settings.model_validate({"home": home, "database": {"url": database.url}})


def test_an_upgrade_of_a_database_by_url_begins_when_it_is_asked_for(
    postgres: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    settings = settings_of(at_revision(postgres, monkeypatch, "of_the_release_before", OLDEST_PROGRAM), tmp_path)
    with pytest.raises(Transient, match=f"at version {OLDEST_PROGRAM}, this program needs .*fntx migrate"):
        open_database(settings)
    done = migrate_database(settings)
    assert (done.before, done.after > OLDEST_PROGRAM) == (OLDEST_PROGRAM, True)
    open_database(settings)
    assert migrate_database(settings) == (done.after, done.after)


def test_an_empty_database_by_url_is_filled_by_whatever_comes_first(postgres: str, tmp_path: Path) -> None:
    with psycopg.connect(postgres, autocommit=True) as connection:
        connection.execute("create database of_nobody_yet")
    url = postgres.replace("@/postgres?", "@/of_nobody_yet?")
    open_database(settings_of(Database(url), tmp_path))


def test_a_program_works_with_newer_tables_that_say_so_and_with_no_others(database: Database) -> None:
    with database.connect() as connection:
        connection.execute("update raw_flex.schema_version set version_num = '9999'")
    assert migrate(database).after == "9999"
    with database.connect() as connection:
        connection.execute("update raw_flex.oldest_program set version_num = '9999'")
    with pytest.raises(Permanent, match="at version 9999, this program knows"):
        migrate(database)
    with database.connect() as connection:
        connection.execute("drop table raw_flex.oldest_program")
    with pytest.raises(Permanent, match="at version 9999, this program knows"):
        migrate(database)


def test_a_migration_waits_for_no_table_in_use_and_changes_nothing(
    postgres: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    database = at_revision(postgres, monkeypatch, "in_use", OLDEST_PROGRAM)
    monkeypatch.setattr(migrating, "_LOCK_SECONDS", 1)
    monkeypatch.setattr(migrating, "_TRIES", 2)
    with psycopg.connect(database.url) as other:
        other.execute("lock table raw_flex.schema_version in share mode")
        with pytest.raises(Transient, match="its tables are in use"):
            migrate(database)
        with database.connect() as connection:
            assert connection.execute("select to_regclass('alm_reporting.backups')").fetchone() == (None,)
    migrate(database)


def test_no_migration_takes_away_what_the_oldest_program_uses() -> None:
    """What a migration behind it removes or renames, it uses: then OLDEST_PROGRAM has to be raised."""
    newer = [path for path in (migrating.MIGRATIONS / "versions").glob("[0-9]*.py") if path.name[:4] > OLDEST_PROGRAM]
    assert newer
    assert {path.name: found[0] for path in newer if (found := _TAKES_AWAY.search(path.read_text("utf-8")))} == {}
