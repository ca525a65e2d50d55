"""The token's turn: how often a token may send a request, over all processes that share a folder or a database, and
their clock."""

from __future__ import annotations

import json
import os
import secrets
import time
from collections.abc import Callable
from datetime import timedelta
from hashlib import blake2b
from pathlib import Path
from typing import Protocol

from filelock import FileLock, Timeout

from fntx_dagster.adapters.flex.answers import NotYet
from fntx_dagster.adapters.flex.token import Token
from fntx_dagster.errors import Permanent

SPACING, PER_MINUTE = 2.0, 10
"""Seconds between two requests of a token, and requests in a minute. The broker allows 1 a second and counts arrivals:
a request that was delayed on its way must not arrive beside the next."""


class SystemClock:
    """The time, and waiting for it; tests replace it."""

    def now(self) -> float:
        """Seconds since 1970, the same for every process; somebody may set it back."""
        return time.time()

    def elapsed(self) -> float:
        """Seconds that only ever grow."""
        return time.monotonic()

    def sleep(self, seconds: float) -> None:
        time.sleep(seconds)


Change = Callable[[float, list[float], float], tuple[float, list[float], float]]
"""From the time now, the times of a token's last requests and of its last throttling, all in seconds since 1970: a
result, and those times afterwards."""


class SharedTimes(Protocol):
    """The times of tokens' requests where every machine finds them."""

    def changed(self, token: str, change: Change) -> float:
        """Change the times of a token while nobody else does, on any machine; the result of `change`."""
        ...


class Pace:
    """When a token may send a request, over all processes that share the times, or else the folder.

    A Flex token is a short number that could be found from its plain hash: the file's name is a keyed hash, and the key
    stays in the folder, readable by its owner alone.
    """

    def __init__(
        self,
        folder: Path,
        token: Token,
        clock: SystemClock,
        *,
        throttled_wait: timedelta,
        timeout: timedelta,
        times: SharedTimes | None = None,
    ) -> None:
        """`throttled_wait` follows the answer "too many requests"; `timeout` limits the wait for the folder's lock."""
        self._folder = folder
        self._times = times
        self._token = token
        self._clock = clock
        self._throttled_wait = throttled_wait.total_seconds()
        self._timeout = timeout.total_seconds()

    def take(self) -> float:
        """Take the turn. Returns 0.0 when it is taken, else the seconds after which to try again."""
        return self._kept(self._taken)

    def hold(self) -> None:
        """After the answer "too many requests": no process sends one with this token before the long wait is over."""
        self._kept(lambda now, asked, throttled: (0.0, asked, now))

    def _taken(self, now: float, asked: list[float], throttled: float) -> tuple[float, list[float], float]:
        earliest = throttled + self._throttled_wait
        if asked:
            earliest = max(earliest, asked[-1] + SPACING)
        if len(asked) >= PER_MINUTE:
            earliest = max(earliest, asked[-PER_MINUTE] + 60 + SPACING)
        if earliest > now:
            return earliest - now, asked, throttled
        return 0.0, [*asked, now][-PER_MINUTE:], throttled

    def _kept(self, change: Change) -> float:
        """Read, change and write the token's times while no other process does."""
        if self._times is not None:
            return self._times.changed(self._token.value, change)
        try:
            self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            with FileLock(self._folder / ".lock", timeout=self._timeout, mode=0o600):
                name = blake2b(self._token.value.encode(), key=self._salt(), digest_size=16).hexdigest()
                file = self._folder / f"{name}.json"
                now = self._clock.now()
                # A clock that was set back leaves times of the future: they count as now, and grow old from here.
                asked, throttled = _times(file)
                result, asked, throttled = change(now, [min(now, at) for at in asked], min(now, throttled))
                _write(file, json.dumps({"asked": asked, "throttled": throttled}).encode())
                return result
        except Timeout:
            raise NotYet(f"another process holds {self._folder / '.lock'}", "Try again, or end that process") from None
        except OSError as error:
            raise Permanent(
                f"cannot keep the times of requests in {self._folder} ({error.strerror})",
                "Check the disk and the folder's permissions",
            ) from None

    def _salt(self) -> bytes:
        file = self._folder / "salt"
        try:
            salt = file.read_bytes()
        except FileNotFoundError:
            salt = b""
        if len(salt) != 32:
            salt = secrets.token_bytes(32)
            _write(file, salt)
        return salt


def _times(file: Path) -> tuple[list[float], float]:
    """The times of the last requests and of the last throttling; an unreadable file counts as empty."""
    try:
        kept = json.loads(file.read_bytes())
        return sorted(float(at) for at in kept["asked"]), float(kept["throttled"])
    except (FileNotFoundError, ValueError, TypeError, KeyError, OverflowError):
        return [], 0.0


def _write(file: Path, content: bytes) -> None:
    """All or nothing, for the owner alone. The lock is held."""
    unfinished = file.with_name(f".{file.name}.unfinished")
    unfinished.unlink(missing_ok=True)
    with open(os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as stream:
        stream.write(content)
    unfinished.replace(file)
