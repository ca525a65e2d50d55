"""A chain in one SQLite file: a real EVM (py-evm behind eth-tester), made to outlive its process.

Each JSON-RPC request is one SQLite transaction on the chain as it stands at that moment, so that separate processes see
one chain and a killed one leaves either the whole block or nothing. A request that sends a transaction first takes
SQLite's write lock. Every other request is rolled back, even where it changed something. Errors have the form of an
HTTP node's. A stranger's request is made `within` a time limit.

Imports the EVM at the top: `client` imports this module only when an embedded chain is connected to.
"""

from __future__ import annotations

import ast
import re
import sqlite3
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path
from typing import Any

from eth.chains.base import MiningChain
from eth.db.atomic import AtomicDB
from eth.db.backends.base import BaseDB
from eth.exceptions import CanonicalHeadNotFound
from eth.exceptions import TransactionNotFound as EvmTransactionNotFound
from eth.typing import AccountState
from eth.vm.gas_meter import GasMeter
from eth_tester import EthereumTester
from eth_tester.backends.pyevm.main import PyEVMBackend, get_default_genesis_params, setup_tester_chain
from eth_tester.backends.pyevm.serializers import serialize_transaction, serialize_transaction_receipt
from eth_tester.exceptions import TransactionFailed, TransactionNotFound
from eth_tester.exceptions import ValidationError as TesterValidationError
from eth_typing import Hash32
from eth_utils.address import to_canonical_address
from eth_utils.exceptions import ValidationError
from web3.providers.eth_tester import EthereumTesterProvider
from web3.types import RPCEndpoint, RPCError, RPCResponse

GENESIS_WEI = 10**24
"""A million ether for the deployer, who funds the traders."""

WRITING = frozenset({"eth_sendRawTransaction"})
_BUSY_SECONDS = 60.0
_DEEPEST = 1024 * 12
"""What the EVM asks of Python's recursion. One of its libraries asks for eight times that, and there a deep nesting in
somebody's JSON ends the process."""
sys.setrecursionlimit(_DEEPEST)
_ends_at: ContextVar[float] = ContextVar("ends_at", default=float("inf"))
_SLOW_CONTRACTS = frozenset({0x08, 0x09, *range(0x0B, 0x12)})
"""The precompiled contracts (pairings, BLAKE2, BLS) of which one step can take minutes, and cannot be ended."""


class OutOfTime(Exception):
    """A request took longer than it may."""


class NotComputed(Exception):
    """A request with a time limit calls one of _SLOW_CONTRACTS."""


@contextmanager
def within(moment: float) -> Iterator[None]:
    """Requests that this thread makes inside raise OutOfTime from a moment of `time.monotonic` on, and NotComputed
    where a step could not be ended then."""
    before = _ends_at.set(moment)
    try:
        yield
    finally:
        _ends_at.reset(before)


class EmbeddedProvider(EthereumTesterProvider):
    """web3's provider for the chain in `file`, created at the first use with GENESIS_WEI for `deployer`. `is_made`
    says that the file holds the chain already: opening it then does not wait for a process that writes to it."""

    def __init__(self, file: Path, deployer: str, *, is_made: bool = False) -> None:
        self.file, self.deployer = file, deployer
        file.parent.mkdir(parents=True, exist_ok=True)
        self._connection = sqlite3.connect(file, timeout=_BUSY_SECONDS, isolation_level=None, check_same_thread=False)
        self._one_at_a_time = threading.Lock()
        with self._transaction(writing=not is_made):
            self._connection.execute(
                "CREATE TABLE IF NOT EXISTS entries (key BLOB PRIMARY KEY, value BLOB NOT NULL) WITHOUT ROWID"
            )
            self._backend = _FileBackend(AtomicDB(_SqliteDB(self._connection)), deployer)
        super().__init__(EthereumTester(self._backend))

    def close(self) -> None:
        """Close the file."""
        self._connection.close()

    def make_request(self, method: RPCEndpoint, params: Any) -> RPCResponse:
        namespace, _, name = method.partition("_")
        endpoint = (self.api_endpoints or {}).get(namespace, {}).get(name)
        if endpoint is None:
            return self._error(-32601, f"the embedded chain does not know {method}")
        try:
            with self._transaction(writing=method in WRITING):
                self._backend.take_up_head()
                result = endpoint(self.ethereum_tester, params)
        except NotImplementedError:
            return self._error(-32601, f"the embedded chain does not know {method}")
        except TransactionFailed as failure:
            return self._error(3, "execution reverted", _revert_data(failure))
        except (ValidationError, TesterValidationError) as refusal:
            return self._error(-32000, _in_a_nodes_words(str(refusal)))
        return {"jsonrpc": "2.0", "id": 0, "result": result}

    @contextmanager
    def _transaction(self, writing: bool) -> Iterator[None]:
        with self._one_at_a_time:
            self._connection.execute("BEGIN IMMEDIATE" if writing else "BEGIN")
            try:
                yield
                self._connection.execute("COMMIT" if writing else "ROLLBACK")
            except BaseException:
                self._connection.rollback()
                raise

    def _error(self, code: int, message: str, data: str | None = None) -> RPCResponse:
        error: RPCError = {"code": code, "message": message}
        if data is not None:
            error["data"] = data
        return {"jsonrpc": "2.0", "id": 0, "error": error}


