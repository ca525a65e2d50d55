"""Posting what waits: once, in order, whatever happens in between.

`send` may be killed at any point and is simply called again. What it is about to do is in the journal before it is
done: a nonce before anything is signed under it, signed bytes before they are broadcast. What is unfinished is settled
before anything new is sent, so at most one transaction of a key is in progress. The chain decides what is true: the
contract refuses a second record for a day, and it is read before a nonce is taken, after one went to another
transaction, and before a record is called final.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from itertools import islice, takewhile
from typing import TYPE_CHECKING, Any, NamedTuple, NoReturn

from fntx_dagster.adapters.evm.faults import NodeRefusal, Reverted, explained, refusal_of
from fntx_dagster.adapters.evm.journal import Attempt, Sending
from fntx_dagster.adapters.evm.reader import yyyymmdd
from fntx_dagster.adapters.evm.transactions import (
    check_ether,
    fees_within,
    gas_for,
    gwei,
    is_known,
    next_nonce,
    receipt_of,
    request,
    simulate,
    suggested_fees,
)
from fntx_dagster.errors import Permanent, Transient
from fntx_dagster.model.chain import Fees, Mined, QueuedRecord
from fntx_dagster.model.period import Period

if TYPE_CHECKING:
    from datetime import date

    from web3.types import TxReceipt

    from fntx_dagster.adapters.evm.client import Chain
    from fntx_dagster.adapters.evm.journal import Journal
    from fntx_dagster.adapters.evm.keys import Signer
    from fntx_dagster.model.chain import StoredRecord
    from fntx_dagster.settings import Settings

OnProgress = Callable[[str], None]

_OVERTAKEN = ("RecordExists", "NoRecord", "PreviousRootDiffers")
_PAYING = ("ERC20InsufficientBalance", "ERC20InsufficientAllowance")


class Policy(NamedTuple):
    """How patient and how dear sending is. Times in seconds; `fee_cap` in wei per gas; `batch` in days a transaction;
    `confirmations` in blocks on top of a record's (the embedded chain needs none)."""

    confirmations: int
    batch: int
    fee_cap: int
    stuck_after: float
    mined_within: float
    poll: float = 2.0


def policy_of(settings: Settings) -> Policy:
    """The policy of the settings; Permanent where a run would end before it came to raise a fee."""
    if settings.posting.stuck_after >= settings.posting.mined_within:
        raise Permanent(
            f"FNTX_STUCK_AFTER ({settings.posting.stuck_after:g} s) is not shorter than FNTX_MINED_WITHIN "
            f"({settings.posting.mined_within:g} s), so no fee would ever be raised",
            "Make it shorter",
        )
    return Policy(
        settings.chain.confirmations,
        settings.posting.batch,
        settings.posting.fee_cap,
        settings.posting.stuck_after,
        settings.posting.mined_within,
    )


@explained
def send(
    chain: Chain, signer: Signer, journal: Journal, policy: Policy, on_progress: OnProgress = lambda text: None
) -> None:
    """Settle what is unfinished, oldest nonce first, then post what is queued, in order, and note what is final.

    Returns when nothing is queued and all is mined; what is mined becomes final in a later call if its depth is not
    reached yet. Entries that the contract contradicts are refused, a reverted transaction's fail: they wait for a
    person, the others go on. `on_progress` is told each step in words.

    Permanent, before a nonce is taken: too little FNTX, allowance or ether. Transient, nothing is lost: one transaction
    is not mined within `policy.mined_within` seconds, a foreign one of this key is in progress, no answer of the node.
    """
    with chain.turn_of(signer.address):
        turn = _Turn(chain, signer, journal, policy, on_progress)
        turn.settle()
        while turn.post_next():
            pass
        turn.settle()


