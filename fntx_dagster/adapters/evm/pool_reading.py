"""What a pool's Aggregator says: its terms, its committee, its days and what happened on them.

The logs alone are enough to check a day; its sums, its counts and who takes part are asked of the contract. Anybody may
read: no key, no settings.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterator, Mapping
from datetime import UTC, date, datetime
from functools import cached_property
from typing import TYPE_CHECKING, Any

from fntx_dagster.adapters.evm.artifacts import AGGREGATOR, GENERATOR_CODES, VERIFIER, artifact, is_code_of
from fntx_dagster.adapters.evm.faults import as_a_node_answers
from fntx_dagster.adapters.evm.reader import web3_over, yyyymmdd
from fntx_dagster.adapters.evm.transactions import receipt_of
from fntx_dagster.adapters.evm.typed import address_of, block_at
from fntx_dagster.errors import Permanent
from fntx_dagster.model.pools import (
    MinedAction,
    PoolDay,
    PoolDayState,
    PoolOpening,
    PoolParticipant,
    PoolRules,
    PoolSubmission,
    PoolTerms,
)

if TYPE_CHECKING:
    from web3.contract import Contract
    from web3.types import BlockIdentifier, EventData

    from fntx_dagster.adapters.evm.reader import Reader

_PAGE = 5000
"""Blocks that are asked for at a time: public nodes refuse more."""
_FAR = 500_000
EVICTED = bytes(31) + b"\x01"
"""What the contract keeps in the place of the digest of a submission that was evicted."""


class NoPool(Permanent):
    """At an address is no Aggregator of FNTX's."""

    def __init__(self, contract: str, where: str = "") -> None:
        super().__init__(f"{contract}{where} is not FNTX's Aggregator", "Check the address and the chain")


