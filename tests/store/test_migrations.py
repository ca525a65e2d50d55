"""What migrations share: tables that are append-only, and what the API's role may do."""

from __future__ import annotations

import psycopg
import pytest
from alembic.migration import MigrationContext
from alembic.operations import Operations
from sqlalchemy import create_engine
from sqlalchemy.pool import NullPool

from fntx_dagster.store.database import Database
from fntx_dagster.store.migrations.append_only import protected
from fntx_dagster.store.queries import own_sql
from fntx_dagster.store.urls import sqlalchemy_url

FACTS = ("ledger.thoughts", "signals.calls")
TABLES = "".join(f"create table {name} (n int); insert into {name} values (1);" for name in (*FACTS, "signals.counts"))
CHANGES = [
    "update {} set n = 2",
    "delete from {}",
    "truncate {}",
    "set session_replication_role = replica; delete from {}",
    "set session_replication_role = replica; truncate {}",
]


def allowed(database: Database, statement: str) -> bool:
    """Whether the API's role may do it."""
    with psycopg.connect(database.url) as connection:
        try:
            connection.execute(own_sql(f"set local role fntx_api; {statement}"))
        except psycopg.errors.InsufficientPrivilege:
            return False
    return True


def test_a_migration_protects_its_tables_and_lets_the_api_do_what_it_needs(database: Database) -> None:
    engine = create_engine(sqlalchemy_url(database.url, "psycopg"), poolclass=NullPool)
    with engine.begin() as connection:
        op = Operations(MigrationContext.configure(connection))
        op.execute("create schema signals;" + TABLES)
        op.execute(protected(appended=FACTS, changed=["signals.counts"]))
    for name in FACTS:
        for change in CHANGES:
            refused = pytest.raises(psycopg.errors.InsufficientPrivilege, match=f"{name} is append-only")
            with psycopg.connect(database.url) as owner, refused:
                owner.execute(own_sql(change.format(name)))
        assert allowed(database, f"insert into {name} select n from {name}")
        assert not allowed(database, f"update {name} set n = 2")
    for change in ("insert into {} values (2)", "update {} set n = 3", "delete from {} where n = 3"):
        assert allowed(database, change.format("signals.counts"))
    assert not allowed(database, "truncate signals.counts")


def test_every_table_of_facts_refuses_whatever_a_session_sets(database: Database) -> None:
    """Both triggers, and always: a plain trigger lets a superuser pass in replica mode."""
    with database.connect() as connection:
        rows = connection.execute(
            "select tgrelid::regclass::text, array_agg(tgname || tgenabled::text order by tgname) from pg_trigger"
            " where tgfoid = 'ledger.refuse'::regproc group by 1"
        ).fetchall()
    assert len(rows) >= 9
    assert {name: triggers for name, triggers in rows if triggers != ["append_onlyA", "append_only_wholeA"]} == {}
