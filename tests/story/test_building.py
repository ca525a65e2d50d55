"""Which views and tables dbt finds as the project has them, and what it does with the others."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING

import pytest

from fntx_dagster.samples import SAMPLES
from fntx_dagster.store.marts import built_from

if TYPE_CHECKING:
    from tests.story.conftest import Platform

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


def test_a_table_with_other_columns_is_named_and_stays_as_it_was(july: Platform) -> None:
    with july.database.connect() as connection:
        connection.execute("alter table alm_reporting.round_trips rename column fees to charges")
        connection.execute("comment on table alm_reporting.round_trips is 'of an older version'")
    before = july.query("select count(*) from alm_reporting.round_trips")
    from fntx_dagster.defs.transforms import build

    [refused] = [one for one in build(july.settings, ["round_trips"], *map(date.fromisoformat, JULY)) if one.message]
    assert 'alm_reporting"."round_trips" has other columns than its model: drop it' in refused.message
    assert july.query("select count(*) from alm_reporting.round_trips") == before
    with july.database.connect() as connection:
        connection.execute("drop table alm_reporting.round_trips")
    july.run(*JULY)
    assert july.query("select count(fees) from alm_reporting.round_trips") == before


def test_a_table_of_an_older_version_with_the_same_columns_is_taken_over(july: Platform) -> None:
    with july.database.connect() as connection:
        connection.execute("comment on table alm_reporting.round_trips is 'of an older version'")
    before = july.query("select * from alm_reporting.round_trips order by 1, 2")
    july.run(*JULY)
    assert july.query("select * from alm_reporting.round_trips order by 1, 2") == before
    [(sources,)] = july.query(COMMENT.format("alm_reporting.round_trips"))
    assert "round_trips" in built_from(july.database, sources)
    assert len(sources) == 64
