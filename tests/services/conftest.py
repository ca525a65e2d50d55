"""Services on statements take the whole path that the tests of dbt take."""

from datetime import date

import pytest

from fntx_dagster.simulate.account import Account
from fntx_dagster.simulate.trading import trade
from tests.dbt.conftest import built, platform, story_home  # noqa: F401 - fixtures
from tests.object_store import bucket, object_server  # noqa: F401 - fixtures
from tests.services.fetched import FIRST, LAST, Evening


@pytest.fixture(scope="module")
def books() -> list[Account]:
    """Two accounts whose statements a simulated broker serves."""
    return trade(7, ["U5000001", "U5000002"], FIRST, LAST, trades_per_day=4)


@pytest.fixture
def evening() -> Evening:
    return Evening(date(2025, 7, 17))
