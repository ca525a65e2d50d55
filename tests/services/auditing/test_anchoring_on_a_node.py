"""Anchors of the log over HTTP, on anvil: confirmations, blocks that a reorganisation drops, and what is no
AuditAnchor."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from web3.types import Wei

from fntx_dagster.adapters.evm.anchors import AnchorBook, anchor_address, deploy_anchor
from fntx_dagster.adapters.evm.client import connect
from fntx_dagster.adapters.evm.contracts import write_addresses
from fntx_dagster.adapters.evm.keys import LocalSigner
from fntx_dagster.errors import Permanent, Transient
from fntx_dagster.model.chain import Addresses
from fntx_dagster.services.auditing.anchoring import POSTER, Anchoring, anchor
from fntx_dagster.services.auditing.looking import status
from fntx_dagster.services.auditing.proving import anchors_of
from fntx_dagster.settings import Settings
from fntx_dagster.store.database import Database
from tests.contracts.chains import Anvil
from tests.contracts.pools import Base
from tests.services.auditing.conftest import written
from tests.tools import needs_anvil

pytestmark = needs_anvil
PAYER = LocalSigner(b"\x02" * 32)
DEEP = 3  # blocks on top


@pytest.fixture
def node(base: Base) -> Anvil:
    assert isinstance(base.chain, Anvil)
    return base.chain


@pytest.fixture
def settings(base: Base, node: Anvil, tmp_path: Path) -> Iterator[Settings]:
    """Settings of that chain, with a poster who can pay; AuditAnchor is not on it yet."""
    file = tmp_path / "contracts.json"
    write_addresses(file, Addresses(node.web3.eth.chain_id, base.fntx.address, base.records.address))
    where = {"rpc_url": node.url, "contracts": file, "confirmations": DEEP}
    settings = Settings.model_validate(
        {"home": tmp_path / "home", "chain": where, "posting": {"mined_within": 2, "stuck_after": 1}}
    )
    with connect(settings) as chain:
        for address in (PAYER.address, chain.trader(POSTER).address):
            node.ask("anvil_setBalance", address, hex(10**20))
    yield settings
    node.ask("evm_setAutomine", True)


def anchored(settings: Settings, db: Database, *, if_due: bool = False) -> Anchoring:
    return anchor(settings, db, datetime.now(UTC), if_due=if_due)


def deploy(settings: Settings) -> None:
    with connect(settings) as chain:
        assert deploy_anchor(chain, PAYER)


def test_a_chain_without_the_contract_and_one_with_another_in_its_place_are_refused(
    settings: Settings, node: Anvil, database: Database
) -> None:
    written(settings, database, 2)
    with pytest.raises(Permanent, match=r"has no AuditAnchor at .*fntx chain anchors"):
        anchored(settings, database)
    node.set_code(anchor_address(), bytes.fromhex("6001600155"))
    with pytest.raises(Permanent, match="is not FNTX's AuditAnchor"):
        anchored(settings, database)
    assert status(settings, database).anchoring == []


def test_an_anchor_counts_when_it_has_its_confirmations(settings: Settings, node: Anvil, database: Database) -> None:
    deploy(settings)
    written(settings, database, 2)
    assert [row.state for row in anchored(settings, database).new] == ["mined"]
    assert [row.state for row in status(settings, database).anchoring] == ["mined"]
    assert anchors_of(database) == []
    node.ask("anvil_mine", hex(DEEP))
    assert anchored(settings, database, if_due=True).new == []
    [row] = anchors_of(database)
    assert (row.anchor.size, row.anchor.network) == (2, f"{node.web3.eth.chain_id}")
    assert status(settings, database).anchoring == []
    assert anchored(settings, database).new == []


def test_an_anchor_that_a_reorganisation_removes_is_posted_again(
    settings: Settings, node: Anvil, database: Database
) -> None:
    deploy(settings)
    written(settings, database, 2)
    anchored(settings, database)
    node.ask("evm_setAutomine", False)
    node.ask("anvil_rollback", 1)
    with pytest.raises(Transient, match="is not mined yet"):
        anchored(settings, database, if_due=True)
    assert [row.state for row in status(settings, database).anchoring] == ["broadcast"]
    assert anchors_of(database) == []
    node.ask("evm_setAutomine", True)
    node.ask("anvil_mine", hex(DEEP + 2))
    anchored(settings, database, if_due=True)
    [row] = anchors_of(database)
    with connect(settings) as chain:
        mined = AnchorBook(chain.web3, chain.chain_id).mined(row.anchor.tx_hash, chain.trader(POSTER).address)
    assert mined is not None
    assert (mined.block_number, len(mined.heads)) == (row.anchor.position, 1)


def test_a_reorganisation_that_puts_a_foreign_transaction_in_its_place_does_not_lose_it(
    settings: Settings, node: Anvil, database: Database
) -> None:
    deploy(settings)
    written(settings, database, 2)
    [before] = anchored(settings, database).new
    node.ask("anvil_rollback", 1)
    with connect(settings) as chain:
        chain.send(chain.trader(POSTER), {"to": PAYER.address, "value": Wei(1)})
    node.ask("anvil_mine", hex(DEEP))
    anchored(settings, database, if_due=True)
    node.ask("anvil_mine", hex(DEEP))
    anchored(settings, database, if_due=True)
    [row] = anchors_of(database)
    assert row.anchor.size == 2
    assert row.anchor.tx_hash != before.tx_hash


def test_two_checkpoints_that_wait_for_a_node_follow_each_other(
    settings: Settings, node: Anvil, database: Database
) -> None:
    deploy(settings)
    written(settings, database, 2)
    anchored(settings, database)
    written(settings, database, 2)
    anchored(settings, database)
    node.ask("anvil_mine", hex(DEEP))
    anchored(settings, database, if_due=True)
    assert [row.anchor.size for row in anchors_of(database)] == [2, 4]
