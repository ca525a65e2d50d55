"""New ids of orders, fills and events: random UUIDs, made many at a time, because each question to the operating system
lets another thread run first."""

from __future__ import annotations

import os
from collections import deque
from uuid import UUID

_AT_ONCE, _BYTES = 128, 16
_made: deque[str] = deque()


def new_id() -> str:
    """A random UUID (version 4) that nobody else has. Threads may ask at the same time."""
    while True:
        try:
            return _made.pop()
        except IndexError:
            random = os.urandom(_AT_ONCE * _BYTES)
            parts = (random[place : place + _BYTES] for place in range(0, len(random), _BYTES))
            _made.extend(f"{UUID(bytes=part, version=4)}" for part in parts)


os.register_at_fork(after_in_child=_made.clear)
