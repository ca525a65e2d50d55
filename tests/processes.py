"""`fntx` as a user runs it: a process, an environment, a home."""

from __future__ import annotations

import fcntl
import os
import pty
import re
import struct
import subprocess
import sys
import tempfile
import termios
import time
import urllib.request
from pathlib import Path

FNTX = Path(sys.executable).with_name("fntx")


def environment(home: Path, **more: str) -> dict[str, str]:
    """This one, without what names another home; `more` are variables of the test."""
    mine = {name: value for name, value in os.environ.items() if not name.startswith(("FNTX_", "DAGSTER"))}
    return mine | {"FNTX_HOME": str(home), "COLUMNS": "200"} | more


def run(home: Path, *arguments: str, **more: str) -> subprocess.CompletedProcess[str]:
    """A command of `fntx`, to its end."""
    return subprocess.run(
        [FNTX, *arguments],
        env=environment(home, **more),
        cwd=tempfile.gettempdir(),
        capture_output=True,
        text=True,
        timeout=300,
    )


def in_terminal(home: Path, columns: int, *arguments: str, code: int = 0) -> str:
    """What a command of `fntx` writes to a terminal of so many columns, without its colours."""
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 50, columns, 0, 0))
    variables = environment(home, TERM="xterm-256color")
    variables.pop("COLUMNS")  # the terminal is asked
    process = subprocess.Popen(
        [FNTX, *arguments], env=variables, cwd=tempfile.gettempdir(), stdin=theirs, stdout=theirs, stderr=theirs
    )
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
    assert process.wait(60) == code, text
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
