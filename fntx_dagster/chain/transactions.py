"""One transaction from its call to its mined receipt. The caller holds the lock of the key."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from fntx_dagster.chain.faults import explained, is_already_known
from fntx_dagster.chain.keys import Signed, Signer
from fntx_dagster.errors import Permanent, Transient

if TYPE_CHECKING:
    from web3 import Web3
    from web3.types import TxReceipt

GAS_LIMIT = 16_777_216
"""What one transaction may use at most (EIP-7825)."""

MINED_WITHIN = 180.0
"""Seconds to wait for a receipt before the wait is given up, not the transaction."""

OnSigned = Callable[[Signed], None]


@explained
def transact(
    web3: Web3,
    signer: Signer,
    call: dict[str, Any],
    on_signed: OnSigned = lambda signed: None,
    timeout: float = MINED_WITHIN,
) -> TxReceipt:
    """Simulate, sign, broadcast and wait. `call` has any of to, data, value (wei).

    The simulation and the check of the ether come before a nonce is taken. `on_signed` is called between signing and
    broadcasting, for a caller that saves the bytes first; if it raises, nothing is sent.

    Raises Reverted (the contract refuses), Permanent (too little ether), Transient (a transaction of this key is in
    progress, the node does not answer, not mined within `timeout` seconds).
    """
    call = {**call, "from": signer.address}
    web3.eth.call(call)
    gas = min(web3.eth.estimate_gas(call) * 5 // 4, GAS_LIMIT)
    fees = _fees(web3)
    _check_ether(web3, signer.address, gas * fees["maxFeePerGas"] + call.get("value", 0))
    request = {
        "to": "",
        "value": 0,
        "data": "0x",
        **call,
        **fees,
        "gas": gas,
        "chainId": web3.eth.chain_id,
        "nonce": _next_nonce(web3, signer.address),
    }
    del request["from"]
    signed = signer.sign(request)
    on_signed(signed)
    _broadcast(web3, signed)
    receipt = web3.eth.wait_for_transaction_receipt(signed.tx_hash, timeout=timeout)
    if receipt["status"] != 1:
        web3.eth.call(call, receipt["blockNumber"])  # raises with the reason, if the state still shows it
        raise Permanent(f"transaction {signed.tx_hash} was mined and refused", "Look it up on the chain")
    return receipt


def _fees(web3: Web3) -> dict[str, int]:
    """EIP-1559 fees that outlast six full blocks: twice the base fee, and the tip."""
    tip = web3.eth.max_priority_fee
    base = web3.eth.get_block("latest")["baseFeePerGas"]
    return {"maxPriorityFeePerGas": tip, "maxFeePerGas": 2 * base + tip}


def _check_ether(web3: Web3, address: str, needed: int) -> None:
    held = web3.eth.get_balance(address)
    if held < needed:
        raise Permanent(
            f"{address} holds {held} wei of ether and the transaction may cost {needed}",
            "Send ether to this address",
        )


def _next_nonce(web3: Web3, address: str) -> int:
    mined = web3.eth.get_transaction_count(address)
    if web3.eth.get_transaction_count(address, "pending") > mined:
        raise Transient(
            f"a transaction of {address} is still in progress",
            "Try again when it is mined: the contract is read before anything is sent",
        )
    return mined


def _broadcast(web3: Web3, signed: Signed) -> None:
    from web3.exceptions import Web3RPCError

    try:
        web3.eth.send_raw_transaction(signed.raw)
    except Web3RPCError as error:
        if not is_already_known(error):
            raise
