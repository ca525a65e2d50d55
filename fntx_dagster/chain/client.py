"""One small interface to the chain, the same for the embedded chain and for a node behind an RPC URL.

`connect` gives a Chain: who the trader of an account is, what the contracts hold, whether a disclosed value is in a
record. Posting is `sender`'s. Days go to the contract as the number yyyymmdd; times come back in UTC; FNTX is Decimal.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, date, datetime
from decimal import Decimal
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, Self

from filelock import FileLock, Timeout

from fntx_dagster.chain.artifacts import artifact
from fntx_dagster.chain.faults import explained
from fntx_dagster.chain.keys import Signer, deployer_of, trader_of
from fntx_dagster.chain.transactions import transact
from fntx_dagster.errors import Permanent, Transient

if TYPE_CHECKING:
    from web3 import Web3
    from web3.contract import Contract

    from fntx_dagster.chain.contracts import Addresses
    from fntx_dagster.settings import Settings

_UNIT = Decimal(10**18)
_UNLIMITED = 2**256 - 1
_NULL_VALUE = -(2**255)
_TURN_SECONDS = 120.0

_TRADER_WEI = 100 * 10**18
_TRADER_FNTX = 100_000 * 10**18


class StoredRecord(NamedTuple):
    """What the contract holds for a trader's day."""

    root: bytes
    schema_hash: bytes
    posted_at: datetime
    block_number: int
    version: int

    def holds(self, schema_hash: bytes, root: bytes) -> bool:
        """Whether this is the record with that root under that schema."""
        return (self.schema_hash, self.root) == (schema_hash, root)


class Receipt(NamedTuple):
    """A mined record: the transaction that posted it and what it wrote. `posted_at` is the block's time in UTC."""

    tx_hash: str
    block_number: int
    block_hash: str
    gas_used: int
    posted_at: datetime
    trader: str
    contract: str
    chain_id: int
    burned: Decimal
    """FNTX, not its smallest unit."""
    day: date
    schema_hash: bytes
    root: bytes
    version: int


class Funds(NamedTuple):
    """What an address can spend: ether in wei, FNTX and what TrackRecord may burn of it in FNTX."""

    wei: int
    fntx: Decimal
    allowance: Decimal


def connect(settings: Settings) -> Chain:
    """The chain of the settings: `rpc_url` with the addresses in `contracts`, else the embedded one in the home.

    The embedded chain and its contracts are made at the first use. Permanent for a wrong chain id or missing contracts,
    Transient where the node does not answer.
    """
    return _embedded(settings) if settings.rpc_url is None else _remote(settings)


