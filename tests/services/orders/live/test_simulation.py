"""Hundreds of live orders at random, with all that can go wrong; `make bench` runs thousands."""

from __future__ import annotations

import pytest

from fntx_dagster.store.database import Database
from tests.services.orders.live.simulation import Simulation


@pytest.mark.parametrize("seed", [1, 2])
def test_random_faults_send_no_order_twice_and_lose_none(database: Database, seed: int) -> None:
    simulation = Simulation(database, seed)
    simulation.run(120)
    simulation.check()
    came = simulation.came
    assert {"crash", "unknown", "filled", "failed", "cancelled", "open"} <= came.keys(), came
    assert came.keys() & {"quote_stale", "equity_unknown"}, came
