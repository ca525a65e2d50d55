"""Holders who move tokens on the ledger themselves are seen before anybody is paid; a vote enters them."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

import pytest

from fntx_dagster.adapters.stellar.horizon import open_horizon
from fntx_dagster.errors import Permanent
from fntx_dagster.services.bonds.comparing import register_beside_ledger
from fntx_dagster.services.bonds.reading import holders_of_bond
from fntx_dagster.services.bonds.transferring import propose_transfer
from fntx_dagster.services.distributions.computing import compute
from fntx_dagster.services.screening.addresses import set_address
from fntx_dagster.services.screening.parties import set_party
from fntx_dagster.simulate.horizon.entries import AccountEntry
from fntx_dagster.simulate.horizon.server import serve_horizon
from fntx_dagster.store.database import Database
from tests.services.distributions.desks import BOND, BondDesk, bond_desk
from tests.services.screening.conftest import BY
from tests.services.transactions.worlds import network
from tests.simulate.horizon.parts import LUMEN, TREASURY, USD_KEY, key, line
from tests.simulate.xrpl.people import XRP, address, token

HOLDERS = ("h1", "h2", "h3")


@pytest.fixture
def desk(database: Database, tmp_path: Path) -> Iterator[BondDesk]:
    """A bond of a million in A, of three holders with a unit each, and of half a million in B, of h3; each has a token
    for a dollar."""
    with bond_desk("xrpl", database, tmp_path / "home", HOLDERS) as desk:
        assert desk.town
        assert desk.town.does("issuer", "AccountSet", SetFlag=8) == "tesSUCCESS"
        for name, tokens in (("h1", "333333.333333333"), ("h2", "333333.333333333"), ("h3", "833333.333333333")):
            has_line(desk, name)
            moved(desk, "issuer", name, tokens)
        yield desk


def moved(desk: BondDesk, holder: str, to: str, value: str) -> None:
    assert desk.town
    said = desk.town.does(holder, "Payment", Destination=address(to), Amount=token(value, "issuer"))
    assert said == "tesSUCCESS"


def has_line(desk: BondDesk, name: str) -> None:
    assert desk.town
    assert desk.town.does(name, "TrustSet", LimitAmount=token("10000000", "issuer")) == "tesSUCCESS"


def test_nobody_differs_until_somebody_moves_tokens_and_then_nothing_is_computed(desk: BondDesk) -> None:
    assert register_beside_ledger(desk.settings, desk.db, BOND).differences == []
    desk.cash("1000.00")
    moved(desk, "h1", "h2", "333333.333333333")
    with pytest.raises(Permanent, match=r"h1 has 0 instead of 333333\.\d+, and 1 more differ.*--from-ledger"):
        compute(desk.settings, desk.db, BOND, 1)
    desk.decided(propose_transfer(desk.settings, desk.db, BOND, {"from_ledger": True, "reason": "sold on the ledger"}))
    held = {(row.tranche_id, row.holder): int(row.units) for row in holders_of_bond(desk.db, BOND)}
    assert held == {("A", "h2"): 2, ("A", "h3"): 1, ("B", "h3"): 3}
    # who held when the period was due is paid
    assert '"id":"h1","units":"1"' in compute(desk.settings, desk.db, BOND, 1).document
    with pytest.raises(Permanent, match="as the register of bond-1 says"):
        propose_transfer(desk.settings, desk.db, BOND, {"from_ledger": True})


def test_tokens_of_a_stranger_are_his_once_compliance_says_whose_they_are(desk: BondDesk) -> None:
    assert desk.town
    drops = str(100 * XRP)
    assert desk.town.does("bank", "Payment", Destination=address("dora"), Amount=drops) == "tesSUCCESS"
    has_line(desk, "dora")
    moved(desk, "h2", "dora", "333333.333333333")
    [lost, got] = register_beside_ledger(desk.settings, desk.db, BOND).as_dict()["differences"]
    assert (lost["holder"], got["holder"], got["addresses"]) == ("h2", address("dora"), [address("dora")])
    with pytest.raises(Permanent, match="is nobody's address that is known"):
        propose_transfer(desk.settings, desk.db, BOND, {"from_ledger": True})
    set_party(desk.settings, desk.db, "dora", "Dora Winterbourne", "Person", by=BY)
    set_address(desk.db, "dora", address("dora"), by=BY)
    desk.decided(propose_transfer(desk.settings, desk.db, BOND, {"from_ledger": True}))
    held = {row.holder: (int(row.units), row.address) for row in holders_of_bond(desk.db, BOND)}
    assert held["dora"] == (1, address("dora"))
    assert "h2" not in held


def test_what_is_paid_as_registered_is_frozen_with_that_word(desk: BondDesk) -> None:
    moved(desk, "h1", "h2", "1000")
    desk.cash("1000.00")
    with pytest.raises(Permanent, match="units are whole"):
        propose_transfer(desk.settings, desk.db, BOND, {"from_ledger": True})
    assert '"as_registered":true' in compute(desk.settings, desk.db, BOND, 1, as_registered=True).document


def test_a_horizon_lists_every_holder_page_by_page() -> None:
    there = network()
    for each in range(450):
        lines = line(each, 1_000_000)
        there.put(AccountEntry(key(f"p{each}").public_key, balance=100 * LUMEN, sequence=1, **lines))
    code, issuer = USD_KEY.split(":")
    with serve_horizon(there) as server, open_horizon(server.url, there.passphrase) as horizon:
        held = horizon.holdings(code, issuer)
    assert held.pop(TREASURY.public_key) == 500
    assert held == {key(f"p{each}").public_key: Decimal(each) for each in range(1, 450)}
