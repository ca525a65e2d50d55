"""What goes onto a ledger of a checkpoint, 48 bytes, and what a proof file says of each ledger that has them."""

from __future__ import annotations

import re
from base64 import b64encode
from collections.abc import Mapping
from hashlib import sha256
from typing import Any, NamedTuple

from fntx_dagster.audit.checkpoint import Checkpoint, need
from fntx_dagster.audit.event import is_count

LEDGERS = ("xrpl", "stellar", "evm")
MEMO_TYPE, MEMO_FORMAT, DATA_NAME = "fntx/audit/v1", "application/octet-stream", "fntx.audit"


class Anchor(NamedTuple):
    """A transaction that holds a checkpoint of `size` events. `network`: the network id, the passphrase or the chain
    id; `account`: who sent it, of an EVM chain the contract; `position`: the ledger's index or sequence, or the block.
    """

    size: int
    ledger: str
    network: str
    account: str
    tx_hash: str
    position: int


def origin_hash(origin: str) -> bytes:
    """The 32 bytes that stand for a log on an EVM chain."""
    return sha256(origin.encode()).digest()


def payload(checkpoint: Checkpoint) -> bytes:
    """What every ledger holds: the root, the size (8 bytes, the highest first), 8 bytes for the log's name. The size is
    in it because a root alone does not show that a later tree goes on from it."""
    return payload_of(checkpoint.origin, checkpoint.size, checkpoint.root)


def payload_of(origin: str, size: int, root: bytes) -> bytes:
    """The same of the parts of a checkpoint that it is made of."""
    return root + size.to_bytes(8, "big") + origin_hash(origin)[:8]


def as_proved(anchor: Anchor, checkpoint: Checkpoint) -> dict[str, Any]:
    """The entry of an anchor in a proof file over the checkpoint that it holds."""
    need(anchor.ledger in LEDGERS, f"the ledger of an anchor is none of {', '.join(LEDGERS)}")
    need(anchor.size == checkpoint.size, "the anchor is of another checkpoint")
    content, sent = payload(checkpoint), {"account": anchor.account, "tx_hash": anchor.tx_hash}
    if anchor.ledger == "xrpl":
        place = {"network_id": int(anchor.network), **sent, "ledger_index": anchor.position}
        return {"ledger": "xrpl", **place, "memo": content.hex()}
    if anchor.ledger == "stellar":
        place = {"passphrase": anchor.network, **sent, "ledger_sequence": anchor.position}
        return {"ledger": "stellar", **place, "data_name": DATA_NAME, "value": b64encode(content).decode()}
    place = {"chain_id": int(anchor.network), "contract": anchor.account, "tx_hash": anchor.tx_hash}
    return {
        "ledger": "evm",
        **place,
        "block": anchor.position,
        "origin_hash": origin_hash(checkpoint.origin).hex(),
        "size": checkpoint.size,
        "root": checkpoint.root.hex(),
    }


def check_anchor(entry: Any, checkpoint: Checkpoint) -> Anchor:
    """The anchor that an entry of a proof file names. Permanent unless it is of a known ledger, has exactly that
    ledger's fields, and holds this checkpoint."""
    need(isinstance(entry, dict), "an anchor is not an object")
    ledger = entry.get("ledger")
    need(type(ledger) is str and ledger in _FIELDS, f"the ledger of an anchor is none of {', '.join(LEDGERS)}")
    forms = _FIELDS[ledger]
    need(entry.keys() == {"ledger", *forms}, f"the anchor on {ledger} does not have exactly its fields")
    for name, form in forms.items():
        held = is_count(entry[name]) if form is None else _matches(form, entry[name])
        need(held, f"{name} of the anchor on {ledger} is not of its form")
    network, account, position, hash_of = _read(ledger, entry)
    need(hash_of == _expected(ledger, checkpoint), f"the anchor on {ledger} does not hold the root of the checkpoint")
    return Anchor(checkpoint.size, ledger, str(network), account, entry["tx_hash"], position)


def _read(ledger: str, entry: Mapping[str, Any]) -> tuple[Any, str, int, Any]:
    """Network, account, position and content of an entry."""
    if ledger == "xrpl":
        return entry["network_id"], entry["account"], entry["ledger_index"], entry["memo"].lower()
    if ledger == "stellar":
        return entry["passphrase"], entry["account"], entry["ledger_sequence"], (entry["data_name"], entry["value"])
    content = (entry["origin_hash"], entry["size"], entry["root"])
    return entry["chain_id"], entry["contract"], entry["block"], content


def _expected(ledger: str, checkpoint: Checkpoint) -> Any:
    if ledger == "xrpl":
        return payload(checkpoint).hex()
    if ledger == "stellar":
        return DATA_NAME, b64encode(payload(checkpoint)).decode()
    return origin_hash(checkpoint.origin).hex(), checkpoint.size, checkpoint.root.hex()


def _matches(form: re.Pattern[str], value: Any) -> bool:
    return type(value) is str and form.fullmatch(value) is not None


_TEXT = re.compile(r"[\x20-\x7e]{1,128}")
_HASH = re.compile(r"[0-9a-fA-F]{64}")
# name → its form; None: a whole number from 0
_FIELDS: dict[str, dict[str, re.Pattern[str] | None]] = {
    "xrpl": {
        "network_id": None,
        "account": re.compile(r"r[1-9A-HJ-NP-Za-km-z]{24,34}"),
        "tx_hash": _HASH,
        "ledger_index": None,
        "memo": re.compile(r"[0-9a-f]{96}|[0-9A-F]{96}"),
    },
    "stellar": {
        "passphrase": _TEXT,
        "account": re.compile(r"G[A-Z2-7]{55}"),
        "tx_hash": _HASH,
        "ledger_sequence": None,
        "data_name": _TEXT,
        "value": _TEXT,
    },
    "evm": {
        "chain_id": None,
        "contract": re.compile(r"0x[0-9a-fA-F]{40}"),
        "tx_hash": re.compile(r"0x[0-9a-fA-F]{64}"),
        "block": None,
        "origin_hash": re.compile(r"[0-9a-f]{64}"),
        "size": None,
        "root": re.compile(r"[0-9a-f]{64}"),
    },
}
