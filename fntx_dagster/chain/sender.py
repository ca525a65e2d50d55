"""Posting a day's root: once, whatever happens in between.

The contract is asked before anything is sent and again when it is mined. The same root already there is success: a
process that died between mining and storing heals by posting again. Another root there is a conflict for a person.
"""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING

from fntx_dagster.chain.client import Chain, Receipt, yyyymmdd
from fntx_dagster.chain.faults import Reverted
from fntx_dagster.chain.transactions import MINED_WITHIN, OnSigned
from fntx_dagster.errors import Permanent, Transient

if TYPE_CHECKING:
    from fntx_dagster.chain.keys import Signer


def post(
    chain: Chain,
    signer: Signer,
    day: date,
    schema_hash: bytes,
    root: bytes,
    on_signed: OnSigned = lambda signed: None,
    timeout: float = MINED_WITHIN,
) -> Receipt:
    """Post `root` (32 bytes) for the signer's `day` and burn the fee; the receipt is read back from the chain.

    `on_signed` receives raw bytes, hash and nonce before the broadcast; it is not called where the root is there
    already. FNTX balance, allowance and ether are checked, and the call is simulated, before a nonce is taken.

    Permanent: another root is stored for that day, too little FNTX, allowance or ether, a refusal by the contract.
    Transient: not mined within `timeout` seconds, another transaction of this key in progress, no answer from the node.
    """
    with chain.turn_of(signer.address):
        settled = _settled(chain, signer.address, day, schema_hash, root)
        if settled is not None:
            return settled
        _check_fntx(chain, signer.address)
        try:
            arguments = (yyyymmdd(day), schema_hash, root)
            chain.invoke(
                signer, chain.track_record, "postDailyRecord", *arguments, on_signed=on_signed, timeout=timeout
            )
        except Reverted as refusal:
            if refusal.error != "RecordExists":  # posted meanwhile with the same key elsewhere: read what it is
                raise
    settled = _settled(chain, signer.address, day, schema_hash, root)
    if settled is None:
        raise Transient(f"the record of {day} is mined, but the node does not show it yet", "Try again")
    return settled


def _settled(chain: Chain, trader: str, day: date, schema_hash: bytes, root: bytes) -> Receipt | None:
    """The receipt if the contract holds this very record, None if it holds none for the day."""
    stored = chain.record_of(trader, day)
    if stored is None:
        return None
    if not stored.holds(schema_hash, root):
        raise Permanent(
            f"{trader} has another record for {day}, posted at {stored.posted_at.isoformat()}: 0x{stored.root.hex()}",
            "It is never overwritten: see which of the two is right. Two accounts with one trader key collide too",
        )
    return chain.posting_of(stored, trader, day)


def _check_fntx(chain: Chain, trader: str) -> None:
    funds = chain.funds_of(trader)
    if funds.fntx < chain.burn_amount:
        raise Permanent(
            f"{trader} holds {funds.fntx} FNTX and a record burns {chain.burn_amount}", "Send FNTX to this address"
        )
    if funds.allowance < chain.burn_amount:
        raise Permanent(
            f"TrackRecord may burn {funds.allowance} FNTX of {trader} and a record burns {chain.burn_amount}",
            f"Approve {chain.contract} to spend the trader's FNTX",
        )
