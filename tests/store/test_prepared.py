"""Statements that are sent through libpq itself."""

from __future__ import annotations

import psycopg
import pytest

from fntx_dagster.store import prepared
from fntx_dagster.store.database import Database

INSERT = "insert into public.notes values ($1::text) returning words"


def kept(database: Database, *words: str | None) -> list[str | None]:
    """What the statement says of each row that it inserts, all in one transaction."""
    with database.connect() as connection:
        return [prepared.run(connection, INSERT, each) for each in words]


def test_a_statement_runs_in_the_transaction_that_its_connection_ends(database: Database) -> None:
    with database.connect() as connection:
        connection.execute("create table public.notes (words text not null)")
    assert kept(database, "kept – “as it is”") == ["kept – “as it is”"]
    with pytest.raises(psycopg.errors.NotNullViolation):
        kept(database, "lost", None)
    with database.connect() as connection:
        assert prepared.run(connection, "select count(*) from public.notes where words > $1::text", "a") == "1"
        assert prepared.run(connection, "select words from public.notes where words = $1::text", None) is None


def test_a_statement_that_the_server_forgot_is_prepared_again(database: Database) -> None:
    for _ in range(2):
        with database.connect() as connection:
            assert prepared.run(connection, "select $1::int + 1", "1") == "2"
            assert prepared.run(connection, "select $1::int + 2", "1") == "3"
        with database.connect() as connection:
            connection.execute("deallocate all")


def test_what_a_connection_knows_is_asked_of_the_server_before_a_statement_is_prepared(database: Database) -> None:
    """One that is prepared after others were forgotten, first in its transaction, is not prepared twice."""
    for first, second in (("11", "12"), ("12", "11"), ("13", "11")):
        with database.connect() as connection:
            assert prepared.run(connection, f"select $1::int + {first}", "0") == first
            assert prepared.run(connection, f"select $1::int + {second}", "0") == second
        with database.connect() as connection:
            connection.execute("deallocate all")
    with database.connect() as connection:
        assert prepared.run(connection, "select $1::int + 14", "0") == "14"  # it is new, and those before are forgotten
        assert prepared.run(connection, "select $1::int + 11", "0") == "11"
    with database.connect() as connection:
        assert prepared.run(connection, "select $1::int + 12", "0") == "12"
        assert prepared.run(connection, "select $1::int + 14", "0") == "14"


def test_the_name_of_a_statement_does_not_depend_on_how_many_were_met_before(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Threads that met two new ones at once would else have given both one name."""
    with database.connect() as connection:
        for number in ("21", "22"):
            monkeypatch.setattr(prepared, "_names", {})
            assert prepared.run(connection, f"select $1::int + {number}", "0") == number
