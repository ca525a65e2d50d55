"""A treasury at each of the ledgers, in turn."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from fntx_dagster.store.database import Database
from tests.services.transactions.desks import SigningDesk, desk_at


@pytest.fixture(params=["xrpl", "stellar"])
def at_both(request: pytest.FixtureRequest, database: Database, tmp_path: Path) -> Iterator[SigningDesk]:
    with desk_at(request.param, database, tmp_path / "home") as desk:
        yield desk


@pytest.fixture
def at_xrpl(database: Database, tmp_path: Path) -> Iterator[SigningDesk]:
    with desk_at("xrpl", database, tmp_path / "home") as desk:
        yield desk


@pytest.fixture
def at_stellar(database: Database, tmp_path: Path) -> Iterator[SigningDesk]:
    with desk_at("stellar", database, tmp_path / "home") as desk:
        yield desk
