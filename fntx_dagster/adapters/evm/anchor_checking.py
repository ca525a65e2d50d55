"""Whether a chain holds an anchor of an audit log that a proof names, asked at a node that a stranger chose.

What holds returns; Permanent: the chain does not hold it; Transient: the node cannot tell.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple, NoReturn

from fntx_dagster.adapters.evm.anchors import AnchorBook
from fntx_dagster.adapters.evm.events import events_of
from fntx_dagster.adapters.evm.faults import as_a_node_answers
from fntx_dagster.adapters.evm.reader import web3_over
from fntx_dagster.adapters.evm.transactions import receipt_of
from fntx_dagster.adapters.evm.typed import address_of, block_at
from fntx_dagster.errors import Permanent, Transient
from fntx_dagster.model.chain import AnchorHead

if TYPE_CHECKING:
    from web3.types import TxReceipt

FINAL_AFTER = 12
"""Blocks on top of an anchor's, where the chain calls none final."""


class AnchorPlace(NamedTuple):
    """Where a proof says that a head of the log `origin`, SHA-256 of its name, is anchored."""

    chain_id: int
    contract: str
    tx_hash: str
    block: int
    origin: bytes
    head: AnchorHead


class AnchorFound(NamedTuple):
    """Who posted an anchor; `depth`: the blocks after its own where the chain does not call it final, else None."""

    poster: str
    depth: int | None


@as_a_node_answers
def find_anchor(rpc_url: str, place: AnchorPlace) -> AnchorFound:
    """Ask a node for an anchor: its transaction succeeded, in that block; the contract is AuditAnchor, its event
    says that a poster anchored this head, and it holds that or a later one."""
    book = _book_at(rpc_url, place)
    receipt = receipt_of(book.web3, place.tx_hash)
    if receipt is None:
        _refuse_unknown(book, place)
    if receipt["status"] != 1:
        raise Permanent("the transaction failed")
    poster = _poster(book, receipt, place)
    if receipt["blockNumber"] != place.block:
        raise Permanent(f"the transaction is in block {receipt['blockNumber']}")
    latest = book.head_of(poster, place.origin)
    is_behind = latest is not None and (latest.size > place.head.size or latest == place.head)
    if not is_behind:
        raise Permanent("the contract does not hold the checkpoint, or a later one")
    depth = max(book.web3.eth.block_number - place.block, 0)
    return AnchorFound(poster, depth if depth < FINAL_AFTER and not _is_finalized(book, place.block) else None)


@as_a_node_answers
def anchored_heads(rpc_url: str, place: AnchorPlace) -> list[AnchorHead]:
    """All heads of the log that the poster of an anchor has anchored in the contract, in order."""
    book = _book_at(rpc_url, place)
    receipt = receipt_of(book.web3, place.tx_hash)
    if receipt is None:
        raise Transient("the node does not know who posted the anchor", "Name another node")
    wanted = {"poster": address_of(_poster(book, receipt, place)), "origin": place.origin}
    logs = events_of(book.anchor.events.Anchored(), 0, book.web3.eth.block_number, wanted)
    return [AnchorHead(log["args"]["size"], bytes(log["args"]["root"])) for log in logs]


def _book_at(rpc_url: str, place: AnchorPlace) -> AnchorBook:
    web3 = web3_over(rpc_url)
    served = web3.eth.chain_id
    if served != place.chain_id:
        raise Transient(f"the node is of another chain: it serves chain {served}", "Name a node of that chain")
    book = AnchorBook(web3, served, place.contract)
    if not book.runs_our_code():
        raise Permanent(f"the contract {place.contract} is not FNTX's AuditAnchor")
    return book


def _refuse_unknown(book: AnchorBook, place: AnchorPlace) -> NoReturn:
    from web3.exceptions import BlockNotFound

    try:
        block: Any = book.web3.eth.get_block(place.block)
    except BlockNotFound:
        raise Transient("the node does not know the transaction", "Try again, or name another node") from None
    if place.tx_hash.lower() not in [f"0x{bytes(each).hex()}" for each in block["transactions"]]:
        raise Permanent(f"block {place.block} does not hold the transaction")
    raise Transient("the node does not have the transaction's receipt", "Try again, or name another node")


def _poster(book: AnchorBook, receipt: TxReceipt, place: AnchorPlace) -> str:
    from web3.logs import DISCARD

    for event in book.anchor.events.Anchored().process_receipt(receipt, errors=DISCARD):
        said, head = event["args"], AnchorHead(event["args"]["size"], bytes(event["args"]["root"]))
        if (event["address"], bytes(said["origin"]), head) == (book.contract, place.origin, place.head):
            return said["poster"]
    raise Permanent("the transaction did not anchor the checkpoint in the contract")


def _is_finalized(book: AnchorBook, block: int) -> bool:
    """Whether the chain calls that block final; a node that does not know the word says nothing."""
    from web3.exceptions import BlockNotFound, Web3RPCError

    try:
        return block_at(book.web3, "finalized").number >= block
    except (BlockNotFound, Web3RPCError, Transient, ValueError, KeyError):
        return False
