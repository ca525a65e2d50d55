"""All anchors of one account, in the ledger's order: sizes rise, and each tree goes on from the one before.

Whoever keeps a log could keep two, and show each to others. Both would have to be anchored by one account, where
anybody sees that they do not go on from each other.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from itertools import pairwise
from typing import Any, NamedTuple

from fntx_dagster.audit.anchor import origin_hash
from fntx_dagster.audit.checkpoint import Checkpoint, need, opened, read_verifier_key, refuse
from fntx_dagster.audit.consistency import consistency_holds
from fntx_dagster.audit.event import is_count
from fntx_dagster.errors import Transient

PAYLOAD_BYTES = 48
_NAMED = 5


class AnchoredHead(NamedTuple):
    """What an anchor holds: how large the log is, and its root."""

    size: int
    root: bytes


Proofs = Mapping[AnchoredHead, Mapping[AnchoredHead, Sequence[bytes]]]
"""The head that a consistency proof leads from → the one that it leads to → the proof."""


def head_of(content: bytes | None, checkpoint: Checkpoint) -> AnchoredHead | None:
    """The head in what a transaction holds; None where it is no anchor of the checkpoint's log."""
    if content is None or len(content) != PAYLOAD_BYTES or content[40:] != origin_hash(checkpoint.origin)[:8]:
        return None
    return AnchoredHead(int.from_bytes(content[32:40], "big"), content[:32])


def check_history(heads: Sequence[AnchoredHead], proofs: Proofs, checkpoint: Checkpoint) -> str | None:
    """What of an account's anchors could not be checked for want of a consistency proof; None: all of it was.
    Permanent where two anchors contradict each other, Transient where the list lacks the checkpoint's own anchor."""
    if AnchoredHead(checkpoint.size, checkpoint.root) not in heads:
        raise Transient("the server's list does not have this anchor", "Ask another server")
    lacking = []
    for before, after in pairwise(heads):
        if before == after:
            continue
        rises = f"behind an anchor of {before.size} events is another one of {after.size}"
        need(after.size > before.size, f"{rises}: the log was forked or cut")
        path = proofs.get(before, {}).get(after)
        forked = f"the log of {after.size} events does not go on from that of {before.size}"
        need(path is None or consistency_holds(*before, *after, path), f"{forked}: it was forked")
        if path is None and not _leads_on(before, after, proofs):
            lacking.append(f"{before.size} to {after.size}")
    if not lacking:
        return None
    return f"no consistency proof from {', '.join(lacking[:_NAMED])}{' …' if len(lacking) > _NAMED else ''}"


def read_checkpoints(lines: Iterable[Any]) -> Proofs:
    """The consistency proofs of exported checkpoints. Permanent for a line that is none, or is not signed by the
    key that it names."""
    proofs: dict[AnchoredHead, dict[AnchoredHead, Sequence[bytes]]] = {}
    for line in lines:
        is_one = isinstance(line, dict) and all(isinstance(line.get(name), str) for name in ("checkpoint", "log_key"))
        need(is_one, "a line is no checkpoint")
        checkpoint = opened(line["checkpoint"], read_verifier_key(line["log_key"]))
        older = line.get("consistency")
        if older is not None:
            is_form = isinstance(older, dict) and older.keys() == {"size", "root", "hashes"} and is_count(older["size"])
            need(is_form, "consistency of a checkpoint is not of its form")
            [root] = _hashes([older["root"]])
            head = AnchoredHead(older["size"], root)
            proofs.setdefault(head, {})[AnchoredHead(checkpoint.size, checkpoint.root)] = _hashes(older["hashes"])
    return proofs


def read_consistency(document: Any) -> Proofs:
    """The consistency proofs among the cases of a calculator's file. Permanent for another document."""
    cases = document.get("cases") if isinstance(document, dict) else None
    if not isinstance(cases, list):
        refuse("it holds no consistency proofs")
    proofs: dict[AnchoredHead, dict[AnchoredHead, Sequence[bytes]]] = {}
    for case in cases:
        if not isinstance(case, dict) or case.get("kind") != "consistency":
            continue
        need(is_count(case.get("size1")) and is_count(case.get("size2")), "a consistency proof has no sizes")
        before, after = _hashes([case.get("root1"), case.get("root2")])
        path = _hashes(case.get("proof"))
        proofs.setdefault(AnchoredHead(case["size1"], before), {})[AnchoredHead(case["size2"], after)] = path
    return proofs


def _leads_on(head: AnchoredHead, end: AnchoredHead, proofs: Proofs) -> bool:
    """Whether proofs lead from one anchor to the next over checkpoints that no ledger holds."""
    while head != end:
        steps = [
            following
            for following, path in proofs.get(head, {}).items()
            if head.size < following.size <= end.size and consistency_holds(*head, *following, path)
        ]
        if not steps:
            return False
        head = max(steps)
    return True


def _hashes(texts: Any) -> list[bytes]:
    is_list = isinstance(texts, list) and all(type(each) is str and _HASH.fullmatch(each) for each in texts)
    need(is_list, "a consistency proof: a hash is not 64 hex digits")
    return [bytes.fromhex(each) for each in texts]


_HASH = re.compile(r"[0-9a-f]{64}")
