"""SignalCommitments on a chain: where it is, how it gets there, and what anybody reads of it.

Its address follows from its code (`deterministic`), so it needs no file of addresses.
"""

from __future__ import annotations

from datetime import UTC, datetime
from functools import cache
from typing import TYPE_CHECKING, Self

from fntx_dagster.adapters.evm.artifacts import COMMITMENTS, artifact
from fntx_dagster.adapters.evm.deterministic import address_made_of, code_of, deploy_once
from fntx_dagster.adapters.evm.faults import as_a_node_answers
from fntx_dagster.adapters.evm.reader import AnotherChain, web3_over
from fntx_dagster.adapters.evm.transactions import receipt_of
from fntx_dagster.adapters.evm.typed import address_of, block_at
from fntx_dagster.errors import Permanent
from fntx_dagster.model.chain import HeldCommitment, MinedCommitments

if TYPE_CHECKING:
    from web3 import Web3
    from web3.types import BlockIdentifier

    from fntx_dagster.adapters.evm.client import Chain
    from fntx_dagster.adapters.evm.keys import Signer

_PAGE = 1000


@cache
def commitments_address() -> str:
    """Where SignalCommitments is on every chain, EIP-55."""
    return address_made_of(code_of(COMMITMENTS))


class CommitmentBook:
    """What a chain's SignalCommitments holds. A context manager: leaving it closes nothing that another one opened."""

    def __init__(self, web3: Web3, chain_id: int) -> None:
        self.web3, self.chain_id, self.contract = web3, chain_id, commitments_address()
        self.commitments = web3.eth.contract(address_of(self.contract), abi=artifact(COMMITMENTS)["abi"])

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        return None

    @as_a_node_answers
    def is_deployed(self) -> bool:
        """Whether the chain has the contract."""
        return bool(self.web3.eth.get_code(address_of(self.contract)))

    def check_deployed(self) -> None:
        """Permanent unless the chain has the contract."""
        if not self.is_deployed():
            raise Permanent(
                f"chain {self.chain_id} has no SignalCommitments at {self.contract}",
                "Whoever commits signals there puts it on the chain once, with `fntx chain commitments`",
            )

    @as_a_node_answers
    def count(self, provider: str, strategy: bytes, block: BlockIdentifier = "latest") -> int:
        """How many commitments a provider has made under a strategy's hash, as of a block."""
        return self.commitments.functions.count(address_of(provider), strategy).call(block_identifier=block)

    @as_a_node_answers
    def held(
        self, provider: str, strategy: bytes, first: int = 0, block: BlockIdentifier = "latest"
    ) -> list[HeldCommitment]:
        """The commitments from number `first` on, by number, as of a block."""
        found: list[HeldCommitment] = []
        while True:
            page = self.commitments.functions.commitments(address_of(provider), strategy, first + len(found), _PAGE)
            hashes, times = page.call(block_identifier=block)
            found += [
                HeldCommitment(bytes(hashed), datetime.fromtimestamp(at, UTC))
                for hashed, at in zip(hashes, times, strict=True)
            ]
            if len(hashes) < _PAGE:
                return found

    @as_a_node_answers
    def mined(self, tx_hash: str, provider: str, strategy: bytes) -> MinedCommitments | None:
        """What a transaction committed for a provider under a strategy's hash; None if it is not (or no longer) on the
        chain."""
        from web3.logs import DISCARD

        receipt = receipt_of(self.web3, tx_hash)
        if receipt is None:
            return None
        events = self.commitments.events.SignalCommitted().process_receipt(receipt, errors=DISCARD)
        numbers = {
            bytes(event["args"]["commitment"]): event["args"]["number"]
            for event in events
            if (event["address"], event["args"]["provider"], bytes(event["args"]["strategy"]))
            == (self.contract, provider, strategy)
        }
        block = block_at(self.web3, receipt["blockHash"])
        return MinedCommitments(
            tx_hash,
            receipt["blockNumber"],
            f"0x{receipt['blockHash'].hex()}",
            receipt["gasUsed"],
            datetime.fromtimestamp(block.timestamp, UTC),
            numbers,
        )


@as_a_node_answers
def commitments_at(rpc_url: str, chain_id: int) -> CommitmentBook:
    """The commitments of a chain, over a node's URL. AnotherChain where the node's is not `chain_id`; Permanent where
    the chain has no such contract; Transient where the node does not answer."""
    web3 = web3_over(rpc_url)
    served = web3.eth.chain_id
    if served != chain_id:
        raise AnotherChain(served, chain_id)
    book = CommitmentBook(web3, chain_id)
    book.check_deployed()
    return book


def deploy_commitments(chain: Chain, signer: Signer) -> bool:
    """Put SignalCommitments on a chain, paid by `signer`; False where it is there already. Raises as `deploy_once`."""
    return deploy_once(chain, signer, code_of(COMMITMENTS))
