"""What a run executes of what dbt compiled: the rows and results of dbt's own run, and what becomes of failures."""

from __future__ import annotations

import dataclasses
from datetime import date
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest

from fntx_dagster.adapters.dbt import compiled, running
from fntx_dagster.adapters.dbt.running import NodeResult
from fntx_dagster.model.period import Period
from fntx_dagster.samples import SAMPLES
from fntx_dagster.services.building.marts import build
from fntx_dagster.services.environment import dbt_environment
from fntx_dagster.settings import export
from fntx_dagster.store.marts.tables import built_from

if TYPE_CHECKING:
    from tests.dbt.conftest import Platform

DAYS = Period(date(2025, 7, 14), date(2025, 7, 16))


@pytest.fixture
def july(platform: Platform) -> Platform:
    """The samples' July, built."""
    platform.load(*sorted(SAMPLES.glob("*.xml")))
    platform.run("2025-07-01", "2025-07-18")
    return platform


@pytest.fixture
def alone(july: Platform, monkeypatch: pytest.MonkeyPatch) -> Platform:
    """The same; from then on dbt itself must not run."""
    monkeypatch.setattr(running.Project, "build", None)
    return july


def nodes(platform: Platform) -> list[compiled.CompiledNode]:
    return compiled.kept(platform.settings.paths.dbt_target).nodes


def marts(platform: Platform) -> set[str]:
    return compiled.kept(platform.settings.paths.dbt_target).marts


def by_dbt(platform: Platform) -> list[NodeResult]:
    export(dbt_environment(platform.settings))
    project = running.project_in(platform.settings.paths.dbt_target)
    built = sorted(built_from(platform.database, project.sources))
    variables = {"from_day": f"{DAYS.first}", "to_day": f"{DAYS.last}", "sources": project.sources}
    return project.build([node.name for node in project.compiled.nodes], {**variables, "as_built": built})


def as_compiled(platform: Platform) -> list[NodeResult]:
    return build(platform.settings, platform.database, [node.name for node in nodes(platform)], DAYS)


def dump(platform: Platform) -> dict[str, Any]:
    text = "select md5(string_agg(t::text, '|' order by t::text)) from alm_reporting.{} as t"
    return {mart: platform.query(text.format(mart)) for mart in marts(platform)}


def spoil(platform: Platform) -> None:
    """Make each row of a day of the range wrong, and add a lot that no longer exists."""
    with platform.database.connect() as connection:
        for mart in marts(platform) - {"stock_positions"}:
            connection.execute(
                f"update alm_reporting.{mart} set account_id = 'X' || account_id where trading_day = '2025-07-15'"
            )
        connection.execute(
            """insert into alm_reporting.stock_positions (account_id, lot_id, entry_date, exit_date)
            values ('U1', 'gone', '2020-01-02', '2020-01-03')"""
        )


def outcome(results: list[NodeResult]) -> dict[str, tuple[Any, ...]]:
    return {done.name: (done.kind, done.model, done.status, done.failing_rows) for done in results}


def test_a_day_executed_as_compiled_is_the_day_that_dbt_builds(july: Platform, monkeypatch: pytest.MonkeyPatch) -> None:
    before = dump(july)
    spoil(july)
    assert all(dump(july)[mart] != before[mart] for mart in ("daily_summary", "stock_positions", "closing_days"))
    theirs = by_dbt(july)
    assert dump(july) == before
    monkeypatch.setattr(running.Project, "build", None)
    spoil(july)
    assert outcome(as_compiled(july)) == outcome(theirs)
    assert dump(july) == before
    assert len(theirs) == 2 * len(before)


def test_what_needs_a_model_that_postgresql_refuses_is_skipped(alone: Platform) -> None:
    with alone.database.connect() as connection:
        connection.execute("alter table alm_reporting.nav_blocks add constraint none check (false) not valid")
        connection.execute("alter table alm_reporting.round_trips add constraint none check (false) not valid")
    done = {result.name: result for result in as_compiled(alone)}
    assert done["nav_blocks"].status == "error"
    assert "violates check constraint" in str(done["nav_blocks"])
    assert done["nav_blocks_rows_hold"].status == "skipped"
    assert done["nav_blocks_rows_hold"].is_failure
    assert done["official_days"].status == done["chronological_events"].status == "success"


def test_what_needs_a_model_whose_rows_fail_its_test_is_skipped_as_by_dbt(july: Platform) -> None:
    with july.database.connect() as connection:
        connection.execute(
            """create function spoil() returns trigger language plpgsql as
            $$ begin new.nav_source := 'another'; return new; end $$"""
        )
        connection.execute(
            "create trigger spoil before insert on alm_reporting.official_days for each row execute function spoil()"
        )
    theirs, done = by_dbt(july), {result.name: result for result in as_compiled(july)}
    test = done["official_days_rows_hold"]
    assert (done["official_days"].status, test.status, test.model) == ("success", "fail", "official_days")
    assert test.failing_rows > 0
    assert f"{test.failing_rows} rows" in str(test)
    assert {done[name].status for name in ("daily_summary", "daily_verification_rows_hold")} == {"skipped"}
    assert {name for name, result in done.items() if result.status == "skipped"} == {
        result.name for result in theirs if result.status == "skipped"
    }


def test_a_run_puts_its_values_in_the_places_of_all_marks(july: Platform) -> None:
    assert any("@" in text for node in nodes(july) for text in node.statements)
    texts = [text for node in nodes(july) for text in node.over(*DAYS, {"US'D": "1"})]
    assert not any(mark in text for text in texts for mark in ("@from_day", "@to_day", "@withdrawal_fees"))
    assert any("""'{"US''D": "1"}'::jsonb""" in text for text in texts)


@dataclasses.dataclass
class Node:
    """A node of a manifest, as far as compiling looks at it."""

    name: str
    resource_type: str
    config: SimpleNamespace
    depends_on: SimpleNamespace
    compiled_code: str = "select 1"
    relation_name: str = "mart"


def test_a_test_with_conditions_of_its_own_is_refused(tmp_path: Path) -> None:
    mart = Node(
        "mart", "model", SimpleNamespace(materialized=compiled.BY_SESSION, meta={}), SimpleNamespace(nodes=["source"])
    )
    conditions = {"severity": "warn", "fail_calc": "count(*)", "error_if": "!= 0", "materialized": "test"}
    test = Node("holds", "test", SimpleNamespace(**conditions), SimpleNamespace(nodes=["mart"]))
    manifest: Any = SimpleNamespace(nodes={"mart": mart, "test": test})
    with pytest.raises(RuntimeError, match="holds"):
        compiled.keep(tmp_path, manifest)
    test.config.severity = "error"
    compiled.keep(tmp_path, manifest)
    assert [node.name for node in compiled.kept(tmp_path).nodes] == ["mart", "holds"]