class Chain:
    """A chain with our contracts on it. Each method raises Transient where the node does not answer.

    A context manager: leaving it closes what is open, and nothing may be asked after it.
    """

    is_embedded = False

    def __init__(self, web3: Web3, addresses: Addresses, settings: Settings) -> None:
        self.web3 = web3
        self.chain_id = addresses.chain_id
        self.contract = addresses.track_record
        self.fntx_contract = addresses.fntx
        self._settings = settings

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close what is open; a node behind a URL holds nothing."""

    def trader(self, account_id: str) -> Signer:
        """Who signs for an account: the configured key, else the account's development key."""
        key = self._settings.trader_key
        if key is None:
            return trader_of(self._settings.paths.keys, account_id)
        try:
            return Signer(bytes.fromhex(key.get_secret_value().removeprefix("0x")))
        except ValueError:
            raise Permanent("FNTX_TRADER_KEY is no private key", "Give 32 bytes as hex digits") from None

    @explained
    def record_of(self, trader: str, day: date) -> StoredRecord | None:
        """What the contract holds for a trader's day, or None."""
        root, schema_hash, posted_at, block_number, version = self.track_record.functions.recordOf(
            trader, yyyymmdd(day)
        ).call()
        if version == 0:
            return None
        return StoredRecord(root, schema_hash, datetime.fromtimestamp(posted_at, UTC), block_number, version)

    def find_posting(self, trader: str, day: date) -> Receipt | None:
        """The receipt of a trader's day, found through the contract's events, or None if there is no record."""
        stored = self.record_of(trader, day)
        return None if stored is None else self.posting_of(stored, trader, day)

    @explained
    def posting_of(self, stored: StoredRecord, trader: str, day: date) -> Receipt:
        """The receipt of a record that `record_of` gave; Transient where the node shows no event of it yet."""
        event = self.track_record.events.DailyRecordPosted()
        wanted = {"trader": trader, "date": yyyymmdd(day)}
        # The record knows its block, so no range is searched; rollups whose contracts count other blocks need it.
        for first, last in ((stored.block_number, stored.block_number), (0, "latest")):
            logs = event.get_logs(from_block=first, to_block=last, argument_filters=wanted)
            receipt = self.receipt(f"0x{logs[-1]['transactionHash'].hex()}") if logs else None
            if receipt is not None:
                return receipt
        raise Transient(f"the contract holds a record for {day}, but the node has no event of it yet", "Try again")

    @explained
    def receipt(self, tx_hash: str) -> Receipt | None:
        """The record that a transaction posted; None if it is not (or no longer) on the chain.

        Permanent if it is on the chain and posted no record.
        """
        from web3.exceptions import TransactionNotFound
        from web3.logs import DISCARD

        try:
            mined = self.web3.eth.get_transaction_receipt(tx_hash)
        except TransactionNotFound:
            return None
        posted = [
            event["args"]
            for event in self.track_record.events.DailyRecordPosted().process_receipt(mined, errors=DISCARD)
            if event["address"] == self.contract
        ]
        if not posted:
            raise Permanent(f"transaction {tx_hash} posted no record at {self.contract}", "Look it up on the chain")
        written = posted[0]
        transfers = self.fntx.events.Transfer().process_receipt(mined, errors=DISCARD)
        burned = sum(
            event["args"]["value"]
            for event in transfers
            if event["address"] == self.fntx_contract and int(event["args"]["to"], 16) == 0
        )
        block = self.web3.eth.get_block(mined["blockNumber"])
        return Receipt(
            tx_hash=tx_hash,
            block_number=mined["blockNumber"],
            block_hash=f"0x{mined['blockHash'].hex()}",
            gas_used=mined["gasUsed"],
            posted_at=datetime.fromtimestamp(block["timestamp"], UTC),
            trader=written["trader"],
            contract=self.contract,
            chain_id=self.chain_id,
            burned=burned / _UNIT,
            day=_date(written["date"]),
            schema_hash=written["schemaHash"],
            root=written["root"],
            version=written["version"],
        )

    @explained
    def verify_metric(
        self, trader: str, day: date, index: int, value: int | None, salt: bytes, proof: Sequence[bytes]
    ) -> bool:
        """Whether the contract finds `value` (scaled; None is null) in slot `index` of the trader's record.

        False also where there is no record, or the index, salt or proof has another size than the contract's.
        """
        scaled = _NULL_VALUE if value is None else value
        if len(proof) != 6 or any(len(item) != 32 for item in (salt, *proof)) or index < 0:
            return False
        if not _NULL_VALUE <= scaled < -_NULL_VALUE or value == _NULL_VALUE:
            return False
        return self.track_record.functions.verifyMetric(trader, yyyymmdd(day), index, scaled, salt, list(proof)).call()

    @explained
    def funds_of(self, address: str) -> Funds:
        """What an address holds and what TrackRecord may burn of it."""
        return Funds(
            self.web3.eth.get_balance(address),
            self.fntx.functions.balanceOf(address).call() / _UNIT,
            self.fntx.functions.allowance(address, self.contract).call() / _UNIT,
        )

    @cached_property
    @explained
    def burn_amount(self) -> Decimal:
        """What one record costs, in FNTX."""
        return self.track_record.functions.BURN_AMOUNT().call() / _UNIT

    def approve_burning(self, signer: Signer) -> None:
        """Let TrackRecord burn the signer's FNTX without limit, once: it burns only when the signer itself posts."""
        with self.turn_of(signer.address):
            self.invoke(signer, self.fntx, "approve", self.contract, _UNLIMITED)

    @contextmanager
    def turn_of(self, address: str) -> Iterator[None]:
        """One sender per key on this machine; Transient if another one takes longer than two minutes."""
        folder = self._settings.paths.chain
        folder.mkdir(parents=True, exist_ok=True)
        try:
            with FileLock(folder / f"{address}.lock", timeout=_TURN_SECONDS):
                yield
        except Timeout:
            raise Transient(f"another process is sending for {address}", "Try again when it has finished") from None

    def invoke(self, signer: Signer, contract: Contract, function: str, *arguments: Any, **sending: Any) -> None:
        """Send a contract's function as a transaction and wait; `sending` goes to `transactions.transact`.

        The caller has the signer's turn.
        """
        data = contract.encode_abi(function, args=arguments)
        transact(self.web3, signer, {"to": contract.address, "data": data}, **sending)

    @cached_property
    def track_record(self) -> Contract:
        return self.web3.eth.contract(address=self.contract, abi=artifact("TrackRecord")["abi"])

    @cached_property
    def fntx(self) -> Contract:
        return self.web3.eth.contract(address=self.fntx_contract, abi=artifact("FNTX")["abi"])


