"""A pool's calls that leave exactly once: submissions, shares and openings, as a transport sends them.

Each was encoded when it was queued, and is one transaction. Whether it took effect the contract says, whoever sent it:
anybody may open a day.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

from fntx_dagster.adapters.evm.pool_reading import EVICTED, PoolBook
from fntx_dagster.adapters.evm.reader import yyyymmdd
from fntx_dagster.adapters.evm.transport import EvmTransport
from fntx_dagster.adapters.evm.typed import address_of, hash_of
from fntx_dagster.errors import Permanent, Transient
from fntx_dagster.model.pools import MinedAction, PoolDayState, QueuedAction
from fntx_dagster.outbox.sending import Place
from fntx_dagster.outbox.transport import Absent, Contradicted, Outcome, Present

if TYPE_CHECKING:
    from fntx_dagster.adapters.evm.client import Chain
    from fntx_dagster.adapters.evm.faults import Reverted
    from fntx_dagster.adapters.evm.keys import Signer

SUBMIT, SHARE, OPEN = "submit", "share", "open"
_EMBEDDED_GAS = 8_000_000
_NOUNS = {SUBMIT: "submission", SHARE: "share", OPEN: "opening"}
_EVENTS = {SUBMIT: "Submitted", SHARE: "ShareOffered", OPEN: "Opened"}


def pool_transport(
    book: PoolBook, chain: Chain, signer: Signer, fee_cap: int, confirmations: int, modest_tip: int
) -> EvmTransport[QueuedAction, MinedAction]:
    """A key's way to a pool, for one `outbox.sender.send`. `fee_cap` and `modest_tip` are wei per gas, `confirmations`
    the blocks on top of a block that make it final."""
    return EvmTransport(chain, signer, PoolCalls(book), fee_cap, confirmations, modest_tip, _gas_on(chain))


def call_pool(
    book: PoolBook, chain: Chain, signer: Signer, data: bytes, *, value: int = 0, gas: int | None = None
) -> None:
    """Send a call that is looked for before it is repeated, and wait; `value` is wei, `gas` its limit where the node
    is not asked. The caller has the signer's turn."""
    from web3.types import TxParams, Wei

    call = TxParams(to=book.contract, data=hash_of(f"0x{data.hex()}"), value=Wei(value))
    limit = gas or _gas_on(chain)
    chain.send(signer, call if limit is None else {**call, "gas": limit})


class PoolCalls:
    """`transport.Calls` of one pool."""

    def __init__(self, book: PoolBook) -> None:
        self._book, self.contract = book, book.contract

    def named(self, entries: Sequence[QueuedAction]) -> str:
        return ", ".join(f"the {_NOUNS[each.kind]} of {each.day}" for each in entries) or "nothing"

    def examine(
        self, entries: Sequence[QueuedAction], height: int, is_deep: Callable[[int], bool]
    ) -> Iterator[Absent[QueuedAction] | Present[QueuedAction, MinedAction] | Contradicted[QueuedAction]]:
        for entry in entries:
            if (why := self._contradiction(entry, height)) is not None:
                yield Contradicted(entry, why)
            elif not self._is_there(entry, height):
                yield Absent(entry)
            elif (mined := self._book.brought(_EVENTS[entry.kind], _wanted(entry))) is None:
                raise Transient(f"the node does not show {self.named([entry])} as it did just now", "Try again")
            else:
                yield Present(entry, _place(mined), mined, is_deep(mined.block_number))

    def bundle(self, waiting: Sequence[QueuedAction], queued: int) -> tuple[QueuedAction, ...]:
        return tuple(waiting[:1])

    def encoded(self, entries: Sequence[QueuedAction]) -> bytes:
        return entries[0].data

    def check_blame(self, refusal: Reverted) -> None:
        """One action is one transaction: what the contract refuses, it refuses of that action."""

    def read(self, tx_hash: str) -> Outcome[MinedAction] | None:
        mined = self._book.mined(tx_hash)
        return None if mined is None else Outcome(_place(mined), mined)

    def conflict(self, entries: Sequence[QueuedAction], height: int) -> str | None:
        for entry in entries:
            if self._is_there(entry, height) or self._contradiction(entry, height) is not None:
                return f"the contract holds {self.named([entry])}, or another in its place, already"
        return None

    def confirm(self, entries: Sequence[QueuedAction], height: int) -> None:
        for entry in entries:
            if not self._is_there(entry, height) and self._contradiction(entry, height) is None:
                raise Permanent(
                    f"the transaction of {self.named([entry])} is mined, but the contract {self.contract} does not "
                    "hold it",
                    "See which of the two is right before anything else is sent",
                )

    def _is_there(self, entry: QueuedAction, height: int) -> bool:
        if entry.kind == OPEN:
            return self._book.day(entry.day, height).state is PoolDayState.OPENED
        if entry.kind == SHARE:
            offered = self._book.latest(_EVENTS[SHARE], _wanted(entry))
            return offered is not None and bytes(offered["share"]) == self._book.arguments(entry.data)["share"]
        return self._book.digest(entry.day, entry.subject, height) == self._digest(entry)

    def _contradiction(self, entry: QueuedAction, height: int) -> str | None:
        if entry.kind != SUBMIT:
            return None
        digest = self._book.digest(entry.day, entry.subject, height)
        if digest == EVICTED:
            return f"the submission of {entry.day} was evicted"
        if digest not in (bytes(32), self._digest(entry)):
            return f"the contract holds another submission of {entry.day}"
        return None

    def _digest(self, entry: QueuedAction) -> bytes:
        from eth_utils.crypto import keccak

        return keccak(self._book.arguments(entry.data)["submission"])


def _gas_on(chain: Chain) -> int | None:
    """How much gas a call may use on the embedded chain, which would run it many times to say it: its arithmetic of
    points takes half a second each time."""
    return _EMBEDDED_GAS if chain.is_embedded else None


def _wanted(entry: QueuedAction) -> dict[str, Any]:
    """The indexed arguments of its event."""
    wanted: dict[str, Any] = {"epoch": yyyymmdd(entry.day)}
    if entry.kind == SUBMIT:
        wanted["trader"] = address_of(entry.subject)
    elif entry.kind == SHARE:
        wanted["trustee"] = int(entry.subject)
    return wanted


def _place(mined: MinedAction) -> Place:
    return Place(mined.block_number, mined.block_hash, mined.tx_hash)
