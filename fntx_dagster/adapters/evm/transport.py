"""The EVM as a transport of the outbox: nonces, fees, broadcasts, receipts and reorganisations.

What the transactions say to which contract is a `Calls`; `track_record` has TrackRecord's. Every method that asks the
node raises Transient or Permanent, as `faults` explains it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Generic, Protocol

from fntx_dagster.adapters.evm.faults import NodeRefusal, Reverted, explained, refusal_of, refused_by_node
from fntx_dagster.adapters.evm.transactions import (
    GAS_LIMIT,
    capped,
    check_ether,
    gas_for,
    gwei,
    is_known,
    next_nonce,
    receipt_of,
    request,
    simulate,
    suggested_fees,
)
from fntx_dagster.adapters.evm.typed import address_of, hash_of
from fntx_dagster.errors import Transient
from fntx_dagster.model.chain import Call, Fees
from fntx_dagster.outbox.sending import Attempt, Entry, Place, Receipt, Sending
from fntx_dagster.outbox.transport import (
    Absent,
    Contradicted,
    Delivery,
    Failure,
    Outcome,
    Prepared,
    Present,
    Verdict,
    Words,
)

if TYPE_CHECKING:
    from web3.types import TxParams, TxReceipt

    from fntx_dagster.adapters.evm.client import Chain
    from fntx_dagster.adapters.evm.keys import Signer

_VERDICTS = {
    NodeRefusal.ALREADY_KNOWN: Verdict.ACCEPTED,
    NodeRefusal.NONCE_TOO_LOW: Verdict.WAITS,
    NodeRefusal.NONCE_TOO_HIGH: Verdict.WAITS,
    NodeRefusal.UNDERPRICED: Verdict.TOO_LOW,
}


class Calls(Protocol[Entry, Receipt]):
    """What one sender's transactions say to one contract, and what the contract holds of the entries."""

    @property
    def contract(self) -> str:
        """The contract's address."""
        ...

    def named(self, entries: Sequence[Entry]) -> str:
        """Entries in a few words."""
        ...

    def examine(
        self, entries: Sequence[Entry], height: int, is_deep: Callable[[int], bool]
    ) -> Iterator[Absent[Entry] | Present[Entry, Receipt] | Contradicted[Entry]]:
        """What the contract holds of each entry as of a block. `is_deep`: whether a block's number is final."""
        ...

    def bundle(self, waiting: Sequence[Entry], queued: int) -> tuple[Entry, ...]:
        """Those of the entries that the next transaction carries; Permanent where the contract would not be paid."""
        ...

    def encoded(self, entries: Sequence[Entry]) -> bytes:
        """The call's data."""
        ...

    def check_blame(self, refusal: Reverted) -> None:
        """Raise unless one of the entries may be why the contract refused."""
        ...

    def read(self, tx_hash: str) -> Outcome[Receipt] | None:
        """What a transaction did; None if it is not (or no longer) on the chain."""
        ...

    def conflict(self, entries: Sequence[Entry], height: int) -> str | None:
        """In words that the contract holds one of the entries, or another in its place, as of a block; None where it
        holds none."""
        ...

    def confirm(self, entries: Sequence[Entry], height: int) -> None:
        """Permanent unless the contract holds each of the entries as of a block."""
        ...


