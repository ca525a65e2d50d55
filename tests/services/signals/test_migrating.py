"""Old rows of one user each become executions: every cent is in the ledger or in the list, and nothing is guessed."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections import defaultdict
from collections.abc import Iterator
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

import psycopg
import pytest

from fntx_dagster.errors import Permanent, Transient
from fntx_dagster.services.orders.access import Caller
from fntx_dagster.services.orders.fields import Declined
from fntx_dagster.services.orders.turn import Desk
from fntx_dagster.services.orders.verifying import verify
from fntx_dagster.services.signals.following import list_strategies
from fntx_dagster.services.signals.migrating import Migrated, migrate_signals
from fntx_dagster.services.signals.old_mapping import OldMapping, read_mapping
from fntx_dagster.services.signals.performance import AskedPerformance, performance
from fntx_dagster.services.signals.proving import prove
from fntx_dagster.services.signals.reading import execution
from fntx_dagster.services.signals.receiving import enter_signal, leave_signal
from fntx_dagster.signals.amounts import exact
from fntx_dagster.signals.sharing import percent
from fntx_dagster.simulate.old_service import FAULTS, ZONE, OldService, old_service
from fntx_dagster.store.database import Database
from fntx_dagster.store.server import database_url
from fntx_dagster.store.signals import checking, folding
from fntx_dagster.store.signals.judging import ENTRY_ID, id_pattern
from tests.services.signals.old_databases import filled
from tests.services.signals.provider import STRIKE, Provider

SERVICE = old_service(seed=16, signals=80, users=4)


@pytest.fixture(scope="module")
def old(postgres: str) -> Iterator[Database]:
    """The old database of the tests that change nothing in it."""
    with filled(postgres, SERVICE) as made:
        yield made


class Folded(NamedTuple):
    """What was folded of `SERVICE`, in a database that the tests only read; and the list."""

    db: Database
    done: Migrated
    listed: str


@pytest.fixture(scope="module")
def folded(postgres: str, old: Database, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Folded]:
    with psycopg.connect(postgres, autocommit=True) as connection:
        connection.execute("create database folded template template_fntx")
    db, folder = Database(database_url(postgres, "folded")), tmp_path_factory.mktemp("folded")
    done = run(db, old, mapped(folder), list_file=folder / "list.csv", batch_rows=50)
    yield Folded(db, done, (folder / "list.csv").read_text(encoding="utf-8"))
    db.close()


@pytest.fixture
def mapping(tmp_path: Path) -> OldMapping:
    return mapped(tmp_path)


def mapped(folder: Path, more: str = "") -> OldMapping:
    file = folder / "old.toml"
    file.write_text(f'currency = "INR"\nzone = "{ZONE}"\n{more}', encoding="utf-8")
    return read_mapping(file, "USDT", "UTC")


def run(db: Database, old: Database, given: OldMapping, **more: Any) -> Migrated:
    return migrate_signals(Desk(db), old, given, **more)


def query(db: Database, text: str, *values: object) -> list[tuple[Any, ...]]:
    with db.connect() as connection:
        return connection.execute(text.encode(), values).fetchall()


def change(db: Database, text: str) -> None:
    with db.connect() as connection:
        connection.execute(text.encode())


def gains(service: OldService, unfolded: set[int]) -> dict[tuple[date, str], Decimal]:
    """Day and strategy → P&L of the trades whose positions fold, in Python."""
    strategies = {row[3]: row[5] for row in service.rows["signal_logs"]}
    entered = {
        row[2]: row[3].split("_", 1)[1].rpartition("_")[0] for row in service.rows["orders"] if "EXIT" not in row[3]
    }
    found: dict[tuple[date, str], Decimal] = defaultdict(Decimal)
    for trade in service.rows["trades"]:
        if trade[2] in entered and trade[2] > 0 and trade[2] not in unfolded:
            found[trade[10].astimezone(ZoneInfo(ZONE)).date(), strategies[entered[trade[2]]]] += trade[11]
    return found


def test_signals_fold_to_the_cent_and_every_fault_is_listed_with_its_reason(folded: Folded) -> None:
    db, done, listed = folded
    assert {(row.table, row.id): row.reason for row in done.unfolded} == SERVICE.faults
    assert {*done.reasons} == {*FAULTS, "group_waits"}
    assert len(listed.splitlines()) == 1 + len(SERVICE.faults)
    assert (done.executions, done.known, done.differences) == (SERVICE.folding, 0, [])
    assert all(row.old == row.ledger + row.listed for row in done.sums)
    in_ledger = query(
        db,
        f"""select (closed_at at time zone '{ZONE}')::date, strategy_code, sum(pnl)
        from ledger.user_signal_allocations join ledger.signal_executions using (signal_execution_id) group by 1, 2""",
    )
    unfolded = {number for table, number in SERVICE.faults if table == "positions"}
    assert {(day, code): pnl for day, code, pnl in in_ledger} == gains(SERVICE, unfolded)
    total = sum(gains(SERVICE, unfolded).values())
    assert query(db, "select sum(total_pnl), count(*) from ledger.trades") == [(total, SERVICE.folding)]
    assert not done.is_whole


def test_each_allocation_keeps_the_entry_and_exit_that_it_had(folded: Folded) -> None:
    stated = {
        row[2]: (row[1], row[8], row[6] * row[8], row[9] * row[8], row[11], row[10])
        for row in SERVICE.rows["trades"]
        if ("positions", row[2]) not in SERVICE.faults and row[2] > 0
    }
    found = query(
        folded.db,
        """select migrated_from, user_id::int, qty, money_in, money_out, pnl, closed_at
        from ledger.user_signal_allocations""",
    )
    assert {row[0]: row[1:] for row in found} == stated
    [(reference, average, accounts, market)] = query(
        folded.db,
        """select reference_price, round(entry_money / total_qty, 18), accounts, market
        from ledger.signal_executions where unique_id = 'unique_11'""",
    )
    assert (reference, accounts, market[-4:]) == (average, "separate", "/INR")
    shown = query(
        folded.db,
        """select trades.total_pnl, entry_money, trades.total_qty, pnl_percent, holding_time,
            extract(epoch from execution.exit_time - execution.entry_time)::int
        from ledger.trades join ledger.signal_executions as execution using (signal_execution_id)""",
    )
    for pnl, money, quantity, part, minutes, seconds in shown:
        lots = int(quantity)
        assert (percent(exact(pnl), exact(money), lots, lots), minutes) == (part * 10_000, seconds // 60)


def test_what_was_migrated_adds_up_and_has_figures(folded: Folded) -> None:
    db = folded.db
    assert [*checking.unsummed(db), *checking.untraded(db), *checking.differing_trades(db)] == []
    trades, net = 0, Decimal(0)
    for strategy in list_strategies(db):
        asked = AskedPerformance(strategy.code, None, None, None, True, None, "", 1000)
        data = performance(Desk(db), asked)["data"]
        assert sum(Decimal(user["net_pnl"]) for user in data["users"]) == Decimal(data["net_pnl"])
        assert data["slippage_bps"] is None, "no signal of these stated a price"
        trades, net = trades + data["trades"], net + Decimal(data["net_pnl"])
    assert [(trades, net)] == query(db, "select count(*), sum(net_pnl) from ledger.trades")


def test_an_execution_begins_with_the_first_of_its_entries(folded: Folded) -> None:
    assert query(
        folded.db,
        "select entry_time, participants from ledger.signal_executions where unique_id = 'unique_1'",
    ) == [(min(row[13] for row in SERVICE.rows["positions"][:4]), 4)]


@pytest.mark.parametrize("text", ["11_unique_1_17.5", "1_unique_1_17.5x", "1_unique_1_", "1_unique_1_17.5.5"])
def test_an_id_is_read_from_a_text_that_fits_to_its_ends(text: str) -> None:
    pattern = id_pattern(ENTRY_ID).replace("\x01", "1")
    assert re.findall(pattern, "1_unique_1_17.5") == ["unique_1"]
    assert re.findall(pattern, text) == []


def test_a_percentage_is_rounded_half_to_even(database: Database, postgres: str, mapping: OldMapping) -> None:
    with filled(postgres, old_service(seed=9, signals=3, users=1, faults=())) as old:
        for table, price in (("positions", "avg_entry_price"), ("trades", "entry_price")):
            change(old, f"update {table} set {price} = 8000, {'entry_' if table == 'trades' else ''}qty = 1")
        change(old, "update trades set exit_qty = 1, gross_pnl = (array[0.02, -0.02, 0.06])[id]")
        change(
            old,
            "update trades set net_pnl = gross_pnl; update positions set realized_pnl = gross_pnl from trades "
            "where trades.id = positions.id",
        )
        run(database, old, mapping)
    parts = query(database, "select pnl_percent from ledger.trades order by signal_execution_id")
    assert parts == [(Decimal("0.0002"),), (Decimal("-0.0002"),), (Decimal("0.0008"),)]


def test_an_id_that_begins_another_is_not_taken_for_it(folded: Folded) -> None:
    rows = query(
        folded.db,
        """select unique_id, participants from ledger.signal_executions
        where unique_id in ('unique_1', 'unique_11', 'unique_17') order by 1""",
    )
    assert rows == [("unique_1", 4), ("unique_11", 4), ("unique_17", 4)]


def test_a_row_that_comes_after_its_group_was_folded_is_listed(
    database: Database, postgres: str, mapping: OldMapping
) -> None:
    with filled(postgres, old_service(seed=10, signals=1, users=2, faults=())) as old:
        change(old, "create table late as select * from positions where id = 2")
        change(old, "create table late_trade as select * from trades where id = 2")
        change(old, "create table late_orders as select * from orders where position_id = 2")
        for table in ("trades", "orders"):
            change(old, f"delete from {table} where position_id = 2")
        change(old, "delete from positions where id = 2")
        assert run(database, old, mapping).executions == 1
        change(old, "insert into positions select * from late; insert into trades select * from late_trade")
        change(old, "insert into orders select * from late_orders")
        done = run(database, old, mapping)
    assert [(row.table, row.id, row.reason) for row in done.unfolded] == [("positions", 2, "folded_without")]
    assert (done.executions, done.differences) == (0, [])


def test_tables_that_are_written_to_after_the_comparison_are_not_archived(
    database: Database, postgres: str, mapping: OldMapping
) -> None:
    with filled(postgres, old_service(seed=11, signals=1, users=2, faults=())) as old:
        write = "update orders set status = 'SETTLED' where id = 1"
        with pytest.raises(Permanent, match="written to after"):
            run(database, old, mapping, archive=True, on_progress=lambda done, whole: change(old, write))
        assert query(old, "select to_regclass('signals_archive.positions')") == [(None,)]
        change(old, write)


def test_a_second_run_changes_nothing_and_a_dry_run_leaves_no_trace(
    database: Database, old: Database, mapping: OldMapping
) -> None:
    would = run(database, old, mapping, dry_run=True)
    counts = "select (select count(*) from ledger.signal_executions), (select count(*) from ledger.strategies)"
    assert query(database, counts) == [(0, 0)]
    first = run(database, old, mapping)
    before = query(database, "select * from ledger.user_signal_allocations order by 1, 2")
    second = run(database, old, mapping)
    assert query(database, "select * from ledger.user_signal_allocations order by 1, 2") == before
    assert (second.executions, second.known) == (0, first.executions)
    assert (would.reasons, would.sums, would.executions) == (first.reasons, first.sums, first.executions)
    assert (second.reasons, second.sums) == (first.reasons, first.sums)


def test_what_was_mended_in_the_old_tables_folds_the_next_time(
    database: Database, postgres: str, mapping: OldMapping
) -> None:
    service = old_service(seed=1, signals=20, users=3, faults=("open", "no_entry_price"))
    with filled(postgres, service) as old:
        assert run(database, old, mapping).executions == 18
        change(old, "update positions set avg_entry_price = 100 where avg_entry_price is null")
        change(
            old,
            "update trades set entry_price = 100 where position_id in (select id from positions "
            "where avg_entry_price = 100)",
        )
        done = run(database, old, mapping)
        assert (done.executions, done.known, {*done.reasons}) == (1, 18, {"open", "group_waits"})
        change(
            old,
            """insert into trades select 100000 + id, user_id, id, symbol, underlying, qty, avg_entry_price, entry_time,
                qty, avg_entry_price + 1, entry_time + interval '1 hour', qty, qty, 'TARGET', 60
            from positions where status = 'OPEN'""",
        )
        change(old, "update positions set status = 'CLOSED', realized_pnl = qty where status = 'OPEN'")
        done = run(database, old, mapping)
        assert (done.executions, done.known, done.reasons, done.is_whole) == (1, 19, {}, True)


def test_an_old_row_that_changed_after_it_was_folded_is_named(
    database: Database, postgres: str, mapping: OldMapping
) -> None:
    with filled(postgres, old_service(seed=2, signals=3, users=2, faults=())) as old:
        assert run(database, old, mapping).is_whole
        change(old, "update trades set gross_pnl = gross_pnl + 0.01 where id = 3")
        change(old, "update positions set realized_pnl = realized_pnl + 0.01 where id = 3")
        change(old, "delete from positions where id = 1")
        done = run(database, old, mapping)
        named = {(row.table, row.id): row.reason for row in done.unfolded}
        assert named[("positions", 3)] == "changed_since"
        assert named[("positions", 1)] == "gone"
        assert {row.measure for row in done.differences} >= {"pnl", "entered_qty"}


WRONG = {
    "update orders set order_id = 'x' where position_id = {0}": "no_unique_id",
    """insert into orders select 900, user_id, {0}, '1_unique_99_17', symbol, order_type, 1, 1, 'EXECUTED', 'NFO',
        placed_at from orders where position_id = {0} limit 1""": "several_ids",
    "delete from signal_logs where unique_id = 'unique_{1}'": "unknown_signal",
    """insert into signal_logs select 900, token, signal_type, unique_id, '', 'OTHER', 'ENTRY', timestamp
        from signal_logs where unique_id = 'unique_{1}' and signal_category = 'ENTRY'""": "several_strategies",
    "update positions set qty = 0 where id = {0}": "no_quantity",
    "update positions set avg_entry_price = 'NaN' where id = {0}": "no_entry_price",
    "update positions set symbol = 'OTHER' where id = {0}": "several_instruments",
    """insert into trades select 900, user_id, position_id, symbol, underlying, entry_qty, entry_price, entry_time,
        exit_qty, exit_price, exit_time, 0, 0, '', 1 from trades where id = {0}""": "several_trades",
    "update trades set exit_qty = 1 where id = {0}": "trade_differs",
    "update trades set user_id = 2 where id = {0}": "trade_differs",
    "update trades set exit_price = -1 where id = {0}": "no_exit_price",
    "update trades set exit_time = entry_time - interval '1 day' where id = {0}": "exit_before_entry",
    "update positions set realized_pnl = 1 where id = {0}": "pnl_differs",
    "update positions set status = 'OPEN' where id = {0}": "open_with_trade",
}


def test_a_row_that_says_two_things_is_listed_and_its_group_waits(
    database: Database, postgres: str, mapping: OldMapping
) -> None:
    with filled(postgres, old_service(seed=3, signals=len(WRONG) + 1, users=2, faults=())) as old:
        for signal, wrong in enumerate(WRONG, 1):
            change(old, wrong.format(2 * signal - 1, signal))
        done = run(database, old, mapping)
        found = {row.id: row.reason for row in done.unfolded if row.table == "positions"}
        assert {signal: found.get(2 * signal - 1) for signal, _ in enumerate(WRONG, 1)} == dict(
            enumerate(WRONG.values(), 1)
        )
        waits = {signal: found.get(2 * signal, "") for signal, _ in enumerate(WRONG, 1)}
        assert {*waits.values()} == {"", "group_waits", "unknown_signal", "several_strategies", "several_instruments"}
        assert [reason for signal, reason in enumerate(WRONG.values(), 1) if not waits[signal]] == ["no_unique_id"]
        assert (done.executions, done.differences) == (2, [])


def test_a_person_may_set_rows_aside_or_accept_the_wrong_exit(
    database: Database, postgres: str, tmp_path: Path
) -> None:
    with filled(postgres, old_service(seed=4, signals=20, users=3, faults=("no_trade", "closed_by_another"))) as old:
        done = run(database, old, mapped(tmp_path))
        aside = [row.id for row in done.unfolded if row.reason == "no_trade"]
        more = f'accept = ["closed_by_another"]\n[set_aside]\npositions = {aside}\n'
        done = run(database, old, mapped(tmp_path, more))
        assert (done.reasons, done.executions, done.differences, done.is_whole) == ({"set_aside": 1}, 2, [], True)
        assert query(database, "select participants from ledger.signal_executions where unique_id = 'unique_9'") == [
            (2,)
        ]


def test_a_signal_that_came_over_the_api_is_not_folded_again(
    database: Database, postgres: str, mapping: OldMapping
) -> None:
    with filled(postgres, old_service(seed=5, signals=2, users=2, faults=())) as old:
        run(database, old, mapping)
        change(database, "alter table ledger.signal_executions disable trigger guarded")
        change(database, "update ledger.signal_executions set migrated_from = null where unique_id = 'unique_1'")
        change(database, "alter table ledger.user_signal_allocations disable trigger guarded")
        change(
            database,
            """update ledger.user_signal_allocations set migrated_from = null where signal_execution_id in
            (select signal_execution_id from ledger.signal_executions where migrated_from is null)""",
        )
        done = run(database, old, mapping)
        assert (done.executions, done.reasons) == (0, {"signal_in_ledger": 2})


def test_the_api_takes_no_signal_that_was_migrated(folded: Folded) -> None:
    named = {"token": "23", "unique_id": "unique_1", "strike_price_token": "1", "strategy_code": "STRATEGY_001"}
    strike = {"symbol": "NIFTY25JAN23000CE", "exchange": "NFO"}
    body = named | {"signal": "BUY_ENTRY", "strike_data": strike, "quote": {"ask": "1"}}
    body |= {"allocations": [{"user_id": "1", "qty": 1}]}
    now = datetime(2026, 3, 2, tzinfo=UTC)
    with pytest.raises(Declined) as declined:
        enter_signal(Desk(folded.db), "source", json.dumps(body).encode(), now)
    assert (declined.value.code, declined.value.status) == ("idempotency_key_reused", 422)
    [(token,)] = query(
        folded.db, "select strike_price_token from ledger.signal_executions where unique_id = 'unique_1'"
    )
    left = named | {"signal": "BUY_EXIT", "strike_price_token": token, "quote": {"bid": "1"}}
    with pytest.raises(Declined) as declined:
        leave_signal(Desk(folded.db), "source", json.dumps(left).encode(), now)
    assert declined.value.code == "idempotency_key_reused"
    assert (
        query(folded.db, "select outcome, code from ledger.signal_log") == [("refused", "idempotency_key_reused")] * 2
    )


def test_migrated_signals_stand_beside_new_ones_of_their_strategy(
    database: Database, old: Database, mapping: OldMapping
) -> None:
    run(database, old, mapping)
    provider = Provider(database)
    provider.enter("new")
    provider.later(hours=1)
    provider.leave("new", "110")
    [book] = verify(provider.desk)
    assert (book.user_id, book.faults) == ("strategy:STRATEGY_001", ())
    asked = AskedPerformance("STRATEGY_001", None, None, None, True, None, "", 100)
    data = performance(provider.desk, asked)["data"]
    [(number, pnl)] = query(
        database, "select count(*), sum(total_pnl) from ledger.trades where strategy_code = 'STRATEGY_001'"
    )
    assert (data["executed"], Decimal(data["total_pnl"]), data["currency"]) == (number, pnl, "INR")
    [(first,)] = query(
        database, "select signal_execution_id from ledger.signal_executions where unique_id = 'unique_1'"
    )
    shown = execution(provider.desk, Caller("reader", "reader"), first, 0, 100)["data"]
    assert [user["user_id"] for user in shown["trader_results"]] == ["1", "2", "3", "4"]
    with pytest.raises(Declined, match="older records"):
        prove(database, first, "1")
    [(token,)] = query(database, "select max(token) from ledger.instruments where expiry < '2026-01-01'")
    with pytest.raises(Declined) as declined:  # an exchange uses the token of what has expired again
        provider.enter("next", strike_data=None, strike_price_token=token)
    assert declined.value.code == "unknown_instrument"
    assert provider.enter("next", strike_data=STRIKE | {"token": token}, strike_price_token=token)["status"] == "OPEN"


def test_a_strategy_keeps_its_currency(database: Database, old: Database, mapping: OldMapping) -> None:
    Provider(database).enter("new")
    done = run(database, old, mapping)
    assert done.reasons["other_currency"] == 4 * len(
        [row for row in SERVICE.rows["signal_logs"] if row[5] == "STRATEGY_001" and row[2] == "BUY_ENTRY"]
    )
    assert (done.differences, {row.measure for row in done.sums if row.old == row.ledger + row.listed}) == (
        [],
        {"closed_qty", "entered_money", "entered_qty", "fees", "pnl"},
    )


def test_the_guards_hold_for_what_was_migrated(folded: Folded) -> None:
    for table in ("signal_executions", "user_signal_allocations"):
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            change(folded.db, f"update ledger.{table} set {'total_pnl' if table[0] == 's' else 'pnl'} = 0")
    with pytest.raises(psycopg.errors.UniqueViolation):
        change(
            folded.db,
            """insert into ledger.user_signal_allocations
                (signal_execution_id, user_id, place, requested_qty, fee_bps, fee_fixed, status, migrated_from)
            select signal_execution_id, 'again', 9, 0, 0, 0, 'ACTIVE', migrated_from
            from ledger.user_signal_allocations limit 1""",
        )


def test_the_archive_is_refused_where_something_did_not_fold(
    folded: Folded, old: Database, mapping: OldMapping
) -> None:
    done = run(folded.db, old, mapping, archive=True)
    assert (done.archived, done.drop_later) == ({}, None)
    assert query(old, "select to_regclass('signals_archive.positions')") == [(None,)]


def test_the_archive_takes_the_right_to_write_and_keeps_every_row(
    database: Database, postgres: str, mapping: OldMapping
) -> None:
    with filled(postgres, old_service(seed=6, signals=5, users=2, faults=())) as old:
        change(old, "grant all on positions, orders, trades to public")
        done = run(database, old, mapping, archive=True)
        assert done.archived == {"positions": 10, "orders": 20, "trades": 10}
        assert run(database, old, mapping, archive=True).archived == done.archived
        assert done.drop_later == 'drop table "public"."positions", "public"."orders", "public"."trades"'
        assert query(old, "table positions order by 1") == query(old, "table signals_archive.positions order by 1")
        granted = """select grantee from information_schema.role_table_grants
            where table_schema = 'public' and table_name = 'positions' and privilege_type = 'INSERT'"""
        assert query(old, granted) == []
        for write in ("insert into positions select * from positions", "delete from trades", "truncate orders"):
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                change(old, write)


def test_old_readers_read_positions_orders_and_trades_of_the_views(folded: Folded, old: Database) -> None:
    columns = "id, user_id, symbol, strike_price, option_type, qty, avg_entry_price, realized_pnl, status, exit_time"
    query_old = f"select {columns} from positions where id = any(%s) order by id"
    ids = [row[0] for row in query(folded.db, "select id from legacy.positions")]
    with folded.db.connect() as connection:
        connection.execute("set local search_path to legacy")
        assert connection.execute(query_old.encode(), (ids,)).fetchall() == query(old, query_old, ids)
        # as the old service found what an exit closes, but exactly
        rows = connection.execute(
            r"""select position.user_id, trades.gross_pnl from positions as position
            join orders on orders.position_id = position.id join trades on trades.position_id = position.id
            where orders.order_id like position.user_id || '\_unique\_1\_%' order by 1"""
        ).fetchall()
    assert rows == [(user, Decimal(0)) for user in range(1, 5)]


def test_what_the_views_show_migrates_to_the_same_executions(folded: Folded, tmp_path: Path, postgres: str) -> None:
    with psycopg.connect(postgres, autocommit=True) as connection:
        connection.execute("create database again template template_fntx")
    again = Database(database_url(postgres, "again"))
    done = run(again, folded.db, mapped(tmp_path, 'schema = "legacy"\n'))
    assert done.is_whole
    compared = """select unique_id, strategy_code, signal_type, total_qty, entry_money, exit_money, total_pnl,
        entry_time, exit_time, reference_price from ledger.signal_executions order by 1, 2"""
    assert query(again, compared) == query(folded.db, compared)
    again.close()


def test_two_migrations_do_not_run_at_once(
    database: Database, old: Database, mapping: OldMapping, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(folding, "WAIT_SECONDS", 1)
    with psycopg.connect(database.url, autocommit=True) as connection:
        connection.execute("select pg_advisory_lock(hashtextextended('fntx migrates signals', 0))")
        with pytest.raises(Transient, match="another migration"):
            run(database, old, mapping)
    assert run(database, old, mapping).executions == SERVICE.folding


@pytest.mark.parametrize(
    ("more", "words"),
    [
        ('[columns.users]\nid = "x"\n', "no table that is read"),
        ('[order_ids]\nentry = "{user_id}"\n', "unique_id"),
        ("accept = ['no_trade']\n", "closed_by_another"),
        ("colour = 'red'\n", "no key"),
        ("currency = 1\n", "another kind"),
        ("currency = 'rupees'\n", "no currency"),
        ("zone = 'Asia/Atlantis'\n", "no time zone"),
        ("[set_aside]\npositions = ['1']\n", "lists of ids"),
        ("colour", "no TOML"),
    ],
)
def test_a_mapping_that_cannot_be_says_what_is_wrong(tmp_path: Path, more: str, words: str) -> None:
    file = tmp_path / "old.toml"
    file.write_text(more, encoding="utf-8")
    with pytest.raises(Permanent, match=words):
        read_mapping(file, "INR", ZONE)


def test_tables_that_do_not_fit_the_mapping_are_named(database: Database, old: Database, tmp_path: Path) -> None:
    for more, words in (
        ('[columns.positions]\nqty = "amount"\n', "no column amount"),
        ('[tables]\norders = "order_book"\n', "no column id"),
        ('[columns.trades]\npnl = "exit_reason"\n', "cannot be read"),
        ('schema = "nowhere"\n', "no column id"),
    ):
        with pytest.raises(Permanent, match=words):
            run(database, old, mapped(tmp_path, more))


def test_columns_and_ids_may_be_called_otherwise(database: Database, postgres: str, tmp_path: Path) -> None:
    with filled(postgres, old_service(seed=7, signals=2, users=2, faults=())) as old:
        change(old, "alter table positions rename to holdings")
        change(old, "alter table holdings rename column qty to amount")
        change(
            old, "alter table holdings add column order_id text, add column side text, add column strategy_code text"
        )
        change(
            old,
            """update holdings set order_id = 'SIG:unique_' || case when id < 3 then 1 else 12 end, side = 'long',
            strategy_code = 'MINE'""",
        )
        change(old, "drop table orders, signal_logs")
        moment = query(old, "select exit_time from trades where id = 1")
        change(old, f"alter table trades alter exit_time type timestamp using exit_time at time zone '{ZONE}'")
        more = """[tables]
    positions = "holdings"
    [columns.positions]
    qty = "amount"
    [order_ids]
    entry = "SIG:{unique_id}"
    """
        done = run(database, old, mapped(tmp_path, more))
        assert (done.is_whole, done.executions) == (True, 2)
        assert query(
            database, "select strategy_code, unique_id, signal_type from ledger.signal_executions order by 2"
        ) == [
            ("MINE", "unique_1", "BUY_ENTRY"),
            ("MINE", "unique_12", "BUY_ENTRY"),
        ]
    assert query(database, "select closed_at from ledger.user_signal_allocations where migrated_from = 1") == moment


KILLED = """
import os, signal, sys
from pathlib import Path
from fntx_dagster.services.orders.turn import Desk
from fntx_dagster.services.signals.migrating import migrate_signals
from fntx_dagster.services.signals.old_mapping import read_mapping
from fntx_dagster.store.database import Database
from fntx_dagster.store.signals import folding

new, old, mapping, steps = sys.argv[1:]
fold, left = folding.fold, int(steps)

def counted(*given):
    global left
    done = fold(*given)
    left -= 1
    if left < 0:
        os.kill(os.getpid(), signal.SIGKILL)
    return done

folding.fold = counted
migrate_signals(Desk(Database(new)), Database(old), read_mapping(Path(mapping), "INR", "UTC"), batch_rows=40)
"""


def test_a_migration_that_is_killed_in_a_batch_goes_on_where_it_was(
    database: Database, old: Database, mapping: OldMapping, tmp_path: Path
) -> None:
    counts = []
    for steps in (2, 1):
        command = [sys.executable, "-c", KILLED, database.url, old.url, f"{tmp_path / 'old.toml'}", f"{steps}"]
        assert subprocess.run(command, check=False).returncode == -9
        counts += query(database, "select count(*) from ledger.signal_executions")[0]
    assert 0 < counts[0] < counts[1] < SERVICE.folding
    done = run(database, old, mapping)
    assert (done.known, done.executions + done.known) == (counts[1], SERVICE.folding)
    assert {(row.table, row.id): row.reason for row in done.unfolded} == SERVICE.faults
    assert done.differences == []
