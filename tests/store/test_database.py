from __future__ import annotations

import re
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import date
from decimal import Decimal
from pathlib import Path
from types import SimpleNamespace

import psycopg
import pytest
from psycopg.types.json import Jsonb
from pydantic import SecretStr

from fntx_dagster.adapters.flex.sections import SECTIONS
from fntx_dagster.errors import Permanent, Transient
from fntx_dagster.settings import Settings
from fntx_dagster.store import pool
from fntx_dagster.store.database import Database, Readable
from fntx_dagster.store.migrating import migrate
from fntx_dagster.store.opening import dagster_storage_url, dbt_connection, open_database
from fntx_dagster.store.server import EmbeddedPostgres, database_url

COMMON = {
    "row_id",
    "account_id",
    "row_key",
    "row_kind",
    "row_date",
    "statement_id",
    "attributes",
    "digest",
    "withdrawn_at",
}


def at_revision(postgres: str, monkeypatch: pytest.MonkeyPatch, name: str, revision: str) -> Database:
    """A new database as an earlier version left it: with the migrations up to `revision`."""
    import alembic.command as alembic

    upgrade = alembic.upgrade
    with psycopg.connect(postgres, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}")
    database = Database(database_url(postgres, name))
    with monkeypatch.context() as older:
        older.setattr(alembic, "upgrade", lambda config, _: upgrade(config, revision))
        migrate(database)
    return database


def test_every_section_has_its_table_with_its_typed_columns(database: Database) -> None:
    with database.connect() as connection:
        for section in SECTIONS:
            columns = dict(
                connection.execute(
                    """SELECT column_name, data_type FROM information_schema.columns
                       WHERE table_schema = 'raw_flex' AND table_name = %s""",
                    [section.table],
                ).fetchall()
            )
            assert columns.keys() >= COMMON
            typed = {name: kind.replace("timestamp with time zone", "timestamptz") for name, kind in columns.items()}
            expected = {column.name: column.kind.sql for column in section.columns} or {"section": "text"}
            assert {name: typed[name] for name in typed.keys() - COMMON} == expected


def test_a_block_that_raises_is_rolled_back(database: Database) -> None:
    def insert_and_fail() -> None:
        with database.connect() as connection:
            connection.execute("INSERT INTO alm_reporting.trading_sessions VALUES (now(), now(), now(), now(), false)")
            raise RuntimeError

    with pytest.raises(RuntimeError):
        insert_and_fail()
    with database.connect() as connection:
        assert connection.execute("SELECT count(*) FROM alm_reporting.trading_sessions").fetchone() == (0,)


def test_the_product_aggregate_multiplies(database: Database) -> None:
    with database.connect() as connection:
        values = "(VALUES (1.5), (2), (NULL)) AS v(x)"
        assert connection.execute(f"SELECT alm_reporting.product(x) FROM {values}").fetchone() == (3.0,)


@pytest.mark.parametrize("statement", ["UPDATE {} SET version = 2", "DELETE FROM {}", "TRUNCATE {} CASCADE"])
def test_signatures_are_append_only(database: Database, statement: str) -> None:
    with database.connect() as connection:
        connection.execute("INSERT INTO alm_reporting.daily_signatures VALUES ('U1', '2025-07-17', 1, '', '', '{}')")
    with pytest.raises(psycopg.errors.RestrictViolation, match="append-only"), database.connect() as connection:
        connection.execute(statement.format("alm_reporting.daily_signatures"))


def test_a_receipt_is_confirmed_once_and_never_removed(database: Database) -> None:
    with database.connect() as connection:
        connection.execute(
            """INSERT INTO alm_reporting.chain_receipts (account_id, trading_day, version, chain_id, contract, trader,
                   tx_hash, block_number, block_hash, gas_used, posted_at)
               VALUES ('U1', '2025-07-17', 1, 31337, '0x', '0x', '', 1, '', 1, now())"""
        )
        connection.execute("UPDATE alm_reporting.chain_receipts SET confirmed_at = now()")
    for statement in (
        "UPDATE alm_reporting.chain_receipts SET gas_used = 2",
        "DELETE FROM alm_reporting.chain_receipts",
    ):
        with pytest.raises(psycopg.errors.RestrictViolation), database.connect() as connection:
            connection.execute(statement)


