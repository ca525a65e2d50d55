"""The calculator of the audit log: proofs checked and made, canonical JSON, sealed lines opened, by the kind of a case.

It needs no database, no network and no key of ours. A proof that is wrong or malformed does not hold; that is its
result, not an error.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from fntx_dagster.audit.canonical import canonical, read_strictly
from fntx_dagster.audit.consistency import consistency_holds, consistency_path
from fntx_dagster.audit.event import is_count
from fntx_dagster.audit.proof_file import read_proof, verdict
from fntx_dagster.audit.sealing import read_line, unsealed
from fntx_dagster.errors import Permanent
from fntx_dagster.proof.log_tree import leaf_hash, log_holds, log_path, log_root
from fntx_dagster.services.calculators import Case, CaseRefused, by_kind, field


def _inclusion(case: Case) -> Mapping[str, Any]:
    index, size = case.get("leaf_index"), case.get("tree_size")
    hashed, root, path = _hash(case, "leaf_hash"), _hash(case, "root"), _path(case)
    if not (is_count(index) and is_count(size)) or hashed is None or root is None or path is None:
        return {"holds": False}
    return {"holds": log_holds(root, hashed, field(case, "leaf_index", int), field(case, "tree_size", int), path)}


def _consistency(case: Case) -> Mapping[str, Any]:
    sizes = case.get("size1"), case.get("size2")
    before, after, path = _hash(case, "root1"), _hash(case, "root2"), _path(case)
    if not all(map(is_count, sizes)) or before is None or after is None or path is None:
        return {"holds": False}
    holds = consistency_holds(field(case, "size1", int), before, field(case, "size2", int), after, path)
    return {"holds": holds}


def _root(case: Case) -> Mapping[str, Any]:
    return {"root": log_root(_leaves(case)).hex()}


def _prove_inclusion(case: Case) -> Mapping[str, Any]:
    hashes, index = _tree(case, "tree_size"), field(case, "leaf_index", int)
    if not 0 <= index < len(hashes):
        raise CaseRefused("out_of_range", f"leaf_index {index} is outside of the tree of {len(hashes)}")
    return {"proof": [each.hex() for each in log_path(hashes, index)]}


def _prove_consistency(case: Case) -> Mapping[str, Any]:
    hashes, smaller = _tree(case, "size2"), field(case, "size1", int)
    if not 0 < smaller <= len(hashes):
        raise CaseRefused("out_of_range", f"size1 {smaller} is outside of 1 to {len(hashes)}")
    return {"proof": [each.hex() for each in consistency_path(hashes, smaller)]}


def _jcs(case: Case) -> Mapping[str, Any]:
    profile = case.get("profile", "audit")
    if profile not in ("any", "audit"):
        raise CaseRefused("unknown_profile", "profile is neither any nor audit")
    text = field(case, "json", str)
    try:
        return {"canonical_hex": canonical(read_strictly(text, profile), profile).hex()}
    except Permanent as error:
        raise CaseRefused("not_canonical", error.message) from None


def _unseal(case: Case) -> Mapping[str, Any]:
    key = field(case, "key", str)
    if not _HASH.fullmatch(key):
        raise CaseRefused("bad_key", "key is not 64 hex digits")
    line = field(case, "line", dict)
    try:
        return {"event": unsealed(read_line(line), bytes.fromhex(key))}
    except Permanent as error:
        raise CaseRefused("not_opened", error.message) from None


def _proof(case: Case) -> Mapping[str, Any]:
    proof = case.get("proof")
    if isinstance(proof, str):
        try:
            proof = read_proof(proof.encode("utf-8", "surrogatepass"))
        except Permanent as error:
            return {"holds": False, "reason": error.message}
    return verdict(proof)._asdict()


check = by_kind(
    {
        "inclusion": _inclusion,
        "consistency": _consistency,
        "root": _root,
        "prove_inclusion": _prove_inclusion,
        "prove_consistency": _prove_consistency,
        "jcs": _jcs,
        "unseal": _unseal,
        "proof": _proof,
    }
)
"""The result of one case of `fntx audit check`."""


def repeated(case: Case, name: str) -> Mapping[str, Any]:
    """The result of a case in which a name stands twice in one object: a proof does not hold."""
    reason = f"the name {name!r} stands twice in one object"
    match case.get("kind"):
        case "inclusion" | "consistency":
            return {"holds": False}
        case "proof":
            return {"holds": False, "reason": reason}
    raise CaseRefused("duplicate_name", reason)


def _leaves(case: Case) -> list[bytes]:
    """The leaf hashes of the field `leaves`: data in hex."""
    leaves = field(case, "leaves", list)
    if not all(type(each) is str and _DATA.fullmatch(each) for each in leaves):
        raise CaseRefused("bad_leaf", "a leaf is not data in lower-case hex")
    return [leaf_hash(bytes.fromhex(each)) for each in leaves]


def _tree(case: Case, name: str) -> list[bytes]:
    """The leaf hashes of the tree of so many leaves as the field `name` says."""
    hashes, size = _leaves(case), field(case, name, int)
    if not 0 <= size <= len(hashes):
        raise CaseRefused("out_of_range", f"{name} {size} is more than the {len(hashes)} leaves, or negative")
    return hashes[:size]


def _hash(case: Case, name: str) -> bytes | None:
    text = case.get(name)
    return bytes.fromhex(text) if type(text) is str and _HASH.fullmatch(text) else None


def _path(case: Case) -> list[bytes] | None:
    path = case.get("proof")
    if not isinstance(path, list) or not all(type(each) is str and _HASH.fullmatch(each) for each in path):
        return None
    return [bytes.fromhex(each) for each in path]


_HASH = re.compile(r"[0-9a-f]{64}")
_DATA = re.compile(r"(?:[0-9a-f]{2})*")
