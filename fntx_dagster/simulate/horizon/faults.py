"""Faults of a simulated Horizon, on demand: what happens to the next requests of a path."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from typing import Literal, NamedTuple

HorizonFaultKind = Literal["cut", "silent", "garbage", "problem"]
"""The connection ends without an answer; no answer comes; an answer that is no JSON; a problem document of `status`."""


class HorizonFault(NamedTuple):
    """What happens to so many requests whose path begins so. `taken`: whether the request does its work all the same,
    which is what a client cannot know."""

    method: str
    path: str
    kind: HorizonFaultKind
    taken: bool = False
    times: int = 1
    status: int = 503


@dataclass
class HorizonFaults:
    """Faults to come, the first that fits is used."""

    _waiting: list[HorizonFault] = field(default_factory=list)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def add(self, fault: HorizonFault) -> None:
        """Let requests meet a fault, after those that wait already."""
        with self._lock:
            self._waiting.append(fault)

    def next_for(self, method: str, path: str) -> HorizonFault | None:
        """The fault that a request meets; it is used up."""
        with self._lock:
            for index, fault in enumerate(self._waiting):
                if fault.method == method and path.startswith(fault.path):
                    left = fault._replace(times=fault.times - 1)
                    self._waiting[index : index + 1] = [left] if left.times > 0 else []
                    return fault
        return None
