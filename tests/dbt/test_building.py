"""Which views and tables dbt finds as the project has them, and what it does with the others."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING

import pytest

from fntx_dagster.model.period import Period
from fntx_dagster.samples import SAMPLES
from fntx_dagster.store.marts.tables import built_from

if TYPE_CHECKING:
    from tests.dbt.conftest import Platform

COMMENT = "select obj_description('{}'::regclass)"
JULY = ("2025-07-01", "2025-07-18")


@pytest.fixture
def july(platform: Platform) -> Platform:
    platform.load(*sorted(SAMPLES.glob("*.xml")))
    platform.run(*JULY)
    return platform


def test_what_was_built_says_from_what(july: Platform) -> None:
    [(sources,)] = july.query(COMMENT.format("alm_reporting.daily_summary"))
    assert len(sources) == 64
    assert {"stg_fills", "stg_sessions", "daily_summary", "rolling_metrics"} <= built_from(july.database, sources)
    assert built_from(july.database, "another") == set()


def test_a_view_that_is_gone_or_of_other_files_is_built_again(july: Platform) -> None:
    [before] = july.query("select count(*) from alm_staging.stg_sessions")
    with july.database.connect() as connection:
        connection.execute("drop view alm_staging.stg_lots")
        connection.execute("drop view alm_staging.stg_sessions")
        connection.execute("create view alm_staging.stg_sessions as select date '2025-07-17' as trading_day")
        connection.execute("comment on view alm_staging.stg_sessions is 'of an older version'")
    july.run(*JULY)
    assert july.query("select count(*) from alm_staging.stg_sessions") == [before]
    assert july.query("select count(*) > 0 from alm_staging.stg_lots") == [(True,)]


MARTS = ("official_days", "chronological_events", "stock_positions", "daily_summary", "rolling_metrics", "round_trips")


def test_an_older_version_is_rebuilt_whatever_is_run_and_whatever_its_columns_are(july: Platform) -> None:
    dump = "select md5(string_agg(t::text, '|' order by t::text)) from alm_reporting.{} as t"
    before = [july.query(dump.format(mart)) for mart in MARTS]
    with july.database.connect() as connection:
        for mart in MARTS:
            connection.execute(f"comment on table alm_reporting.{mart} is 'of an older version'")
        connection.execute("alter table alm_reporting.daily_summary drop column nav_change, add column extra int")
        connection.execute("update alm_reporting.official_days set closing_nav = 1 where trading_day = '2025-07-03'")
        connection.execute("drop table alm_reporting.round_trips")
    july.run("2025-07-16", "2025-07-16")
    assert [july.query(dump.format(mart)) for mart in MARTS] == before


def test_a_view_that_others_are_built_on_does_not_take_them_with_it(july: Platform) -> None:
    from fntx_dagster.services.building.marts import build

    build(
        july.settings,
        july.database,
        ["stg_flex__cash_transactions", "chronological_events"],
        Period(*map(date.fromisoformat, JULY)),
    )
    assert july.query("select count(*) >= 0 from alm_staging.stg_flex__cash_transfers") == [(True,)]


def test_a_test_alone_is_run_alone(july: Platform) -> None:
    from fntx_dagster.services.building.marts import build

    [done] = build(july.settings, july.database, ["daily_summary_rows_hold"], Period(*map(date.fromisoformat, JULY)))
    assert (done.name, done.status) == ("daily_summary_rows_hold", "pass")


def test_a_table_of_an_older_version_with_the_same_columns_is_taken_over(july: Platform) -> None:
    with july.database.connect() as connection:
        connection.execute("comment on table alm_reporting.round_trips is 'of an older version'")
    before = july.query("select * from alm_reporting.round_trips order by 1, 2")
    july.run(*JULY)
    assert july.query("select * from alm_reporting.round_trips order by 1, 2") == before
    [(sources,)] = july.query(COMMENT.format("alm_reporting.round_trips"))
    assert "round_trips" in built_from(july.database, sources)
    assert len(sources) == 64
