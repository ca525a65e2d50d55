"""Attestations on a chain: where it is, how it gets there, and what anybody reads of witnesses.

Its address follows from its code and the address of the TrackRecord whose days are attested (`deterministic`), so it
needs no file of addresses.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, date, datetime
from functools import cache
from typing import TYPE_CHECKING, Any

from fntx_dagster.adapters.evm.artifacts import ATTESTATIONS, artifact
from fntx_dagster.adapters.evm.deterministic import address_made_of, code_of, deploy_once
from fntx_dagster.adapters.evm.events import events_of
from fntx_dagster.adapters.evm.faults import as_a_node_answers
from fntx_dagster.adapters.evm.reader import yyyymmdd
from fntx_dagster.adapters.evm.transactions import receipt_of
from fntx_dagster.adapters.evm.typed import address_of, block_at
from fntx_dagster.errors import Permanent
from fntx_dagster.model.witnesses import Attestation, AttestedDay, MinedAttestations

if TYPE_CHECKING:
    from web3.types import BlockIdentifier

    from fntx_dagster.adapters.evm.client import Chain
    from fntx_dagster.adapters.evm.keys import Signer
    from fntx_dagster.adapters.evm.reader import Reader

_PAGE = 250


@cache
def attestations_address(records: str) -> str:
    """Where the Attestations of the days in `records`, a TrackRecord, is on every chain, EIP-55."""
    return address_made_of(code_of(ATTESTATIONS, records))


class AttestationBook:
    """What a chain's Attestations holds about the days of its TrackRecord. It reads over the chain that it is given."""

    def __init__(self, chain: Reader) -> None:
        self.chain, self.contract = chain, attestations_address(chain.contract)
        self.attestations = chain.web3.eth.contract(address_of(self.contract), abi=artifact(ATTESTATIONS)["abi"])

    @as_a_node_answers
    def is_deployed(self) -> bool:
        """Whether the chain has the contract."""
        return bool(self.chain.web3.eth.get_code(address_of(self.contract)))

    def check_deployed(self) -> None:
        """Permanent unless the chain has the contract."""
        if not self.is_deployed():
            raise Permanent(
                f"chain {self.chain.chain_id} has no Attestations at {self.contract}",
                "Whoever attests there puts it on the chain once, with `fntx chain attestations`",
            )

    @as_a_node_answers
    def attestation_of(
        self, witness: str, attested: AttestedDay, block: BlockIdentifier = "latest"
    ) -> Attestation | None:
        """What a witness said of one version of a day, as of a block."""
        trader, day, version, root = attested
        asked = self.attestations.functions.attestationOf(
            address_of(witness), address_of(trader), yyyymmdd(day), version, root
        )
        level, attested_at, revoked_at = asked.call(block_identifier=block)
        return Attestation(level, _time(attested_at), _time(revoked_at) if revoked_at else None) if level else None

    @as_a_node_answers
    def levels_of(self, witness: str, days: Sequence[AttestedDay]) -> list[int]:
        """The level of a witness' attestation of each of a trader's days, in their order; 0 where there is none or it
        is revoked."""
        levels: list[int] = []
        for begin in range(0, len(days), _PAGE):
            page = days[begin : begin + _PAGE]
            lists = ([yyyymmdd(each.day) for each in page], [each.version for each in page], [*_roots(page)])
            asked = self.attestations.functions.levelsOf(address_of(witness), address_of(page[0].trader), *lists)
            levels += asked.call()
        return levels

    @as_a_node_answers
    def said(
        self, *, trader: str | None = None, witness: str | None = None, day: date | None = None, since: date
    ) -> list[tuple[str, AttestedDay]]:
        """The attestations that were ever made, each with its witness, oldest first, by the contract's events from the
        blocks of the day `since` on; a raised level is one more. `day`, `trader` and `witness` choose."""
        return self._told(self.attestations.events.Attested(), since, day, trader=trader, witness=witness)

    @as_a_node_answers
    def revoked(self, *, trader: str, day: date | None = None, since: date) -> list[tuple[str, AttestedDay]]:
        """The attestations of a trader's days that were taken back, each with its witness; else as `said`."""
        return self._told(self.attestations.events.Revoked(), since, day, trader=trader)

    @as_a_node_answers
    def posted(self, traders: Iterable[str], *, since: date) -> set[AttestedDay]:
        """The versions of days that traders have posted, by the record's events from the blocks of the day `since`
        on."""
        if not (wanted := {"trader": [*map(address_of, traders)]})["trader"]:
            return set()
        logs = events_of(
            self.chain.track_record.events.DailyRecordPosted(),
            self.chain.first_block_of(since),
            self.chain.height,
            wanted,
        )
        return {_attested(log["args"]) for log in logs}

    @as_a_node_answers
    def published_key(self, witness: str) -> bytes | None:
        """The key that a witness published last, with the byte of its kind; None where there is none."""
        event, wanted = self.attestations.events.KeyPublished(), {"witness": address_of(witness)}
        logs = events_of(event, 0, self.chain.height, wanted, newest_first=True)
        return next((bytes(log["args"]["key"]) for log in logs), None)

    @as_a_node_answers
    def mined(self, tx_hash: str, witness: str) -> MinedAttestations | None:
        """What a witness said in a transaction; None if it is not (or no longer) on the chain."""
        from web3.logs import DISCARD

        receipt = receipt_of(self.chain.web3, tx_hash)
        if receipt is None:
            return None
        events = self.attestations.events
        made = [
            (event, event["args"].get("level"))
            for kind in (events.Attested(), events.Revoked())
            for event in kind.process_receipt(receipt, errors=DISCARD)
        ]
        said = frozenset(
            (_attested(event["args"]), level)
            for event, level in made
            if (event["address"], event["args"]["witness"]) == (self.contract, witness)
        )
        block = block_at(self.chain.web3, receipt["blockHash"])
        return MinedAttestations(
            tx_hash,
            receipt["blockNumber"],
            f"0x{receipt['blockHash'].hex()}",
            receipt["gasUsed"],
            _time(block.timestamp),
            said,
        )

    def _told(self, event: Any, since: date, day: date | None, **chosen: str | None) -> list[tuple[str, AttestedDay]]:
        wanted: dict[str, Any] = {name: address_of(of) for name, of in chosen.items() if of is not None}
        wanted |= {} if day is None else {"date": yyyymmdd(day)}
        logs = events_of(event, self.chain.first_block_of(since), self.chain.height, wanted)
        return [(log["args"]["witness"], _attested(log["args"])) for log in logs]


def deploy_attestations(chain: Chain, signer: Signer) -> bool:
    """Put the Attestations of the chain's TrackRecord on it, paid by `signer`; False where it is there already. Raises
    as `deploy_once`."""
    return deploy_once(chain, signer, code_of(ATTESTATIONS, chain.contract))


def _attested(arguments: Any) -> AttestedDay:
    number = arguments["date"]
    try:
        day = date(number // 10_000, number // 100 % 100, number % 100)
    except ValueError:  # the contract takes any number: a day that no record is of
        day = date.min
    return AttestedDay(arguments["trader"], day, arguments["version"], bytes(arguments["root"]))


def _roots(days: Sequence[AttestedDay]) -> Iterator[bytes]:
    return (each.root for each in days)


def _time(seconds: int) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)
