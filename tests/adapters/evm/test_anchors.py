"""AuditAnchor on the embedded chain: it is where its code says, and what is read of it."""

from __future__ import annotations

from hashlib import sha256
from typing import Any

from fntx_dagster.adapters.evm.anchors import AnchorBook, anchor_address, deploy_anchor
from fntx_dagster.adapters.evm.artifacts import artifact
from fntx_dagster.adapters.evm.keys import deployer_of
from fntx_dagster.model.chain import AnchorHead
from tests.tools import ROOT

ORIGIN, TREE = sha256(b"fntx.audit/00112233445566778899aabbccddeeff").digest(), b"\xff" * 32


def test_it_is_made_at_the_address_that_follows_from_its_code_once(chain: Any, settings: Any) -> None:
    book, payer = AnchorBook(chain.web3, chain.chain_id), deployer_of(settings.paths.keys)
    assert not book.is_deployed()
    assert deploy_anchor(chain, payer)
    assert anchor_address() in (ROOT / "docs" / "contracts.md").read_text(encoding="utf-8")
    code = bytes(chain.web3.eth.get_code(book.contract))
    assert code.hex() == artifact("AuditAnchor")["deployedBytecode"].removeprefix("0x")
    nonce = chain.web3.eth.get_transaction_count(payer.address)
    assert not deploy_anchor(chain, payer)
    assert chain.web3.eth.get_transaction_count(payer.address) == nonce
    assert book.head_of(payer.address, ORIGIN) is None
    sent = chain.send(payer, {"to": book.contract, "data": book.anchor.encode_abi("post", [ORIGIN, 8, TREE])})
    assert book.head_of(payer.address, ORIGIN) == AnchorHead(8, TREE)
    mined = book.mined(f"0x{sent['transactionHash'].hex()}", payer.address)
    assert mined is not None
    assert mined.heads == {(ORIGIN, AnchorHead(8, TREE))}
    assert book.mined("0x" + "12" * 32, payer.address) is None