class PoolBook:
    """One pool on the chain of a reader. Each method raises Transient where the node does not answer."""

    def __init__(self, chain: Reader, contract: str) -> None:
        self.chain, self.web3, self.contract = chain, chain.web3, address_of(contract)
        self.pool: Contract = self.web3.eth.contract(self.contract, abi=artifact(AGGREGATOR)["abi"])

    @as_a_node_answers
    def check_deployed(self) -> None:
        """NoPool unless the contract is there, with FNTX's code; Permanent unless the verifier that it relies on is
        there too, with the generators that FNTX's has."""
        where = f" on chain {self.chain.chain_id}"
        if not is_code_of(AGGREGATOR, self._code_at(self.contract)):
            raise NoPool(self.contract, where)
        if not self._relies_on_our_verifier():
            raise Permanent(
                f"the pool {self.contract}{where} relies on a verifier that is not FNTX's",
                "Do not submit to it: it may take what does not hold, or evict what does",
            )

    def _relies_on_our_verifier(self) -> bool:
        """Init code of a stranger can leave the verifier's code with other generators, which it knows the logarithms
        of."""
        from eth_utils.crypto import keccak

        address = address_of(self.pool.functions.verifier().call())
        if not is_code_of(VERIFIER, self._code_at(address)):
            return False
        functions = self.web3.eth.contract(address, abi=artifact(VERIFIER)["abi"]).functions
        holders = (functions.generatorsG().call(), functions.generatorsH().call())
        return tuple(f"0x{keccak(self._code_at(each)).hex()}" for each in holders) == GENERATOR_CODES

    def _code_at(self, address: str) -> bytes:
        return bytes(self.web3.eth.get_code(address_of(address)))

    @cached_property
    @as_a_node_answers
    def rules(self) -> PoolRules:
        """What nobody can change."""
        functions = self.pool.functions
        names = (
            "scale",
            "slot",
            "minUsers",
            "submitSeconds",
            "challengeSeconds",
            "bond",
            "registrar",
            "minAge",
            "minCohort",
        )
        values = [getattr(functions, name)().call() for name in names]
        values[6] = values[6].lower()
        return PoolRules(bytes(functions.currency().call()).decode("ascii", "replace"), *values)

    @as_a_node_answers
    def terms(self) -> PoolTerms:
        """The pool's rules, contracts and committee, as of now."""
        functions = self.pool.functions
        count = functions.trusteeCount().call()
        return PoolTerms(
            self.rules,
            functions.records().call(),
            functions.verifier().call(),
            functions.threshold().call(),
            tuple(functions.trustees(number).call() for number in range(count)),
            tuple(bytes(functions.boxKeys(number).call()) for number in range(count)),
            functions.formedBy().call(),
            bytes(functions.key().call()),
            tuple(bytes(functions.verificationKey(number).call()) for number in range(count)),
        )

    @as_a_node_answers
    def day(self, day: date, block: BlockIdentifier = "latest") -> PoolDay:
        """A day as of a block."""
        functions, epoch = self.pool.functions, yyyymmdd(day)
        at = block_at(self.web3, block)
        moment = self._moment_of(at.timestamp)
        users, evicted, started_at, opened_at, totals = functions.epochOf(epoch).call(block_identifier=at.number)
        sums = functions.sumsOf(epoch).call(block_identifier=at.number)
        closes_at = started_at + self.rules.submit_seconds if started_at else 0
        freezes_at = closes_at + self.rules.challenge_seconds if started_at else 0
        if not started_at:
            state = PoolDayState.NONE
        elif opened_at:
            state = PoolDayState.OPENED
        elif moment < closes_at:
            state = PoolDayState.COLLECTING
        elif moment < freezes_at:
            state = PoolDayState.CHECKING
        else:
            state = PoolDayState.TOO_FEW if users < self.rules.min_users else PoolDayState.FROZEN
        written = tuple(b"".join(word.to_bytes(32) for word in point) for point in sums)
        return PoolDay(
            state, users, evicted, started_at, opened_at, closes_at, freezes_at, tuple(totals), written, moment
        )

    @as_a_node_answers
    def submissions(self, day: date, block: BlockIdentifier = "latest") -> list[PoolSubmission]:
        """Every submission of a day as of a block, in the chain's order, with its eviction."""
        evictions = self._of_day(self.pool.events.Evicted(), day, block, self.rules.challenge_seconds)
        evicted = {log["args"]["trader"]: _hash(log) for log in evictions}
        return [
            PoolSubmission(
                args["trader"].lower(),
                args["version"],
                bytes(args["salt"]),
                tuple(map(bytes, args["path"])),
                bytes(args["submission"]),
                _hash(log),
                evicted.get(args["trader"]),
            )
            for log in self._of_day(self.pool.events.Submitted(), day, block, 0)
            if (args := log["args"])
        ]

    @as_a_node_answers
    def shares(self, day: date) -> list[tuple[int, bytes]]:
        """The shares that trustees offered for a day, oldest first, none of them checked."""
        logs = self._of_day(self.pool.events.ShareOffered(), day)
        return [(log["args"]["trustee"], bytes(log["args"]["share"])) for log in logs]

    @as_a_node_answers
    def opening(self, day: date) -> PoolOpening | None:
        """How a day was opened; None where it was not."""
        epoch = yyyymmdd(day)
        opened_at = self.pool.functions.epochOf(epoch).call()[3]
        for number in self.chain.blocks_of(opened_at) if opened_at else ():
            event = self.pool.events.Opened()
            for log in event.get_logs(from_block=number, to_block=number, argument_filters={"epoch": epoch}):
                args = log["args"]
                return PoolOpening(_hash(log), tuple(args["trustees"]), bytes(args["shares"]), tuple(args["totals"]))
        return None

    @as_a_node_answers
    def latest_opened(self) -> date | None:
        """The latest day that was opened."""
        epoch = self.pool.functions.publicTotals().call()[0]
        return _day_of(epoch) if epoch else None

    @as_a_node_answers
    def opened_before(self, block: int) -> date | None:
        """The day that was opened last before a block; None where none was in the _FAR blocks before it."""
        last = block - 1
        while last >= max(0, block - _FAR):
            first = max(0, last - _PAGE + 1)
            if logs := self.pool.events.Opened().get_logs(from_block=first, to_block=last):
                return _day_of(logs[-1]["args"]["epoch"])
            last = first - 1
        return None

    @as_a_node_answers
    def contributions(self) -> dict[int, tuple[bytes, bytes, bytes]]:
        """Trustee → what he contributed to the key: commitments, proof, sealed values."""
        found = self._by_trustees("Contributed", self._last_of_committee())
        return {
            number: (bytes(args["commitments"]), bytes(args["proof"]), bytes(args["sealedShares"]))
            for number, (args, _) in found.items()
        }

    @as_a_node_answers
    def confirmed(self) -> set[int]:
        """The trustees who confirmed that what was sealed for them is right, which none does before all contributed."""
        last = self._last_of_committee()
        contributed = self._by_trustees("Contributed", last)
        first = max((block for _, block in contributed.values()), default=last + 1)
        return {*self._by_trustees("Confirmed", last, first)}

    @as_a_node_answers
    def shown(self) -> set[date]:
        """The days that were opened, or that enough trustees offered shares for, so that anybody can open them."""
        opened = {log["args"]["epoch"] for log in self._since_committee(self.pool.events.Opened())}
        least = self.pool.functions.threshold().call()
        offers = Counter(epoch for epoch, _ in self._offered())
        return {_day_of(epoch) for epoch in opened | {epoch for epoch, count in offers.items() if count >= least}}

    @as_a_node_answers
    def shared_by(self, trustee: int) -> set[date]:
        """The days that a trustee offered a share for."""
        return {_day_of(epoch) for epoch, number in self._offered() if number == trustee}

    @as_a_node_answers
    def participant(self, trader: str) -> PoolParticipant:
        """A trader's standing."""
        return PoolParticipant(*self.pool.functions.participants(address_of(trader)).call())

    @as_a_node_answers
    def today(self) -> date:
        """The day of UTC by the chain's time."""
        moment = self._moment_of(block_at(self.web3, "latest").timestamp)
        return datetime.fromtimestamp(moment, UTC).date()

    @as_a_node_answers
    def cohort(self, active_from: int) -> int:
        """How many became active on the first of a month (yyyymmdd)."""
        return self.pool.functions.cohortSize(active_from).call()

    @as_a_node_answers
    def digest(self, day: date, trader: str, block: BlockIdentifier = "latest") -> bytes:
        """keccak256 of a trader's submission; zeros where there is none, EVICTED where it was evicted."""
        asked = self.pool.functions.digestOf(yyyymmdd(day), address_of(trader))
        return bytes(asked.call(block_identifier=block))

    def data(self, function: str, *arguments: Any) -> bytes:
        """The call of one of the contract's functions."""
        return bytes.fromhex(self.pool.encode_abi(function, args=arguments).removeprefix("0x"))

    @as_a_node_answers
    def brought(self, event: str, wanted: Mapping[str, Any]) -> MinedAction | None:
        """The transaction of the last event of that name and those indexed arguments."""
        log = self._last(self.pool.events[event](), wanted)
        return None if log is None else self.mined(_hash(log))

    def challenge(self, day: date, trader: str, submission: bytes) -> bytes:
        """The call that evicts a submission which does not hold."""
        return self.data("challenge", yyyymmdd(day), address_of(trader), submission)

    def arguments(self, data: bytes) -> Mapping[str, Any]:
        """What a call of the contract says, by the names of the function's parameters."""
        return self.pool.decode_function_input(data)[1]

    @as_a_node_answers
    def latest(self, event: str, wanted: Mapping[str, Any]) -> Mapping[str, Any] | None:
        """What the last event of that name and those indexed arguments says; None where there is none."""
        log = self._last(self.pool.events[event](), wanted)
        return None if log is None else log["args"]

    @as_a_node_answers
    def mined(self, tx_hash: str) -> MinedAction | None:
        """A transaction's place; None if it is not (or no longer) on the chain."""
        receipt = receipt_of(self.web3, tx_hash)
        if receipt is None:
            return None
        block = block_at(self.web3, receipt["blockHash"])
        at = datetime.fromtimestamp(block.timestamp, UTC)
        return MinedAction(tx_hash, block.number, block.hash, receipt["gasUsed"], at)

    def _moment_of(self, timestamp: int) -> int:
        """The chain's time after a block: the embedded one makes none while nobody sends anything."""
        return max(timestamp, int(time.time())) if self.chain.is_embedded else timestamp

    def _of_day(
        self, event: Any, day: date, block: BlockIdentifier = "latest", after_close: int | None = None
    ) -> Iterator[EventData]:
        """The events of a day up to a block, from its first submission on, oldest first. `after_close`: seconds after
        which the contract takes none of them, counted from when the day stops collecting."""
        epoch, at = yyyymmdd(day), block_at(self.web3, block)
        started_at, last = self.pool.functions.epochOf(epoch).call(block_identifier=at.number)[2], at.number
        if not started_at:
            return
        ends = None if after_close is None else started_at + self.rules.submit_seconds + after_close
        if ends is not None and ends < at.timestamp:
            last = min(last, self.chain.first_block_at(ends))
        for first in range(self.chain.first_block_at(started_at), last + 1, _PAGE):
            yield from event.get_logs(
                from_block=first, to_block=min(last, first + _PAGE - 1), argument_filters={"epoch": epoch}
            )

    def _last(self, event: Any, wanted: Mapping[str, Any]) -> EventData | None:
        """The newest event of a day with these arguments, one of which is the day."""
        started_at = self.pool.functions.epochOf(wanted["epoch"]).call()[2]
        if not started_at:
            return None
        return next(self._newest_first(event, wanted, self.chain.height, self.chain.first_block_at(started_at)), None)

    def _last_of_committee(self) -> int:
        """The last block in which a trustee could contribute or confirm, so far."""
        formed_by, newest = self.pool.functions.formedBy().call(), block_at(self.web3, "latest")
        return newest.number if newest.timestamp < formed_by else self.chain.first_block_at(formed_by)

    def _by_trustees(self, event: str, last: int, first: int = 0) -> dict[int, tuple[Mapping[str, Any], int]]:
        """Trustee → what the newest event of that name says and its block, of those whose transaction the trustee sent
        to the pool himself: a deployment can write events, and what they lead to, in the name of anybody."""
        functions, found = self.pool.functions, {}
        trustees = [functions.trustees(number).call() for number in range(functions.trusteeCount().call())]
        for log in self._newest_first(self.pool.events[event](), {}, last, first):
            number = log["args"]["trustee"]
            if number in found or number >= len(trustees):
                continue
            receipt = receipt_of(self.web3, _hash(log))
            if receipt is not None and (receipt["from"], receipt["to"]) == (trustees[number], self.contract):
                found[number] = (log["args"], log["blockNumber"])
                if len(found) == len(trustees):
                    break
        return found

    def _offered(self) -> set[tuple[int, int]]:
        """Each day (yyyymmdd) and trustee who offered a share for it."""
        logs = self._since_committee(self.pool.events.ShareOffered())
        return {(log["args"]["epoch"], log["args"]["trustee"]) for log in logs}

    def _since_committee(self, event: Any) -> Iterator[EventData]:
        """The events since the last trustee contributed to the key."""
        contributed = self._by_trustees("Contributed", self._last_of_committee())
        first = max((block for _, block in contributed.values()), default=0)
        return self._newest_first(event, {}, self.chain.height, first)

    def _newest_first(self, event: Any, wanted: Mapping[str, Any], last: int, first: int = 0) -> Iterator[EventData]:
        """The events with these arguments from a block to another, asked page by page."""
        while last >= first:
            begin = max(first, last - _PAGE + 1)
            yield from reversed([*event.get_logs(from_block=begin, to_block=last, argument_filters=dict(wanted))])
            last = begin - 1


def records_at(rpc_url: str, contract: str) -> str:
    """The TrackRecord of the pool at an address. NoPool where there is none, Transient where the node does not
    answer."""
    from web3.exceptions import BadFunctionCallOutput, ContractLogicError

    pool = web3_over(rpc_url).eth.contract(address_of(contract), abi=artifact(AGGREGATOR)["abi"])

    def asked() -> str:
        try:
            return pool.functions.records().call()
        except (BadFunctionCallOutput, ContractLogicError):
            raise NoPool(contract) from None

    return as_a_node_answers(asked)()


def _day_of(epoch: int) -> date:
    return date(epoch // 10_000, epoch // 100 % 100, epoch % 100)


def _hash(log: EventData) -> str:
    return f"0x{log['transactionHash'].hex()}"
