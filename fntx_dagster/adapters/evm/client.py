"""The chain of the settings: the same interface for the embedded chain and for a node behind an RPC URL.

`connect` gives a Chain: a Reader that also knows who signs for an account, whose turn it is to send, and how a trader
on the embedded chain gets its funds. `addresses_of` and `keys.signer_of` say what a record is bound to without a node.
Records are posted by the outbox over `transport` and `track_record`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Any

from filelock import FileLock, Timeout

from fntx_dagster.adapters.evm.faults import MADE_ANEW, explained
from fntx_dagster.adapters.evm.keys import Signer, deployer_of, signer_of
from fntx_dagster.adapters.evm.reader import Reader, unasked, web3_over
from fntx_dagster.adapters.evm.transactions import suggested_fees, transact
from fntx_dagster.adapters.evm.typed import address_of, hash_of
from fntx_dagster.errors import Permanent
from fntx_dagster.outbox import turns

if TYPE_CHECKING:
    from web3 import Web3
    from web3.contract import Contract
    from web3.types import TxParams, TxReceipt

    from fntx_dagster.adapters.evm.embedded import EmbeddedProvider
    from fntx_dagster.model.chain import Addresses, Fees, Funds
    from fntx_dagster.settings import Settings

__all__ = ["Chain", "EmbeddedChain", "Turns", "addresses_of", "connect", "signer_of"]

EMBEDDED_CHAIN_ID = 131277322940537
"""What eth-tester's chains call themselves."""

_UNLIMITED = 2**256 - 1

_TRADER_WEI = 100 * 10**18
_TRADER_FNTX = 100_000


Turns = Callable[[str], AbstractContextManager[None]]
"""The turn of a key, by its address, on all machines."""


def connect(settings: Settings, turns: Turns = nullcontext) -> Chain:
    """The chain of the settings: `rpc_url` with the addresses in `contracts`, else the embedded one in the home.
    `turns` are those of keys on other machines than this one.

    The embedded chain and its contracts are made at the first use. Permanent for a wrong chain id, missing contracts,
    contracts of another version or an embedded chain that is not wanted, Transient where the node does not answer.
    """
    return _embedded(settings, turns) if settings.chain.rpc_url is None else _remote(settings, turns)


def addresses_of(settings: Settings) -> Addresses:
    """Chain id and contracts that records are bound to, from the file that names them: a node need not answer.

    The embedded chain is made at the first use. Permanent where the file is missing or of another form, or where the
    embedded chain is not wanted.
    """
    from fntx_dagster.adapters.evm.contracts import read_addresses

    file = _addresses_file(settings)
    if settings.chain.rpc_url is None:
        _check_wanted(settings)
        if not file.exists():
            connect(settings).close()
    return read_addresses(file)


class Chain(Reader):
    """A chain with our contracts on it, and the settings' keys."""

    def __init__(self, web3: Web3, addresses: Addresses, settings: Settings, turns: Turns = nullcontext) -> None:
        super().__init__(web3, addresses)
        self._settings = settings
        self._turns = turns
        self._suggested: tuple[int, int, Fees] | None = None

    def fees_at(self, height: int, modest_tip: int) -> Fees:
        """The suggested fees after the block of a height: the same for everybody who sends before the next one."""
        if self._suggested is None or self._suggested[:2] != (height, modest_tip):
            self._suggested = height, modest_tip, suggested_fees(self.web3, modest_tip)
        return self._suggested[2]

    def trader(self, account_id: str) -> Signer:
        """Who signs for an account, ready to send."""
        return signer_of(self._settings, account_id)

    def approve_burning(self, signer: Signer) -> None:
        """Let TrackRecord burn the signer's FNTX without limit, once: it burns only when the signer itself posts."""
        with self.turn_of(signer.address):
            self.invoke(signer, self.fntx, "approve", self.contract, _UNLIMITED)

    @contextmanager
    def turn_of(self, address: str) -> Iterator[None]:
        """One sender per key; Transient if another one takes longer than two minutes."""
        with self._turns(address), self.turn_here(address):
            yield

    @contextmanager
    def turn_here(self, address: str) -> Iterator[None]:
        """One sender per key on this machine, for who has its turn on the others; Transient as for `turn_of`."""
        folder = self._settings.paths.chain
        folder.mkdir(parents=True, exist_ok=True)
        try:
            with FileLock(folder / f"{address}.lock", timeout=turns.TURN_SECONDS, thread_local=False):
                yield
        except Timeout:
            raise turns.overtaken(address) from None

    def invoke(self, signer: Signer, contract: Contract, function: str, *arguments: Any) -> None:
        """Send a contract's function as a transaction and wait. The caller has the signer's turn."""
        self.send(signer, {"to": contract.address, "data": hash_of(contract.encode_abi(function, args=arguments))})

    def send(self, signer: Signer, call: TxParams) -> TxReceipt:
        """Send a transaction that no record depends on, within the fee cap, and wait. The caller has the signer's
        turn."""
        limits = self._settings.posting
        return transact(self.web3, signer, call, limits.fee_cap, limits.modest_tip)


