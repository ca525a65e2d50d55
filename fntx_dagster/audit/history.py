"""All anchors of one account, in the ledger's order: sizes rise, and each tree goes on from the one before.

Whoever keeps a log could keep two, and show each to others. Both would have to be anchored by one account, where
anybody sees that they do not go on from each other.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any, NamedTuple

from fntx_dagster.audit.anchor import origin_hash
from fntx_dagster.audit.checkpoint import Checkpoint, need, refuse
from fntx_dagster.audit.consistency import consistency_holds
from fntx_dagster.audit.event import is_count
from fntx_dagster.errors import Transient

PAYLOAD_BYTES = 48
_NAMED = 5


class AnchoredHead(NamedTuple):
    """What an anchor holds: how large the log is, and its root."""

    size: int
    root: bytes


Proofs = Mapping[tuple[AnchoredHead, AnchoredHead], Sequence[bytes]]
"""Consistency proofs by the heads that they lead from and to."""


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
        path = proofs.get((before, after))
        if path is None:
            lacking.append(f"{before.size} to {after.size}")
            continue
        holds = consistency_holds(before.size, before.root, after.size, after.root, path)
        forked = f"the log of {after.size} events does not go on from that of {before.size}"
        need(holds, f"{forked}: it was forked")
    if not lacking:
        return None
    return f"no consistency proof from {', '.join(lacking[:_NAMED])}{' …' if len(lacking) > _NAMED else ''}"


def read_consistency(document: Any) -> dict[tuple[AnchoredHead, AnchoredHead], Sequence[bytes]]:
    """The consistency proofs among the cases of a calculator's file. Permanent for another document."""
    cases = document.get("cases") if isinstance(document, dict) else None
    if not isinstance(cases, list):
        refuse("it holds no consistency proofs")
    proofs = {}
    for case in cases:
        if not isinstance(case, dict) or case.get("kind") != "consistency":
            continue
        need(is_count(case.get("size1")) and is_count(case.get("size2")), "a consistency proof has no sizes")
        before, after = _hashes([case.get("root1"), case.get("root2")])
        ends = AnchoredHead(case["size1"], before), AnchoredHead(case["size2"], after)
        proofs[ends] = _hashes(case.get("proof"))
    return proofs


def _hashes(texts: Any) -> list[bytes]:
    is_list = isinstance(texts, list) and all(type(each) is str and _HASH.fullmatch(each) for each in texts)
    need(is_list, "a consistency proof: a hash is not 64 hex digits")
    return [bytes.fromhex(each) for each in texts]


_HASH = re.compile(r"[0-9a-f]{64}")
