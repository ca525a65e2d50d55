"""`fntx chain`: what waits for the chain, what a trader needs there, and a node to try things with."""

from __future__ import annotations

import sys
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NamedTuple

import typer

from fntx_dagster.cli.options import Account, account_of, database_of_settings, print_json
from fntx_dagster.errors import Permanent, Transient
from fntx_dagster.settings import load_settings

if TYPE_CHECKING:
    from fntx_dagster.adapters.evm.client import Chain
    from fntx_dagster.model.chain import Funds
    from fntx_dagster.settings import Settings

chain = typer.Typer(
    no_args_is_help=True, help="The chain: what waits for it, the traders' funds, contracts, keystores, a local node."
)


class TraderState(NamedTuple):
    """An account on the chain. `days`: records that its FNTX and allowance pay for; `problem`: why the rest is not
    known (a keystore that cannot be opened)."""

    account_id: str
    trader: str | None
    wei: int | None
    fntx: Any
    allowance: Any
    days: int | None
    problem: str | None


@chain.command()
def status(
    account: Annotated[str | None, typer.Option(help="Account id; all where it is left out.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="The same, for programs.")] = False,
) -> None:
    """What waits for the chain or has failed, and what each trader has there: ether, FNTX, days that are paid for.

    The queue is shown even where the node does not answer (exit code 75).
    """
    from fntx_dagster.adapters.evm.client import addresses_of, connect
    from fntx_dagster.cli.terminal import error, out, queue_table, traders_table
    from fntx_dagster.services.accounts import accounts
    from fntx_dagster.store.outbox.sendings import unfinished

    settings, db = load_settings(), database_of_settings()
    chosen = accounts(db) if account is None else [account_of(db, account)]
    waiting = [one for one in unfinished(db) if one.account_id in chosen]
    addresses, away, traders = addresses_of(settings), None, []
    try:
        with connect(settings) as connected:
            traders = [_trader(settings, connected, one) for one in chosen]
    except Transient as found:
        away = found
    if as_json:
        print_json(
            {
                **addresses._asdict(),
                "answers": away is None,
                "traders": [one._asdict() for one in traders],
                "queue": [one._asdict() for one in waiting],
            }
        )
    else:
        out(f"chain {addresses.chain_id}, FNTX {addresses.fntx}, TrackRecord {addresses.track_record}")
        out(queue_table(waiting))
        if traders:
            out(traders_table(traders))
        if away:
            error(str(away))
    if away:
        raise typer.Exit(away.exit_code)
    if any(one.problem for one in traders):
        raise typer.Exit(1)


@chain.command()
def approve(account: Account = None) -> None:
    """Let TrackRecord burn an account's FNTX: 10 for each record, and only when the account's own key posts one.

    One transaction, which costs a little ether, without limit: it does not have to be repeated. Nobody else can spend
    the FNTX by it.
    """
    from fntx_dagster.adapters.evm.client import connect
    from fntx_dagster.cli.terminal import out

    settings, db = load_settings(), database_of_settings()
    one = account_of(db, account)
    with connect(settings) as connected:
        trader = connected.trader(one)
        before = connected.funds_of(trader.address)
        connected.approve_burning(trader)
        out(f"{connected.contract} may burn the FNTX of {trader.address} when it posts a record.")
        out(f"It holds {_plain(before.fntx)} FNTX, which is {_days(connected, before.fntx)} days.")


@chain.command()
def deploy(
    out_file: Annotated[Path, typer.Option("--out", help="File for the addresses; FNTX_CONTRACTS names it later.")],
    account: Annotated[
        str | None, typer.Option(help="Account whose keystore deploys; else FNTX_TRADER_KEY does.")
    ] = None,
) -> None:
    """Deploy FNTX and TrackRecord to the chain of FNTX_RPC_URL, once, and write their addresses to a file.

    The deployer gets the whole supply of FNTX and has no other right over either contract. What was cut off goes on
    when it is called again. The embedded chain has its contracts and needs none of this.
    """
    from fntx_dagster.adapters.evm.deploying import deploy_to
    from fntx_dagster.cli.terminal import out

    addresses, deployer = deploy_to(load_settings(), out_file.expanduser(), account)
    out(f"FNTX         {addresses.fntx}  (its supply is {deployer}'s: send each trader what it needs)")
    out(f"TrackRecord  {addresses.track_record}")
    out(f"Set FNTX_CONTRACTS={out_file}, then let each account's FNTX be burned: fntx chain approve --account …")


@chain.command()
def serve(
    port: Annotated[int, typer.Option(min=0, max=65535, help="Port on 127.0.0.1; 0 takes a free one.")] = 8545,
) -> None:
    """Serve the embedded chain as a node on 127.0.0.1, until Ctrl-C: for `fntx verify --rpc`, verify.html, verify.py.

    Whoever asks on this machine may read it; what is signed by a key of it, it takes.
    """
    from fntx_dagster.adapters.evm.client import connect
    from fntx_dagster.adapters.evm.served import serve as served

    settings = load_settings()
    if settings.chain.rpc_url is not None:
        raise Permanent("the settings name a chain by its RPC URL: it has a node", "Unset FNTX_RPC_URL to serve yours")
    with connect(settings) as connected, served(connected.web3.provider, port=port) as url:
        sys.stdout.write(f"{url}  chain {connected.chain_id}  TrackRecord {connected.contract}\n")
        sys.stdout.flush()
        sys.stderr.write("Ctrl-C ends it.\n")
        try:
            threading.Event().wait()
        except KeyboardInterrupt:
            sys.stderr.write("\n")


@chain.command()
def keystore(
    file: Annotated[Path, typer.Argument(help="The new file; it is never overwritten.")],
    imported: Annotated[bool, typer.Option("--import", help="Take the key of FNTX_TRADER_KEY, not a new one.")] = False,
) -> None:
    """Make an encrypted keystore (V3 JSON, as wallets read it) with a new key, and print its address.

    The password is FNTX_KEYSTORE_PASSWORD, or asked for. Name the file in FNTX_KEYSTORES for the account, and back both
    up: whoever has lost either cannot post as this trader again.
    """
    from fntx_dagster.adapters.evm.keys import import_key, new_keystore

    settings = load_settings()
    if imported and settings.keys.trader_key is None:
        raise Permanent("there is no key to import", "Set FNTX_TRADER_KEY")
    password, place = _password(settings), file.expanduser()
    key = settings.keys.trader_key if imported else None
    address = import_key(place, password, key) if key else new_keystore(place, password)
    sys.stdout.write(f"{address}\n")


def _trader(settings: Settings, connected: Chain, account: str) -> TraderState:
    from fntx_dagster.adapters.evm.client import signer_of

    try:
        address = signer_of(settings, account).address
    except Permanent as error:
        return TraderState(account, None, None, None, None, None, str(error))
    funds: Funds = connected.funds_of(address)
    days = _days(connected, min(funds.fntx, funds.allowance))
    return TraderState(account, address, *funds, days, None)


def _days(connected: Chain, fntx: Any) -> int:
    """How many records an amount of FNTX pays for."""
    return int(fntx // connected.burn_amount)


def _plain(fntx: Any) -> str:
    from fntx_dagster.report.money import plain

    return plain(fntx)


def _password(settings: Settings) -> str:
    if settings.keys.keystore_password is not None:
        return settings.keys.keystore_password.get_secret_value()
    if not sys.stdin.isatty():
        raise Permanent("the keystore needs a password", "Set FNTX_KEYSTORE_PASSWORD")
    return typer.prompt("Password", hide_input=True, confirmation_prompt=True, err=True)
