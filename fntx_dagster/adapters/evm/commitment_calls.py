"""SignalCommitments' calls: how queued commitments are encoded, and what the contract holds of them.

A call names the number of its first commitment, so the contract takes it once, whatever becomes of its transaction.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from itertools import islice
from typing import TYPE_CHECKING

from fntx_dagster.adapters.evm.commitments import CommitmentBook
from fntx_dagster.adapters.evm.faults import Reverted, as_a_node_answers
from fntx_dagster.adapters.evm.transport import EvmTransport
from fntx_dagster.errors import Permanent, Transient
from fntx_dagster.model.chain import MinedCommitments, QueuedCommitment
from fntx_dagster.outbox.sending import Place
from fntx_dagster.outbox.transport import Absent, Contradicted, Outcome, Present

if TYPE_CHECKING:
    from fntx_dagster.adapters.evm.client import Chain
    from fntx_dagster.adapters.evm.keys import Signer

_MAX_BATCH = 150


def commitment_transport(
    chain: Chain, signer: Signer, strategy: bytes, fee_cap: int, confirmations: int, modest_tip: int
) -> EvmTransport[QueuedCommitment, MinedCommitments]:
    """A provider's way to SignalCommitments for one strategy, for one `outbox.sender.send`. `fee_cap` and `modest_tip`
    are wei per gas, `confirmations` the blocks on top of a commitment's block that make it final."""
    calls = CommitmentCalls(chain, signer.address, strategy)
    return EvmTransport(chain, signer, calls, fee_cap, confirmations, modest_tip)


class CommitmentCalls:
    """`transport.Calls` of one provider's strategy."""

    def __init__(self, chain: Chain, provider: str, strategy: bytes) -> None:
        self._book = CommitmentBook(chain.web3, chain.chain_id)
        self.contract = self._book.contract
        self._chain, self._provider, self._strategy = chain, provider, strategy
        self._next = 0

    def named(self, entries: Sequence[QueuedCommitment]) -> str:
        first = entries[0].signal_execution_id if entries else "none"
        return (
            f"the commitment of execution {first}" if len(entries) < 2 else f"the commitments of {len(entries)} signals"
        )

    def examine(
        self, entries: Sequence[QueuedCommitment], height: int, is_deep: Callable[[int], bool]
    ) -> Iterator[
        Absent[QueuedCommitment] | Present[QueuedCommitment, MinedCommitments] | Contradicted[QueuedCommitment]
    ]:
        self._next = self._book.count(self._provider, self._strategy, height)
        floor = min(entry.floor for entry in entries)
        held = self._book.held(self._provider, self._strategy, floor, height)
        numbers = {each.commitment: number for number, each in enumerate(held)}
        for entry in entries:
            if (number := numbers.get(entry.commitment)) is None:
                yield Absent(entry)
            else:
                mined = self._making(entry, int(held[number].committed_at.timestamp()))
                yield Present(entry, _place(mined), mined, is_deep(mined.block_number))

    def bundle(self, waiting: Sequence[QueuedCommitment], queued: int) -> tuple[QueuedCommitment, ...]:
        return tuple(islice(waiting, _MAX_BATCH))

    def encoded(self, entries: Sequence[QueuedCommitment]) -> bytes:
        arguments = (self._strategy, self._next, [entry.commitment for entry in entries])
        return bytes.fromhex(self._book.commitments.encode_abi("commit", args=arguments).removeprefix("0x"))

    def check_blame(self, refusal: Reverted) -> None:
        """No commitment is to blame: it is the number, where somebody has committed since the contract was read."""
        if refusal.error == "WrongNumber":
            raise Transient(f"somebody commits with the key of {self._provider} at the same time", "Try again")
        raise refusal

    def read(self, tx_hash: str) -> Outcome[MinedCommitments] | None:
        mined = self._book.mined(tx_hash, self._provider, self._strategy)
        return None if mined is None else Outcome(_place(mined), mined)

    def conflict(self, entries: Sequence[QueuedCommitment], height: int) -> str | None:
        held = self._held(entries, height)
        if any(entry.commitment in held for entry in entries):
            return "the contract holds a commitment already"
        return None

    def confirm(self, entries: Sequence[QueuedCommitment], height: int) -> None:
        held = self._held(entries, height)
        for entry in entries:
            if entry.commitment not in held:
                raise Permanent(
                    f"the transaction of {self.named([entry])} is mined, but the contract {self.contract} does not "
                    "hold it",
                    "See which of the two is right before anything else is committed",
                )

    def _held(self, entries: Sequence[QueuedCommitment], height: int) -> set[bytes]:
        floor = min((entry.floor for entry in entries), default=0)
        return {each.commitment for each in self._book.held(self._provider, self._strategy, floor, height)}

    @as_a_node_answers
    def _making(self, entry: QueuedCommitment, second: int) -> MinedCommitments:
        """The transaction that made a commitment in a block of that second."""
        event, wanted = self._book.commitments.events.SignalCommitted(), {"provider": self._provider}
        for number in self._chain.blocks_of(second):
            for log in event.get_logs(from_block=number, to_block=number, argument_filters=wanted):
                if bytes(log["args"]["commitment"]) == entry.commitment:
                    mined = self._book.mined(f"0x{log['transactionHash'].hex()}", self._provider, self._strategy)
                    if mined is not None:
                        return mined
        raise Transient(f"the node does not show {self.named([entry])} as it did just now", "Try again")


def _place(mined: MinedCommitments) -> Place:
    return Place(mined.block_number, mined.block_hash, mined.tx_hash)
