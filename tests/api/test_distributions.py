"""Cash and distributions over HTTP: what a reader gets of them."""

from __future__ import annotations

from pathlib import Path

from fntx_dagster.services.distributions.computing import compute
from fntx_dagster.store.database import Database
from tests.api.conftest import Server
from tests.api.test_client import checked
from tests.services.distributions.desks import BOND, bond_desk


def test_a_reader_sees_the_cash_of_a_bond_and_where_each_payment_stands(database: Database, tmp_path: Path) -> None:
    with bond_desk("xrpl", database, tmp_path / "home", ("h1", "h2")) as desk:
        desk.cash("90000.00")
        row = compute(desk.settings, database, BOND, 1)
        server = Server(database, desk.settings)
        try:
            clerk = server.client("clerk", "scoped", "treasury:read")
            cash = checked(clerk.get(f"/api/treasury/bonds/{BOND}/cash"), "BondCashAnswer")
            assert [each["amount"] for each in cash["receipts"]] == ["90000.00"]
            path = f"/api/treasury/distributions/{row.distribution_id}"
            shown = checked(clerk.get(path), "DistributionAnswer")
            assert (shown["state"], shown["next"], shown["hash"]) == ("computed", "propose", row.hash)
            assert {each["state"] for each in shown["payments"]} == {"open"}
        finally:
            server.stop()
