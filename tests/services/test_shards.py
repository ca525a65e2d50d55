"""A run for a part of the accounts: what two parts build one after the other is what one run builds of all."""

from __future__ import annotations

from datetime import UTC, date, datetime

import pytest
from pydantic import SecretStr

from fntx_dagster.errors import Permanent
from fntx_dagster.model.period import Period
from fntx_dagster.services.building.lots import rebuild_lots
from fntx_dagster.services.building.marts import MARTS_BY_SESSION, build_marts, manifest
from fntx_dagster.services.building.risk import build_risk
from fntx_dagster.services.shards import accounts_of_run, parts
from fntx_dagster.services.statements import load_statements
from fntx_dagster.services.watching import stale_days_to_build
from fntx_dagster.settings import Settings
from fntx_dagster.settings.groups import DatabaseSettings
from fntx_dagster.settings.runs import DagsterSettings
from fntx_dagster.store.accounting.changes import changed_since
from fntx_dagster.store.database import Database
from tests.servers import deliver

ACCOUNTS = [f"U{3_000_000 + number}" for number in range(4)]
PERIOD = Period(date(2024, 12, 2), date(2024, 12, 4))
TABLES = (*MARTS_BY_SESSION, "stock_positions", "option_greeks", "portfolio_greeks", "fills", "position_lots")


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory, module_database: Database) -> Settings:
    home = tmp_path_factory.mktemp("home")
    settings = Settings(
        home=home, database=DatabaseSettings(url=SecretStr(module_database.url)), dagster=DagsterSettings(shards=2)
    )
    deliver(settings.paths.statements, ACCOUNTS, *PERIOD)
    manifest(settings)
    load_statements(settings, module_database)
    return settings


def build(settings: Settings, db: Database, only: list[str] | None) -> None:
    rebuild_lots(settings, db, PERIOD, only)
    names = {*MARTS_BY_SESSION, "stock_positions"}
    assert build_marts(settings, db, PERIOD, names, all_models=True, only=only).failures == []
    build_risk(settings, db, PERIOD, only)


def rows(db: Database, accounts: list[str]) -> dict[str, list[str]]:
    """Every table's rows of accounts, without what numbers them or says when they were computed."""
    with db.connect() as connection:
        return {
            table: [
                row
                for (row,) in connection.execute(
                    f"""select (to_jsonb(t) - 'computed_at' - 'built_at')::text from alm_reporting.{table} as t
                    where account_id = any(%s) order by 1""",
                    [accounts],
                )
            ]
            for table in TABLES
        }


@pytest.mark.slow
def test_two_parts_build_what_one_run_builds_of_all(settings: Settings, module_database: Database) -> None:
    db = module_database
    build(settings, db, None)
    whole = rows(db, ACCOUNTS)
    assert all(whole[table] for table in ("daily_summary", "fills", "portfolio_greeks"))
    (first, one), (second, other) = [(shard, list(only or ())) for shard, only in parts(settings, db)]
    assert (first, second) == ("1/2", "2/2")
    assert sorted(one + other) == ACCOUNTS
    with db.connect() as connection:
        for table in TABLES:
            connection.execute(f"delete from alm_reporting.{table}")
        connection.execute(
            "insert into alm_reporting.untold_changes (account_id, since) select unnest(%s::text[]), %s",
            [ACCOUNTS, PERIOD.first],
        )
    build(settings, db, one)
    assert rows(db, one) == {
        table: [row for row in found if any(a in row for a in one)] for table, found in whole.items()
    }
    assert not any(rows(db, other).values()), "the other part is not touched"
    assert {*changed_since(db)} == {*other}
    now = datetime(2025, 1, 5, tzinfo=UTC)
    assert stale_days_to_build(settings, db, now, one).period is None
    assert stale_days_to_build(settings, db, now, other).period == PERIOD
    build(settings, db, other)
    assert rows(db, ACCOUNTS) == whole
    assert changed_since(db) == {}


def test_a_run_says_which_accounts_it_is_for(settings: Settings, module_database: Database) -> None:
    db = module_database
    assert accounts_of_run(db, None, None) is None
    assert accounts_of_run(db, None, "U3000001, U3000000") == ["U3000001", "U3000000"]
    own = accounts_of_run(db, "1/2", None)
    assert own is not None
    assert {*own} < {*ACCOUNTS}
    with pytest.raises(Permanent, match="1 of the 2 accounts"):
        accounts_of_run(db, None, "U3000001,U9")
    for shard, named in (("3/2", None), ("x", None), ("1/2", "U3000001")):
        with pytest.raises(Permanent, match="name no part"):
            accounts_of_run(db, shard, named)
