"""A database whose marts are written by hand, and a home with a deployed chain of its own."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from fntx_dagster.chain.client import Chain, connect
from fntx_dagster.settings import Settings
from fntx_dagster.store.database import Database
from tests import by_hand


@pytest.fixture
def told(database: Database) -> Database:
    """A database with the marts that signing reads, empty."""
    return by_hand.create_marts(database)


@pytest.fixture
def settings(home: Path) -> Settings:
    return Settings(home=home)


@pytest.fixture
def chain(settings: Settings) -> Iterator[Chain]:
    with connect(settings) as connected:
        yield connected
