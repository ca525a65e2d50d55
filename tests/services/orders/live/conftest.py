"""A live desk on a database of the test's own."""

from __future__ import annotations

import pytest

from fntx_dagster.store.database import Database
from tests.services.orders.live.desk import LiveDesk


@pytest.fixture
def live(database: Database) -> LiveDesk:
    desk = LiveDesk(database)
    desk.fund()
    return desk
