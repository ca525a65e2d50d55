"""A contract's events over a range of blocks, whatever the node allows one question to reach over."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

_FEWEST_BLOCKS = 500
"""Nodes bound how many blocks one question about events may reach over; none is known to allow fewer."""


def events_of(
    event: Any, first: int, last: int, wanted: dict[str, Any], *, newest_first: bool = False
) -> Iterator[Any]:
    """Events of one kind in order, of the blocks `first` to `last`; where the node declines a range, fewer blocks are
    asked for at a time. `wanted` chooses by the event's arguments."""
    from requests.exceptions import HTTPError
    from web3.exceptions import Web3RPCError

    at_once = last - first + 1
    while first <= last:
        if newest_first:
            begin, end = max(first, last - at_once + 1), last
        else:
            begin, end = first, min(last, first + at_once - 1)
        try:
            logs = event.get_logs(from_block=begin, to_block=end, argument_filters=wanted)
        except (Web3RPCError, HTTPError):
            if at_once <= _FEWEST_BLOCKS:
                raise
            at_once = max(at_once // 2, _FEWEST_BLOCKS)
            continue
        yield from reversed(logs) if newest_first else logs
        first, last = (first, begin - 1) if newest_first else (end + 1, last)
