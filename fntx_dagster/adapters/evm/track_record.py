"""TrackRecord's calls: how signed records are encoded, and what the contract holds of them.

Each version of a record burns FNTX of whoever posts it. First versions under one schema go together, a later version
goes alone. A day's record is never overwritten: the contract refuses a second one, and the queue learns why.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import date
from itertools import islice, takewhile
from typing import TYPE_CHECKING

from fntx_dagster.adapters.evm.faults import Reverted
from fntx_dagster.adapters.evm.reader import yyyymmdd
from fntx_dagster.adapters.evm.transactions import MODEST_TIP
from fntx_dagster.adapters.evm.transport import EvmTransport
from fntx_dagster.errors import Permanent, Transient
from fntx_dagster.model.chain import Mined, QueuedRecord, StoredRecord
from fntx_dagster.model.period import Period
from fntx_dagster.outbox.sending import Place
from fntx_dagster.outbox.transport import Absent, Contradicted, Outcome, Present

if TYPE_CHECKING:
    from fntx_dagster.adapters.evm.client import Chain
    from fntx_dagster.adapters.evm.keys import Signer
    from fntx_dagster.adapters.evm.reader import Reader

_OVERTAKEN = ("RecordExists", "NoRecord", "PreviousRootDiffers")
_PAYING = ("ERC20InsufficientBalance", "ERC20InsufficientAllowance")


def transport_for(
    chain: Chain, signer: Signer, fee_cap: int, confirmations: int, modest_tip: int = MODEST_TIP
) -> EvmTransport[QueuedRecord, Mined]:
    """A trader's way to TrackRecord, for one `outbox.sender.send`. `fee_cap` and `modest_tip` are wei per gas,
    `confirmations` the blocks on top of a record's block that make it final."""
    return EvmTransport(chain, signer, TrackRecordCalls(chain, signer.address), fee_cap, confirmations, modest_tip)