class _SqliteDB(BaseDB):
    """py-evm's key-value store in one table; transactions are the provider's."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    def __getitem__(self, key: bytes) -> bytes:
        _check_time()
        row = self._connection.execute("SELECT value FROM entries WHERE key = ?", (key,)).fetchone()
        if row is None:
            raise KeyError(key)
        return row[0]

    def __setitem__(self, key: bytes, value: bytes) -> None:
        self._connection.execute("INSERT OR REPLACE INTO entries VALUES (?, ?)", (key, value))

    def __delitem__(self, key: bytes) -> None:
        if self._connection.execute("DELETE FROM entries WHERE key = ?", (key,)).rowcount == 0:
            raise KeyError(key)

    def _exists(self, key: bytes) -> bool:
        return self._connection.execute("SELECT 1 FROM entries WHERE key = ?", (key,)).fetchone() is not None


class _FileBackend(PyEVMBackend):
    """eth-tester's backend over a database that may already hold a chain."""

    def __init__(self, database: AtomicDB, deployer: str) -> None:
        self._database = database
        self._deployer = to_canonical_address(deployer)
        super().__init__()

    def reset_to_genesis(self, *_: Any, **__: Any) -> None:
        genesis: AccountState = {self._deployer: {"balance": GENESIS_WEI, "storage": {}, "code": b"", "nonce": 0}}
        _, in_memory = setup_tester_chain(genesis_state=genesis)  # only its class is of use
        self.account_keys = ()  # transactions arrive signed
        assert isinstance(in_memory, MiningChain)
        self._chain_class = _bounded(type(in_memory))
        try:
            self.take_up_head()
        except CanonicalHeadNotFound:
            self.chain = self._chain_class.from_genesis(self._database, get_default_genesis_params(), genesis)

    def take_up_head(self) -> None:
        """The chain as the file has it now: another process may have added blocks, and time has passed."""
        self.chain = self._chain_class(self._database)

    # eth-tester looks for a transaction by walking back block by block; the database has an index.

    def get_transaction_by_hash(self, transaction_hash: bytes) -> dict[str, Any]:
        block, index = self._place_of(transaction_hash)
        return serialize_transaction(block, block.transactions[index], index, False)

    def get_transaction_receipt(self, transaction_hash: bytes) -> dict[str, Any]:
        block, index = self._place_of(transaction_hash)
        receipts = block.get_receipts(self.chain.chaindb)
        transaction = block.transactions[index]
        return serialize_transaction_receipt(block, receipts, transaction, index, False, self.chain.get_vm())

    def _place_of(self, transaction_hash: bytes) -> tuple[Any, int]:
        try:
            number, index = self.chain.get_canonical_transaction_index(Hash32(transaction_hash))
        except EvmTransactionNotFound:
            raise TransactionNotFound(f"no transaction 0x{transaction_hash.hex()}") from None
        return self.chain.get_canonical_block_by_number(number), index


class _TimedMeter(GasMeter):
    """Looks at the clock whenever a step is paid for."""

    def consume_gas(self, amount: int, reason: str) -> None:
        _check_time()
        super().consume_gas(amount, reason)


def _check_time() -> None:
    if time.monotonic() > _ends_at.get():
        raise OutOfTime


def _bounded(chain_class: type[MiningChain]) -> type[MiningChain]:
    """A class of chains in which what the EVM executes ends when its time is over."""
    ((first_block, vm_class),) = chain_class.vm_configuration
    state_class = vm_class.get_state_class()
    computation_class: Any = state_class.computation_class

    def timed_meter(computation: Any) -> GasMeter:
        meter = computation_class._configure_gas_meter(computation)
        return _TimedMeter(meter.start_gas, meter.refund_strategy)

    precompiles = {
        address: _unless_timed(compute) if int.from_bytes(address, "big") in _SLOW_CONTRACTS else compute
        for address, compute in computation_class.get_precompiles().items()
    }
    members = {"_configure_gas_meter": timed_meter, "_precompiles": precompiles}
    computation = type("BoundedComputation", (computation_class,), members)
    state = type("BoundedState", (state_class,), {"computation_class": computation})
    vm = type("BoundedVM", (vm_class,), {"_state_class": state})
    return type("BoundedChain", (chain_class,), {"vm_configuration": ((first_block, vm),)})


def _unless_timed(compute: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """A precompiled contract that is not computed where the time is limited."""

    def computed(computation: Any) -> Any:
        if _ends_at.get() < float("inf"):
            raise NotComputed
        return compute(computation)

    return computed


def _in_a_nodes_words(refusal: str) -> str:
    """py-evm's refusals as a node words them. It reports too little ether in several ways, also in a simulation, which
    it wants to see paid for."""
    if "enough balance" in refusal or "cannot afford" in refusal:
        return f"insufficient funds for gas * price + value: {refusal}"
    nonces = re.search(r"Invalid transaction nonce: Expected (\d+), but got (\d+)", refusal)
    if nonces:
        expected, given = map(int, nonces.groups())
        return f"nonce too {'low' if given < expected else 'high'}: next nonce {expected}, tx nonce {given}"
    if "lower than block's base fee" in refusal:
        return f"max fee per gas less than block base fee: {refusal}"
    return refusal


def _revert_data(failure: TransactionFailed) -> str | None:
    """The bytes that the contract reverted with: eth-tester wraps them in an exception or in their own repr."""
    cause = failure.args[0] if failure.args else b""
    while isinstance(cause, Exception):
        cause = cause.args[0] if cause.args else b""
    if isinstance(cause, str) and cause.startswith(("b'", 'b"')):
        cause = ast.literal_eval(cause)
    return f"0x{cause.hex()}" if isinstance(cause, bytes) else None
