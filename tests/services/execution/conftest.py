"""A desk on a simulated XRP Ledger."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from fntx_dagster.store.database import Database
from tests.services.execution.desks import DexDesk, dex_desk


@pytest.fixture
def desk(database: Database, tmp_path: Path) -> Iterator[DexDesk]:
    with dex_desk(database, tmp_path / "home") as desk:
        yield desk
