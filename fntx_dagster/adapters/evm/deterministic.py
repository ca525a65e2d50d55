"""Contracts whose address follows from their code, and how they get onto a chain.

They are made by the deterministic deployer that most chains have (EIP-1014, a contract without a state that anybody can
put on a chain by one known transaction), so nobody can deploy anything else at their addresses.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from fntx_dagster.adapters.evm.artifacts import artifact
from fntx_dagster.adapters.evm.faults import explained
from fntx_dagster.adapters.evm.typed import address_of, hash_of
from fntx_dagster.errors import Permanent

if TYPE_CHECKING:
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


def code_of(contract: str, *addresses: str) -> bytes:
    """What makes a contract: its artifact's init code, with the addresses that its constructor takes."""
    code = bytes.fromhex(artifact(contract)["bytecode"].removeprefix("0x"))
    return code + b"".join(bytes(12) + bytes.fromhex(address.removeprefix("0x")) for address in addresses)


def address_made_of(code: bytes) -> str:
    """Where the contract of that init code is on every chain, EIP-55."""
    from eth_utils.crypto import keccak

    made = keccak(b"\xff" + bytes.fromhex(_DEPLOYER[2:]) + _SALT + keccak(code))
    return address_of(f"0x{made[12:].hex()}")


@explained
def deploy_once(chain: Chain, signer: Signer, code: bytes) -> bool:
    """Put the contract of that init code on a chain, paid by `signer`; False where it is there already.

    A deployment that was cut off goes on when it is called again. Permanent where the ether does not pay for it or the
    chain takes no such deployer, Transient where the node does not answer.
    """
    address = address_of(address_made_of(code))
    if chain.web3.eth.get_code(address):
        return False
    with chain.turn_of(signer.address):
        if not chain.web3.eth.get_code(address_of(_DEPLOYER)):
            _make_deployer(chain, signer)
        if not chain.web3.eth.get_code(address):  # another process may have been first
            chain.send(signer, {"to": address_of(_DEPLOYER), "data": hash_of(f"0x{_SALT.hex()}{code.hex()}")})
    if not chain.web3.eth.get_code(address):
        raise Permanent(f"chain {chain.chain_id} did not make the contract at {address}", "Name another chain")
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
            "Name another chain",
        ) from None
