"""AuditAnchor on a chain: where it is, how it gets there, and what anybody reads of a log's anchors.

Its address follows from its code (`deterministic`), so it needs no file of addresses.
"""

from __future__ import annotations

from datetime import UTC, datetime
from functools import cache
from hashlib import sha256
from typing import TYPE_CHECKING

from fntx_dagster.adapters.evm.artifacts import ANCHOR, AUDIT_ANCHOR_CODES, artifact
from fntx_dagster.adapters.evm.deterministic import address_made_of, code_of, deploy_once
from fntx_dagster.adapters.evm.faults import as_a_node_answers
from fntx_dagster.adapters.evm.transactions import receipt_of
from fntx_dagster.adapters.evm.typed import address_of, block_at
from fntx_dagster.errors import Permanent
from fntx_dagster.model.chain import AnchorHead, MinedAnchor

if TYPE_CHECKING:
    from web3 import Web3
    from web3.types import BlockIdentifier

    from fntx_dagster.adapters.evm.client import Chain
    from fntx_dagster.adapters.evm.keys import Signer


@cache
def anchor_address() -> str:
    """Where AuditAnchor is on every chain, EIP-55."""
    return address_made_of(code_of(ANCHOR))


class AnchorBook:
    """What a chain's AuditAnchor holds; `contract` names another deployment of it."""

    def __init__(self, web3: Web3, chain_id: int, contract: str | None = None) -> None:
        self.web3, self.chain_id, self.contract = web3, chain_id, address_of(contract or anchor_address())
        self.anchor = web3.eth.contract(self.contract, abi=artifact(ANCHOR)["abi"])

    @as_a_node_answers
    def is_deployed(self) -> bool:
        """Whether the chain has a contract there."""
        return bool(self.web3.eth.get_code(self.contract))

    @as_a_node_answers
    def runs_our_code(self) -> bool:
        """Whether the code there is an AuditAnchor that FNTX published: nobody can take an anchor back in it."""
        return sha256(self.web3.eth.get_code(self.contract)).hexdigest() in AUDIT_ANCHOR_CODES

    def check_deployed(self) -> None:
        """Permanent unless the chain has the contract, with a code that FNTX published."""
        if not self.is_deployed():
            raise Permanent(
                f"chain {self.chain_id} has no AuditAnchor at {self.contract}",
                "Whoever anchors there puts it on the chain once, with `fntx chain anchors`",
            )
        if not self.runs_our_code():
            raise Permanent(f"the contract {self.contract} is not FNTX's AuditAnchor", "Name another chain or node")

    @as_a_node_answers
    def head_of(self, poster: str, origin: bytes, block: BlockIdentifier = "latest") -> AnchorHead | None:
        """The latest anchor of a poster's log, as of a block, or None; `origin`: SHA-256 of the log's name."""
        size, root = self.anchor.functions.headOf(address_of(poster), origin).call(block_identifier=block)
        return AnchorHead(size, bytes(root)) if size else None

    @as_a_node_answers
    def mined(self, tx_hash: str, poster: str) -> MinedAnchor | None:
        """What a poster anchored in a transaction; None if it is not (or no longer) on the chain."""
        from web3.logs import DISCARD

        receipt = receipt_of(self.web3, tx_hash)
        if receipt is None:
            return None
        events = self.anchor.events.Anchored().process_receipt(receipt, errors=DISCARD)
        heads = {
            (bytes(event["args"]["origin"]), AnchorHead(event["args"]["size"], bytes(event["args"]["root"])))
            for event in events
            if (event["address"], event["args"]["poster"]) == (self.contract, poster)
        }
        block = block_at(self.web3, receipt["blockHash"])
        return MinedAnchor(
            tx_hash,
            receipt["blockNumber"],
            f"0x{receipt['blockHash'].hex()}",
            receipt["gasUsed"],
            datetime.fromtimestamp(block.timestamp, UTC),
            frozenset(heads),
        )


def deploy_anchor(chain: Chain, signer: Signer) -> bool:
    """Put AuditAnchor on a chain, paid by `signer`; False where it is there already. Raises as `deploy_once`."""
    return deploy_once(chain, signer, code_of(ANCHOR))
