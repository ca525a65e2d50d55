"""Three kills of a real server while it places orders; `make bench` does a hundred."""

from __future__ import annotations

from pathlib import Path

import pytest

from fntx_dagster.store.database import Database
from tests.services.orders.live.kills import killing

KILLS = 3


@pytest.mark.slow
def test_a_server_that_is_killed_while_it_places_orders_sends_none_twice_and_loses_none(
    database: Database, short_path: Path
) -> None:
    with killing(database, short_path, seed=1) as run:
        run.fund()
        for number in range(KILLS):
            run.round(number)
        assert run.cut, "a kill fell between the two transactions"
        run.recover()
        states = run.check()
    assert states["filled"], states
