"""A treasury whose accounts are to be set up."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from fntx_dagster.simulate.horizon.server import serve_horizon
from fntx_dagster.simulate.xrpl.server import serve_xrpl
from fntx_dagster.store.database import Database
from tests.services.account_setup.desks import SetupDesk, fresh_network, fresh_town
from tests.services.transactions.worlds import begun


@pytest.fixture
def desk(database: Database, tmp_path: Path) -> Iterator[SetupDesk]:
    """Ledgers that close in short times."""
    town, network = fresh_town(), fresh_network()
    with (
        serve_xrpl(town.ledger, closes_every=0.2) as server,
        serve_horizon(network, closes_every=0, with_faults=True) as horizon,
    ):
        settings = begun(tmp_path / "home", database, xrpl=server.url, horizon=horizon.url)
        yield SetupDesk(settings, database, town, server, network, horizon, tmp_path / "out")
