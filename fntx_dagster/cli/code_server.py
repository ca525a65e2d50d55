"""The process that holds the definitions and starts the runs: `dagster api grpc`, watched and ended by us.

It is a process group of its own, so that it and the runs that it started end together. It expects a heartbeat: when it
hears none, because this process was killed or has started another one in its place, it ends after its last run.
"""

from __future__ import annotations

import itertools
import logging
import os
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import IO, NamedTuple, Self

from fntx_dagster.errors import Transient
from fntx_dagster.settings import CODE_LOCATION, executable

_BEAT_SECONDS, _HEARD_SECONDS = 2, 20
_START_SECONDS, _END_SECONDS = 180, 20


class _Server(NamedTuple):
    """One that was started: its process, which leads a group of its own, and the socket of its own."""

    process: subprocess.Popen[bytes]
    socket: str


class CodeServer:
    """A code server on a Unix socket in a private folder. `folder` is where it runs; what it prints goes to `log`.

    `socket` is a link to the newest server's own, under which a run of an earlier one is still reached.
    """

    def __init__(self, folder: str, log: IO[str]) -> None:
        self._folder, self._log = folder, log
        self._private = TemporaryDirectory(prefix="fntx-ui-", ignore_cleanup_errors=True)
        self.socket = str(Path(self._private.name, "code"))
        self._servers: list[_Server] = []
        self._numbers = itertools.count(1)
        self._replacing = threading.Lock()

    def __enter__(self) -> Self:
        self._newest = self._start()
        return self

    def __exit__(self, *_: object) -> None:
        """Interrupt every server and the runs that it started; what is left after a while is killed."""
        try:
            self._send(signal.SIGINT)
            deadline = time.monotonic() + _END_SECONDS
            while any(_group_lives(server.process) for server in self._servers) and time.monotonic() < deadline:
                time.sleep(0.05)
        finally:
            self._send(signal.SIGKILL)
            for server in self._servers:
                server.process.wait()
            self._private.cleanup()

    @contextmanager
    def serving(self, answers: Callable[[str], bool]) -> Iterator[None]:
        """Wait until it answers. While inside, a thread that does nothing else sends the newest server its heartbeat:
        `answers` sends one to a socket, and says whether there is an answer.

        Transient where the server ends before, or is silent for three minutes.
        """
        self._settle(self._newest, answers)
        ending = threading.Event()

        def beat() -> None:
            while not ending.wait(_BEAT_SECONDS):
                try:
                    answers(self.socket)
                except Exception:  # the next one is tried again
                    logging.getLogger(__name__).exception("a heartbeat cannot be sent")

        thread = threading.Thread(target=beat, name="fntx-heartbeat", daemon=True)
        thread.start()
        try:
            yield
        finally:
            ending.set()
            thread.join(_END_SECONDS)

    def replace(self, answers: Callable[[str], bool]) -> None:
        """Start another server, which reads the definitions anew; the one before ends after its last run. Where the new
        one does not start (Transient), the one before stays in its place."""
        with self._replacing:
            self._settle(self._start(), answers)

    def revive(self, answers: Callable[[str], bool]) -> bool:
        """Start another server where the newest has ended; whether it had."""
        self._let_go()
        if self._newest.process.poll() is None:
            return False
        with self._replacing:
            if self._newest.process.poll() is None:  # somebody has replaced it meanwhile
                return False
            self._settle(self._start(), answers)
        return True

    @property
    def has_orphans(self) -> bool:
        """Whether a server has ended before the runs that it started."""
        return any(server.process.poll() is not None and _group_lives(server.process) for server in [*self._servers])

    def _start(self) -> _Server:
        socket = f"{self.socket}.{next(self._numbers)}"
        command = [executable("python"), "-m", "dagster", "api", "grpc", "--lazy-load-user-code"]
        command += ["--socket", socket, "--heartbeat", "--heartbeat-timeout", str(_HEARD_SECONDS)]
        command += ["--module-name", "fntx_dagster.definitions", "--location-name", CODE_LOCATION]
        command += ["--log-level", "warning"]
        process = subprocess.Popen(
            command,
            cwd=self._folder,
            stdin=subprocess.DEVNULL,
            stdout=self._log,
            stderr=self._log,
            start_new_session=True,
        )
        self._servers.append(server := _Server(process, socket))
        return server

    def _settle(self, server: _Server, answers: Callable[[str], bool]) -> None:
        """Wait until a server that was started answers, and make it the newest; else kill it."""
        deadline = time.monotonic() + _START_SECONDS
        while not answers(server.socket):
            if server.process.poll() is not None or time.monotonic() > deadline:
                server.process.kill()
                server.process.wait()
                raise Transient("the code server does not start", "The log says why; try again after that")
            time.sleep(0.05)
        link = Path(f"{server.socket}.link")
        link.symlink_to(server.socket)
        link.replace(self.socket)
        self._newest = server

    def _let_go(self) -> None:
        """Forget the servers that have ended with all their runs: the system gives their numbers to others."""
        for server in [*self._servers]:
            if not _group_lives(server.process) and server is not self._newest:
                self._servers.remove(server)

    def _send(self, what: signal.Signals) -> None:
        for server in self._servers:
            if _group_lives(server.process):
                with suppress(ProcessLookupError):
                    os.killpg(server.process.pid, what)


def _group_lives(process: subprocess.Popen[bytes]) -> bool:
    """Whether a server or a run that it started lives."""
    if process.poll() is None:
        return True
    try:
        os.killpg(process.pid, 0)
    except ProcessLookupError:
        return False
    return True
