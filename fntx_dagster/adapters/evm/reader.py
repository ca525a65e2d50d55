"""What a chain says about records, read without a key and without our settings: the stranger's side.

`read_at` connects by RPC URL and contract. Days go to the contract as the number yyyymmdd; times come back in UTC; FNTX
is Decimal. Each method of a Reader raises Transient where the node does not answer, or not as a node does.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, date, datetime
from decimal import Decimal
from functools import cached_property
from typing import TYPE_CHECKING, Any, Self

from fntx_dagster.adapters.evm.artifacts import TRACK_RECORD_CODES, artifact
from fntx_dagster.adapters.evm.faults import as_a_node_answers
from fntx_dagster.adapters.evm.transactions import receipt_of
from fntx_dagster.adapters.evm.typed import address_of, block_at
from fntx_dagster.errors import Permanent, Transient
from fntx_dagster.foreign import cleaned
from fntx_dagster.model.chain import Addresses, Funds, Mined, StoredRecord, Version, Written
from fntx_dagster.model.period import Period

if TYPE_CHECKING:
    from web3 import Web3
    from web3.contract import Contract
    from web3.types import BlockIdentifier, TxReceipt


_NULL_VALUE = -(2**255)
_MAX_RANGE = 366
_PUSH32 = b"\x7f"
_VERSION_OF = ("(bytes32,bytes32,uint64,uint32)", "bytes32", "bytes")
"""What versionOf answers, the reason as bytes: its writer may have put there what is no text."""

_REQUEST_SECONDS = 9.0
_TRIES = 3
_BACKOFF_SECONDS = 0.2


class AnotherChain(Permanent):
    """The node serves another chain than the one that was named; `served` is its number."""

    def __init__(self, served: int, named: int) -> None:
        self.served = served
        super().__init__(
            f"the node is of another chain: it serves chain {served}, not chain {named}", "Name a node of that chain"
        )


class PostedNothing(Permanent):
    """A transaction was refused on the chain, or wrote no record."""


@as_a_node_answers
def read_at(rpc_url: str, contract: str, chain_id: int | None = None) -> Reader:
    """A reader of the TrackRecord at address `contract`, over a node's URL.

    AnotherChain: not `chain_id`'s (None: whichever it is). NoTrackRecord: none there, or another version of it.
    Transient: the node does not answer.
    """
    from web3 import Web3
    from web3.exceptions import BadFunctionCallOutput, ContractLogicError

    from fntx_dagster.adapters.evm.contracts import NoTrackRecord, check_version, track_record_at

    if not Web3.is_address(contract):
        raise Permanent(f"{contract!r} is no address", "Give the contract's: 0x and 40 hex digits")
    web3, address = web3_over(rpc_url), Web3.to_checksum_address(contract)
    served = web3.eth.chain_id
    if chain_id is not None and chain_id != served:
        raise AnotherChain(served, chain_id)
    if not web3.eth.get_code(address):
        raise NoTrackRecord(f"chain {served} has no contract at {address}", "Check the address and the chain")
    check_version(web3, address)
    try:
        token = track_record_at(web3, address).functions.fntx().call()
    except (BadFunctionCallOutput, ContractLogicError):
        raise NoTrackRecord(f"the contract at {address} is no TrackRecord", "Name another address") from None
    return Reader(web3, Addresses(served, token, address))


def web3_over(rpc_url: str) -> Web3:
    """web3 over a node's URL: a request to a node that hangs is given up after half a minute."""
    from requests import ConnectionError as Unreachable
    from requests import HTTPError, Timeout
    from web3 import HTTPProvider, Web3
    from web3.middleware import ExtraDataToPOAMiddleware
    from web3.providers.rpc.utils import ExceptionRetryConfiguration

    from fntx_dagster.adapters.evm.answers import BoundedSessions

    # every request that is tried again may be: a transaction that the node has already is the same one
    again = ExceptionRetryConfiguration(
        (Unreachable, HTTPError, Timeout), retries=_TRIES, backoff_factor=_BACKOFF_SECONDS
    )
    provider = HTTPProvider(rpc_url, {"timeout": _REQUEST_SECONDS}, exception_retry_configuration=again)
    provider._request_session_manager = BoundedSessions()
    web3 = unasked(Web3(provider))
    web3.middleware_onion.inject(ExtraDataToPOAMiddleware, layer=0)  # some chains' blocks carry longer extra data
    return web3