class _Turn:
    """One call of `send`."""

    def __init__(self, chain: Chain, signer: Signer, journal: Journal, policy: Policy, tell: OnProgress) -> None:
        self.chain, self.web3, self.journal, self.policy, self.tell = chain, chain.web3, journal, policy, tell
        self.signer, self.trader = signer, signer.address
        self.seen = 0
        self.postings: dict[tuple[date, int], Mined] = {}

    # What is unfinished

    def settle(self) -> None:
        """Every sending that is not final, oldest nonce first."""
        for sending in self.journal.sendings():
            self._see_through(sending)

    def _see_through(self, sending: Sending) -> None:
        """Until it is mined, failed or released; Transient when the time is over."""
        begun = time.monotonic()
        patience, is_raised = begun + self.policy.stuck_after, False
        while (receipt := self._receipt(sending)) is None:
            if sending.mined is not None:
                self.tell(f"transaction {sending.mined[2]} is no longer on the chain and is sent again")
                sending = self.journal.lost(sending)
            height = self._height()
            used = self.web3.eth.get_transaction_count(self.trader, height)
            if used > sending.nonce:
                if self._receipt(sending) is None:  # it may have been mined since it was looked for
                    return self._release(sending, f"its nonce {sending.nonce} went to another transaction")
                continue
            if used < sending.nonce and (self.chain.is_embedded or not sending.attempts):
                # the embedded chain mines at once, so this is another chain than the one the nonce was taken on
                return self._release(sending, f"its nonce {sending.nonce} is ahead of the chain's {used}")
            if not sending.attempts:
                ready = self._signed_late(sending)
                if ready is None:
                    return None
                sending, patience = ready, time.monotonic() + self.policy.stuck_after
            before = sending
            sending, refusal = self._offered(sending)
            if sending is not before:
                continue  # the node has taken it just now, and the embedded chain mined it
            hindrance = f": {refusal}" if refusal else ""
            if used < sending.nonce:
                hindrance = (
                    f": its nonce {sending.nonce} waits for the nonce {used}, and no transaction is known for it"
                )
            elif (refusal is NodeRefusal.UNDERPRICED and not is_raised) or time.monotonic() >= patience:
                fees, hindrance = self._raised(sending)
                is_raised = True  # what is too low even then waits, lest fees climb to the cap in seconds
                if fees is not None:
                    self.tell(f"fees are raised to {gwei(fees.max_fee)} gwei: {_named(sending.entries)}")
                    sending, patience = self._sign(sending, fees), time.monotonic() + self.policy.stuck_after
                    continue
            if time.monotonic() >= begun + self.policy.mined_within:
                self._give_up(sending, used, hindrance)
            time.sleep(self.policy.poll)
        return self._in_a_block(sending, receipt)

    def _receipt(self, sending: Sending) -> TxReceipt | None:
        """Of whichever attempt landed: an earlier one can, though the fees were raised since."""
        receipts = (receipt_of(self.web3, attempt.tx_hash) for attempt in reversed(sending.attempts))
        return next((receipt for receipt in receipts if receipt is not None), None)

    def _height(self) -> int:
        """The newest block's number; of the nodes behind one URL, one that is behind another is not believed: what is
        asked as of this block, it does not answer."""
        self.seen = max(self.seen, self.web3.eth.block_number)
        return self.seen

    def _release(self, sending: Sending, why: str) -> None:
        self.tell(f"{_named(sending.entries)}: {why}; what the chain does not hold is queued again")
        self.journal.release(sending, why)

    def _signed_late(self, sending: Sending) -> Sending | None:
        """A sending whose nonce was taken and under which nothing is signed: signed now, or released if it would not
        pass any more. Nothing of it has ever left this process."""
        try:
            simulate(self.web3, self._call(sending.data))
        except Reverted as refusal:
            return self._release(sending, refusal.message)
        fees = self._first_fees(sending.gas)
        if next_nonce(self.web3, self.trader, self._height()) != sending.nonce:
            return self._release(sending, f"its nonce {sending.nonce} went to another transaction")
        return self._sign(sending, fees)

    def _sign(self, sending: Sending, fees: Fees) -> Sending:
        call = self._call(sending.data)
        signed = self.signer.sign(request(self.chain.chain_id, sending.nonce, sending.gas, fees, call))
        return self.journal.keep(sending, Attempt(signed.tx_hash, signed.raw, fees.max_fee, fees.tip, False))

    def _offered(self, sending: Sending) -> tuple[Sending, NodeRefusal | None]:
        """The sending, its last attempt broadcast if the node does not know it, and why the node did not take it."""
        from web3.exceptions import Web3RPCError

        latest = sending.attempts[-1]
        if not is_known(self.web3, latest.tx_hash):
            try:
                self.web3.eth.send_raw_transaction(latest.raw)
            except Web3RPCError as error:
                refusal = refusal_of(error)
                if refusal in (NodeRefusal.NO_ETHER, NodeRefusal.OTHER):
                    if not any(attempt.is_broadcast for attempt in sending.attempts):
                        # no node ever took it: these bytes would be offered for ever, while fees change
                        self._release(sending, "the node does not take its transaction")
                    raise
                if refusal is not NodeRefusal.ALREADY_KNOWN:
                    return sending, refusal
        if latest.is_broadcast:
            return sending, None
        self.journal.broadcast(sending, latest.tx_hash)
        self.tell(f"transaction {latest.tx_hash} is sent: {_named(sending.entries)}")
        return sending._replace(attempts=(*sending.attempts[:-1], latest._replace(is_broadcast=True))), None

    def _raised(self, sending: Sending) -> tuple[Fees | None, str]:
        """Both fees raised by an eighth at least, as nodes ask for a replacement, or why they are not."""
        latest, cap = sending.attempts[-1], self.policy.fee_cap
        least = Fees(latest.max_fee * 9 // 8 + 1, latest.tip * 9 // 8 + 1)
        if least.max_fee > cap:
            return None, f": its fees would have to be raised beyond FNTX_FEE_CAP_GWEI, {gwei(cap)}"
        now = suggested_fees(self.web3)
        max_fee = min(max(least.max_fee, now.max_fee), cap)
        if self.web3.eth.get_balance(self.trader) < sending.gas * max_fee:
            return None, f": the ether of {self.trader} does not pay for higher fees"
        return Fees(max_fee, min(max(least.tip, now.tip), max_fee)), ""

    def _give_up(self, sending: Sending, used: int, hindrance: str) -> NoReturn:
        if used < sending.nonce:
            # The chain was replaced, or a deep reorganisation took what was final. The old bytes may still land one
            # day; the contract refuses them then.
            for each in self.journal.sendings():
                if each.nonce >= sending.nonce:
                    self._release(each, f"its nonce {each.nonce} is ahead of the chain's {used}")
            raise Transient(f"{_named(sending.entries)} could not be sent{hindrance}", "Try again: it is queued again")
        raise Transient(
            f"transaction {sending.attempts[-1].tx_hash} ({_named(sending.entries)}) is not mined yet{hindrance}",
            "It is still in progress and nothing is lost: try again later",
        )

    # What is in a block

    def _in_a_block(self, sending: Sending, receipt: TxReceipt) -> None:
        if receipt["status"] != 1:
            return self._reverted(sending, receipt)
        mined = self.chain.mined(f"0x{receipt['transactionHash'].hex()}")
        if mined is None:
            raise Transient(f"the block of {_named(sending.entries)} has just left the chain", "Try again")
        place = (mined.block_number, mined.block_hash, mined.tx_hash)
        if place != sending.mined:
            self.journal.mined(sending, mined)
            self.tell(f"transaction {mined.tx_hash} is in block {mined.block_number}: {_named(sending.entries)}")
        if self._is_deep(mined.block_number) and self.chain.is_canonical(mined.block_number, mined.block_hash):
            self._compare(sending.entries)
            self.journal.final(sending)
            self.tell(f"final: {_named(sending.entries)}")
        return None

    def _is_deep(self, block_number: int) -> bool:
        confirmations = 0 if self.chain.is_embedded else self.policy.confirmations
        if self.chain.height - block_number >= confirmations:
            return True
        finalized = self.chain.finalized_height
        return finalized is not None and finalized >= block_number

    def _compare(self, entries: Sequence[QueuedRecord]) -> None:
        """Permanent unless the contract holds each of them: its own word, beside the transaction's."""
        stored = self._stored(entries)
        for entry in entries:
            record = self._record(entry, stored.get(entry.day))
            if record is None or not record.holds(entry.schema_hash, entry.root):
                raise Permanent(
                    f"the transaction of {_named([entry])} is mined, but the contract {self.chain.contract} holds "
                    f"{'no record' if record is None else f'root 0x{record.root.hex()}'}",
                    "See which of the two is right before anything else is posted",
                )

    def _reverted(self, sending: Sending, receipt: TxReceipt) -> None:
        """The nonce is used. Where the contract holds one of the entries' versions, that is why, and the queue tells
        the same record from another one; else it is a person's to look at."""
        stored = self._stored(sending.entries)
        if any(entry.day in stored and stored[entry.day].version >= entry.version for entry in sending.entries):
            return self._release(sending, "its transaction was reverted: the contract holds a record already")
        why = self._reason(sending, receipt)
        self.tell(f"{_named(sending.entries)}: {why}")
        return self.journal.fail(sending, why)

    def _reason(self, sending: Sending, receipt: TxReceipt) -> str:
        tx_hash = f"0x{receipt['transactionHash'].hex()}"
        if receipt["gasUsed"] >= sending.gas:
            return f"transaction {tx_hash} was reverted: it ran out of gas ({sending.gas})"
        try:
            simulate(self.web3, self._call(sending.data), receipt["blockNumber"])
        except Reverted as refusal:
            return f"transaction {tx_hash} was reverted: {refusal}"
        return f"transaction {tx_hash} was reverted, and the state after its block does not show why"

    # What is queued

    def post_next(self) -> bool:
        """Post the next bundle and wait until it is mined; False when nothing is left to post."""
        queue = iter(self.journal.waiting())
        waiting: list[QueuedRecord] = []
        while not waiting:
            # no more than may be posted together: the contract would be asked for the whole queue at each bundle
            if not (ahead := list(islice(queue, self.policy.batch))):
                return False
            waiting = self._missing(ahead)
        entries = self._bundle(waiting, len(waiting) + len(list(queue)))
        data = self._data(entries)
        call = self._call(data)
        try:
            simulate(self.web3, call)
            gas = gas_for(self.web3, call)
        except Reverted as refusal:
            self._single_out(entries, refusal)
            return True
        fees = self._first_fees(gas)
        nonce = next_nonce(self.web3, self.trader, self._height())
        self._see_through(self._sign(self.journal.open(nonce, data, gas, entries), fees))
        return True

    def _missing(self, entries: Sequence[QueuedRecord]) -> list[QueuedRecord]:
        """Those that are to be posted. What the contract holds already is found or refused, as is a version that does
        not follow on the one before it."""
        stored, missing = self._stored(entries), []
        latest = {day: (record.version, record.root) for day, record in stored.items()}
        for entry in entries:
            version, root = latest.get(entry.day, (0, None))
            if entry.day in stored and stored[entry.day].version >= entry.version:
                self._is_there(entry, self._record(entry, stored[entry.day]))
            elif entry.version == version + 1 and (version == 0 or entry.previous_root == root):
                latest[entry.day] = (entry.version, entry.root)
                missing.append(entry)
            else:
                before = f"version {version} with root 0x{root.hex()}" if root else "no record"
                self._refuse(entry, f"the contract holds {before} before it, and it was made of another")
        return missing

    def _stored(self, entries: Sequence[QueuedRecord]) -> dict[date, StoredRecord]:
        if not entries:
            return {}
        days = [entry.day for entry in entries]
        return self.chain.history(self.trader, Period(min(days), max(days)), self._height())

    def _record(self, entry: QueuedRecord, latest: StoredRecord | None) -> StoredRecord | None:
        """The contract's record of an entry's version, of which `latest` is the newest."""
        if latest is None or latest.version <= entry.version:
            return latest if latest is not None and latest.version == entry.version else None
        version = self.chain.version_of(self.trader, entry.day, entry.version)
        return None if version is None else version.record

    def _is_there(self, entry: QueuedRecord, record: StoredRecord | None) -> None:
        if record is None:
            raise Transient(f"the node does not show {_named([entry])} as it did just now", "Try again")
        if not record.holds(entry.schema_hash, entry.root):
            return self._refuse(
                entry,
                f"{self.trader} has another record for it, posted at {record.posted_at.isoformat()}: "
                f"root 0x{record.root.hex()}, schema 0x{record.schema_hash.hex()}. It is never overwritten: see which "
                "of the two is right. Two accounts with one trader key collide too",
            )
        key = (entry.day, entry.version)
        if key not in self.postings:
            mined = self.chain.find_posting(self.trader, *key)
            if mined is None:
                raise Transient(f"the node does not show {_named([entry])} as it did just now", "Try again")
            ours = [written for written in mined.records if written.trader == self.trader]
            self.postings |= {(written.day, written.version): mined for written in ours}
            self.tell(f"the chain holds it already, in transaction {mined.tx_hash}: {_named([entry])}")
        mined = self.postings[key]
        return self.journal.found(entry, mined, self._is_deep(mined.block_number))

    def _refuse(self, entry: QueuedRecord, why: str) -> None:
        self.tell(f"{_named([entry])} is refused: {why}")
        self.journal.refuse(entry, why)

    def _bundle(self, waiting: Sequence[QueuedRecord], queued: int) -> tuple[QueuedRecord, ...]:
        """What the next transaction posts of the next in the queue: first versions under one schema together,
        a later version alone, and no more than the trader's FNTX pays for."""
        first = waiting[0]
        funds, each = self.chain.funds_of(self.trader), self.chain.burn_amount
        needed = queued * each
        if funds.fntx < each:
            raise Permanent(
                f"{self.trader} holds {funds.fntx} FNTX; a record burns {each}, and {queued} wait",
                f"Send at least {needed - funds.fntx} FNTX to this address",
            )
        if funds.allowance < each:
            raise Permanent(
                f"TrackRecord may burn {funds.allowance} FNTX of {self.trader}; a record burns {each}, and "
                f"{queued} wait",
                "Let it burn them with `fntx chain approve`",
            )
        if first.version > 1:
            return (first,)
        alike = takewhile(lambda entry: (entry.version, entry.schema_hash) == (1, first.schema_hash), waiting)
        return tuple(islice(alike, min(self.policy.batch, int(min(funds.fntx, funds.allowance) // each))))

    def _first_fees(self, gas: int) -> Fees:
        """The node's suggestion within the cap, paid for; Transient while the chain is dearer than the cap."""
        fees = fees_within(self.web3, self.policy.fee_cap)
        check_ether(self.web3, self.trader, gas * fees.max_fee)
        return fees

    def _single_out(self, entries: Sequence[QueuedRecord], refusal: Reverted) -> None:
        """Refuse the entries that the contract does not take by themselves; raise where it is none of them."""
        if refusal.error in _PAYING:
            raise refusal
        if refusal.error in _OVERTAKEN:
            raise Transient(f"somebody posts with the key of {self.trader} at the same time: {refusal}", "Try again")
        refused = 0
        for entry in entries:
            try:
                simulate(self.web3, self._call(self._data([entry])))
            except Reverted as alone:
                self._refuse(entry, str(alone))
                refused += 1
        if not refused:
            raise refusal

    def _data(self, entries: Sequence[QueuedRecord]) -> bytes:
        first, contract = entries[0], self.chain.track_record
        if first.version > 1:
            arguments = (yyyymmdd(first.day), first.previous_root, first.schema_hash, first.root, first.reason)
            data = contract.encode_abi("amendDailyRecord", args=arguments)
        elif len(entries) == 1:
            data = contract.encode_abi("postDailyRecord", args=(yyyymmdd(first.day), first.schema_hash, first.root))
        else:
            days, roots = [yyyymmdd(entry.day) for entry in entries], [entry.root for entry in entries]
            data = contract.encode_abi("postDailyRecords", args=(first.schema_hash, days, roots))
        return bytes.fromhex(data.removeprefix("0x"))

    def _call(self, data: bytes) -> dict[str, Any]:
        return {"from": self.trader, "to": self.chain.contract, "data": f"0x{data.hex()}"}


def _named(entries: Sequence[QueuedRecord]) -> str:
    if not entries:
        return "no record"
    first, last = entries[0], entries[-1]
    if len(entries) > 1:
        return f"the {len(entries)} records from {first.day} to {last.day}"
    return f"the record of {first.day}" + (f", version {first.version}" if first.version > 1 else "")
