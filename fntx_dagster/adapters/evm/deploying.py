"""Deploying the contracts on a chain behind an RPC URL, once: what `fntx chain deploy` does.

What is about to be deployed, and where, is in a plan beside the addresses file before anything is sent, because a
contract's address follows from its sender and nonce: a deployment that was cut off goes on, and none is made twice.
"""

from __future__ import annotations

import json
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING

from fntx_dagster.adapters.evm.artifacts import CONTRACTS, artifact
from fntx_dagster.adapters.evm.client import Chain, Turns
from fntx_dagster.adapters.evm.contracts import check_deployed, write_addresses
from fntx_dagster.adapters.evm.faults import explained
from fntx_dagster.adapters.evm.keys import signer_of
from fntx_dagster.adapters.evm.reader import web3_over
from fntx_dagster.adapters.evm.transactions import next_nonce
from fntx_dagster.adapters.evm.typed import address_of, address_of_deployment
from fntx_dagster.errors import Permanent
from fntx_dagster.model.chain import Addresses

if TYPE_CHECKING:
    from web3 import Web3

    from fntx_dagster.adapters.evm.keys import Signer
    from fntx_dagster.settings import Settings


@explained
def deploy_to(
    settings: Settings, file: Path, account: str | None = None, turns: Turns = nullcontext
) -> tuple[Addresses, str]:
    """Deploy FNTX and TrackRecord to the chain of `rpc_url`, write their addresses to `file`; they, and the deployer.
    `turns` are those of keys on other machines.

    The deployer is the keystore of `account`, else `trader_key`; it gets the whole supply of FNTX and has no other
    right. Permanent for the embedded chain, a file that exists, no key, or a key that sent something else in between;
    Transient where the node does not answer: called again it goes on.
    """
    if settings.chain.rpc_url is None:
        raise Permanent(
            "the embedded chain has its contracts already", "Set FNTX_RPC_URL to deploy to a chain of your own"
        )
    if file.exists():
        raise Permanent(f"{file} exists", "Choose another name: addresses are never overwritten")
    signer = deployer_named(settings, account)
    web3 = web3_over(settings.chain.rpc_url.get_secret_value())
    plan = file.with_name(f".{file.name}.plan")
    first_nonce = _planned(web3, signer, plan)
    planned = _addresses(web3, signer, first_nonce)
    chain = Chain(web3, planned, settings, turns)
    with chain.turn_of(signer.address):
        for number, arguments in enumerate(((), (planned.fntx,))):
            _deploy(chain, signer, first_nonce + number, number, arguments, plan)
    check_deployed(web3, planned, file)
    write_addresses(file, planned)
    plan.unlink()
    return planned, signer.address


def deployer_named(settings: Settings, account: str | None) -> Signer:
    """Who deploys: the keystore of `account`, else `trader_key`. Permanent where there is no key."""
    if account is None and settings.keys.trader_key is None:
        raise Permanent(
            "no key is named that deploys the contracts",
            "Set FNTX_TRADER_KEY, or name with --account an account of FNTX_KEYSTORES",
        )
    if account is not None and account not in settings.keys.keystores:
        raise Permanent("that account has no keystore", "Name its file in FNTX_KEYSTORES")
    return signer_of(settings, account or "")


def _planned(web3: Web3, signer: Signer, plan: Path) -> int:
    """The nonce of the first contract: from the plan of a deployment that was cut off, else the next one."""
    chain_id = web3.eth.chain_id
    if plan.exists():
        kept = json.loads(plan.read_text(encoding="ascii"))
        if (kept["chain_id"], kept["deployer"]) != (chain_id, signer.address):
            raise Permanent(
                f"{plan} is of a deployment by {kept['deployer']} on chain {kept['chain_id']} that was cut off",
                "Go on with that key and chain, or choose another file name",
            )
        return kept["first_nonce"]
    first_nonce = next_nonce(web3, signer.address)
    content = {"chain_id": chain_id, "deployer": signer.address, "first_nonce": first_nonce}
    unfinished = plan.with_name(f"{plan.name}.unfinished")
    unfinished.write_text(json.dumps(content), encoding="ascii")
    unfinished.replace(plan)
    return first_nonce


def _addresses(web3: Web3, signer: Signer, first_nonce: int) -> Addresses:
    fntx, track_record = (address_of_deployment(signer.address, first_nonce + number) for number in (0, 1))
    return Addresses(web3.eth.chain_id, fntx, track_record)


def _deploy(chain: Chain, signer: Signer, nonce: int, number: int, arguments: tuple[str, ...], plan: Path) -> None:
    """Deploy one contract, unless it is there."""
    web3, contract = chain.web3, CONTRACTS[number]
    if web3.eth.get_code(address_of((chain.fntx_contract, chain.contract)[number])):
        return
    if (free := next_nonce(web3, signer.address)) != nonce:
        raise Permanent(
            f"{signer.address} was to deploy {contract} with nonce {nonce}, and its next one is {free}: it sent "
            "something else meanwhile",
            f"Remove {plan} to begin anew; what was deployed already is then left unused",
        )
    code = artifact(contract)
    constructor = web3.eth.contract(abi=code["abi"], bytecode=code["bytecode"]).constructor(*arguments)
    chain.send(signer, {"data": constructor.data_in_transaction})