class TrackRecordCalls:
    """`transport.Calls` of one trader."""

    def __init__(self, chain: Reader, trader: str) -> None:
        self.contract = chain.contract
        self._chain, self._trader = chain, trader
        self._postings: dict[tuple[date, int], Mined] = {}

    def named(self, entries: Sequence[QueuedRecord]) -> str:
        if not entries:
            return "no record"
        first, last = entries[0], entries[-1]
        if len(entries) > 1:
            return f"the {len(entries)} records from {first.day} to {last.day}"
        return f"the record of {first.day}" + (f", version {first.version}" if first.version > 1 else "")

    def examine(
        self, entries: Sequence[QueuedRecord], height: int, is_deep: Callable[[int], bool]
    ) -> Iterator[Absent[QueuedRecord] | Present[QueuedRecord, Mined] | Contradicted[QueuedRecord]]:
        """A version that does not follow on the one before it contradicts the contract, as does another record in its
        place."""
        stored = self._stored(entries, height)
        latest = {day: (record.version, record.root) for day, record in stored.items()}
        for entry in entries:
            version, root = latest.get(entry.day, (0, None))
            if (held := self._held(entry, stored, height)) is not None:
                yield self._compared(entry, held, is_deep)
            elif entry.version == version + 1 and (version == 0 or entry.previous_root == root):
                latest[entry.day] = (entry.version, entry.root)
                yield Absent(entry)
            else:
                before = f"version {version} with root 0x{root.hex()}" if root else "no record"
                yield Contradicted(entry, f"the contract holds {before} before it, and it was made of another")

    def bundle(self, waiting: Sequence[QueuedRecord], queued: int) -> tuple[QueuedRecord, ...]:
        """First versions under one schema together, a later version alone, and no more than the trader's FNTX pays
        for; Permanent where it does not pay for one."""
        first = waiting[0]
        (held, allowance), each = self._chain.tokens_of(self._trader), self._chain.burn_amount
        if held < each:
            raise Permanent(
                f"{self._trader} holds {held} FNTX; a record burns {each}, and {queued} wait",
                f"Send at least {queued * each - held} FNTX to this address",
            )
        if allowance < each:
            raise Permanent(
                f"TrackRecord may burn {allowance} FNTX of {self._trader}; a record burns {each}, and {queued} wait",
                "Let it burn them with `fntx chain approve`",
            )
        if first.version > 1:
            return (first,)
        alike = takewhile(lambda entry: (entry.version, entry.schema_hash) == (1, first.schema_hash), waiting)
        return tuple(islice(alike, self._chain.records_paid_by(min(held, allowance))))

    def encoded(self, entries: Sequence[QueuedRecord]) -> bytes:
        first, contract = entries[0], self._chain.track_record
        if first.version > 1:
            arguments = (yyyymmdd(first.day), first.previous_root, first.schema_hash, first.root, first.reason)
            data = contract.encode_abi("amendDailyRecord", args=arguments)
        elif len(entries) == 1:
            data = contract.encode_abi("postDailyRecord", args=(yyyymmdd(first.day), first.schema_hash, first.root))
        else:
            days, roots = [yyyymmdd(entry.day) for entry in entries], [entry.root for entry in entries]
            data = contract.encode_abi("postDailyRecords", args=(first.schema_hash, days, roots))
        return bytes.fromhex(data.removeprefix("0x"))

    def check_blame(self, refusal: Reverted) -> None:
        """Raise where the FNTX do not do, or where somebody has posted since the contract was read."""
        if refusal.error in _PAYING:
            raise refusal
        if refusal.error in _OVERTAKEN:
            raise Transient(f"somebody posts with the key of {self._trader} at the same time: {refusal}", "Try again")

    def read(self, tx_hash: str) -> Outcome[Mined] | None:
        mined = self._chain.mined(tx_hash)
        return None if mined is None else Outcome(_place(mined), mined)

    def conflict(self, entries: Sequence[QueuedRecord], height: int) -> str | None:
        stored = self._stored(entries, height)
        if any(entry.day in stored and stored[entry.day].version >= entry.version for entry in entries):
            return "the contract holds a record already"
        return None

    def confirm(self, entries: Sequence[QueuedRecord], height: int) -> None:
        """The contract's own word, beside the transaction's."""
        stored = self._stored(entries, height)
        for entry in entries:
            record = self._held(entry, stored, height)
            if record is None or not record.holds(entry.schema_hash, entry.root):
                raise Permanent(
                    f"the transaction of {self.named([entry])} is mined, but the contract {self.contract} holds "
                    f"{'no record' if record is None else f'root 0x{record.root.hex()}'}",
                    "See which of the two is right before anything else is posted",
                )

    def _stored(self, entries: Sequence[QueuedRecord], height: int) -> dict[date, StoredRecord]:
        if not entries:
            return {}
        days = [entry.day for entry in entries]
        return self._chain.history(self._trader, Period(min(days), max(days)), height)

    def _held(self, entry: QueuedRecord, stored: Mapping[date, StoredRecord], height: int) -> StoredRecord | None:
        """What the contract holds in an entry's place, as of a block of which `stored` has the newest versions."""
        return self._chain.version_held(self._trader, entry.day, entry.version, stored.get(entry.day), height)

    def _compared(
        self, entry: QueuedRecord, record: StoredRecord, is_deep: Callable[[int], bool]
    ) -> Present[QueuedRecord, Mined] | Contradicted[QueuedRecord]:
        """An entry whose version the contract holds: ours, in which transaction, or another record."""
        if not record.holds(entry.schema_hash, entry.root):
            return Contradicted(
                entry,
                f"{self._trader} has another record for it, posted at {record.posted_at.isoformat()}: "
                f"root 0x{record.root.hex()}, schema 0x{record.schema_hash.hex()}. It is never overwritten: see which "
                "of the two is right. Two accounts with one trader key collide too",
            )
        mined = self._posting(entry)
        return Present(entry, _place(mined), mined, is_deep(mined.block_number))

    def _posting(self, entry: QueuedRecord) -> Mined:
        key = (entry.day, entry.version)
        if key not in self._postings:
            mined = self._chain.find_posting(self._trader, *key)
            if mined is None:
                raise Transient(f"the node does not show {self.named([entry])} as it did just now", "Try again")
            ours = [written for written in mined.records if written.trader == self._trader]
            self._postings |= {(written.day, written.version): mined for written in ours}
        return self._postings[key]


def _place(mined: Mined) -> Place:
    return Place(mined.block_number, mined.block_hash, mined.tx_hash)
