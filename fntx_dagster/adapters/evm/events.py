"""A contract's events over a range of blocks, whatever the node allows one question to reach over."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

_FEWEST_BLOCKS = 500
"""Nodes bound how many blocks one question about events may reach over; none is known to allow fewer."""


def events_of(event: Any, first: int, last: int, wanted: dict[str, Any]) -> Iterator[Any]:
    """Events of one kind in order, of the blocks `first` to `last`; where the node refuses a range, its halves are
    asked. `wanted` chooses by the event's arguments."""
    from web3.exceptions import Web3RPCError

    try:
        yield from event.get_logs(from_block=first, to_block=last, argument_filters=wanted)
        return
    except Web3RPCError:
        if last - first < _FEWEST_BLOCKS:
            raise
    middle = (first + last) // 2
    yield from events_of(event, first, middle, wanted)
    yield from events_of(event, middle + 1, last, wanted)
