"""The whole path for tests: statements are loaded, fills rebuilt, and dbt builds the marts in a database of their own.

A module's accounts go into one database and are built once: dbt costs seconds, an account nothing.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date
from itertools import chain
from pathlib import Path
from typing import Any

import psycopg
import pytest
from pydantic import SecretStr

from fntx_dagster.adapters.dbt.compiled import kept
from fntx_dagster.model.day import Day
from fntx_dagster.model.period import Period
from fntx_dagster.services.building.marts import build, manifest
from fntx_dagster.settings import Settings
from fntx_dagster.simulate.delivery import deliver
from fntx_dagster.store.accounting.capital import set_initial_capital
from fntx_dagster.store.accounting.changes import mark_built, note_refused, stale_range
from fntx_dagster.store.accounting.fills import RebuildCounts, rebuild
from fntx_dagster.store.database import Database
from fntx_dagster.store.marts import story, verification
from fntx_dagster.store.raw_flex.statements import load_file
from fntx_dagster.store.server import database_url

NAME = "story"
"""One name for all: dbt bakes it into what it parses, and parsing is the dearest step."""
FIRST, LAST = date(2024, 1, 1), date(2025, 12, 31)


class Platform:
    """What a user's home does, without Dagster around it."""

    def __init__(self, settings: Settings, database: Database) -> None:
        self.settings = settings
        self.database = database

    def load(self, *files: Path) -> None:
        for file in files:
            load_file(self.database, file)

    def run(self, first: date | str = FIRST, last: date | str = LAST) -> RebuildCounts:
        """Bring fills and marts up to date for a range of sessions; dbt's own tests must hold."""
        first, last = (date.fromisoformat(day) if isinstance(day, str) else day for day in (first, last))
        counts = self.rebuild(first, last)
        self.build(first, last)
        return counts

    def rebuild(self, first: date, last: date) -> RebuildCounts:
        """Bring the fills up to date for a range of sessions."""
        set_initial_capital(self.database, self.settings.accounting.initial_capital)
        counts = rebuild(self.database, Period(first, last), fallback=self.settings.accounting.fx_fallback)
        note_refused(self.database, first, ((account.account_id, str(account.error)) for account in counts.failed))
        return counts

    def goes_on(self, day: str) -> None:
        """What the daily run does for a session: it builds again what depends on a change, and removes the notes."""
        session = date.fromisoformat(day)
        start = stale_range(self.database, Period.on(session)).period.first
        counts = rebuild(self.database, Period(start, session), fallback=self.settings.accounting.fx_fallback)
        note_refused(self.database, start, ((account.account_id, str(account.error)) for account in counts.failed))
        stale = stale_range(self.database, Period.on(session))
        self.build(*stale.period)
        mark_built(self.database, stale)

    def build(self, first: date, last: date) -> None:
        """Build the marts for a range of sessions; dbt's own tests must hold."""
        names = [node.name for node in kept(self.settings.paths.dbt_target).nodes]
        results = build(self.settings, self.database, names, Period(first, last))
        failed = [str(done) for done in results if done.status not in ("success", "pass")]
        assert not failed, failed

    def query(self, text: str, *values: Any) -> list[tuple[Any, ...]]:
        with self.database.connect() as connection:
            return connection.execute(text, values).fetchall()

    def days(self, account: str) -> list[Day]:
        return list(story.days(self.database, account, Period(FIRST, LAST)))

    def day(self, account: str, day: str) -> Day:
        (built_day,) = story.days(self.database, account, Period.on(date.fromisoformat(day)))
        return built_day

    def failing(self, account: str, *kinds: str) -> dict[str, set[str]]:
        """Equations that do not hold: date → what they say."""
        kinds = kinds or ("mathematical", "logical", "cross_reference")
        failing: dict[str, set[str]] = {}
        for equation in verification.verifications(
            self.database, Period(FIRST, LAST), account, kinds=kinds, failed_only=True
        ):
            failing.setdefault(equation.trading_day.isoformat(), set()).add(equation.equation)
        return failing


@pytest.fixture(scope="session")
def story_home(postgres: str, tmp_path_factory: pytest.TempPathFactory) -> Settings:
    """Settings of a home whose database is `story` on the tests' server; dbt's project parsed once."""
    home = tmp_path_factory.mktemp("story")
    url = database_url(postgres, NAME)
    alone = {"chain": {"embedded": True}, "keys": {"make": True}}
    settings = Settings(home=home, database={"url": SecretStr(url)}, **alone)
    manifest(settings)
    return settings


@contextmanager
def fresh(postgres: str, settings: Settings) -> Iterator[Platform]:
    """A platform whose database holds nothing yet."""
    with psycopg.connect(postgres, autocommit=True) as connection:
        connection.execute(f"DROP DATABASE IF EXISTS {NAME} WITH (FORCE)")
        connection.execute(f"CREATE DATABASE {NAME} TEMPLATE template_fntx STRATEGY file_copy")
    yield Platform(settings, Database(database_url(postgres, NAME)))


@pytest.fixture
def platform(postgres: str, story_home: Settings) -> Iterator[Platform]:
    with fresh(postgres, story_home) as platform:
        yield platform


@pytest.fixture(scope="module")
def built(
    request: pytest.FixtureRequest,
    postgres: str,
    story_home: Settings,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Platform]:
    """The accounts of a module's `DELIVERED`, delivered in one file, loaded and built once."""
    with fresh(postgres, story_home) as platform:
        platform.load(deliver(tmp_path_factory.mktemp("statements"), "all", *chain(*request.module.DELIVERED)))
        failed = {refused.account_id for refused in platform.run().failed}
        assert failed == set(getattr(request.module, "REFUSED", ()))
        yield platform
