"""What was heard and cannot be written yet, without what later words have made old.

While the database is away a gateway goes on speaking, about once a second: of all that only the facts, each once, and
the newest of each state are worth keeping.
"""

from __future__ import annotations

from collections.abc import Sequence

from fntx_dagster.model.live import Heard
from fntx_dagster.model.snapshot import MarkedPosition


def compacted(heard: Sequence[Heard]) -> list[Heard]:
    """One account's words in their order, each without the facts that were heard before and the states that were heard
    later; words of which nothing is left are dropped. What is left has its own time."""
    return _newest_states(_facts_once(heard))


def _facts_once(heard: Sequence[Heard]) -> list[Heard]:
    known: set[object] = set()

    def is_new(fact: object) -> bool:
        is_known = fact in known
        known.add(fact)
        return not is_known

    return [
        each._replace(
            fills=tuple(fill for fill in each.fills if is_new(fill.execution_id)),
            commissions=tuple(charged for charged in each.commissions if is_new(charged)),
        )
        for each in heard
    ]


def _newest_states(heard: Sequence[Heard]) -> list[Heard]:
    later = Heard("", heard[-1].as_of, heard[-1].heard_at) if heard else None
    contracts: set[str] = set()
    kept: list[Heard] = []
    for each in reversed(heard):
        assert later
        left = each._replace(
            state=None if later.state else each.state,
            values=None if later.values else each.values,
            pnl=None if later.pnl else each.pnl,
            snapshot=None if later.snapshot else each.snapshot,
            whole=each.whole and not later.whole,
            positions=_positions(each, contracts, later.whole),
        )
        later = later._replace(
            state=later.state or each.state,
            values=later.values or each.values,
            pnl=later.pnl or each.pnl,
            snapshot=later.snapshot or each.snapshot,
            whole=later.whole or each.whole,
        )
        contracts.update(position.contract.contract_id for position in each.positions)
        if any((left.state, left.fills, left.commissions, left.positions, left.whole, left.values, left.pnl)) or (
            left.snapshot
        ):
            kept.append(left)
    return kept[::-1]


def _positions(each: Heard, later: set[str], is_whole_later: bool) -> tuple[MarkedPosition, ...]:
    """Those of which no later word says more; all positions at once stay together, because what is not among them is
    closed."""
    if is_whole_later:
        return ()
    if each.whole:
        return each.positions
    return tuple(position for position in each.positions if position.contract.contract_id not in later)
