"""A headless chromium for tests, driven over a pipe: a page is opened as a stranger opens it, and asked.

Only what the tests need of the Chrome DevTools Protocol. A browser that is there and does not start is a failure.
"""

from __future__ import annotations

import itertools
import json
import os
import signal
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.tools import CHROMIUM

_FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
    "--remote-debugging-pipe",
)


class Page:
    """One page of the browser."""

    def __init__(self, to_browser: int, from_browser: int) -> None:
        self._numbers = itertools.count(1)
        self._writer = to_browser
        self._reader = os.fdopen(from_browser, "rb")
        self._unread = b""
        self.events: list[dict[str, Any]] = []
        self._session: str | None = None
        target = self.send("Target.createTarget", url="about:blank")["targetId"]
        self._session = self.send("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for domain in ("Page", "Runtime", "Log", "Network"):
            self.send(f"{domain}.enable")

    def open(self, file: Path) -> None:
        """Open a file of this machine and wait until it is there."""
        self.events.clear()
        self.send("Page.navigate", url=file.as_uri())
        self.wait_for("Page.loadEventFired")

    def ask(self, expression: str) -> Any:
        """The value of a JavaScript expression in the page; a promise is waited for."""
        answer = self.send("Runtime.evaluate", expression=expression, awaitPromise=True, returnByValue=True)
        assert "exceptionDetails" not in answer, answer["exceptionDetails"]
        return answer["result"].get("value")

    def send(self, method: str, **params: Any) -> dict[str, Any]:
        """A command's result."""
        number = next(self._numbers)
        message = {"id": number, "method": method, "params": params}
        if self._session:
            message["sessionId"] = self._session
        written = json.dumps(message).encode() + b"\0"
        while written:
            written = written[os.write(self._writer, written) :]
        while (answer := self._read()).get("id") != number:
            self.events.append(answer)
        assert "error" not in answer, answer["error"]
        return answer["result"]

    def wait_for(self, event: str) -> dict[str, Any]:
        """The first event of that name since the page was opened."""
        while not (matching := [each for each in self.events if each.get("method") == event]):
            self.events.append(self._read())
        return matching[0]

    def _read(self) -> dict[str, Any]:
        while b"\0" not in self._unread:
            more = self._reader.read1(1 << 16)
            assert more, "the browser has ended"
            self._unread += more
        message, _, self._unread = self._unread.partition(b"\0")
        return json.loads(message)


@contextmanager
def browser() -> Iterator[Page]:
    """A page of a chromium of its own, gone at the end."""
    to_browser, from_browser = os.pipe(), os.pipe()
    with tempfile.TemporaryDirectory(prefix="fntx-browser-", ignore_cleanup_errors=True) as profile:

        def pipes() -> None:  # it reads from 3 and writes to 4
            taken, given = os.dup(to_browser[0]), os.dup(from_browser[1])
            spare_taken, spare_given = (
                os.dup(descriptor) if descriptor in (3, 4) else descriptor for descriptor in (taken, given)
            )
            os.dup2(spare_taken, 3)
            os.dup2(spare_given, 4)

        process = subprocess.Popen(
            [CHROMIUM, *_FLAGS, f"--user-data-dir={profile}"],
            preexec_fn=pipes,
            pass_fds=(3, 4),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        os.close(to_browser[0])
        os.close(from_browser[1])
        try:
            yield Page(to_browser[1], from_browser[0])
        finally:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
            os.close(to_browser[1])
