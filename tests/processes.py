"""`fntx` as a user runs it: a process, an environment, a home."""

from __future__ import annotations

import fcntl
import os
import pty
import re
import struct
import subprocess
import tempfile
import termios
import time
import urllib.request
from contextlib import ExitStack
from pathlib import Path
from typing import IO

import psutil

from tests import warm
from tests.warm import FNTX

__all__ = ["ALONE", "FNTX", "Process", "environment", "in_terminal", "processes_of", "run", "start", "when_served"]

ALONE = ("FNTX_EMBEDDED_CHAIN", "FNTX_MAKE_KEYS")
"""What is set to 1 beside a database by URL where one machine alone uses it."""


def environment(home: Path, **more: str) -> dict[str, str]:
    """This one, without what names another home; `more` are variables of the test."""
    mine = {name: value for name, value in os.environ.items() if not name.startswith(("FNTX_", "DAGSTER"))}
    return mine | {"FNTX_HOME": str(home), "COLUMNS": "200"} | more


class Process:
    """A command of `fntx`, while it runs; the next one starts when it has ended."""

    def __init__(self, home: Path, *arguments: str, **more: str) -> None:
        self._arguments = arguments
        self._files = ExitStack()  # open until the command has ended
        self._said = self._files.enter_context(_file())
        self._complained = self._files.enter_context(_file())
        with open(os.devnull) as nothing:
            files = (nothing.fileno(), self._said.fileno(), self._complained.fileno())
            self._command = warm.run(arguments, environment(home, **more), tempfile.gettempdir(), files)

    def is_running(self) -> bool:
        return psutil.pid_exists(self._command.pid)

    def ended(self) -> subprocess.CompletedProcess[str]:
        """How it ended, when it has."""
        with self._files:
            code = self._command.wait()
            for file in (self._said, self._complained):
                file.seek(0)
            return subprocess.CompletedProcess(self._arguments, code, self._said.read(), self._complained.read())


def _file() -> IO[str]:
    return tempfile.TemporaryFile("w+")


def run(home: Path, *arguments: str, **more: str) -> subprocess.CompletedProcess[str]:
    """A command of `fntx`, to its end."""
    return Process(home, *arguments, **more).ended()


def in_terminal(home: Path, columns: int, *arguments: str, code: int = 0) -> str:
    """What a command of `fntx` writes to a terminal of so many columns, without its colours."""
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 50, columns, 0, 0))
    variables = environment(home, TERM="xterm-256color")
    variables.pop("COLUMNS")  # the terminal is asked
    process = warm.run(arguments, variables, tempfile.gettempdir(), (theirs, theirs, theirs))
    os.close(theirs)
    written = bytearray()
    try:
        while block := os.read(ours, 65536):
            written += block
    except OSError:  # EIO: nobody writes any more
        pass
    finally:
        os.close(ours)
    text = written.decode()
    assert process.wait() == code, text
    return re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", text).replace("\r\n", "\n")


def start(home: Path, *arguments: str, **more: str) -> subprocess.Popen[bytes]:
    """A server in a process group of its own, so that it and its children end together."""
    return subprocess.Popen(
        [FNTX, *arguments],
        env=environment(home, **more),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )


def when_served(url: str, question: bytes, server: subprocess.Popen[bytes]) -> bytes:
    """The answer to a POST, once somebody answers."""
    request = urllib.request.Request(url, question, {"Content-Type": "application/json"})
    for _ in range(240):
        assert server.poll() is None, "the server ended"
        try:
            with urllib.request.urlopen(request, timeout=30) as response:
                return response.read()
        except OSError:
            time.sleep(0.5)
    raise AssertionError(f"{url} did not answer")


def processes_of(home: Path) -> list[str]:
    """Processes that work in a home."""
    return [
        " ".join(process.info["cmdline"])
        for process in psutil.process_iter(["cmdline"])
        if any(str(home) in each for each in process.info["cmdline"] or ())
    ]
