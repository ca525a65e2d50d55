"""What a run's log keeps of an error that nobody foresaw."""

from __future__ import annotations

import dagster as dg

from fntx_dagster.defs.failures import failing_well
from fntx_dagster.store.database import Database
from tests.defs.test_checks import materialize

ACCOUNT = "U7000001"


def test_a_databases_words_about_a_row_are_masked_and_the_traceback_stays(database: Database) -> None:
    @dg.asset
    def twice() -> None:
        with failing_well():
            try:
                raise ValueError(f"a statement of {ACCOUNT}")
            except ValueError:
                insert_a_row_twice(database)

    done = materialize([twice])
    assert not done.success
    assert "UniqueViolation: duplicate key value" in done.events
    assert "U…0001" in done.events
    assert ACCOUNT not in done.events
    assert "ValueError: a statement of U…0001" in done.events, "the error behind it is there too"
    assert "in insert_a_row_twice" in done.events


def insert_a_row_twice(database: Database) -> None:
    with database.connect() as connection:
        for _ in range(2):
            connection.execute(
                "insert into alm_reporting.untold_changes (account_id, since) values (%s, now())", [ACCOUNT]
            )


def test_what_dagster_itself_understands_passes_as_it_is() -> None:
    @dg.asset
    def given_up() -> None:
        with failing_well():
            raise dg.Failure("it is over", allow_retries=False)

    assert "it is over" in materialize([given_up]).events
    assert "Unforeseen" not in materialize([given_up]).events
