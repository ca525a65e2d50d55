"""The chain for a user: its status, an approval, a deployment, keystores, and the embedded chain as a local node.

Days are signed and posted in `services.signatures`.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from fntx_dagster.adapters.evm.anchors import anchor_address, deploy_anchor
from fntx_dagster.adapters.evm.attestations import attestations_address, deploy_attestations
from fntx_dagster.adapters.evm.client import Chain, addresses_of, signer_of
from fntx_dagster.adapters.evm.commitments import commitments_address, deploy_commitments
from fntx_dagster.adapters.evm.deploying import deploy_to, deployer_named
from fntx_dagster.adapters.evm.keys import deployer_of, import_key, new_keystore
from fntx_dagster.errors import Permanent, Transient
from fntx_dagster.model.chain import Addresses, Unfinished
from fntx_dagster.model.finding import Observed
from fntx_dagster.services.accounts import accounts, chosen_account
from fntx_dagster.services.alerting import record
from fntx_dagster.services.chain_of import connect, turns
from fntx_dagster.services.signatures.receipts import POSTS_AHEAD
from fntx_dagster.store.outbox.sendings import unfinished

if TYPE_CHECKING:
    from fntx_dagster.settings import Settings
    from fntx_dagster.store.database import Database, Readable


class TraderState(NamedTuple):
    """An account on the chain. `wei` is its ether in wei; `fntx` and `allowance`, which TrackRecord may burn, are in
    FNTX; `days` is the number of records that both pay for. Where `problem` says that a keystore cannot be opened, the
    others are None."""

    account_id: str
    trader: str | None
    wei: int | None
    fntx: Decimal | None
    allowance: Decimal | None
    days: int | None
    problem: str | None


class ChainStatus(NamedTuple):
    """The chain's contracts, the traders' funds, and the records that are not final. `away` is the error of a node that
    did not answer; `traders` is empty then."""

    addresses: Addresses
    traders: list[TraderState]
    queue: list[Unfinished]
    away: Transient | None

    def as_dict(self) -> dict[str, Any]:
        """The same in plain values, for programs."""
        return {
            **self.addresses._asdict(),
            "answers": self.away is None,
            "traders": [trader._asdict() for trader in self.traders],
            "queue": [record._asdict() for record in self.queue],
        }


class Approval(NamedTuple):
    """An allowance without limit: `contract` may burn the FNTX of `trader`, who holds `fntx` of it, which pays for
    `days` records."""

    contract: str
    trader: str
    fntx: Decimal
    days: int


class Deployment(NamedTuple):
    """The deployed contracts, and the address of the key that deployed them and holds the supply of FNTX."""

    addresses: Addresses
    deployer: str


class ServedChain(NamedTuple):
    """The embedded chain as a node on this machine."""

    url: str
    chain_id: int
    contract: str


def chain_status(settings: Settings, db: Database, account: str | None = None) -> ChainStatus:
    """Read the queue from the database and the funds from the chain, of one account or of all.

    A node that does not answer raises nothing: it is part of the result. Raises Permanent where the account is not
    loaded or the settings name no contracts.
    """
    with db.snapshot() as snapshot:
        chosen = accounts(snapshot) if account is None else [chosen_account(snapshot, account)]
        queue = [record for record in unfinished(snapshot) if record.account_id in chosen]
    addresses = addresses_of(settings)
    try:
        with connect(settings) as chain:
            traders = [trader_state(settings, chain, account_id) for account_id in chosen]
    except Transient as error:
        return ChainStatus(addresses, [], queue, error)
    return ChainStatus(addresses, traders, queue, None)


def settle_funds(db: Database, status: ChainStatus) -> None:
    """Resolve the alerts about the funds of those traders of a status whose funds last again."""
    funded = [state.trader for state in status.traders if state.trader and (state.days or 0) >= POSTS_AHEAD]
    record(db, [Observed("funds", "chain_receipt/funds_last", [], looked=funded)])


def approve(settings: Settings, db: Readable, account: str | None = None) -> Approval:
    """Let TrackRecord burn an account's FNTX without limit, in one transaction; the funds are those before it.

    `account` may be left out where only one is loaded. Raises Permanent where its key cannot be used or has no ether,
    Transient where the node does not answer.
    """
    account_id = chosen_account(db, account)
    with connect(settings) as chain:
        trader = chain.trader(account_id)
        fntx = chain.funds_of(trader.address).fntx
        chain.approve_burning(trader)
        return Approval(chain.contract, trader.address, fntx, chain.records_paid_by(fntx))


def deploy(settings: Settings, file: Path, account: str | None = None) -> Deployment:
    """Deploy FNTX and TrackRecord to the chain of `rpc_url` with the keystore of `account`, else with `trader_key`,
    and write their addresses to `file`.

    A deployment that was interrupted continues when it is called again. Raises Permanent for the embedded chain, an
    existing file or a missing key, Transient where the node does not answer.
    """
    return Deployment(*deploy_to(settings, file.expanduser(), account, turns(settings)))


def put_commitments(settings: Settings, chain: Chain, account: str | None = None) -> str:
    """Put SignalCommitments on a chain, once for all who use it: its address. The embedded chain's own key pays there;
    elsewhere the keystore of `account`, else `trader_key`.

    A deployment that was interrupted continues when it is called again. Raises Permanent for a missing key or ether,
    Transient where the node does not answer.
    """
    keys = settings.paths.keys
    deploy_commitments(chain, deployer_of(keys) if chain.is_embedded else deployer_named(settings, account))
    return commitments_address()


def put_attestations(settings: Settings, chain: Chain, account: str | None = None) -> str:
    """Put the Attestations of the chain's TrackRecord on it, once for all witnesses: its address. Who pays and what is
    raised are as for `put_commitments`."""
    keys = settings.paths.keys
    deploy_attestations(chain, deployer_of(keys) if chain.is_embedded else deployer_named(settings, account))
    return attestations_address(chain.contract)


def put_anchors(settings: Settings, chain: Chain, account: str | None = None) -> str:
    """Put AuditAnchor on a chain, once for all audit logs: its address. Who pays and what is raised are as for
    `put_commitments`."""
    keys = settings.paths.keys
    deploy_anchor(chain, deployer_of(keys) if chain.is_embedded else deployer_named(settings, account))
    return anchor_address()


@contextmanager
def serve(settings: Settings, port: int) -> Iterator[ServedChain]:
    """Serve the embedded chain on 127.0.0.1 until the block is left; port 0 takes a free one.

    Raises Permanent where the settings name a chain by its RPC URL, or where the port is taken.
    """
    if settings.chain.rpc_url is not None:
        raise Permanent("the settings name a chain by its RPC URL: it has a node", "Unset FNTX_RPC_URL to serve yours")
    from fntx_dagster.adapters.evm.embedded import EmbeddedProvider  # these two import web3 at the top
    from fntx_dagster.adapters.evm.served import serve as serve_provider

    ours = settings.model_copy(update={"chain": settings.chain.model_copy(update={"embedded": True})})
    with connect(ours) as chain:
        provider = chain.web3.provider
        assert isinstance(provider, EmbeddedProvider)
        with serve_provider(provider, port=port) as url:
            yield ServedChain(url, chain.chain_id, chain.contract)


def create_keystore(settings: Settings, file: Path, password: str, *, is_imported: bool = False) -> str:
    """Write an encrypted keystore with a new key, or with `trader_key` of the settings; return the key's address.

    Raises Permanent where the file exists, or where there is no key to import.
    """
    place = file.expanduser()
    if not is_imported:
        return new_keystore(place, password)
    if settings.keys.trader_key is None:
        raise Permanent("there is no key to import", "Set FNTX_TRADER_KEY")
    return import_key(place, password, settings.keys.trader_key)


def trader_state(settings: Settings, chain: Chain, account_id: str) -> TraderState:
    """The funds of an account's key, or why it cannot be used."""
    try:
        address = signer_of(settings, account_id).address
    except Permanent as error:
        return TraderState(account_id, None, None, None, None, None, str(error))
    funds = chain.funds_of(address)
    return TraderState(account_id, address, *funds, chain.records_paid_by(funds.burnable), None)
