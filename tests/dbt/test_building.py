"""Which views and tables dbt finds as the project has them, and what it does with the others."""

from __future__ import annotations

import re
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


def test_the_brokers_return_is_its_own_figure_and_ours_differs_by_what_flows_do(july: Platform) -> None:
    """The samples' twr, to the nine digits that they have; a day without it is computed with flows at its start."""
    statement = (SAMPLES / "NAV_MTD_20250719.xml").read_text(encoding="utf-8")
    stated = {
        date.fromisoformat(day): float(twr) / 100
        for day, twr in re.findall(r'<ChangeInNAV [^>]*toDate="(\d{8})"[^>]* twr="([^"]*)"', statement)
    }

    def linked() -> dict[date, tuple[float, float]]:
        rows = july.query(
            """select trading_day, total_return, broker_return from alm_reporting.rolling_metrics
            where metric_window = 'all' order by 1"""
        )
        return {day: (1 + ours, 1 + brokers) for day, ours, brokers in rows}

    by_day = linked()
    before = (1.0, 1.0)
    for day, grown in by_day.items():
        assert grown[1] / before[1] - 1 == pytest.approx(stated[day], abs=1e-14)
        before = grown
    july.query("update raw_flex.change_in_nav set twr = null returning 1")
    july.run(*JULY)
    computed, flows = linked(), {date(2025, 7, 1), date(2025, 7, 10), date(2025, 7, 16)}
    before = (1.0, 1.0)
    for day, grown in computed.items():
        ours, brokers = grown[0] / before[0] - 1, grown[1] / before[1] - 1
        if day in flows:  # money that goes in the day was at work until its close by ours, since the open by theirs not
            assert brokers > ours
        else:
            assert brokers == pytest.approx(stated[day], abs=1e-11)
        before = grown


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
