"""web3's narrow types, made from ours in one place: addresses, hashes, addresses of deployments, blocks.

web3 is loaded inside the functions, as everywhere in this room.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from fntx_dagster.errors import Transient

if TYPE_CHECKING:
    from eth_typing import ChecksumAddress, HexStr
    from web3 import Web3
    from web3.types import BlockIdentifier


class ChainBlock(NamedTuple):
    """A block: its number, its hash (0x…), its time (Unix seconds), its base fee in wei per gas, None on a chain
    without (EIP-1559)."""

    number: int
    hash: str
    timestamp: int
    base_fee: int | None


def address_of(text: str) -> ChecksumAddress:
    """An address in web3's notation, whatever the case of its letters; ValueError for another text."""
    from web3 import Web3

    return Web3.to_checksum_address(text.lower())


def is_address(text: str) -> bool:
    """Whether a text from outside is an address, with a checksum that fits where it has one."""
    from web3 import Web3

    return text.startswith("0x") and Web3.is_address(text)


def hash_of(text: str) -> HexStr:
    """A hash or data, 0x…, as web3 takes it."""
    from eth_typing import HexStr

    return HexStr(text)


def address_of_deployment(deployer: str, nonce: int) -> ChecksumAddress:
    """The address of the contract that `deployer` makes with that nonce."""
    from web3.types import Nonce
    from web3.utils.address import get_create_address

    return address_of(get_create_address(address_of(deployer), Nonce(nonce)))


def block_at(web3: Web3, which: BlockIdentifier) -> ChainBlock:
    """A block by number, hash or name; web3's BlockNotFound where there is none, Transient where the node leaves out
    what every block has."""
    block = web3.eth.get_block(which)
    if "number" not in block or "hash" not in block or "timestamp" not in block:
        raise Transient("the RPC URL answers, but not as an Ethereum node does", "Check the URL")
    return ChainBlock(block["number"], f"0x{block['hash'].hex()}", block["timestamp"], block.get("baseFeePerGas"))
