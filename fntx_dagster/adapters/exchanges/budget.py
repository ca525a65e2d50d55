"""The pace that an exchange asks for: how long a request has to wait, so that requests in a row are not refused."""

from __future__ import annotations


class RequestBudget:
    """A budget of `burst` costs, of which one comes back every `seconds`. What a request costs is the exchange's."""

    def __init__(self, seconds: float, burst: float) -> None:
        self._seconds = seconds
        self._burst = burst
        self._budget = burst
        self._at = float("-inf")

    def wait_for(self, cost: float, now: float) -> float:
        """Seconds that a request of this cost waits; it is counted as made. `now`: seconds of a clock that never
        steps."""
        self._budget = min(self._burst, self._budget + (now - self._at) / self._seconds)
        self._at = now
        self._budget -= cost
        return max(-self._budget * self._seconds, 0.0) if cost else 0.0
