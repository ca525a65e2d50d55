"""Where the contracts are: the addresses file, and the first deployment."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

from fntx_dagster.adapters.evm.artifacts import CONTRACTS, artifact
from fntx_dagster.adapters.evm.keys import Signer
from fntx_dagster.adapters.evm.transactions import transact
from fntx_dagster.adapters.evm.typed import address_of, address_of_deployment
from fntx_dagster.errors import Permanent
from fntx_dagster.model.chain import Addresses

if TYPE_CHECKING:
    from web3 import Web3
    from web3.contract import Contract


VERSION = 2
"""The version of TrackRecord's interface that this code calls."""


class NoTrackRecord(Permanent):
    """The contract at an address is not a TrackRecord of this code's version."""


def read_addresses(file: Path) -> Addresses:
    """The addresses in a JSON file of the form {"chain_id": 1, "FNTX": "0x…", "TrackRecord": "0x…"}; else Permanent."""
    from web3 import Web3

    form = '{"chain_id": 1, "FNTX": "0x…", "TrackRecord": "0x…"}'
    try:
        content = json.loads(file.read_text(encoding="utf-8"))
        fntx, track_record = (Web3.to_checksum_address(content[name]) for name in CONTRACTS)
        return Addresses(int(content["chain_id"]), fntx, track_record)
    except OSError as error:
        raise Permanent(
            f"cannot read the contracts' addresses from {file}: {error.strerror}", f"Its form: {form}"
        ) from None
    except (ValueError, KeyError, TypeError):
        raise Permanent(f"{file} does not hold the contracts' addresses", f"Its form: {form}") from None


def write_addresses(file: Path, addresses: Addresses) -> None:
    """Write the file that `read_addresses` reads, whole or not at all."""
    content = {"chain_id": addresses.chain_id, "FNTX": addresses.fntx, "TrackRecord": addresses.track_record}
    unfinished = file.with_name(f".{file.name}.unfinished")
    unfinished.write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")
    unfinished.replace(file)


def deploy(web3: Web3, deployer: Signer) -> Addresses:
    """Deploy FNTX and TrackRecord with a key that sends nothing else; their addresses.

    A contract's address follows from its sender and nonce, so a deployment that was cut off goes on where it stopped,
    and a complete one is recognised.
    """
    fntx, track_record = (address_of_deployment(deployer.address, nonce) for nonce in (0, 1))
    sent = web3.eth.get_transaction_count(address_of(deployer.address))
    for contract, arguments in list(zip(CONTRACTS, ((), (fntx,)), strict=True))[sent:]:
        code = artifact(contract)
        constructor = web3.eth.contract(abi=code["abi"], bytecode=code["bytecode"]).constructor(*arguments)
        transact(web3, deployer, {"data": constructor.data_in_transaction})
    return Addresses(web3.eth.chain_id, fntx, track_record)


def check_deployed(
    web3: Web3,
    addresses: Addresses,
    file: Path,
    way_out: str = "Restore the chain that the file belongs to, or name other addresses in FNTX_CONTRACTS",
) -> None:
    """Permanent, with that way out, unless the chain is the one of the file, and both contracts are on it and belong
    together."""
    chain_id = web3.eth.chain_id
    if chain_id != addresses.chain_id:
        raise Permanent(
            f"{file} is for chain {addresses.chain_id}, but the node serves chain {chain_id}",
            "Name the file of this chain in FNTX_CONTRACTS, or another node in FNTX_RPC_URL",
        )
    for contract, address in zip(CONTRACTS, addresses[1:], strict=True):
        if not web3.eth.get_code(address_of(address)):
            raise Permanent(
                f"chain {chain_id} has no contract {contract} at {address}, which {file} names",
                way_out,
            )
    check_version(web3, addresses.track_record, way_out)
    if track_record_at(web3, addresses.track_record).functions.fntx().call() != addresses.fntx:
        raise Permanent(
            f"TrackRecord at {addresses.track_record} burns another token than {addresses.fntx}", f"See {file}"
        )


def check_version(web3: Web3, address: str, way_out: str = "Name another address") -> None:
    """NoTrackRecord unless the contract at `address` has the interface of this code."""
    from web3.exceptions import BadFunctionCallOutput, ContractLogicError

    try:
        version = track_record_at(web3, address).functions.VERSION().call()
    except (BadFunctionCallOutput, ContractLogicError):
        version = None
    if version != VERSION:
        raise NoTrackRecord(
            f"the contract at {address} is no TrackRecord of version {VERSION}, but "
            + ("of an earlier one, or another contract" if version is None else f"of version {version}"),
            way_out,
        )


def track_record_at(web3: Web3, address: str) -> Contract:
    """TrackRecord's interface at an address."""
    return web3.eth.contract(address_of(address), abi=artifact("TrackRecord")["abi"])