class EmbeddedChain(Chain):
    """The chain in the home: its traders are funded and have approved, without anybody's doing."""

    is_embedded = True

    def close(self) -> None:
        """Close the chain's file."""
        self.web3.provider.close()

    def trader(self, account_id: str) -> Signer:
        """The account's development key, with ether, FNTX and an allowance that last for decades."""
        signer = trader_of(self._settings.paths.keys, account_id)
        funds = self.funds_of(signer.address)
        if funds.wei < _TRADER_WEI // 100 or funds.fntx < self.burn_amount:
            self._fund(signer.address)
        if funds.allowance < self.burn_amount:
            self.approve_burning(signer)
        return signer

    def _fund(self, address: str) -> None:
        deployer = deployer_of(self._settings.paths.keys)
        with self.turn_of(deployer.address):
            transact(self.web3, deployer, {"to": address, "value": _TRADER_WEI})
            self.invoke(deployer, self.fntx, "transfer", address, _TRADER_FNTX)


@explained
def _embedded(settings: Settings) -> Chain:
    from web3 import Web3

    from fntx_dagster.chain.contracts import check_deployed, deploy, read_addresses, write_addresses
    from fntx_dagster.chain.embedded import EmbeddedProvider

    folder = settings.paths.chain
    file = folder / "contracts.json"
    deployer = deployer_of(settings.paths.keys)
    web3 = Web3(EmbeddedProvider(folder / "chain.sqlite", deployer.address))
    web3.eth.default_account = deployer.address  # eth-tester wants a sender even for a read
    if not file.exists():
        with FileLock(folder / "deployment.lock"):
            if not file.exists():
                write_addresses(file, deploy(web3, deployer))
    addresses = read_addresses(file)
    check_deployed(web3, addresses, file)
    return EmbeddedChain(web3, addresses, settings)


@explained
def _remote(settings: Settings) -> Chain:
    from web3 import HTTPProvider, Web3
    from web3.middleware import ExtraDataToPOAMiddleware

    from fntx_dagster.chain.contracts import check_deployed, read_addresses

    if settings.contracts is None:
        raise Permanent("FNTX_RPC_URL is set without FNTX_CONTRACTS", "Name the file with the contracts' addresses")
    assert settings.rpc_url is not None
    web3 = Web3(HTTPProvider(settings.rpc_url.get_secret_value()))
    web3.middleware_onion.inject(ExtraDataToPOAMiddleware, layer=0)  # some chains' blocks carry longer extra data
    file = Path(settings.contracts)
    addresses = read_addresses(file)
    check_deployed(web3, addresses, file)
    return Chain(web3, addresses, settings)


def yyyymmdd(day: date) -> int:
    """A day as the contract numbers it."""
    return day.year * 10_000 + day.month * 100 + day.day


def _date(yyyymmdd: int) -> date:
    return date(yyyymmdd // 10_000, yyyymmdd // 100 % 100, yyyymmdd % 100)
