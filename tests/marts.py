"""The columns of the marts as dbt builds them, for tables that a test fills by hand.

dbt builds the empty marts once, in a process and a database of their own. What came out is kept beside pytest's cache
until a file of the dbt project or a migration changes.
"""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
import tempfile
from functools import cache
from importlib.metadata import version
from pathlib import Path

import psycopg
from filelock import FileLock
from psycopg import sql
from psycopg.conninfo import make_conninfo

from fntx_dagster.settings import DBT_PROJECT, child_environment
from fntx_dagster.store.database import Database
from fntx_dagster.store.migrating import MIGRATIONS

_ROOT = Path(__file__).parents[1]


def create_mart(db: Database, mart: str) -> None:
    """Create a mart in a database without it: with dbt's columns in their order, and no row."""
    columns = ", ".join(f"{name} {kind}" for name, kind in _columns(db.url)[mart].items())
    with db.connect() as connection:
        connection.execute(f"create table alm_reporting.{mart} ({columns})")


@cache
def _columns(server: str) -> dict[str, dict[str, str]]:
    """Mart → column → type. `server`: the URL of any database of a server that may be used."""
    kept = _ROOT / ".pytest_cache" / f"marts-{_digest()}.json"
    kept.parent.mkdir(exist_ok=True)
    with FileLock(kept.with_suffix(".lock")):
        if not kept.exists():
            kept.write_text(_built_by_dbt(server))
    return json.loads(kept.read_text())


def _digest() -> str:
    """A digest of all that decides the marts' columns."""
    digest = hashlib.sha256(f"{version('dbt-core')} {version('dbt-postgres')}".encode())
    for path in sorted((*DBT_PROJECT.rglob("*.sql"), *DBT_PROJECT.rglob("*.yml"), *MIGRATIONS.rglob("*.py"))):
        digest.update(path.read_bytes())
    return digest.hexdigest()[:16]


def _built_by_dbt(server: str) -> str:
    name = f"marts_{os.getpid()}"
    with (
        psycopg.connect(server, autocommit=True) as connection,
        tempfile.TemporaryDirectory(prefix="fntx-marts-") as home,
    ):
        connection.execute(sql.SQL("create database {}").format(sql.Identifier(name)))
        settings = {"FNTX_HOME": home, "FNTX_DATABASE_URL": make_conninfo(server, dbname=name)}
        command = [sys.executable, "-m", "tests.marts"]
        try:
            done = subprocess.run(
                command, cwd=_ROOT, env=child_environment(settings), stdout=subprocess.PIPE, text=True, check=True
            )
        finally:
            connection.execute(sql.SQL("drop database {} with (force)").format(sql.Identifier(name)))
    return done.stdout.splitlines()[-1]


def _build() -> str:
    """Build the marts in the database of the settings; their columns as JSON."""
    from datetime import date

    from fntx_dagster.model.period import Period
    from fntx_dagster.services.building.marts import build, manifest
    from fntx_dagster.services.database import open_database
    from fntx_dagster.settings import load_settings

    settings = load_settings()
    database = open_database(settings)
    manifest(settings)
    results = build(settings, database, ["path:models/staging", "path:models/marts"], Period.on(date(2025, 7, 1)))
    if failed := [f"{done.name}: {done.message}" for done in results if done.is_failure]:
        raise RuntimeError("; ".join(failed))
    columns: dict[str, dict[str, str]] = {}
    with database.connect() as connection:
        for mart, name, kind in connection.execute(
            """select relname, attname, format_type(atttypid, atttypmod) from pg_attribute
            join pg_class on pg_class.oid = attrelid
            where relnamespace = 'alm_reporting'::regnamespace and relkind = 'r' and attnum > 0 and not attisdropped
            order by relname, attnum"""
        ):
            columns.setdefault(mart, {})[name] = kind
    return json.dumps(columns)


if __name__ == "__main__":
    sys.stdout.write(f"{_build()}\n")
