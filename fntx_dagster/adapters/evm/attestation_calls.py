"""Attestations' calls: how queued attestations and revocations are encoded, and what the contract holds of them.

The contract takes an attestation of one level once, and a revocation once, whatever becomes of their transactions.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from itertools import islice, takewhile
from typing import TYPE_CHECKING

from fntx_dagster.adapters.evm.attestations import AttestationBook
from fntx_dagster.adapters.evm.faults import Reverted, as_a_node_answers
from fntx_dagster.adapters.evm.reader import yyyymmdd
from fntx_dagster.adapters.evm.transport import EvmTransport
from fntx_dagster.errors import Permanent, Transient
from fntx_dagster.model.witnesses import Attestation, AttestedDay, MinedAttestations, QueuedAttestation
from fntx_dagster.outbox.sending import Place
from fntx_dagster.outbox.transport import Absent, Contradicted, Outcome, Present

if TYPE_CHECKING:
    from fntx_dagster.adapters.evm.client import Chain
    from fntx_dagster.adapters.evm.keys import Signer

_MAX_BATCH = 250


def attestation_transport(
    chain: Chain, signer: Signer, fee_cap: int, confirmations: int, modest_tip: int
) -> EvmTransport[QueuedAttestation, MinedAttestations]:
    """A witness' way to Attestations, for one `outbox.sender.send`. `fee_cap` and `modest_tip` are wei per gas,
    `confirmations` the blocks on top of an attestation's block that make it final."""
    return EvmTransport(chain, signer, AttestationCalls(chain, signer.address), fee_cap, confirmations, modest_tip)


class AttestationCalls:
    """`transport.Calls` of one witness."""

    def __init__(self, chain: Chain, witness: str) -> None:
        self._book, self._witness = AttestationBook(chain), witness
        self.contract = self._book.contract

    def named(self, entries: Sequence[QueuedAttestation]) -> str:
        if len(entries) != 1:
            return f"the attestations of {len(entries)} days" if entries else "no attestation"
        kind = "attestation" if entries[0].reason is None else "revocation"
        return f"the {kind} of {entries[0].attested.day}"

    def examine(
        self, entries: Sequence[QueuedAttestation], height: int, is_deep: Callable[[int], bool]
    ) -> Iterator[
        Absent[QueuedAttestation] | Present[QueuedAttestation, MinedAttestations] | Contradicted[QueuedAttestation]
    ]:
        """A revocation may wait behind the attestation that it takes back."""
        waiting: dict[AttestedDay, QueuedAttestation] = {}
        for entry in entries:
            held = self._book.attestation_of(self._witness, entry.attested, height)
            if held is not None and _is_said(entry, held):
                mined = self._saying(entry, held)
                yield Present(entry, _place(mined), mined, is_deep(mined.block_number))
            elif (why := _hindrance(entry, held, waiting.get(entry.attested))) is not None:
                yield Contradicted(entry, why)
            else:
                waiting[entry.attested] = entry
                yield Absent(entry)

    def bundle(self, waiting: Sequence[QueuedAttestation], queued: int) -> tuple[QueuedAttestation, ...]:
        """Attestations of one trader under one report together, a revocation alone."""
        first = waiting[0]
        if first.reason is not None:
            return (first,)
        alike = takewhile(lambda entry: _bundled(entry) == _bundled(first), waiting)
        return tuple(islice(alike, _MAX_BATCH))

    def encoded(self, entries: Sequence[QueuedAttestation]) -> bytes:
        first, contract = entries[0], self._book.attestations
        trader, day, version, root = first.attested
        if first.reason is not None:
            data = contract.encode_abi("revoke", args=(trader, yyyymmdd(day), version, root, first.reason))
        elif len(entries) == 1:
            arguments = (trader, yyyymmdd(day), version, root, first.level, first.evidence)
            data = contract.encode_abi("attest", args=arguments)
        else:
            _, days, versions, roots = zip(*(entry.attested for entry in entries), strict=True)
            lists = ([yyyymmdd(each) for each in days], versions, roots)
            data = contract.encode_abi("attestBatch", args=(trader, *lists, first.level, first.evidence))
        return bytes.fromhex(data.removeprefix("0x"))

    def check_blame(self, refusal: Reverted) -> None:
        """Each of the entries may be why."""

    def read(self, tx_hash: str) -> Outcome[MinedAttestations] | None:
        mined = self._book.mined(tx_hash, self._witness)
        return None if mined is None else Outcome(_place(mined), mined)

    def conflict(self, entries: Sequence[QueuedAttestation], height: int) -> str | None:
        if any(self._is_said(entry, height) for entry in entries):
            return "the contract holds one of them already"
        return None

    def confirm(self, entries: Sequence[QueuedAttestation], height: int) -> None:
        for entry in entries:
            if not self._is_said(entry, height):
                raise Permanent(
                    f"the transaction of {self.named([entry])} is mined, but the contract {self.contract} does not "
                    "hold it",
                    "See which of the two is right before anything else is attested",
                )

    def _is_said(self, entry: QueuedAttestation, height: int) -> bool:
        held = self._book.attestation_of(self._witness, entry.attested, height)
        return held is not None and _is_said(entry, held)

    @as_a_node_answers
    def _saying(self, entry: QueuedAttestation, held: Attestation) -> MinedAttestations:
        """The transaction that said what the contract holds."""
        events, chain = self._book.attestations.events, self._book.chain
        revokes = entry.reason is not None
        event = events.Revoked() if revokes else events.Attested()
        at, said = held.revoked_at if revokes else held.attested_at, (entry.attested, None if revokes else held.level)
        wanted = {"witness": self._witness, "trader": entry.attested.trader, "date": yyyymmdd(entry.attested.day)}
        for number in chain.blocks_of(int(at.timestamp())) if at else ():
            for log in event.get_logs(from_block=number, to_block=number, argument_filters=wanted):
                mined = self._book.mined(f"0x{log['transactionHash'].hex()}", self._witness)
                if mined is not None and said in mined.said:
                    return mined
        raise Transient(f"the node does not show {self.named([entry])} as it did just now", "Try again")


def _is_said(entry: QueuedAttestation, held: Attestation) -> bool:
    """Whether the contract holds it: a revocation, or an attestation of that level, though it may be revoked since."""
    return held.revoked_at is not None if entry.reason is not None else held.level == entry.level


def _hindrance(entry: QueuedAttestation, held: Attestation | None, before: QueuedAttestation | None) -> str | None:
    """Why the contract would not take it, where it takes what waits before it of the same day; None where it would."""
    is_revoked = (held is not None and held.revoked_at is not None) or (
        before is not None and before.reason is not None
    )
    if entry.reason is not None:
        return "there is no attestation to revoke" if (held or before) is None else None
    if is_revoked:
        return "it was revoked, and that is for ever"
    highest = max(held.level if held else 0, before.level if before else 0)
    return f"it is attested already, with the higher level {highest}" if highest > entry.level else None


def _bundled(entry: QueuedAttestation) -> tuple[object, ...]:
    return entry.reason is None, entry.attested.trader, entry.level, entry.evidence


def _place(mined: MinedAttestations) -> Place:
    return Place(mined.block_number, mined.block_hash, mined.tx_hash)
