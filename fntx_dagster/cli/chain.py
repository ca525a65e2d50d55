"""`fntx chain`: the records that wait for the chain, the traders' funds, the contracts, keystores, a local node."""

from __future__ import annotations

import shlex
import sys
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from fntx_dagster.cli.commands import command
from fntx_dagster.cli.options import Account, AsJson, print_json, settings_and_database
from fntx_dagster.cli.plain import complain, write
from fntx_dagster.errors import Permanent
from fntx_dagster.settings import load_settings

if TYPE_CHECKING:
    from collections.abc import Callable

    from fntx_dagster.settings import Settings

chain = typer.Typer(
    no_args_is_help=True,
    help="The chain: the records that wait for it, the traders' funds, contracts, keystores, a local node.",
)


@chain.command()
def status(
    account: Annotated[str | None, typer.Option(help="Account id; all where it is left out.")] = None,
    as_json: AsJson = False,
) -> None:
    """Show the records that wait for the chain or have failed, and each trader's ether, FNTX and days paid for.

    The queue is shown even where the node does not answer (exit code 75).

    fntx chain status --account U1000001
    """
    from fntx_dagster.cli.chain_tables import queue_table, traders_table
    from fntx_dagster.cli.terminal import error, out
    from fntx_dagster.services.chain import chain_status, settle_funds

    settings, db = settings_and_database()
    state = chain_status(settings, db, account)
    settle_funds(db, state)
    if as_json:
        print_json(state.as_dict())
    else:
        addresses = state.addresses
        out(f"chain {addresses.chain_id}, FNTX {addresses.fntx}, TrackRecord {addresses.track_record}")
        out(queue_table(state.queue))
        if state.traders:
            out(traders_table(state.traders))
        if state.away:
            error(str(state.away))
    if state.away:
        raise typer.Exit(state.away.exit_code)
    if any(trader.problem for trader in state.traders):
        raise typer.Exit(1)


@chain.command()
def approve(account: Account = None, as_json: AsJson = False) -> None:
    """Let TrackRecord burn an account's FNTX: 10 for each record, and only when the account's own key posts one.

    It takes one transaction, which costs a little ether. The allowance has no limit, so you need it only once. Nobody
    else can spend the FNTX by it.

    fntx chain approve --account U1000001
    """
    from fntx_dagster.cli.terminal import out
    from fntx_dagster.report.money import plain
    from fntx_dagster.services.chain import approve as approve_burning

    settings, db = settings_and_database()
    approval = approve_burning(settings, db, account)
    if as_json:
        print_json(approval._asdict())
        return
    out(f"{approval.contract} may burn the FNTX of {approval.trader} when it posts a record.")
    out(f"It holds {plain(approval.fntx)} FNTX, which is {approval.days} days.")


