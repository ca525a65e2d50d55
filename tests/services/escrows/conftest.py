"""A treasury whose escrows are on a simulated ledger."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from fntx_dagster.store.database import Database
from tests.services.escrows.harbour import Harbour, harbour_at


@pytest.fixture
def harbour(database: Database, tmp_path: Path) -> Iterator[Harbour]:
    with harbour_at(database, tmp_path / "home") as harbour:
        yield harbour
