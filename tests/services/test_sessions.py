"""Which session the UI's partitions begin with."""

from __future__ import annotations

from datetime import UTC, date, datetime
from pathlib import Path

from pydantic import SecretStr

from fntx_dagster.samples import SAMPLES
from fntx_dagster.services.sessions import first_partition
from fntx_dagster.settings import Settings
from fntx_dagster.store.database import Database
from fntx_dagster.store.raw_flex.statements import load_file
from fntx_dagster.store.server import EmbeddedPostgres

NOON = datetime(2026, 7, 15, 16, tzinfo=UTC)
A_YEAR_BACK = date(2025, 7, 14)


def test_where_the_embedded_database_does_not_run_they_begin_a_year_back_and_it_is_not_started(tmp_path: Path) -> None:
    settings = Settings(home=tmp_path)
    assert first_partition(settings, NOON) == A_YEAR_BACK
    assert not EmbeddedPostgres(settings.paths.postgres).running()


def test_where_the_database_does_not_answer_they_begin_a_year_back(tmp_path: Path) -> None:
    nowhere = SecretStr(f"postgresql://fntx@/fntx?host={tmp_path}")
    assert first_partition(Settings(home=tmp_path, database={"url": nowhere}), NOON) == A_YEAR_BACK


def test_where_nothing_is_loaded_they_begin_a_year_back_and_then_with_what_is_loaded(
    tmp_path: Path, database: Database
) -> None:
    settings = Settings(home=tmp_path, database={"url": SecretStr(database.url)})
    assert first_partition(settings, NOON) == A_YEAR_BACK
    load_file(database, SAMPLES / "NAV_MTD_20250719.xml")
    assert first_partition(settings, NOON) == date(2025, 7, 1)