@chain.command()
def deploy(
    out_file: Annotated[Path, typer.Option("--out", help="File for the addresses; FNTX_CONTRACTS names it later.")],
    account: Annotated[
        str | None, typer.Option(help="Account whose keystore deploys; else FNTX_TRADER_KEY does.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Deploy FNTX and TrackRecord to the chain of FNTX_RPC_URL, once, and write their addresses to a file.

    The deployer gets the whole supply of FNTX and has no other right over either contract. A deployment that was
    interrupted continues when you call it again. The embedded chain has its contracts and needs none of this.

    fntx chain deploy --out contracts.json
    """
    from fntx_dagster.cli.terminal import out
    from fntx_dagster.services.chain import deploy as deploy_contracts

    addresses, deployer = deploy_contracts(load_settings(), out_file, account)
    if as_json:
        print_json(addresses._asdict() | {"deployer": deployer, "file": f"{out_file}"})
        return
    out(f"FNTX         {addresses.fntx}  (its supply is {deployer}'s: send each trader what it needs)")
    out(f"TrackRecord  {addresses.track_record}")
    out(f"Set it:      export FNTX_CONTRACTS={shlex.quote(str(out_file.expanduser().absolute()))}")
    out(f"Then, for each account, let its FNTX be burned: {command('chain', 'approve', '--account')} ACCOUNT")


@chain.command()
def commitments(
    account: Annotated[str | None, typer.Option(help="Account whose keystore pays; else FNTX_TRADER_KEY does.")] = None,
    as_json: AsJson = False,
) -> None:
    """Put the contract of commitments to signals on the chain, once for everybody who uses that chain.

    Its address follows from its code, so it is the same on every chain, and needs no file. Where it is there already,
    nothing is sent. The embedded chain gets it with the first commitment.

    fntx chain commitments
    """
    from fntx_dagster.services.chain import put_commitments

    _put("SignalCommitments", put_commitments, account, as_json)


@chain.command()
def attestations(
    account: Annotated[str | None, typer.Option(help="Account whose keystore pays; else FNTX_TRADER_KEY does.")] = None,
    as_json: AsJson = False,
) -> None:
    """Put the contract of witnesses' attestations on the chain, once for all witnesses of its TrackRecord.

    Its address follows from its code and TrackRecord's address, and needs no file. Where it is there already, nothing
    is sent. The embedded chain gets it with the first attestation.

    fntx chain attestations
    """
    from fntx_dagster.services.chain import put_attestations

    _put("Attestations", put_attestations, account, as_json)


@chain.command()
def anchors(
    account: Annotated[str | None, typer.Option(help="Account whose keystore pays; else FNTX_TRADER_KEY does.")] = None,
    as_json: AsJson = False,
) -> None:
    """Put the contract of anchors of audit logs on the chain, once for all logs.

    Its address follows from its code, is the same on every chain, and needs no file. Where it is there already,
    nothing is sent.

    fntx chain anchors
    """
    from fntx_dagster.services.chain import put_anchors

    _put("AuditAnchor", put_anchors, account, as_json)


def _put(name: str, put: Callable[..., str], account: str | None, as_json: bool) -> None:
    """Put a contract on the chain of the settings, and say where it is."""
    from fntx_dagster.cli.terminal import out
    from fntx_dagster.services.chain import connect

    settings = load_settings()
    with connect(settings) as connected:
        address, chain_id = put(settings, connected, account), connected.chain_id
    if as_json:
        print_json({"chain_id": chain_id, "contract": address})
    else:
        out(f"{name}  {address}  on chain {chain_id}")


@chain.command()
def serve(
    port: Annotated[int, typer.Option(min=0, max=65535, help="Port on 127.0.0.1; 0 takes a free one.")] = 8545,
) -> None:
    """Serve the embedded chain as a node on 127.0.0.1, until Ctrl-C: for `fntx verify --rpc`, verify.html, verify.py.

    Every program on this machine can read it, and can send it transactions that it has signed itself.

    fntx chain serve --port 8545
    """
    from fntx_dagster.cli.serving import heed_interrupts
    from fntx_dagster.services.chain import serve as serve_chain

    heed_interrupts()
    with serve_chain(load_settings(), port) as served:
        write(f"{served.url}  chain {served.chain_id}  TrackRecord {served.contract}\n")
        complain("Ctrl-C ends it.")
        try:
            threading.Event().wait()
        except KeyboardInterrupt:
            complain("")


@chain.command()
def keystore(
    file: Annotated[Path, typer.Argument(help="The new file; it is never overwritten.")],
    imported: Annotated[bool, typer.Option("--import", help="Take the key of FNTX_TRADER_KEY, not a new one.")] = False,
    as_json: AsJson = False,
) -> None:
    """Make an encrypted keystore (V3 JSON, as wallets read it) with a new key, and print its address.

    The password is FNTX_KEYSTORE_PASSWORD; without it the command asks. Name the file in FNTX_KEYSTORES for the
    account, and back up both: without either, nobody can post as this trader again.

    fntx chain keystore ~/keys/trader.json
    """
    from fntx_dagster.services.chain import create_keystore

    settings = load_settings()
    address = create_keystore(settings, file, _password(settings), is_imported=imported)
    print_json({"address": address, "file": f"{file}"}) if as_json else write(f"{address}\n")


def _password(settings: Settings) -> str:
    if settings.keys.keystore_password is not None:
        return settings.keys.keystore_password.get_secret_value()
    if not sys.stdin.isatty():
        raise Permanent("the keystore needs a password", "Set FNTX_KEYSTORE_PASSWORD")
    return typer.prompt("Password", hide_input=True, confirmation_prompt=True, err=True)
