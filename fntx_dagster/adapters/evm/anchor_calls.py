"""AuditAnchor's calls: how a queued head of an audit log is encoded, and what the contract holds of the log.

The contract takes a head only behind a smaller one, so it takes each once, whatever becomes of its transactions.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING

from fntx_dagster.adapters.evm.anchors import AnchorBook
from fntx_dagster.adapters.evm.events import events_of
from fntx_dagster.adapters.evm.faults import Reverted, as_a_node_answers
from fntx_dagster.adapters.evm.transport import EvmTransport
from fntx_dagster.adapters.evm.typed import address_of
from fntx_dagster.errors import Permanent, Transient
from fntx_dagster.model.chain import AnchorHead, MinedAnchor, QueuedAnchor
from fntx_dagster.outbox.sending import Place
from fntx_dagster.outbox.transport import Absent, Contradicted, Outcome, Present

if TYPE_CHECKING:
    from fntx_dagster.adapters.evm.client import Chain
    from fntx_dagster.adapters.evm.keys import Signer


def anchor_transport(
    chain: Chain, signer: Signer, fee_cap: int, confirmations: int, modest_tip: int
) -> EvmTransport[QueuedAnchor, MinedAnchor]:
    """A poster's way to AuditAnchor, for one `outbox.sender.send`. `fee_cap` and `modest_tip` are wei per gas,
    `confirmations` the blocks on top of an anchor's block that make it final."""
    return EvmTransport(chain, signer, AnchorCalls(chain, signer.address), fee_cap, confirmations, modest_tip)


class AnchorCalls:
    """`transport.Calls` of one poster."""

    def __init__(self, chain: Chain, poster: str) -> None:
        self._book, self._poster = AnchorBook(chain.web3, chain.chain_id), poster
        self.contract = self._book.contract

    def named(self, entries: Sequence[QueuedAnchor]) -> str:
        return f"the anchor of {entries[0].head.size} events" if entries else "no anchor"

    def examine(
        self, entries: Sequence[QueuedAnchor], height: int, is_deep: Callable[[int], bool]
    ) -> Iterator[Absent[QueuedAnchor] | Present[QueuedAnchor, MinedAnchor] | Contradicted[QueuedAnchor]]:
        for entry in entries:
            held = self._book.head_of(self._poster, entry.origin, height)
            if held is None or held.size < entry.head.size:
                yield Absent(entry)
            elif held == entry.head:
                mined = self._anchoring(entry, height)
                yield Present(entry, _place(mined), mined, is_deep(mined.block_number))
            else:
                yield Contradicted(entry, _contradiction(held))

    def bundle(self, waiting: Sequence[QueuedAnchor], queued: int) -> tuple[QueuedAnchor, ...]:
        return (waiting[0],)

    def encoded(self, entries: Sequence[QueuedAnchor]) -> bytes:
        [entry] = entries
        arguments = (entry.origin, entry.head.size, entry.head.root)
        return bytes.fromhex(self._book.anchor.encode_abi("post", args=arguments).removeprefix("0x"))

    def check_blame(self, refusal: Reverted) -> None:
        """The one entry is why: the contract refuses nothing but a size."""

    def read(self, tx_hash: str) -> Outcome[MinedAnchor] | None:
        mined = self._book.mined(tx_hash, self._poster)
        return None if mined is None else Outcome(_place(mined), mined)

    def conflict(self, entries: Sequence[QueuedAnchor], height: int) -> str | None:
        for entry in entries:
            held = self._book.head_of(self._poster, entry.origin, height)
            if held is not None and held.size >= entry.head.size:
                return "the contract holds it already" if held == entry.head else _contradiction(held)
        return None

    def confirm(self, entries: Sequence[QueuedAnchor], height: int) -> None:
        """A later anchor may be there by now."""
        for entry in entries:
            held = self._book.head_of(self._poster, entry.origin, height)
            if held is None or (held != entry.head and held.size <= entry.head.size):
                raise Permanent(
                    f"the transaction of {self.named([entry])} is mined, but the contract {self.contract} does not "
                    "hold it",
                    "See which of the two is right before anything else is anchored",
                )

    @as_a_node_answers
    def _anchoring(self, entry: QueuedAnchor, height: int) -> MinedAnchor:
        """The transaction that posted the head that the contract holds: the newest of the log."""
        wanted = {"poster": address_of(self._poster), "origin": entry.origin}
        for log in events_of(self._book.anchor.events.Anchored(), 0, height, wanted, newest_first=True):
            mined = self._book.mined(f"0x{log['transactionHash'].hex()}", self._poster)
            if mined is not None and (entry.origin, entry.head) in mined.heads:
                return mined
            break
        raise Transient(f"the node does not show {self.named([entry])} as it did just now", "Try again")


def _contradiction(held: AnchorHead) -> str:
    return (
        f"the chain holds an anchor of {held.size} events with another root or of more events than this log has "
        "signed: the database was restored or the log was forked, or another home anchors with the same key"
    )


def _place(mined: MinedAnchor) -> Place:
    return Place(mined.block_number, mined.block_hash, mined.tx_hash)
