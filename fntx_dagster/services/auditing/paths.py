"""The hashes of a proof: from the kept roots of subtrees and few leaves, or, where those do not serve, from every leaf.

What is kept beside the leaves is believed by nobody: a proof is held against the signed root before it is given.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from fntx_dagster.audit.consistency import consistency_parts, consistency_path
from fntx_dagster.audit.subtrees import LOWEST, KnownTree, inclusion_parts, needed
from fntx_dagster.proof.log_tree import log_path
from fntx_dagster.services.auditing.checkpointing import LogBroken
from fntx_dagster.store.treasury.audit_log import leaf_hashes, leaves_of_blocks
from fntx_dagster.store.treasury.subtrees import kept_roots

if TYPE_CHECKING:
    from fntx_dagster.store.database import Connection


class ProofPaths(NamedTuple):
    """The hashes that lead from an event to the root, and those that show that the tree goes on from an older one."""

    inclusion: list[bytes]
    consistency: list[bytes]


def kept_paths(connection: Connection, size: int, seq: int, older: int | None) -> ProofPaths | None:
    """The paths of event `seq` in the tree of `size` events, and from the tree of `older` ones, by few reads; None
    where a row that they need is not there: the log was signed before subtrees were kept, or rows are missing."""
    inclusion = inclusion_parts(size, seq)
    consistency = consistency_parts(size, older) if older else []
    need = needed(inclusion + consistency)
    known = KnownTree(kept_roots(connection, need.subtrees), leaves_of_blocks(connection, need.blocks, 1 << LOWEST))
    try:
        return ProofPaths([known.root(*part) for part in inclusion], [known.root(*part) for part in consistency])
    except KeyError:
        return None


def computed_paths(connection: Connection, size: int, seq: int, older: int | None) -> ProofPaths:
    """The same from every leaf under the root. LogBroken where one is missing."""
    hashes = leaf_hashes(connection, size)
    if len(hashes) != size:
        raise LogBroken(f"the log has {len(hashes)} of the {size} events that were signed")
    return ProofPaths(log_path(hashes, seq), consistency_path(hashes, older) if older else [])