def unasked(web3: Web3) -> Web3:
    """web3 without its check that a call names the node's own chain: it asks for the chain's number before each call,
    and our calls name none."""
    web3.middleware_onion.remove("validation")
    return web3


class Reader:
    """A chain with a TrackRecord on it, and what anybody may read of it.

    A context manager: leaving it closes what is open, and nothing may be read after it.
    """

    is_embedded = False

    def __init__(self, web3: Web3, addresses: Addresses) -> None:
        self.web3 = web3
        self.chain_id = addresses.chain_id
        self.contract = addresses.track_record
        self.fntx_contract = addresses.fntx

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close what is open; a node behind a URL holds nothing."""

    @as_a_node_answers
    def record_of(self, trader: str, day: date) -> StoredRecord | None:
        """The latest version of a trader's day, or None."""
        return _stored(self.track_record.functions.recordOf(address_of(trader), yyyymmdd(day)).call())

    @as_a_node_answers
    def version_of(self, trader: str, day: date, version: int, block: BlockIdentifier = "latest") -> Version | None:
        """One version of a trader's day, counted from 1, or None, as of a block."""
        from eth_abi.abi import decode

        data = self.track_record.encode_abi("versionOf", args=[address_of(trader), yyyymmdd(day), version])
        answer = self.web3.eth.call({"to": self.contract, "data": data}, block)
        record, previous, reason = decode(_VERSION_OF, bytes(answer))
        stored = _stored(record)
        if stored is None:
            return None
        return Version(stored, previous if version > 1 else None, _readable(reason) if version > 1 else None)

    def version_held(
        self, trader: str, day: date, version: int, latest: StoredRecord | None, block: BlockIdentifier = "latest"
    ) -> StoredRecord | None:
        """What the contract holds in the place of a version of a trader's day, of which `latest` is the newest as of
        that block; None where the newest is an earlier one.

        Transient where the node shows a later version and not this one: it lags.
        """
        if latest is None or latest.version < version:
            return None
        if latest.version == version:
            return latest
        held = self.version_of(trader, day, version, block)
        if held is None:
            raise Transient(f"the node shows version {latest.version} of {day} and no version {version}", "Try again")
        return held.record

    @as_a_node_answers
    def history(self, trader: str, period: Period, block: BlockIdentifier = "latest") -> dict[date, StoredRecord]:
        """Day → the latest version of each day of a period that has a record, as of a block."""
        first, last = period
        records = {}
        for begin in range(first.toordinal(), last.toordinal() + 1, _MAX_RANGE):
            end = min(last.toordinal(), begin + _MAX_RANGE - 1)
            days = (yyyymmdd(date.fromordinal(ordinal)) for ordinal in (begin, end))
            page = self.track_record.functions.history(address_of(trader), *days)
            for number, *record in page.call(block_identifier=block):
                records[_date(number)] = _stored(record)
        return records

    @as_a_node_answers
    def verify_metric(
        self, trader: str, day: date, version: int, index: int, value: int | None, salt: bytes, proof: Sequence[bytes]
    ) -> bool:
        """Whether the contract finds `value` (scaled; None is null) in slot `index` of that version of a record.

        False also where there is no such record, or the index, salt or proof has another size than the contract's.
        """
        scaled = _NULL_VALUE if value is None else value
        if len(proof) != 6 or any(len(item) != 32 for item in (salt, *proof)):
            return False
        if not 0 <= index < 2**256 or not 0 < version < 2**32:
            return False
        if not _NULL_VALUE <= scaled < -_NULL_VALUE or value == _NULL_VALUE:
            return False
        check = self.track_record.functions.verifyMetric(
            address_of(trader), yyyymmdd(day), version, index, scaled, salt, list(proof)
        )
        return check.call()

    @as_a_node_answers
    def mined(self, tx_hash: str) -> Mined | None:
        """What a transaction wrote; None if it is not (or no longer) on the chain.

        PostedNothing if it is on the chain and was refused there or wrote no record.
        """
        receipt = receipt_of(self.web3, tx_hash)
        return None if receipt is None else self._written_by(receipt)

    @as_a_node_answers
    def find_posting(self, trader: str, day: date, version: int = 1) -> Mined | None:
        """The transaction that posted a version of a trader's day, or None if there is no such record.

        The contract keeps the time and no block's number: a bisection finds the blocks of that second, and their
        events are read. Transient where the node does not show it (yet).
        """
        held = self.version_of(trader, day, version)
        if held is None:
            return None
        event, wanted = (
            self.track_record.events.DailyRecordPosted(),
            {"trader": address_of(trader), "date": yyyymmdd(day)},
        )
        for number in self.blocks_of(int(held.record.posted_at.timestamp())):
            for log in event.get_logs(from_block=number, to_block=number, argument_filters=wanted):
                if log["args"]["version"] == version:
                    mined = self.mined(f"0x{log['transactionHash'].hex()}")
                    if mined is not None:
                        return mined
        raise Transient(f"the contract holds a record for {day}, but the node has no event of it yet", "Try again")

    @as_a_node_answers
    def funds_of(self, address: str) -> Funds:
        """What an address holds and what TrackRecord may burn of it."""
        return Funds(self.web3.eth.get_balance(address_of(address)), *self.tokens_of(address))

    @as_a_node_answers
    def tokens_of(self, address: str) -> tuple[Decimal, Decimal]:
        """The FNTX that an address holds, and how many of them TrackRecord may burn."""
        return (
            _fntx(self.fntx.functions.balanceOf(address).call()),
            _fntx(self.fntx.functions.allowance(address, self.contract).call()),
        )

    @cached_property
    @as_a_node_answers
    def burn_amount(self) -> Decimal:
        """What one version of a record costs, in FNTX."""
        return _fntx(self.track_record.functions.BURN_AMOUNT().call())

    def records_paid_by(self, fntx: Decimal) -> int:
        """How many versions of records an amount of FNTX pays for."""
        return int(fntx // self.burn_amount)

    @property
    @as_a_node_answers
    def height(self) -> int:
        """The number of the newest block."""
        return self.web3.eth.block_number

    @property
    @as_a_node_answers
    def finalized_height(self) -> int | None:
        """The number of the newest block that the chain calls finalized; None where the node knows no such block."""
        from web3.exceptions import BlockNotFound, Web3RPCError

        try:
            return block_at(self.web3, "finalized").number
        except (BlockNotFound, Web3RPCError):
            return None

    @as_a_node_answers
    def settled_at(self, blocks: int) -> datetime:
        """The time (UTC) of the newest block that the chain is not expected to drop: finalized, or with `blocks` on
        top; the first one's where there is none yet."""
        finalized = self.finalized_height
        return datetime.fromtimestamp(self._time_of(max(self.height - blocks, finalized or 0, 0)), UTC)

    @as_a_node_answers
    def is_canonical(self, block_number: int, block_hash: str) -> bool:
        """Whether the block with that hash (0x…) is (still) the chain's block of that number."""
        from web3.exceptions import BlockNotFound

        try:
            return block_at(self.web3, block_number).hash == block_hash
        except BlockNotFound:
            return False

    @as_a_node_answers
    def runs_our_code(self) -> bool:
        """Whether the code at the contract's address is a TrackRecord that FNTX published, bound to `fntx_contract`.

        It says which rules hold since the deployment, not what the deployment itself wrote: whoever deploys can put
        records of anybody there. So the address has to be known as well, or else who posted a record.
        """
        from eth_utils.crypto import keccak

        code = bytes(self.web3.eth.get_code(address_of(self.contract)))
        # the compiler puts the token's address, its one immutable, into a PUSH32
        token = bytes.fromhex(self.fntx_contract.removeprefix("0x"))
        bare = code.replace(_PUSH32 + token.rjust(32, b"\0"), _PUSH32 + bytes(32))
        return f"0x{keccak(bare).hex()}" in TRACK_RECORD_CODES

    @cached_property
    def track_record(self) -> Contract:
        """TrackRecord's interface."""
        return self.web3.eth.contract(address_of(self.contract), abi=artifact("TrackRecord")["abi"])

    @cached_property
    def fntx(self) -> Contract:
        """FNTX's interface."""
        return self.web3.eth.contract(address_of(self.fntx_contract), abi=artifact("FNTX")["abi"])

    def _written_by(self, receipt: TxReceipt) -> Mined:
        from web3.logs import DISCARD

        tx_hash = f"0x{receipt['transactionHash'].hex()}"
        if receipt["status"] != 1:
            raise PostedNothing(f"transaction {tx_hash} was mined and refused", "Look it up on the chain")
        records = tuple(
            Written(args["trader"], _date(args["date"]), args["schemaHash"], args["root"], args["version"])
            for event in self.track_record.events.DailyRecordPosted().process_receipt(receipt, errors=DISCARD)
            if event["address"] == self.contract and (args := event["args"])
        )
        if not records:
            raise PostedNothing(f"transaction {tx_hash} posted no record at {self.contract}", "Look it up on the chain")
        burned = sum(
            event["args"]["value"]
            for event in self.fntx.events.Transfer().process_receipt(receipt, errors=DISCARD)
            if event["address"] == self.fntx_contract and int(event["args"]["to"], 16) == 0
        )
        block = block_at(self.web3, receipt["blockHash"])
        return Mined(
            tx_hash,
            receipt["blockNumber"],
            f"0x{receipt['blockHash'].hex()}",
            receipt["gasUsed"],
            datetime.fromtimestamp(block.timestamp, UTC),
            _fntx(burned),
            records,
            receipt["from"],
            receipt.get("to") or None,
        )

    @as_a_node_answers
    def first_block_of(self, day: date) -> int:
        """The number of the first block of that day of UTC or a later one; the next block's where there is none."""
        return self.first_block_at(int(datetime(day.year, day.month, day.day, tzinfo=UTC).timestamp()))

    def blocks_of(self, second: int) -> Iterator[int]:
        """The numbers of the blocks whose time is `second`."""
        low = self.first_block_at(second)
        while low <= self.web3.eth.block_number and self._time_of(low) == second:
            yield low
            low += 1

    def first_block_at(self, second: int) -> int:
        """The number of the first block whose time is not before `second`, by bisection: block times never fall."""
        low, high = 0, self.web3.eth.block_number + 1
        while low < high:
            middle = (low + high) // 2
            if self._time_of(middle) < second:
                low = middle + 1
            else:
                high = middle
        return low

    def _time_of(self, number: int) -> int:
        return block_at(self.web3, number).timestamp


def _fntx(units: int) -> Decimal:
    """An amount of FNTX, exactly: an allowance without limit has 78 digits."""
    whole, rest = divmod(units, 10**18)
    return Decimal(f"{whole}.{rest:018d}".rstrip("0").rstrip("."))


def _readable(text: bytes) -> str:
    """What a stranger wrote, without what is no text or would steer a terminal."""
    return cleaned(text.decode("utf-8", "replace"))


def yyyymmdd(day: date) -> int:
    """A day as the contract numbers it."""
    return day.year * 10_000 + day.month * 100 + day.day


def _date(yyyymmdd: int) -> date:
    return date(yyyymmdd // 10_000, yyyymmdd // 100 % 100, yyyymmdd % 100)


def _stored(record: Sequence[Any]) -> StoredRecord | None:
    root, schema_hash, posted_at, version = record
    return StoredRecord(root, schema_hash, datetime.fromtimestamp(posted_at, UTC), version) if version else None
