"""The dashboard over the homes that `fntx demo --orders` and `--signals` leave."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from fntx_dagster.report.clock import HONG_KONG
from fntx_dagster.services.database import open_database
from fntx_dagster.services.visitors.visitor import AUDITOR, OWNER, TRADER, Visitor
from fntx_dagster.settings import Settings
from fntx_dagster.web.asking import Site
from tests import homes

THE_OWNER, THE_AUDITOR = Visitor("olga", OWNER), Visitor("anna", AUDITOR)
ADA, BOB = Visitor("ada", TRADER), Visitor("bob", TRADER)


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
