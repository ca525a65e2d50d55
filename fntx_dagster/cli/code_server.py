"""The process that holds the definitions and starts the runs: `dagster api grpc`, watched and ended by us.

It is a process group of its own, so that it and the runs that it started end together. It expects a heartbeat: when it
hears none, because this process was killed or has started another one in its place, it ends after its last run.
"""

from __future__ import annotations

import itertools
import os
import signal
import subprocess
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import IO, Self

from fntx_dagster.errors import Transient
from fntx_dagster.settings import executable

_HEARD_SECONDS = 20
_START_SECONDS, _END_SECONDS = 180, 20


class CodeServer:
    """A code server on a Unix socket in a private folder. `folder` is where it runs; what it prints goes to `log`."""

    def __init__(self, folder: str, log: IO[str]) -> None:
        self._folder, self._log = folder, log
        self._private = TemporaryDirectory(prefix="fntx-ui-", ignore_cleanup_errors=True)
        self.socket = self._numbered = str(Path(self._private.name, "code"))
        self._processes: list[subprocess.Popen[bytes]] = []
        self._numbers = itertools.count(1)
        self._starting = threading.Lock()

    def __enter__(self) -> Self:
        self._start()
        return self

    def __exit__(self, *_: object) -> None:
        """Interrupt every server and the runs that it started; what is left after a while is killed."""
        try:
            self._send(signal.SIGINT)
            deadline = time.monotonic() + _END_SECONDS
            while any(map(_group_lives, self._processes)) and time.monotonic() < deadline:
                time.sleep(0.05)
        finally:
            self._send(signal.SIGKILL)
            for process in self._processes:
                process.wait()
            self._private.cleanup()

    def wait(self, answers: Callable[[str], bool]) -> None:
        """Wait until the newest server `answers` at its own socket, and let it take the place of the one before.

        Transient where it ends before, or is silent for three minutes.
        """
        deadline = time.monotonic() + _START_SECONDS
        while not answers(self._numbered):
            if self.has_ended or time.monotonic() > deadline:
                raise Transient("the code server does not start", "The log says why; try again after that")
            time.sleep(0.05)
        Path(self._numbered).replace(self.socket)

    def replace(self, answers: Callable[[str], bool]) -> None:
        """Start another server, which reads the definitions anew; the one before ends after its last run."""
        with self._starting:
            self._start()
            self.wait(answers)

    @property
    def has_ended(self) -> bool:
        """Whether the newest server is no more; earlier ones that have ended are let go."""
        return [process.poll() for process in self._processes][-1] is not None

    def _start(self) -> None:
        self._numbered = f"{self.socket}.{next(self._numbers)}"
        command = [executable("python"), "-m", "dagster", "api", "grpc", "--lazy-load-user-code"]
        command += ["--socket", self._numbered, "--heartbeat", "--heartbeat-timeout", str(_HEARD_SECONDS)]
        command += ["--module-name", "fntx_dagster.definitions", "--location-name", "fntx", "--log-level", "warning"]
        process = subprocess.Popen(
            command,
            cwd=self._folder,
            stdin=subprocess.DEVNULL,
            stdout=self._log,
            stderr=self._log,
            start_new_session=True,
        )
        self._processes = [earlier for earlier in self._processes if _group_lives(earlier)] + [process]

    def _send(self, what: signal.Signals) -> None:
        for process in self._processes:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, what)


def _group_lives(process: subprocess.Popen[bytes]) -> bool:
    process.poll()
    try:
        os.killpg(process.pid, 0)
    except ProcessLookupError:
        return False
    return True
