"""Single steps of a transaction: its fees, its broadcast, its receipt; and `transact`, which takes them all at once.

`transact` is for what a record does not depend on (deployment, funding, approval): it keeps nothing, so a process that
dies in it leaves the transaction to the chain. Records go through the outbox. The caller holds the key's turn.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from decimal import Decimal
from statistics import median_low
from typing import TYPE_CHECKING, Any

from fntx_dagster.adapters.evm.faults import NodeRefusal, explained, refusal_of, refused_by_node
from fntx_dagster.adapters.evm.keys import Signer
from fntx_dagster.adapters.evm.typed import address_of, block_at, hash_of
from fntx_dagster.errors import Permanent, Transient
from fntx_dagster.model.chain import Fees

if TYPE_CHECKING:
    from web3 import Web3
    from web3.types import BlockIdentifier, TxParams, TxReceipt

GAS_LIMIT = 16_777_216
"""What one transaction may use at most (EIP-7825)."""

TIP_MULTIPLE = 3
MODEST_TIP = 10**9
"""The highest tip, in wei per gas, where the recent blocks show none and no setting says another."""
_RECENT_BLOCKS = 20

MINED_WITHIN = 180.0
"""Seconds to wait for a receipt before the wait is given up, not the transaction."""


@explained
def transact(
    web3: Web3, signer: Signer, call: TxParams, fee_cap: int | None = None, modest_tip: int = MODEST_TIP
) -> TxReceipt:
    """Simulate, sign, broadcast and wait. `call` has any of to, data, value (wei), and gas where the node is not asked
    how much it takes; `fee_cap` and `modest_tip` (see `suggested_fees`) are wei per gas.

    The simulation and the check of the ether come before a nonce is taken.

    Raises Reverted (the contract refuses), Permanent (too little ether), Transient (a transaction of this key is in
    progress, the chain is dearer than the cap, the node does not answer, not mined within MINED_WITHIN seconds).
    """
    from web3.exceptions import Web3RPCError

    call = {**call, "from": signer.address}
    simulate(web3, call)
    gas = call.get("gas") or gas_for(web3, call)
    fees = suggested_fees(web3, modest_tip) if fee_cap is None else fees_within(web3, fee_cap, modest_tip)
    check_ether(web3, signer.address, gas * fees.max_fee + call.get("value", 0))
    signed = signer.sign(request(web3.eth.chain_id, next_nonce(web3, signer.address), gas, fees, call))
    try:
        web3.eth.send_raw_transaction(signed.raw)
    except Web3RPCError as error:
        if refusal_of(error) is not NodeRefusal.ALREADY_KNOWN:
            raise refused_by_node(error, signer.address) from None
    receipt = web3.eth.wait_for_transaction_receipt(hash_of(signed.tx_hash), timeout=MINED_WITHIN)
    if receipt["status"] != 1:
        simulate(web3, call, receipt["blockNumber"])  # raises with the reason, if the state still shows it
        raise Permanent(f"transaction {signed.tx_hash} was mined and refused", "Look it up on the chain")
    return receipt


@contextmanager
def _sent_by(call: TxParams) -> Iterator[None]:
    """What a node refuses in here names the address that lacks ether."""
    from web3.exceptions import Web3RPCError

    try:
        yield
    except Web3RPCError as error:
        raise refused_by_node(error, f"{call.get('from', '')}") from None


@explained
def simulate(web3: Web3, call: TxParams, block: BlockIdentifier = "latest") -> None:
    """Reverted if the contract would refuse `call` after that block."""
    with _sent_by(call):
        web3.eth.call(call, block)


@explained
def gas_for(web3: Web3, call: TxParams) -> int:
    """A quarter more than the node's estimate: the state may have changed when it is mined."""
    with _sent_by(call):
        return min(web3.eth.estimate_gas(call) * 5 // 4, GAS_LIMIT)


def suggested_fees(web3: Web3, modest_tip: int = MODEST_TIP) -> Fees:
    """EIP-1559 fees that outlast six full blocks: twice the base fee, and the tip that the node suggests, but at most
    TIP_MULTIPLE times the recent blocks', or `modest_tip` (wei per gas) where those show none. Permanent on a chain
    without a base fee."""
    base = block_at(web3, "latest").base_fee
    if base is None:
        raise Permanent("the chain's blocks have no base fee", "Name a chain with EIP-1559 in FNTX_RPC_URL")
    tip = min(web3.eth.max_priority_fee, TIP_MULTIPLE * recent_tip(web3) or modest_tip)
    return Fees(2 * base + tip, tip)


def recent_tip(web3: Web3) -> int:
    """What half of the recent blocks' transactions paid at most as a tip, in wei per gas: the median of the blocks'
    medians. 0 where the blocks are empty, or the node keeps no history."""
    from web3.exceptions import Web3RPCError

    try:
        history = web3.eth.fee_history(_RECENT_BLOCKS, "latest", [50.0])
    except Web3RPCError:
        return 0
    blocks = zip(history.get("reward") or [], history["gasUsedRatio"], strict=False)
    tips = [int(reward[0]) for reward, used in blocks if reward and used]
    return median_low(tips) if tips else 0


def fees_within(web3: Web3, cap: int, modest_tip: int = MODEST_TIP) -> Fees:
    """The suggested fees, at most `cap` (wei per gas); Transient while the chain is dearer than that."""
    return capped(suggested_fees(web3, modest_tip), cap)


def capped(fees: Fees, cap: int) -> Fees:
    """Suggested fees, at most `cap` (wei per gas); Transient while the chain is dearer than that."""
    base = (fees.max_fee - fees.tip) // 2
    if base > cap:
        raise Transient(
            f"the chain's base fee, {gwei(base)} gwei, is above the cap, {gwei(cap)}",
            "Wait until it falls, or raise FNTX_FEE_CAP_GWEI",
        )
    return Fees(min(fees.max_fee, cap), min(fees.tip, cap))


def gwei(wei: int) -> str:
    """Wei in gwei, as people read it."""
    return f"{Decimal(wei) / 10**9:.9f}".rstrip("0").rstrip(".")


def check_ether(web3: Web3, address: str, needed: int) -> None:
    """Permanent unless `address` holds `needed` wei."""
    held = web3.eth.get_balance(address_of(address))
    if held < needed:
        raise Permanent(
            f"{address} holds {held} wei of ether and the transaction may cost {needed}",
            f"Send at least {needed - held} wei of ether to this address",
        )


def next_nonce(web3: Web3, address: str, block: BlockIdentifier = "latest") -> int:
    """The nonce that comes after `block`; Transient while the node knows a transaction of `address` that is not
    mined."""
    mined = web3.eth.get_transaction_count(address_of(address), block)
    if web3.eth.get_transaction_count(address_of(address), "pending") > mined:
        raise Transient(
            f"a transaction of {address}, nonce {mined}, is still in progress",
            "Try again when it is mined; one that is not ours and stays can be replaced by its wallet, with that nonce",
        )
    return mined


def request(chain_id: int, nonce: int, gas: int, fees: Fees, call: TxParams) -> dict[str, Any]:
    """What a signer signs: `call` (to, data, value; a deployment has no `to`) as an EIP-1559 transaction."""
    return {
        "to": call.get("to", ""),
        "value": call.get("value", 0),
        "data": call.get("data", "0x"),
        "maxFeePerGas": fees.max_fee,
        "maxPriorityFeePerGas": fees.tip,
        "gas": gas,
        "chainId": chain_id,
        "nonce": nonce,
    }


def receipt_of(web3: Web3, tx_hash: str) -> TxReceipt | None:
    """The receipt of a transaction that is in a block, else None."""
    from web3.exceptions import TransactionNotFound

    try:
        receipt = web3.eth.get_transaction_receipt(hash_of(tx_hash))
    except TransactionNotFound:
        return None
    return receipt if receipt["blockHash"] is not None else None


def is_known(web3: Web3, tx_hash: str) -> bool:
    """Whether the node has a transaction, mined or not."""
    from web3.exceptions import TransactionNotFound

    try:
        web3.eth.get_transaction(hash_of(tx_hash))
    except TransactionNotFound:
        return False
    return True
