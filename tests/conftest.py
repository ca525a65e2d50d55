"""Fixtures every room may use: a real PostgreSQL, and a migrated database for one test."""

from __future__ import annotations

import os
import shutil
import signal
import tempfile
from collections import Counter
from collections.abc import Iterator
from functools import cache
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING

import psycopg
import pytest
import typer.testing
from filelock import FileLock
from hypothesis import HealthCheck, settings

from fntx_dagster.settings import Settings
from fntx_dagster.store.database import Database
from fntx_dagster.store.migrating import migrate
from fntx_dagster.store.server import EmbeddedPostgres, database_url
from tests import folders, homes, tools, untraced

if TYPE_CHECKING:
    from tests.contracts.pools import Base

# Shared machines are slow at times; a test fails for what it finds, not for how long it took. The same code is tried
# with the same examples; FNTX_TEST_PROFILE=search looks for others, and for more of them.
_PATIENT = {"deadline": None, "suppress_health_check": [HealthCheck.too_slow]}
settings.register_profile("fntx", derandomize=True, **_PATIENT)
settings.register_profile("search", max_examples=2000, **_PATIENT)
settings.load_profile(os.environ.get("FNTX_TEST_PROFILE", "fntx"))

# A shell starts what runs in its background deaf to Ctrl-C, and so is every process that such a suite starts and ends.
signal.signal(signal.SIGINT, signal.default_int_handler)

folders.use_memory()

# typer makes all commands of their functions anew for each call, which takes as long as most of them do
typer.testing._get_command = cache(typer.testing._get_command)

_numbers = count()


_LONGEST = (
    "test_ui_ends.py",
    "test_whole.py",
    "test_treasury_demo.py",
    "test_bond_demo.py",
    "test_live.py",
    "test_chaos.py",
    "test_ui.py",
    "test_lost_server.py",
    "test_every_kind.py",
    "test_audit_proofs.py",
    "test_period_commands.py",
    "test_ui_after_demo.py",
    "test_lint.py",
    "test_killed_fetching.py",
    "test_checks.py",
    "test_rebuilds.py",
    "test_explained.py",
    "test_package.py",
    "test_agreement.py",
    "test_mutations.py",
    "test_doctor.py",
    "test_hostile_run.py",
    "test_track_record_model.py",
    "test_killed.py",
    "test_thirty_days.py",
    "test_projecting.py",
    "test_simulation.py",
    "test_kills.py",
    "test_witnesses.py",
    "test_series.py",
    "test_witnessed_periods.py",
    "test_aggregator.py",
    "test_submitting.py",
    "test_signature.py",
    "test_races.py",
    "test_ledger.py",
    "test_schema.py",
)


@pytest.hookimpl(trylast=True)
def pytest_sessionstart(session: pytest.Session) -> None:
    """Where this process counts lines, and has begun to, it counts ours alone."""
    runs_tests = hasattr(session.config, "workerinput") or not session.config.getoption("numprocesses")
    if runs_tests and session.config.getoption("cov_source", None):
        untraced.install()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The files that take longest come first, so that no worker begins one when the others are done; tests whose
    programs are missing are skipped."""
    for item in items:
        for reason in tools.missing(item):
            item.add_marker(pytest.mark.skip(reason=reason))
    items.sort(key=lambda item: _LONGEST.index(item.path.name) if item.path.name in _LONGEST else len(_LONGEST))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """How many tests were not run, for each reason; `.ci/run` repeats these lines."""
    skipped = terminalreporter.getreports("skipped")
    for reason, number in Counter(report.longrepr[2].removeprefix("Skipped: ") for report in skipped).items():
        terminalreporter.write_line(f"not run: {number} tests, {reason}")


@pytest.fixture
def short_path() -> Iterator[Path]:
    """An empty folder with a path short enough for a socket, reachable by every user."""
    folder = Path(tempfile.mkdtemp(prefix="fntx-test-", dir=folders.short()))
    folder.chmod(0o755)
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="session")
def deployed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home whose chain has its contracts; copied for each test, because deploying takes a second."""
    from fntx_dagster.adapters.evm.client import connect

    folder = tmp_path_factory.mktemp("deployed")
    connect(Settings(home=folder)).close()
    return folder


@pytest.fixture
def home(deployed: Path, tmp_path: Path) -> Path:
    """A home of this test's own, with a chain."""
    return Path(shutil.copytree(deployed, tmp_path / "home"))


@pytest.fixture(scope="session")
def used_home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What `homes.home` copies for tests that are not about the first start of a home, which takes seconds; made once
    for all workers."""
    folder = tmp_path_factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        folder = folder.parent
    with FileLock(folder / "used_home.lock"):
        if not (folder / "used_home").exists():
            homes.make_used(folder / "used_home.new")
            (folder / "used_home.new").rename(folder / "used_home")
    return folder / "used_home"


_OF_NO_DURATION = {
    "fsync": "off",
    "full_page_writes": "off",
    "synchronous_commit": "off",
    "wal_level": "minimal",
    "max_wal_senders": "0",
    "max_wal_size": "64MB",
    "min_wal_size": "32MB",
}
"""Nothing of the tests' server outlives them: nothing waits for the disk, and nothing is written to be repeated after
a crash."""


@pytest.fixture(scope="session")
def postgres() -> Iterator[str]:
    """The URL of a real embedded server; it holds a migrated database `template_fntx` to copy."""
    folder = Path(tempfile.mkdtemp(prefix="fntx-test-", dir=folders.short()))
    folder.chmod(0o755)
    server = EmbeddedPostgres(folder / "postgres")
    url = server.start()
    for name, value in _OF_NO_DURATION.items():
        _run(url, f"ALTER SYSTEM SET {name} = '{value}'")
    server.stop()
    assert server.start() == url
    _run(url, "CREATE DATABASE template_fntx")
    template = Database(database_url(url, "template_fntx"))
    migrate(template)
    template.close()
    yield url
    server.stop()
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def database(postgres: str) -> Iterator[Database]:
    """A migrated database of this test's own."""
    yield from _lent(postgres)


@pytest.fixture(scope="module")
def module_database(postgres: str) -> Iterator[Database]:
    """A migrated database that the tests of a module share."""
    yield from _lent(postgres)


def _lent(postgres: str) -> Iterator[Database]:
    """A new copy of the template, of at least 14 MB: dropped at the end, so that thousands fit. PostgreSQL copies
    files, which takes a third of the time that writing its log of them takes."""
    name = f"test_{next(_numbers)}"
    _run(postgres, f"CREATE DATABASE {name} TEMPLATE template_fntx STRATEGY file_copy")
    database = Database(database_url(postgres, name))
    yield database
    database.close()
    _run(postgres, f"DROP DATABASE {name} WITH (FORCE)")


def _run(url: str, statement: str) -> None:
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(statement)


@pytest.fixture(scope="session")
def _base() -> Iterator[Base]:
    from tests.contracts.chains import Anvil
    from tests.contracts.pools import Base

    chain = Anvil()
    yield Base(chain)
    chain.stop()


@pytest.fixture
def base(_base: Base) -> Iterator[Base]:
    """The contracts that pools share, on anvil: one chain for all tests, which each leaves as it found it."""
    snapshot = _base.chain.snapshot()
    yield _base
    _base.chain.revert(snapshot)