def test_what_was_signed_before_there_was_a_queue_is_queued_or_final(
    postgres: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    database = at_revision(postgres, monkeypatch, "before_the_queue", "0004")
    with database.connect() as connection:
        for day in ("2025-07-17", "2025-07-18"):
            connection.execute(
                """INSERT INTO alm_reporting.daily_signatures VALUES ('U1', %s, 1, '', '',
                '{"chain_id": "7", "contract": "0xc", "trader": "0xt", "values": {"net_pnl": "100000000"}}')""",
                (day,),
            )
        connection.execute(
            """INSERT INTO alm_reporting.chain_receipts (account_id, trading_day, version, chain_id, contract, trader,
                   tx_hash, block_number, block_hash, gas_used, posted_at, confirmed_at)
               VALUES ('U1', '2025-07-17', 1, 7, '0xc', '0xt', '', 1, '', 1, now(), now())"""
        )
    migrate(database)
    with database.connect() as connection:
        rows = connection.execute("SELECT state, trader FROM alm_reporting.chain_postings ORDER BY trading_day")
        assert rows.fetchall() == [("final", "0xt"), ("queued", "0xt")]


def test_a_date_that_was_loaded_as_midnight_before_has_no_time_and_its_day_is_stale(
    postgres: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    database = at_revision(postgres, monkeypatch, "before_the_times", "0012")
    texts = ("20250717", "2025-07-17", "17/07/2025", "20250717;000000", "20250717;093000")
    with database.connect() as connection:
        for number, text in enumerate(texts):
            connection.execute(
                """INSERT INTO raw_flex.trades
                    (account_id, row_key, row_kind, row_date, statement_id, attributes, date_time)
                VALUES (%s, %s, 'Trade', '2025-07-17', 1, %s, '2025-07-17 00:00 America/New_York')""",
                [f"U{number}", str(number), Jsonb({"dateTime": text})],
            )
    migrate(database)
    with database.connect() as connection:
        kept = connection.execute("SELECT account_id FROM raw_flex.trades WHERE date_time IS NOT NULL ORDER BY 1")
        assert kept.fetchall() == [("U3",), ("U4",)]
        stale = connection.execute("SELECT account_id, since FROM alm_reporting.untold_changes ORDER BY 1")
        assert stale.fetchall() == [(f"U{number}", date(2025, 7, 17)) for number in range(3)]


def test_actions_and_transfers_of_before_get_their_columns_and_make_their_days_stale(
    postgres: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    database = at_revision(postgres, monkeypatch, "before_the_bookings", "0005")
    with database.connect() as connection:
        for table, built in (
            ("corporate_actions", {"actionID": "7", "multiplier": "1,000", "expiry": "20250718", "code": "Ca"}),
            ("transfers", {"transferPrice": "48.5", "strike": "N/A", "description": "ACME INC"}),
            ("transfers", {"transferPrice": "unknown", "expiry": "20250230"}),
        ):
            connection.execute(
                f"""INSERT INTO raw_flex.{table} (account_id, row_key, row_kind, row_date, statement_id, attributes)
                VALUES ('U1', md5(%s), 'Row', '2025-07-15', 1, %s)""",
                [str(built), Jsonb(built)],
            )
    migrate(database)
    with database.connect() as connection:
        actions = "SELECT action_id, multiplier, expiry, code, strike FROM raw_flex.corporate_actions"
        assert connection.execute(actions).fetchall() == [("7", 1000, date(2025, 7, 18), "Ca", None)]
        transfers = "SELECT transfer_price, strike, expiry, description FROM raw_flex.transfers ORDER BY row_id"
        assert connection.execute(transfers).fetchall() == [
            (Decimal("48.5"), None, None, "ACME INC"),
            (None, None, None, None),
        ]
        stale = "SELECT account_id, since FROM alm_reporting.untold_changes"
        assert connection.execute(stale).fetchall() == [("U1", date(2025, 7, 15))]


def test_a_server_that_is_away_is_transient_and_its_password_stays_secret(tmp_path: Path) -> None:
    settings = Settings(home=tmp_path, database={"url": SecretStr("postgresql://u:hunter2@127.0.0.1:1/db")})
    with pytest.raises(Transient) as caught:
        open_database(settings)
    assert "hunter2" not in str(caught.value)
    assert "FNTX_DATABASE_URL" in caught.value.way_out


def test_a_url_that_is_none_is_permanent_and_not_repeated(tmp_path: Path) -> None:
    settings = Settings(home=tmp_path, database={"url": SecretStr("postgresql://u:hunter2@h:port/db")})
    with pytest.raises((Permanent, Transient)) as caught:
        open_database(settings)
    assert "hunter2" not in str(caught.value)


def backend(connection: psycopg.Connection) -> int:
    return connection.info.backend_pid


def test_a_process_uses_one_connection_again_and_leaves_none(database: Database) -> None:
    with database.connect() as connection:
        kept = backend(connection)
    with pytest.raises(psycopg.errors.DivisionByZero), database.connect() as connection:
        connection.execute("SELECT 1 / 0")
    with database.connect() as connection, database.connect() as beside:
        used = {backend(connection), backend(beside)}
    assert kept in used
    assert len(used) == 2
    database.close()
    with database.connect() as connection:
        assert backend(connection) not in used
        assert is_alone(connection)


def test_a_connection_that_was_cut_is_replaced(database: Database, postgres: str) -> None:
    with database.connect() as connection:
        kept = backend(connection)
    with psycopg.connect(postgres, autocommit=True) as other:
        other.execute("SELECT pg_terminate_backend(%s, 60000)", [kept])
    with database.connect() as connection:
        assert backend(connection) != kept
        assert connection.execute("SELECT 1").fetchone() == (1,)


def test_a_connection_that_is_cut_while_it_is_used_is_transient(database: Database) -> None:
    with pytest.raises(Transient, match="was lost"), database.connect() as connection:
        connection.execute("SELECT pg_terminate_backend(pg_backend_pid())")
    with database.connect() as connection:
        assert connection.execute("SELECT 1").fetchone() == (1,)


def test_a_connection_that_may_hold_locks_is_not_kept(database: Database) -> None:
    with database.connect() as connection:
        connection.commit()
        connection.autocommit = True
        connection.execute("SELECT pg_advisory_lock(7)")
    with database.connect() as connection:  # the server may take a moment to see that the other one ended
        connection.execute("SET LOCAL lock_timeout = '10s'")
        connection.execute("SELECT pg_advisory_xact_lock(7)")


def test_threads_share_a_pool_that_stays_within_its_bound(database: Database) -> None:
    database.close()
    database = Database(database.url, connections=3)

    def work(number: int) -> tuple[int, int]:
        with database.connect() as connection:
            seen = others(connection)
            [(answer, _)] = connection.execute("SELECT %s::int, pg_sleep(0.005)", [number])
            return answer, seen

    with psycopg.connect(database.url, autocommit=True) as observer:
        assert is_alone(observer)
        with ThreadPoolExecutor(max_workers=24) as threads:
            done = [*threads.map(work, range(200))]
    assert [answer for answer, _ in done] == [*range(200)]
    assert max(seen for _, seen in done) == 3  # the other two of the pool, and the observer


def test_a_connection_that_cannot_be_had_in_time_says_what_to_do(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pool, "WAIT_SECONDS", 0.1)
    few = Database(database.url, connections=1)
    with few.connect(), pytest.raises(Transient, match="1 connections") as caught, few.connect():
        pass
    assert "FNTX_DATABASE_CONNECTIONS" in caught.value.way_out
    with few.connect() as connection:
        assert connection.execute("SELECT 1").fetchone() == (1,)


def test_a_server_that_went_away_is_noticed_at_once_and_comes_back(short_path: Path) -> None:
    server = EmbeddedPostgres(short_path)
    database = Database(server.start())
    with database.connect() as connection, database.connect():
        connection.execute("SELECT 1")
    server.stop()
    began = time.monotonic()
    with pytest.raises(Transient, match="cannot connect"), database.connect():
        pass
    assert time.monotonic() - began < 5
    assert server.start() == database.url
    try:
        with database.connect() as connection:
            assert connection.execute("SELECT 1").fetchone() == (1,)
    finally:
        server.stop()


def test_a_process_that_ends_closes_its_connections_and_waits_for_nothing(database: Database) -> None:
    script = """
import os, sys, threading
from fntx_dagster.store.database import Database
database = Database(sys.argv[1])
with database.connect() as connection, database.connect() as beside:
    print(connection.info.backend_pid, beside.info.backend_pid, flush=True)
if not os.fork():
    with database.connect() as connection:
        print(connection.info.backend_pid, flush=True)
    sys.exit()
os.wait()
with database.connect() as connection:
    print(connection.info.backend_pid)
"""
    done = subprocess.run(
        [sys.executable, "-c", script, database.url], capture_output=True, text=True, timeout=20, check=True
    )
    assert done.stderr == ""
    kept, beside, of_child, again = done.stdout.split()
    assert again in (kept, beside)
    assert of_child not in (kept, beside)
    with database.connect() as connection:
        assert others(connection) == 0


class TestASnapshot:
    """One transaction for all readers of a use case."""

    def test_does_not_see_what_changes_between_two_reads(self, database: Database) -> None:
        with database.snapshot() as snapshot:
            before = accounts_of(snapshot)
            with database.connect() as connection:
                connection.execute("INSERT INTO alm_reporting.untold_changes (account_id, since) VALUES ('U1', now())")
            assert accounts_of(snapshot) == before == []
            assert accounts_of(database) == ["U1"]
        with database.snapshot() as snapshot:
            assert accounts_of(snapshot) == ["U1"]

    def test_is_of_the_moment_at_which_it_begins(self, database: Database) -> None:
        with database.snapshot() as snapshot:
            with database.connect() as connection:
                connection.execute("INSERT INTO alm_reporting.untold_changes (account_id, since) VALUES ('U1', now())")
            assert accounts_of(snapshot) == []

    def test_gives_every_reader_the_same_connection(self, database: Database) -> None:
        with database.snapshot() as snapshot, snapshot.connect() as outer:
            with snapshot.connect() as inner:
                assert backend(inner) == backend(outer)
            assert outer.execute("SELECT 1").fetchone() == (1,)

    def test_refuses_to_write(self, database: Database) -> None:
        refused = pytest.raises(psycopg.errors.ReadOnlySqlTransaction)
        with refused, database.snapshot() as snapshot, snapshot.connect() as connection:
            connection.execute("DELETE FROM alm_reporting.untold_changes")
        with database.connect() as connection:
            connection.execute("DELETE FROM alm_reporting.untold_changes")

    def test_names_a_table_that_is_missing_and_a_server_that_went_away(self, database: Database) -> None:
        missing, lost = pytest.raises(Permanent, match="lacks a table"), pytest.raises(Transient, match="was lost")
        with missing, database.snapshot() as snapshot, snapshot.connect() as connection:
            connection.execute("SELECT * FROM alm_reporting.nothing")
        with lost, database.snapshot() as snapshot, snapshot.connect() as connection:
            connection.execute("SELECT pg_terminate_backend(pg_backend_pid())")


def accounts_of(db: Readable) -> list[str]:
    with db.connect() as connection:
        return [account for (account,) in connection.execute("SELECT account_id FROM alm_reporting.untold_changes")]


def others(connection: psycopg.Connection) -> int:
    """How many other connections of clients the database has; one that vacuums is the server's own."""
    [(number,)] = connection.execute(
        "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
        " AND backend_type = 'client backend'"
    )
    return number


def is_alone(connection: psycopg.Connection) -> bool:
    """Whether every other connection ends within ten seconds; the server needs a moment for each that was closed."""
    for _ in range(1000):
        if not others(connection):
            return True
        connection.execute("SELECT pg_stat_clear_snapshot()")
        time.sleep(0.01)
    return False


def test_a_table_that_somebody_dropped_is_named_with_the_way_out(database: Database) -> None:
    with database.connect() as connection:
        connection.execute("DROP TABLE alm_reporting.portfolio_greeks")
    named = re.escape('"alm_reporting.portfolio_greeks" does not exist')
    with pytest.raises(Permanent, match=named) as caught, database.connect() as connection:
        connection.execute("SELECT * FROM alm_reporting.portfolio_greeks")
    assert "`fntx run`" in caught.value.way_out


def test_a_database_does_not_show_its_password() -> None:
    assert "hunter2" not in repr(Database("postgresql://u:hunter2@h/db"))


def test_one_folder_serves_the_database_dagster_and_dbt(short_path: Path) -> None:
    settings = Settings(home=short_path)
    try:
        with open_database(settings).connect() as connection:
            assert connection.info.dbname == "fntx"
            assert connection.execute("SELECT current_setting('application_name')").fetchone() == ("fntx",)
        import sqlalchemy

        engine = sqlalchemy.create_engine(dagster_storage_url(settings))
        with engine.connect() as connection:
            assert connection.scalar(sqlalchemy.text("SELECT current_database()")) == "dagster"
        engine.dispose()
        dbt = dbt_connection(settings)
        assert (dbt["dbname"], dbt["user"]) == ("fntx", "fntx")
        assert Path(dbt["host"]).is_dir()
    finally:
        EmbeddedPostgres(settings.paths.postgres).stop()


def test_dagsters_database_is_created_on_a_server_of_ones_own(postgres: str, tmp_path: Path) -> None:
    settings = Settings(home=tmp_path, database={"url": SecretStr(database_url(postgres, "template_fntx"))})
    for _ in range(2):
        assert "/dagster?" in dagster_storage_url(settings)


def test_dagsters_url_names_the_driver_whatever_it_was_given(tmp_path: Path) -> None:
    for url in (
        "postgresql://u:p%40ss@h:1234/d?sslmode=require",
        "postgresql+psycopg2://u:p%40ss@h:1234/d?sslmode=require",
    ):
        settings = Settings(home=tmp_path, dagster={"database_url": SecretStr(url)})
        expected = "postgresql+psycopg2://u:p%40ss@/d?host=h&port=1234&sslmode=require"
        assert dagster_storage_url(settings) == expected


def test_several_may_migrate_at_once_and_nothing_is_printed(postgres: str) -> None:
    with psycopg.connect(postgres, autocommit=True) as connection:
        connection.execute("DROP DATABASE IF EXISTS migrated_at_once")
        connection.execute("CREATE DATABASE migrated_at_once")
    script = (
        "import sys, logging; logging.basicConfig(level=logging.INFO)\n"
        "from fntx_dagster.store.database import Database\nfrom fntx_dagster.store.migrating import migrate\n"
        "migrate(Database(sys.argv[1]))"
    )
    command = [sys.executable, "-c", script, database_url(postgres, "migrated_at_once")]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT}
    processes = [subprocess.Popen(command, **pipes) for _ in range(4)]
    assert [(process.communicate()[0], process.returncode) for process in processes] == [(b"", 0)] * 4


def test_a_migrated_database_opens_without_alembic(postgres: str) -> None:
    script = (
        "import sys\nfrom fntx_dagster.store.database import Database\n"
        "from fntx_dagster.store.migrating import migrate\n"
        "migrate(Database(sys.argv[1])); assert 'alembic' not in sys.modules and 'sqlalchemy' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", script, database_url(postgres, "template_fntx")], check=True)


def test_settings_are_all_that_open_database_reads(postgres: str) -> None:
    url = SecretStr(database_url(postgres, "template_fntx"))
    database, dagster = SimpleNamespace(url=url, connections=3), SimpleNamespace(database_url=None)
    settings = SimpleNamespace(database=database, dagster=dagster, paths=None)
    opened = open_database(settings)
    opened.close()
    assert opened == Database(url.get_secret_value(), connections=3)
