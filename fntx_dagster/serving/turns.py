"""One thing after another in a thread of its own, with few that wait: what costs much takes nothing from the pages."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

Answer = TypeVar("Answer")


class TooManyWait(Exception):
    """There is no place to wait. `of_client`: because the client's own places are taken."""

    def __init__(self, *, of_client: bool) -> None:
        super().__init__("too many wait")
        self.of_client = of_client


class Turns:
    """Places to wait in, `most` of them, `most_of_one` for each client. One event loop uses it."""

    def __init__(self, name: str, most: int, most_of_one: int) -> None:
        self._thread = ThreadPoolExecutor(1, name)
        self._most, self._most_of_one = most, most_of_one
        self._waiting: Counter[str] = Counter()

    async def take(self, client: str, does: Callable[[], Answer]) -> Answer:
        """What `does` returns, in its turn. Raises TooManyWait, and what `does` raises."""
        if self._waiting[client] >= self._most_of_one:
            raise TooManyWait(of_client=True)
        if self._waiting.total() >= self._most:
            raise TooManyWait(of_client=False)
        self._waiting[client] += 1
        try:
            return await asyncio.get_running_loop().run_in_executor(self._thread, does)
        finally:
            self._waiting[client] -= 1
            if not self._waiting[client]:
                del self._waiting[client]