class EvmTransport(Generic[Entry, Receipt]):
    """`outbox.Transport` for the calls of one key on one chain, within a fee cap in wei per gas. For one `send`.
    `modest_tip`, in wei per gas too, is the highest tip where the recent blocks show none.

    `confirmations` are the blocks on top of a transaction's block that make it final; the embedded chain needs none.
    `gas` is what a transaction may use, where the node is not asked.
    """

    words = Words(system="chain", message="transaction", slot="nonce", place="block", offer="fees", seen="mined")

    def __init__(
        self,
        chain: Chain,
        signer: Signer,
        calls: Calls[Entry, Receipt],
        fee_cap: int,
        confirmations: int,
        modest_tip: int,
        gas: int | None = None,
    ) -> None:
        self._gas = gas
        self.signer, self.confirmations = signer, 0 if chain.is_embedded else confirmations
        self._chain, self._web3, self._calls, self._fee_cap = chain, chain.web3, calls, fee_cap
        self._modest_tip = modest_tip
        self._highest = 0

    @property
    def is_immediate(self) -> bool:
        return self._chain.is_embedded

    def named(self, entries: Sequence[Entry]) -> str:
        return self._calls.named(entries)

    def shown(self, offer: Fees) -> str:
        return f"{gwei(offer.max_fee)} gwei"

    def turn(self) -> AbstractContextManager[None]:
        return self._chain.turn_here(self.signer.address)

    # What is queued

    def examine(
        self, entries: Sequence[Entry]
    ) -> Iterator[Absent[Entry] | Present[Entry, Receipt] | Contradicted[Entry]]:
        return self._calls.examine(entries, self._height(), self._is_deep)

    @explained
    def prepare(self, waiting: Sequence[Entry], queued: int) -> Prepared[Entry, Call] | Sequence[Contradicted[Entry]]:
        entries = self._calls.bundle(waiting, queued)
        data = self._calls.encoded(entries)
        call = self._call(data)
        try:
            simulate(self._web3, call)
            return Prepared(Call(data, self._gas or self._gas_for(call)), entries)
        except Reverted as refusal:
            self._calls.check_blame(refusal)
            if not (contradicted := list(self._contradicted(entries))):
                raise
            return contradicted

    @explained
    def first_offer(self, message: Call) -> Fees:
        """The node's suggestion within the cap. Transient while the chain is dearer than the cap, Permanent where the
        ether does not pay for it."""
        fees = capped(self._chain.fees_at(self._highest or self._height(), self._modest_tip), self._fee_cap)
        check_ether(self._web3, self.signer.address, message.gas * fees.max_fee)
        return fees

    @explained
    def next_slot(self) -> int:
        return next_nonce(self._web3, self.signer.address, self._highest or self._height())

    def sign(self, slot: int, message: Call, offer: Fees) -> Attempt[Fees]:
        call = self._call(message.data)
        signed = self.signer.sign(request(self._chain.chain_id, slot, message.gas, offer, call))
        return Attempt(signed.tx_hash, signed.raw, offer, False)

    # What is under way

    @explained
    def objection(self, message: Call) -> str | None:
        try:
            simulate(self._web3, self._call(message.data))
        except Reverted as refusal:
            return refusal.message
        return None

    @explained
    def first_unused_slot(self) -> int:
        return self._web3.eth.get_transaction_count(address_of(self.signer.address), self._height())

    @explained
    def deliver(self, attempt: Attempt[Fees]) -> Delivery:
        from web3.exceptions import Web3RPCError

        if attempt.is_sent and is_known(self._web3, attempt.reference):
            return Delivery(Verdict.ACCEPTED)
        try:
            self._web3.eth.send_raw_transaction(attempt.raw)
        except Web3RPCError as error:
            refusal = refusal_of(error)
            verdict = _VERDICTS.get(refusal, Verdict.REFUSED)
            # a killed process may have delivered it, and its nonce is used then
            if verdict is Verdict.ACCEPTED or is_known(self._web3, attempt.reference):
                return Delivery(Verdict.ACCEPTED)
            return Delivery(
                verdict,
                str(refusal),
                refused_by_node(error, self.signer.address) if verdict is Verdict.REFUSED else None,
            )
        return Delivery(Verdict.ACCEPTED)

    @explained
    def raised(self, message: Call, offer: Fees) -> tuple[Fees | None, str]:
        """Both fees raised by an eighth at least, as nodes ask for a replacement, or why they are not."""
        least = Fees(offer.max_fee * 9 // 8 + 1, offer.tip * 9 // 8 + 1)
        if least.max_fee > self._fee_cap:
            return None, f"its fees would have to be raised beyond FNTX_FEE_CAP_GWEI, {gwei(self._fee_cap)}"
        now = suggested_fees(self._web3, self._modest_tip)
        max_fee = min(max(least.max_fee, now.max_fee), self._fee_cap)
        address = self.signer.address
        if self._web3.eth.get_balance(address_of(address)) < message.gas * max_fee:
            return None, f"the ether of {address} does not pay for higher fees"
        return Fees(max_fee, min(max(least.tip, now.tip), max_fee)), ""

    # What is in a block

    @explained
    def find(self, attempts: Sequence[Attempt[Fees]]) -> Outcome[Receipt] | None:
        """Of whichever attempt was mined: an earlier one can, though the fees were raised since."""
        receipts = (receipt_of(self._web3, attempt.reference) for attempt in reversed(attempts))
        receipt = next((receipt for receipt in receipts if receipt is not None), None)
        if receipt is None:
            return None
        place = _place(receipt)
        if receipt["status"] != 1:
            return Outcome(place, None)
        outcome = self._calls.read(place.reference)
        if outcome is None:
            raise Transient(f"the block of transaction {place.reference} has just left the chain", "Try again")
        return outcome

    @explained
    def failure_of(self, sending: Sending[Entry, Call, Fees], place: Place) -> Failure:
        conflict = self._calls.conflict(sending.entries, self._height())
        if conflict is not None:
            return Failure(f"its transaction was reverted: {conflict}", is_queued_again=True)
        return Failure(self._reason(sending.message, place), is_queued_again=False)

    @explained
    def is_final(self, place: Place) -> bool:
        """The block has its confirmations or the node calls it finalized, and the chain still has it."""
        return self._is_deep(place.position) and self._chain.is_canonical(place.position, place.mark)

    @explained
    def confirm(self, entries: Sequence[Entry]) -> None:
        self._calls.confirm(entries, self._highest or self._height())

    @explained
    def _height(self) -> int:
        """The newest block's number. It never falls, although of several nodes behind one URL some lag: a node that
        lags does not answer a question as of this block."""
        self._highest = max(self._highest, self._web3.eth.block_number)
        return self._highest

    def _gas_for(self, call: TxParams) -> int:
        """What a call may use. The embedded chain would try it out many times over, and its ether costs nothing."""
        return GAS_LIMIT if self._chain.is_embedded else gas_for(self._web3, call)

    def _is_deep(self, block_number: int) -> bool:
        if self._highest - block_number >= self.confirmations or self._height() - block_number >= self.confirmations:
            return True
        finalized = self._chain.finalized_height
        return finalized is not None and finalized >= block_number

    def _contradicted(self, entries: Sequence[Entry]) -> Iterator[Contradicted[Entry]]:
        """Those that the contract does not take by themselves."""
        for entry in entries:
            try:
                simulate(self._web3, self._call(self._calls.encoded([entry])))
            except Reverted as alone:
                yield Contradicted(entry, str(alone))

    def _reason(self, message: Call, place: Place) -> str:
        reverted = f"transaction {place.reference} was reverted"
        receipt = receipt_of(self._web3, place.reference)
        if receipt is None:
            raise Transient(f"the block of transaction {place.reference} has just left the chain", "Try again")
        if receipt["gasUsed"] >= message.gas:
            return f"{reverted}: it ran out of gas ({message.gas})"
        try:
            simulate(self._web3, self._call(message.data), receipt["blockNumber"])
        except Reverted as refusal:
            return f"{reverted}: {refusal}"
        return f"{reverted}, and the state after its block does not show why"

    def _call(self, data: bytes) -> TxParams:
        return {"from": self.signer.address, "to": self._calls.contract, "data": hash_of(f"0x{data.hex()}")}


def _place(receipt: TxReceipt) -> Place:
    reference, mark = (f"0x{receipt[name].hex()}" for name in ("transactionHash", "blockHash"))
    return Place(receipt["blockNumber"], mark, reference)
