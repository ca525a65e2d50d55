"""How often each client did something lately, in this process."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from threading import Lock

_MOST_CLIENTS = 10_000


@dataclass(slots=True)
class Recent:
    """What clients did within the last `seconds`, up to `most` times each; of more than ten thousand clients the one
    that came first is forgotten."""

    most: int
    seconds: float
    clock: Callable[[], float] = time.monotonic
    _seen: dict[str, deque[float]] = field(default_factory=dict)
    _lock: Lock = field(default_factory=Lock)

    def too_many(self, client: str) -> bool:
        """Whether a client did it `most` times."""
        with self._lock:
            return len(self._recent(client)) >= self.most

    def add(self, client: str) -> None:
        """A client did it now."""
        with self._lock:
            if client not in self._seen and len(self._seen) >= _MOST_CLIENTS:
                self._seen.pop(next(iter(self._seen)))
            self._seen.setdefault(client, deque(maxlen=self.most)).append(self.clock())

    def _recent(self, client: str) -> deque[float]:
        recent = self._seen.get(client, deque())
        while recent and recent[0] <= self.clock() - self.seconds:
            recent.popleft()
        return recent