class EmbeddedChain(Chain):
    """The chain in the home. It funds its traders and lets TrackRecord burn their FNTX, without a person."""

    is_embedded = True

    def __init__(
        self, provider: EmbeddedProvider, web3: Web3, addresses: Addresses, settings: Settings, turns: Turns
    ) -> None:
        super().__init__(web3, addresses, settings, turns)
        self.provider = provider

    def close(self) -> None:
        """Close the chain's file."""
        self.provider.close()

    def trader(self, account_id: str) -> Signer:
        """Who signs for an account, with ether, FNTX and an allowance for twenty years of sessions."""
        signer = signer_of(self._settings, account_id)
        funds = self.funds_of(signer.address)
        if _is_short(funds):
            self._fund(signer.address)
        if funds.allowance < self.burn_amount:
            self.approve_burning(signer)
        return signer

    def _fund(self, address: str) -> None:
        from web3.types import Wei

        deployer = deployer_of(self._settings.paths.keys)
        with self.turn_of(deployer.address):
            if _is_short(self.funds_of(address)):  # another process may have funded it
                self.send(deployer, {"to": address, "value": Wei(_TRADER_WEI)})
                self.invoke(deployer, self.fntx, "transfer", address, _TRADER_FNTX * 10**18)


def _is_short(funds: Funds) -> bool:
    return funds.wei < _TRADER_WEI // 2 or funds.fntx < _TRADER_FNTX // 2


def _check_wanted(settings: Settings) -> None:
    """Permanent for the embedded chain beside a database that other machines may use: each would have its own."""
    if settings.database.url is not None and not settings.chain.embedded:
        raise Permanent(
            "FNTX_DATABASE_URL names a database that several machines may share, and FNTX_RPC_URL no chain: the "
            "embedded chain is in the home of one machine",
            "Set FNTX_RPC_URL and FNTX_CONTRACTS to a node that every machine reaches (`fntx chain serve` serves the "
            "chain of a home), or FNTX_EMBEDDED_CHAIN=1 where this machine alone signs",
        )


@explained
def _embedded(settings: Settings, turns: Turns) -> Chain:
    from web3 import Web3

    from fntx_dagster.adapters.evm.contracts import check_deployed, deploy, read_addresses, write_addresses
    from fntx_dagster.adapters.evm.embedded import EmbeddedProvider

    _check_wanted(settings)
    folder, file = settings.paths.chain, _addresses_file(settings)
    deployer = deployer_of(settings.paths.keys)
    provider = EmbeddedProvider(folder / "chain.sqlite", deployer.address)
    web3 = unasked(Web3(provider))
    web3.eth.default_account = address_of(deployer.address)  # eth-tester wants a sender even for a read
    if not file.exists():
        with FileLock(folder / "deployment.lock"):
            if not file.exists():
                write_addresses(file, deploy(web3, deployer))
    addresses = read_addresses(file)
    check_deployed(web3, addresses, file, MADE_ANEW)
    return EmbeddedChain(provider, web3, addresses, settings, turns)


@explained
def _remote(settings: Settings, turns: Turns) -> Chain:
    from fntx_dagster.adapters.evm.contracts import check_deployed, read_addresses

    file = _addresses_file(settings)
    addresses = read_addresses(file)
    assert settings.chain.rpc_url is not None
    web3 = web3_over(settings.chain.rpc_url.get_secret_value())
    check_deployed(web3, addresses, file)
    return Chain(web3, addresses, settings, turns)


def _addresses_file(settings: Settings) -> Path:
    if settings.chain.rpc_url is None:
        return settings.paths.chain / "contracts.json"
    if settings.chain.contracts is None:
        raise Permanent("FNTX_RPC_URL is set without FNTX_CONTRACTS", "Name the file with the contracts' addresses")
    return settings.chain.contracts.expanduser()
