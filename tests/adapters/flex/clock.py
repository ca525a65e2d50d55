"""A clock that nobody waits for."""

from __future__ import annotations

from fntx_dagster.adapters.flex.pace import SystemClock


class FakeClock(SystemClock):
    """Time passes when somebody sleeps, and a little at each look."""

    def __init__(self) -> None:
        self.time = 1_753_700_000.0
        self.slept: list[float] = []

    def now(self) -> float:
        return self.time

    def elapsed(self) -> float:
        return self.time

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.time += seconds

    @property
    def waits(self) -> list[float]:
        """The waits that are not for the token's turn."""
        return [seconds for seconds in self.slept if seconds > 2.1]
