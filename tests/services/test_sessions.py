"""Which session the UI's partitions begin with, and what is said about a day or range without a session."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import psycopg
import pytest
from pydantic import SecretStr

from fntx_dagster.accounting.calendar import last_session
from fntx_dagster.errors import Permanent, Transient
from fntx_dagster.model.period import EVER, Period
from fntx_dagster.samples import SAMPLES
from fntx_dagster.services import sessions
from fntx_dagster.services.sessions import first_partition, lacking_ends, latest_session, require_days, require_session
from fntx_dagster.settings import Settings
from fntx_dagster.store.database import Database
from fntx_dagster.store.raw_flex.statements import load_file
from fntx_dagster.store.server import EmbeddedPostgres

NOON = datetime(2026, 7, 15, 16, tzinfo=UTC)
A_YEAR_BACK = date(2025, 7, 14)


def test_where_there_is_no_database_yet_they_begin_a_year_back_and_none_is_made(tmp_path: Path) -> None:
    settings = Settings(home=tmp_path)
    assert first_partition(settings, NOON) == A_YEAR_BACK
    assert not EmbeddedPostgres(settings.paths.postgres).cluster.exists()


def test_where_the_database_does_not_answer_no_session_is_guessed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sessions, "_WAITS", (0, 0))
    nowhere = SecretStr(f"postgresql://fntx@/fntx?host={tmp_path}")
    with pytest.raises(Transient):
        first_partition(Settings(home=tmp_path, database={"url": nowhere}), NOON)
    settings = Settings(home=tmp_path)
    EmbeddedPostgres(settings.paths.postgres).cluster.mkdir(parents=True)
    with pytest.raises(Transient, match="does not run"):
        first_partition(settings, NOON)


def test_a_database_that_is_away_for_a_moment_is_asked_again(
    tmp_path: Path, database: Database, postgres: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    load_file(database, SAMPLES / "NAV_MTD_20250719.xml")
    name = psycopg.conninfo.conninfo_to_dict(database.url)["dbname"]
    settings = Settings(home=tmp_path, database={"url": SecretStr(database.url)})
    with psycopg.connect(postgres, autocommit=True) as connection:
        connection.execute(f"alter database {name} allow_connections false")
        back = f"alter database {name} allow_connections true"
        monkeypatch.setattr(sessions.time, "sleep", lambda _: connection.execute(back))
        assert first_partition(settings, NOON) == date(2025, 7, 1)


def test_where_nothing_is_loaded_they_begin_a_year_back_and_then_with_what_is_loaded(
    tmp_path: Path, database: Database
) -> None:
    settings = Settings(home=tmp_path, database={"url": SecretStr(database.url)})
    assert first_partition(settings, NOON) == A_YEAR_BACK
    load_file(database, SAMPLES / "NAV_MTD_20250719.xml")
    assert first_partition(settings, NOON) == date(2025, 7, 1)


@pytest.mark.parametrize(
    ("first", "last", "said"),
    [
        (
            date(2025, 7, 5),
            date(2025, 7, 5),
            "2025-07-05 is no session of the exchange (XNYS): weekend. The session before is 2025-07-03 (Thursday), the"
            " session after 2025-07-07 (Monday)",
        ),
        (
            date(2025, 7, 4),
            date(2025, 7, 6),
            "2025-07-04 to 2025-07-06 holds no session of the exchange (XNYS): July 4th, weekend. The session before is"
            " 2025-07-03 (Thursday), the session after 2025-07-07 (Monday)",
        ),
        (
            date(2025, 12, 25),
            date(2025, 12, 25),
            "2025-12-25 is no session of the exchange (XNYS): Christmas. The session before is 2025-12-24 (Wednesday),"
            " the session after 2025-12-26 (Friday)",
        ),
        (date(2025, 7, 8), date(2025, 7, 7), "the range ends (2025-07-07) before it begins (2025-07-08)"),
    ],
)
def test_days_without_a_session_name_the_sessions_before_and_after(
    database: Database, first: date, last: date, said: str
) -> None:
    with pytest.raises(Permanent) as caught:
        require_session(Period(first, last))
    assert str(caught.value).startswith(said)
    with pytest.raises(Permanent) as caught:
        require_days([], Period(first, last), database)
    assert str(caught.value).startswith(said)


def test_a_session_that_is_not_built_is_not_called_closed(database: Database) -> None:
    with pytest.raises(Permanent, match=r"no trading day is built for 2025-07-03\. Build what is loaded"):
        require_days([], Period.on(date(2025, 7, 3)), database)


def test_a_range_that_reaches_into_the_future_ends_early_only_where_a_statement_is_due() -> None:
    due = latest_session()
    before = last_session(due - timedelta(days=1)).day
    ahead = Period(before, due + timedelta(days=90))
    assert [*lacking_ends(before, due, ahead)] == []
    [said] = lacking_ends(before, before, ahead)
    assert said.startswith(f"the range ends early, with {before}: {due} is not built")


def test_a_range_that_begins_before_the_first_built_day_begins_late() -> None:
    july = Period(date(2025, 6, 27), date(2025, 7, 18))
    assert [*lacking_ends(date(2025, 7, 1), date(2025, 7, 18), july)] == [
        "the range begins late, with 2025-07-01: 2 sessions from 2025-06-27 on are not built"
        " (`fntx status` says what is loaded)"
    ]
    assert [*lacking_ends(date(2025, 7, 7), date(2025, 7, 18), Period(date(2025, 7, 4), date(2025, 7, 18)))] == []


@pytest.mark.parametrize(
    ("period", "said"),
    [
        (Period(date(2026, 1, 5), EVER.last), "for 2026-01-05 and later"),
        (Period(EVER.first, date(2026, 1, 5)), "for 2026-01-05 and earlier"),
        (EVER, "for any day"),
        (Period(date(2026, 1, 5), date(2026, 1, 9)), "for 2026-01-05 to 2026-01-09"),
    ],
)
def test_a_range_without_an_end_is_named_by_the_end_that_it_has(database: Database, period: Period, said: str) -> None:
    with pytest.raises(Permanent, match=f"no trading day is built {said}\\."):
        require_days((), period, database)
