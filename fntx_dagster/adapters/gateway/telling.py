"""How what a followed account's gateway says is passed on: at the gateway's time, and how long to wait for what."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

from fntx_dagster.model.live import Heard

_SAME_CLOCK = timedelta(seconds=2)
"""The gateway's time has whole seconds: a smaller difference is none."""


class Patience(NamedTuple):
    """Seconds: the first wait before a reconnect, which doubles up to the longest; how long nothing need be heard, and
    how long its time may take then; between two questions for all executions; the first wait for a late commission,
    which doubles up to a minute; between two whole snapshots."""

    first_wait: float = 1
    longest_wait: float = 60
    quiet: float = 30
    answer: float = 10
    whole: float = 60
    commission: float = 0.5
    snapshot: float = 1


class Teller:
    """Passes on what is heard of an account. `on_heard` is called in the loop and must not block."""

    def __init__(self, account: str, on_heard: Callable[[Heard], None]) -> None:
        self.account = account
        self._on_heard = on_heard
        self._ahead = timedelta(0)

    def now(self) -> datetime:
        """The gateway's time."""
        return datetime.now(UTC) + self._ahead

    def set_clock(self, now: datetime) -> None:
        """The gateway's time was heard."""
        ahead = now - datetime.now(UTC)
        self._ahead = ahead if abs(ahead) > _SAME_CLOCK else timedelta(0)

    def tell(self, **what: Any) -> None:
        """Pass on what was heard now; the names are those of `Heard`."""
        now = datetime.now(UTC)
        self._on_heard(Heard(self.account, now + self._ahead, now, **what))
