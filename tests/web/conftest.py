"""The dashboard over the home that `fntx demo` leaves, served on loopback."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from unittest.mock import patch

import pytest
import requests
from filelock import FileLock
from starlette.types import ASGIApp, Receive, Scope, Send

from fntx_dagster.api.app import make_app
from fntx_dagster.api.serving import served
from fntx_dagster.report.clock import HONG_KONG
from fntx_dagster.services.database import open_database
from fntx_dagster.services.orders.desk import desk_of
from fntx_dagster.services.visitors.signing_in import From, SignedIn
from fntx_dagster.services.visitors.visitor import OWNER, Visitor
from fntx_dagster.settings import Settings
from fntx_dagster.settings.treasury import TreasurySettings
from fntx_dagster.web.app import make_site
from fntx_dagster.web.asking import Site
from tests import homes
from tests.processes import run


class OwnersDoors:
    """Instead of the doors: every request is the owner's. How visitors are let in is tested in tests/web/doors."""

    signed = SignedIn(
        Visitor(OWNER, OWNER), None, 1, "link", datetime.now(UTC), datetime.now(UTC) + timedelta(hours=12)
    )

    def __init__(self, app: ASGIApp, _site: Site) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        state = {"signed": self.signed, "visitor": self.signed.visitor, "where": From("127.0.0.1"), "of_machine": True}
        scope.setdefault("state", {}).update(state)
        await self._app(scope, receive, send)


@pytest.fixture(scope="session")
def demo_home(used_home: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home after `fntx demo`."""
    return _left_by("demo", tmp_path_factory, like=used_home)


@pytest.fixture(scope="session")
def orders_home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home after `fntx demo --orders`: books of the user ada, paper and live."""
    return _left_by("orders", tmp_path_factory, "--orders", folder="demo-orders")


@pytest.fixture(scope="session")
def signals_home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home after `fntx demo --signals`: two strategies, one execution each, of the source `provider`."""
    return _left_by("signals", tmp_path_factory, "--signals", folder="demo-signals")


@pytest.fixture(scope="session")
def treasury_home(used_home: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home with a treasury: proposals in several states, a list, parties with a match and without, a checkpoint."""

    def make(path: Path, made: Path) -> None:
        from tests.web.treasury.filling import filled  # it loads the libraries of two ledgers

        filled(path)
        assert run(path, "db", "stop").returncode == 0
        homes.copy(path, made)

    return _left("treasury", tmp_path_factory, used_home, make)


def settings_of(home: Path) -> Settings:
    """The settings of a home, with the configuration of its treasury where it has one."""
    config = home / "treasury.json"
    return Settings(home=home, treasury=TreasurySettings(config=config if config.exists() else None))


def _left_by(
    name: str, factory: pytest.TempPathFactory, *options: str, like: Path | None = None, folder: str = ""
) -> Path:
    """A home after `fntx demo` with these options, whose database has ended, to copy. `folder`: where in the home the
    demo has one of its own."""

    def make(path: Path, made: Path) -> None:
        shown = run(path, "demo", *options)
        assert shown.returncode == 0, shown.stderr
        if not folder:  # a demo with a home of its own has ended its database
            assert run(path, "db", "stop").returncode == 0
        homes.copy(path / folder, made)

    return _left(name, factory, like, make)


def _left(name: str, factory: pytest.TempPathFactory, like: Path | None, make: Callable[[Path, Path], None]) -> Path:
    """A home that `make` leaves, to copy; made once for all workers. It gets a home like another, and the folder that
    is kept."""
    shared = factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        shared = shared.parent
    left, made = shared / f"{name}_home", shared / f"{name}_home.new"
    with FileLock(shared / f"{name}_home.lock"):
        if not left.exists():
            with homes.home(like) as path:
                made.mkdir()
                make(path, made)
            made.rename(left)
    return left


@pytest.fixture(scope="session")
def site(demo_home: Path) -> Iterator[Site]:
    """What the pages of that home are made from; the tests of a worker share it."""
    yield from _site(demo_home)


@pytest.fixture(scope="session")
def orders_site(orders_home: Path) -> Iterator[Site]:
    """The same of the home of orders."""
    yield from _site(orders_home)


@pytest.fixture(scope="session")
def signals_site(signals_home: Path) -> Iterator[Site]:
    """The same of the home of signals."""
    yield from _site(signals_home)


@pytest.fixture(scope="session")
def treasury_site(treasury_home: Path) -> Iterator[Site]:
    """The same of the home of the treasury."""
    yield from _site(treasury_home)


@pytest.fixture(scope="session")
def address(site: Site) -> Iterator[str]:
    """Where the site is served."""
    yield from _served(site)


@pytest.fixture(scope="session")
def orders_address(orders_site: Site) -> Iterator[str]:
    """Where the site of orders is served."""
    yield from _served(orders_site)


@pytest.fixture(scope="session")
def signals_address(signals_site: Site) -> Iterator[str]:
    """Where the site of signals is served."""
    yield from _served(signals_site)


@pytest.fixture(scope="session")
def treasury_address(treasury_site: Site) -> Iterator[str]:
    """Where the site of the treasury is served."""
    yield from _served(treasury_site)


def _site(left: Path) -> Iterator[Site]:
    with homes.home(left) as path:
        settings = settings_of(path)
        db = open_database(settings)
        yield Site(settings, db, HONG_KONG)
        db.close()


def _served(site: Site) -> Iterator[str]:
    api = make_app(desk_of(site.settings, site.db), site.settings)
    with patch("fntx_dagster.web.app.Doors", OwnersDoors):
        pages = make_site(site, api)
    with served(pages) as url:
        yield url


@pytest.fixture
def browser(address: str) -> Iterator[requests.Session]:
    """A visitor who follows no redirect."""
    with requests.Session() as session:
        session.headers["Host"] = address.removeprefix("http://")
        yield session
