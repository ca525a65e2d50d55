"""A proof file: one event, shown to a stranger, with all that leads from it to a signed checkpoint and to the ledgers.

Everything that can be checked without a ledger is checked here. Whether a ledger holds what an anchor says, only that
ledger answers.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from fntx_dagster.audit.anchor import Anchor, as_proved, check_anchor
from fntx_dagster.audit.canonical import canonical, read_strictly
from fntx_dagster.audit.checkpoint import Checkpoint, VerifierKey, need, opened, read_verifier_key
from fntx_dagster.audit.consistency import consistency_holds
from fntx_dagster.audit.event import check_form, is_count
from fntx_dagster.errors import Permanent
from fntx_dagster.proof.log_tree import leaf_hash, log_holds

FORMAT = "fntx-audit-proof/1"
MOST_BYTES = 1_000_000


class OlderTree(NamedTuple):
    """The tree that a checkpoint goes on from: its size, its root, and the consistency proof."""

    size: int
    root: bytes
    path: Sequence[bytes]


class CheckedProof(NamedTuple):
    """What holds offline: the event, the checkpoint over it, the key that signed it, which must be the published one,
    the anchors that each ledger named is to be asked about, and the size of the older tree, if the file names one."""

    event: dict[str, Any]
    checkpoint: Checkpoint
    key: VerifierKey
    anchors: tuple[Anchor, ...]
    goes_on_from: int | None


class ProofVerdict(NamedTuple):
    """Whether a proof file holds offline; if not, why: one sentence."""

    holds: bool
    reason: str | None


def proof_file(
    event: Mapping[str, Any],
    note: str,
    key: VerifierKey,
    path: Sequence[bytes],
    older: OlderTree | None,
    anchors: Sequence[Anchor],
) -> dict[str, Any]:
    """The proof file of an event under a signed checkpoint: `path` leads from its leaf to the root; `older`, a tree
    that the checkpoint goes on from, may be left out."""
    checkpoint = opened(note, key)
    return {
        "format": FORMAT,
        "event": dict(event),
        "leaf_hash": leaf_hash(canonical(event)).hex(),
        "checkpoint": note,
        "log_key": key.text,
        "inclusion": {
            "leaf_index": event["seq"],
            "tree_size": checkpoint.size,
            "hashes": [each.hex() for each in path],
        },
        "consistency": older
        and {"size": older.size, "root": older.root.hex(), "hashes": [each.hex() for each in older.path]},
        "anchors": [as_proved(anchor, checkpoint) for anchor in anchors],
    }


def read_proof(content: bytes) -> Any:
    """The document of a proof file. Permanent for more than 1 MB, and for JSON that could be read in two ways: a name
    twice would hide from one reader what another sees."""
    need(len(content) <= MOST_BYTES, f"the proof file has more than {MOST_BYTES} bytes")
    return read_strictly(content)


def verdict(document: Any) -> ProofVerdict:
    """Whether a document is a proof that holds offline."""
    try:
        check_proof(document)
    except Permanent as error:
        return ProofVerdict(False, error.message)
    return ProofVerdict(True, None)


def check_proof(document: Any) -> CheckedProof:
    """A document's content. Permanent with the first check that fails: the format; the event's form and leaf hash; the
    checkpoint's signature by the key that the file names; place and size; inclusion; each anchor; consistency."""
    fields = _fields(document, _FIELDS, "the proof file")
    need(fields["format"] == FORMAT, f"the format is not {FORMAT}")
    event = fields["event"]
    check_form(event)
    need(_is_hash(fields["leaf_hash"]), "leaf_hash is not 64 hex digits")
    hashed = bytes.fromhex(fields["leaf_hash"])
    need(leaf_hash(canonical(event)) == hashed, "leaf_hash is not the hash of the event")
    need(type(fields["log_key"]) is str and type(fields["checkpoint"]) is str, "log_key or checkpoint is no text")
    key = read_verifier_key(fields["log_key"])
    checkpoint = opened(fields["checkpoint"], key)
    _check_inclusion(fields["inclusion"], event["seq"], hashed, checkpoint)
    need(type(fields["anchors"]) is list, "anchors is not a list")
    anchors = tuple(check_anchor(entry, checkpoint) for entry in fields["anchors"])
    older = fields["consistency"]
    if older is not None:
        _check_consistency(older, checkpoint)
    return CheckedProof(event, checkpoint, key, anchors, older and older["size"])


def _check_inclusion(inclusion: Any, seq: int, hashed: bytes, checkpoint: Checkpoint) -> None:
    fields = _fields(inclusion, {"leaf_index", "tree_size", "hashes"}, "inclusion")
    index, size = fields["leaf_index"], fields["tree_size"]
    need(is_count(index) and is_count(size), "leaf_index or tree_size is not a whole number from 0")
    path = _hashes("inclusion", fields["hashes"])
    need(size == checkpoint.size, "tree_size is not the size of the checkpoint")
    need(index == seq, "leaf_index is not the number of the event")
    need(log_holds(checkpoint.root, hashed, index, size, path), "the event is not under the root of the checkpoint")


def _check_consistency(older: Any, checkpoint: Checkpoint) -> None:
    fields = _fields(older, {"size", "root", "hashes"}, "consistency")
    need(is_count(fields["size"]) and _is_hash(fields["root"]), "size or root of consistency is not of its form")
    size, root, path = fields["size"], bytes.fromhex(fields["root"]), _hashes("consistency", fields["hashes"])
    holds = consistency_holds(size, root, checkpoint.size, checkpoint.root, path)
    need(holds, "the checkpoint does not go on from the older root")


def _hashes(where: str, hashes: Any) -> list[bytes]:
    need(isinstance(hashes, list) and all(map(_is_hash, hashes)), f"{where}: a hash is not 64 hex digits")
    return [bytes.fromhex(each) for each in hashes]


def _fields(content: Any, names: set[str], what: str) -> Mapping[str, Any]:
    need(
        isinstance(content, dict) and content.keys() == names,
        f"{what} does not have exactly {', '.join(sorted(names))}",
    )
    return content


def _is_hash(value: Any) -> bool:
    return type(value) is str and _HASH.fullmatch(value) is not None


_HASH = re.compile(r"[0-9a-f]{64}")
_FIELDS = {"format", "event", "leaf_hash", "checkpoint", "log_key", "inclusion", "consistency", "anchors"}
