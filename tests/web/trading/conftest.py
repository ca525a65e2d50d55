"""The dashboard over the homes that `fntx demo --orders` and `--signals` leave."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from filelock import FileLock

from fntx_dagster.report.clock import HONG_KONG
from fntx_dagster.services.database import open_database
from fntx_dagster.services.visitors.visitor import AUDITOR, OWNER, TRADER, Visitor
from fntx_dagster.settings import Settings
from fntx_dagster.web.asking import Site
from tests import homes
from tests.processes import run

THE_OWNER, THE_AUDITOR = Visitor("olga", OWNER), Visitor("anna", AUDITOR)
ADA, BOB = Visitor("ada", TRADER), Visitor("bob", TRADER)


@pytest.fixture(scope="session")
def orders_home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home after `fntx demo --orders`: books of the user ada, paper and live."""
    return _left_by("orders", tmp_path_factory)


@pytest.fixture(scope="session")
def signals_home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home after `fntx demo --signals`: two strategies, one execution each, of the source `provider`."""
    return _left_by("signals", tmp_path_factory)


def _left_by(demo: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home whose database has ended, to copy; made once for all workers."""
    folder = tmp_path_factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        folder = folder.parent
    left = folder / f"demo_{demo}"
    with FileLock(folder / f"demo_{demo}.lock"):
        if not left.exists():
            with homes.home() as path:
                shown = run(path, "demo", f"--{demo}")
                assert shown.returncode == 0, shown.stderr
                (folder / f"demo_{demo}.new").mkdir()
                homes.copy(path / f"demo-{demo}", folder / f"demo_{demo}.new")
            (folder / f"demo_{demo}.new").rename(left)
    return left


@pytest.fixture(scope="session")
def orders_site(orders_home: Path) -> Iterator[Site]:
    """What the pages of the home of orders are made from; the tests of a worker share it."""
    yield from _site(orders_home)


@pytest.fixture(scope="session")
def signals_site(signals_home: Path) -> Iterator[Site]:
    """What the pages of the home of signals are made from; the tests of a worker share it."""
    yield from _site(signals_home)


def _site(left: Path) -> Iterator[Site]:
    with homes.home(left) as path:
        settings = Settings(home=path)
        db = open_database(settings)
        yield Site(settings, db, HONG_KONG)
        db.close()
