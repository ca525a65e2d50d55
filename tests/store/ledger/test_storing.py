"""How the statements that every order runs find their rows."""

from __future__ import annotations

from fntx_dagster.store import prepared
from fntx_dagster.store.database import Database
from fntx_dagster.store.ledger.states import BY_INDEX
from fntx_dagster.store.ledger.storing import statement


def test_what_stores_an_order_looks_through_no_table_however_small_it_was_when_it_was_planned(
    database: Database,
) -> None:
    for several in (False, True):
        with database.connect() as connection:
            connection.execute("analyze ledger.books, ledger.lots")
            prepared.run(connection, BY_INDEX, "10s")
            connection.execute(f"prepare stored as {statement(usual=False, several=several)}".encode())
            connection.execute("set local plan_cache_mode = force_generic_plan")
            plan = [line for (line,) in connection.execute("explain (costs off) execute stored ('[]')")]
            connection.execute("deallocate stored")
        assert not [line for line in plan if "Seq Scan" in line]
