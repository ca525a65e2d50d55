"""SignalCommitments on a chain: where it is, how it gets there, and what anybody reads of it.

Its address follows from its code: it is made by the deterministic deployer that most chains have (EIP-1014, a contract
without a state that anybody can put on a chain by one known transaction). So it needs no file of addresses, and nobody
can deploy anything else there.
"""

from __future__ import annotations

from datetime import UTC, datetime
from functools import cache
from typing import TYPE_CHECKING, Self

from fntx_dagster.adapters.evm.artifacts import COMMITMENTS, artifact
from fntx_dagster.adapters.evm.faults import as_a_node_answers, explained
from fntx_dagster.adapters.evm.reader import AnotherChain, web3_over
from fntx_dagster.adapters.evm.transactions import receipt_of
from fntx_dagster.adapters.evm.typed import address_of, block_at, hash_of
from fntx_dagster.errors import Permanent
from fntx_dagster.model.chain import HeldCommitment, MinedCommitments

if TYPE_CHECKING:
    from web3 import Web3
    from web3.types import BlockIdentifier

    from fntx_dagster.adapters.evm.client import Chain
    from fntx_dagster.adapters.evm.keys import Signer

_DEPLOYER = "0x4e59b44847b379578588920cA78FbF26c0B4956C"
"""https://github.com/Arachnid/deterministic-deployment-proxy"""
_DEPLOYERS_MAKER = "0x3fAB184622Dc19b6109349B94811493BF2a45362"
_DEPLOYERS_COST = 10**16
_DEPLOYERS_TRANSACTION = bytes.fromhex(
    "f8a58085174876e800830186a08080b853604580600e600039806000f350fe7fffffffffffffffffffffffffffffffffffffffffffffff"
    "ffffffffffffffffe03601600081602082378035828234f58015156039578182fd5b8082525050506014600cf31ba02222222222222222"
    "222222222222222222222222222222222222222222222222a0222222222222222222222222222222222222222222222222222222222222"
    "2222"
)
"""Signed by nobody: the signature is chosen, and the sender follows from it. It pays 100 gwei for 100,000 gas."""
_SALT = bytes(32)
_PAGE = 1000


@cache
def commitments_address() -> str:
    """Where SignalCommitments is on every chain, EIP-55."""
    from eth_utils.crypto import keccak

    code = bytes.fromhex(artifact(COMMITMENTS)["bytecode"].removeprefix("0x"))
    made = keccak(b"\xff" + bytes.fromhex(_DEPLOYER[2:]) + _SALT + keccak(code))
    return address_of(f"0x{made[12:].hex()}")


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


@explained
def deploy_commitments(chain: Chain, signer: Signer) -> bool:
    """Put SignalCommitments on a chain, paid by `signer`; False where it is there already.

    A deployment that was cut off goes on when it is called again. Permanent where the ether does not pay for it or the
    chain takes no such deployer, Transient where the node does not answer.
    """
    book = CommitmentBook(chain.web3, chain.chain_id)
    if book.is_deployed():
        return False
    with chain.turn_of(signer.address):
        if not chain.web3.eth.get_code(address_of(_DEPLOYER)):
            _make_deployer(chain, signer)
        code = artifact(COMMITMENTS)["bytecode"].removeprefix("0x")
        if not book.is_deployed():  # another process may have been first
            chain.send(signer, {"to": address_of(_DEPLOYER), "data": hash_of(f"0x{_SALT.hex()}{code}")})
    book.check_deployed()
    return True


def _make_deployer(chain: Chain, signer: Signer) -> None:
    from web3.exceptions import Web3RPCError
    from web3.types import Wei

    web3 = chain.web3
    lacking = _DEPLOYERS_COST - web3.eth.get_balance(address_of(_DEPLOYERS_MAKER))
    if lacking > 0:
        chain.send(signer, {"to": address_of(_DEPLOYERS_MAKER), "value": Wei(lacking)})
    try:
        web3.eth.wait_for_transaction_receipt(web3.eth.send_raw_transaction(_DEPLOYERS_TRANSACTION))
    except Web3RPCError:
        raise Permanent(
            f"chain {chain.chain_id} has no deterministic deployer at {_DEPLOYER} and does not take the transaction "
            "that makes it",
            "Commit signals on another chain",
        ) from None
