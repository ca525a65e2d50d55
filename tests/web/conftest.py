"""The dashboard over the home that `fntx demo` leaves, served on loopback."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests
from filelock import FileLock

from fntx_dagster.api.app import make_app
from fntx_dagster.api.serving import served
from fntx_dagster.report.clock import HONG_KONG
from fntx_dagster.services.database import open_database
from fntx_dagster.services.orders.desk import desk_of
from fntx_dagster.settings import Settings
from fntx_dagster.web.app import make_site
from fntx_dagster.web.asking import Site
from tests import homes
from tests.processes import run


@pytest.fixture(scope="session")
def demo_home(used_home: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home after `fntx demo`, whose database has ended, to copy; made once for all workers."""
    folder = tmp_path_factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        folder = folder.parent
    with FileLock(folder / "demo_home.lock"):
        if not (folder / "demo_home").exists():
            with homes.home(used_home) as path:
                shown = run(path, "demo")
                assert shown.returncode == 0, shown.stderr
                assert run(path, "db", "stop").returncode == 0
                (folder / "demo_home.new").mkdir()
                homes.copy(path, folder / "demo_home.new")
            (folder / "demo_home.new").rename(folder / "demo_home")
    return folder / "demo_home"


@pytest.fixture(scope="session")
def site(demo_home: Path) -> Iterator[Site]:
    """What the pages of that home are made from; the tests of a worker share it."""
    with homes.home(demo_home) as path:
        settings = Settings(home=path)
        db = open_database(settings)
        yield Site(settings, db, HONG_KONG)
        db.close()


@pytest.fixture(scope="session")
def address(site: Site) -> Iterator[str]:
    """Where the site is served."""
    with served(make_site(site, make_app(desk_of(site.settings, site.db), site.settings))) as url:
        yield url


@pytest.fixture
def browser(address: str) -> Iterator[requests.Session]:
    """A visitor who follows no redirect."""
    with requests.Session() as session:
        session.headers["Host"] = address.removeprefix("http://")
        yield session
