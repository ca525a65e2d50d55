"""Several machines that build in one database: homes apart, each with its own process."""

from __future__ import annotations

import shutil
import subprocess
import sys
import time
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING

from fntx_dagster.samples import SAMPLES
from fntx_dagster.settings import DBT_PROJECT
from fntx_dagster.store.advisory import holding
from tests.processes import environment

if TYPE_CHECKING:
    from tests.dbt.conftest import Platform

BUILD = """
import sys
import time
from datetime import date
from fntx_dagster.adapters.dbt.compiled import kept
from fntx_dagster.model.period import Period
from fntx_dagster.services.building.marts import build, manifest
from fntx_dagster.services.database import open_database
from fntx_dagster.settings import load_settings

settings = load_settings()
database = open_database(settings)
manifest(settings)
print("ready", flush=True)
for line in sys.stdin:
    period = Period(*map(date.fromisoformat, line.split()))
    names = [node.name for node in kept(settings.paths.dbt_target).nodes]
    failed = [str(done) for done in build(settings, database, names, period) if done.is_failure]
    print(failed, flush=True)
"""
"""A process that builds each period that a line names."""
JULY = (date(2025, 7, 1), date(2025, 7, 18))
COUNTS = """select 'summary', account_id, trading_day::text, count(*) from alm_reporting.daily_summary group by 2, 3
    union all select 'metrics', account_id, trading_day || metric_window, count(*) from alm_reporting.rolling_metrics
    group by 2, 3"""

WAITS = "select count(*) from pg_locks where locktype = 'advisory' and mode = 'ExclusiveLock' and not granted"


class Home:
    """A machine: a home of its own, in which the project is parsed already."""

    def __init__(self, home: Path, platform: Platform) -> None:
        shutil.copytree(platform.settings.paths.dbt_target, home / "dbt")
        self._process = subprocess.Popen(
            [sys.executable, "-c", BUILD],
            cwd=DBT_PROJECT.parent,
            env=environment(home, FNTX_DATABASE_URL=platform.database.url),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert self._process.stdin
        assert self._process.stdout
        self._said, self._hears = self._process.stdout, self._process.stdin

    def begin(self, first: date, last: date) -> None:
        """Let it build a period, beside others."""
        self._hears.write(f"{first} {last}\n")
        self._hears.flush()

    def hear(self) -> str:
        return self._said.readline().strip()

    def end(self) -> None:
        self._process.kill()
        self._process.communicate()


def test_two_homes_that_build_at_once_both_succeed_and_leave_no_row_twice(platform: Platform, tmp_path: Path) -> None:
    platform.load(*sorted(SAMPLES.glob("*.xml")))
    platform.rebuild(*JULY)
    homes = [Home(tmp_path / name, platform) for name in ("here", "there")]
    try:
        assert [home.hear() for home in homes] == ["ready", "ready"]
        for home in homes:  # nothing is there: no view, no table
            home.begin(*JULY)
        assert [home.hear() for home in homes] == ["[]", "[]"]
        once = platform.query(COUNTS)
        assert len(once) > 50
        assert {row[-1] for row in once} == {1}
        for _ in range(3):  # both rebuild days that the other rebuilds
            homes[0].begin(*JULY)
            homes[1].begin(date(2025, 7, 8), JULY[1])
            assert [home.hear() for home in homes] == ["[]", "[]"]
        assert sorted(platform.query(COUNTS)) == sorted(once)
        with holding(platform.database, "fntx views and tables of dbt", shared=True):
            homes[0].begin(*JULY)
            assert homes[0].hear() == "[]"  # beside ours
            with platform.database.connect() as connection:
                connection.execute("comment on view alm_staging.stg_lots is 'of an older version'")
            homes[0].begin(*JULY)  # makes the view again, and waits until nobody uses any
            while platform.query(WAITS) == [(0,)]:
                time.sleep(0.05)
        assert homes[0].hear() == "[]"
    finally:
        for home in homes:
            home.end()
