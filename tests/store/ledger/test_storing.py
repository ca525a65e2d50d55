"""How the statements that every order runs find their rows."""

from __future__ import annotations

from fntx_dagster.store import prepared
from fntx_dagster.store.database import Database
from fntx_dagster.store.ledger.states import BY_INDEX
from fntx_dagster.store.ledger.storing import statement


def test_what_stores_an_order_looks_through_no_table_however_small_it_was_when_it_was_planned(
    database: Database,
) -> None:
    few, all_tables = frozenset({"entries", "opened_lots"}), frozenset({"entries", "alarms"})
    for tables, several in ((few, False), (few, True), (all_tables, False), (all_tables, True)):
        with database.connect() as connection:
            connection.execute("analyze ledger.books, ledger.lots")
            prepared.run(connection, BY_INDEX, "10s")
            connection.execute(f"prepare stored as {statement(tables, several=several)}".encode())
            connection.execute("set local plan_cache_mode = force_generic_plan")
            plan = [line for (line,) in connection.execute("explain (costs off) execute stored ('[]')")]
            connection.execute("deallocate stored")
        assert not [line for line in plan if "Seq Scan" in line]
