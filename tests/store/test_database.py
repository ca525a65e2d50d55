from __future__ import annotations

import re
import subprocess
import sys
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
from fntx_dagster.store.database import Database, keeping_connections
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


def test_every_section_has_its_table_with_its_typed_columns(database: Database) -> None:
    with database.connect() as connection:
        for section in SECTIONS:
            found = dict(
                connection.execute(
                    """SELECT column_name, data_type FROM information_schema.columns
                       WHERE table_schema = 'raw_flex' AND table_name = %s""",
                    [section.table],
                ).fetchall()
            )
            assert found.keys() >= COMMON
            typed = {name: kind.replace("timestamp with time zone", "timestamptz") for name, kind in found.items()}
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
    import alembic.command as alembic

    upgrade = alembic.upgrade
    with psycopg.connect(postgres, autocommit=True) as connection:
        connection.execute("CREATE DATABASE before_the_queue")
    database = Database(database_url(postgres, "before_the_queue"))
    with monkeypatch.context() as older:
        older.setattr(alembic, "upgrade", lambda config, revision: upgrade(config, "0004"))
        migrate(database)
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


def test_actions_and_transfers_of_before_get_their_columns_and_are_told_again(
    postgres: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    import alembic.command as alembic

    upgrade = alembic.upgrade
    with psycopg.connect(postgres, autocommit=True) as connection:
        connection.execute("CREATE DATABASE before_the_bookings")
    database = Database(database_url(postgres, "before_the_bookings"))
    with monkeypatch.context() as older:
        older.setattr(alembic, "upgrade", lambda config, revision: upgrade(config, "0005"))
        migrate(database)
    with database.connect() as connection:
        for table, told in (
            ("corporate_actions", {"actionID": "7", "multiplier": "1,000", "expiry": "20250718", "code": "Ca"}),
            ("transfers", {"transferPrice": "48.5", "strike": "N/A", "description": "ACME INC"}),
            ("transfers", {"transferPrice": "unknown", "expiry": "20250230"}),
        ):
            connection.execute(
                f"""INSERT INTO raw_flex.{table} (account_id, row_key, row_kind, row_date, statement_id, attributes)
                VALUES ('U1', md5(%s), 'Row', '2025-07-15', 1, %s)""",
                [str(told), Jsonb(told)],
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
        untold = "SELECT account_id, since FROM alm_reporting.untold_changes"
        assert connection.execute(untold).fetchall() == [("U1", date(2025, 7, 15))]


def test_a_database_of_a_newer_program_is_left_alone(database: Database) -> None:
    with database.connect() as connection:
        connection.execute("UPDATE raw_flex.schema_version SET version_num = '9999'")
    with pytest.raises(Permanent, match="9999"):
        migrate(database)


def test_a_server_that_is_away_is_transient_and_its_password_stays_secret(tmp_path: Path) -> None:
    settings = Settings(home=tmp_path, database_url=SecretStr("postgresql://u:hunter2@127.0.0.1:1/db"))
    with pytest.raises(Transient) as caught:
        open_database(settings)
    assert "hunter2" not in str(caught.value)
    assert "FNTX_DATABASE_URL" in caught.value.way_out


def test_a_url_that_is_none_is_permanent_and_not_repeated(tmp_path: Path) -> None:
    settings = Settings(home=tmp_path, database_url=SecretStr("postgresql://u:hunter2@h:port/db"))
    with pytest.raises((Permanent, Transient)) as caught:
        open_database(settings)
    assert "hunter2" not in str(caught.value)


def backend(connection: psycopg.Connection) -> int:
    return connection.info.backend_pid


def test_a_process_that_keeps_its_connections_uses_one_and_leaves_none(database: Database) -> None:
    with database.connect() as connection:
        before = backend(connection)
    with keeping_connections():
        with database.connect() as connection:
            kept = backend(connection)
        with pytest.raises(psycopg.errors.DivisionByZero), database.connect() as connection:
            connection.execute("SELECT 1 / 0")
        with database.connect() as connection, database.connect() as beside:
            found = {backend(connection), backend(beside)}
        assert kept != before
        assert len(found) == 2
    with database.connect() as connection:
        mine = connection.execute(
            "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )
        assert mine.fetchone() == (0,)


def test_a_kept_connection_that_was_cut_is_replaced(database: Database, postgres: str) -> None:
    with keeping_connections():
        with database.connect() as connection:
            kept = backend(connection)
        with psycopg.connect(postgres, autocommit=True) as other:
            other.execute("SELECT pg_terminate_backend(%s)", [kept])
        with database.connect() as connection:
            assert backend(connection) != kept
            assert connection.execute("SELECT 1").fetchone() == (1,)


def test_a_connection_that_may_hold_locks_is_not_kept(database: Database) -> None:
    with keeping_connections():
        with database.connect() as connection:
            connection.commit()
            connection.autocommit = True
            connection.execute("SELECT pg_advisory_lock(7)")
        with database.connect() as connection:
            assert connection.execute("SELECT pg_try_advisory_lock(7)").fetchone() == (True,)


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
    settings = Settings(home=tmp_path, database_url=SecretStr(database_url(postgres, "template_fntx")))
    for _ in range(2):
        assert "/dagster?" in dagster_storage_url(settings)


def test_dagsters_url_names_the_driver_whatever_it_was_given(tmp_path: Path) -> None:
    for url in (
        "postgresql://u:p%40ss@h:1234/d?sslmode=require",
        "postgresql+psycopg2://u:p%40ss@h:1234/d?sslmode=require",
    ):
        settings = Settings(home=tmp_path, dagster_database_url=SecretStr(url))
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
    settings = SimpleNamespace(database_url=url, dagster_database_url=None, paths=None)
    assert open_database(settings).url == url.get_secret_value()  # type: ignore[arg-type]
