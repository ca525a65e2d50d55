"""A process that holds the libraries in memory and becomes `fntx` whenever it is asked: half of the time of a command
goes into importing them. What it becomes is a process of its own by fork, with the arguments, variables, folder and
files of the caller; the package itself is imported there. What serves, what is killed on its way and what the wheel
installs is started as the program itself.

Run as a module it serves the socket that is its standard input, a request at a time: the length of a JSON object, the
object, and three files. The answers are the number of the process, and how it ended.
"""

from __future__ import annotations

import gc
import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Sequence
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import NamedTuple

FNTX = Path(sys.executable).with_name("fntx")
_SIZE = 4
_LIBRARIES = (
    "alembic.command",
    "dagster_dbt",
    "dagster_postgres",
    "dbt.adapters.postgres",
    "dbt.cli.main",
    "eth_tester.backends.pyevm",
    "exchange_calendars",
    "lxml.etree",
    "matplotlib.backends.backend_svg",
    "matplotlib.figure",
    "psycopg_pool",
    "rich.live",
    "rich.table",
    "typer",
    "web3",
)


def run(arguments: Sequence[str], environment: dict[str, str], folder: str, files: tuple[int, int, int]) -> Command:
    """Start `fntx`; the files are its standard input, output and errors."""
    said = json.dumps({"arguments": arguments, "environment": environment, "folder": folder}).encode()
    socket.send_fds(_server(), [len(said).to_bytes(_SIZE, "big")], files)
    _server().sendall(said)
    return Command(_number())


class Command(NamedTuple):
    """A `fntx` that runs; the next one starts when it has ended."""

    pid: int

    def wait(self) -> int:
        """Its exit code, or the negative number of the signal that ended it."""
        try:
            return os.waitstatus_to_exitcode(_number())
        except TimeoutError:
            os.kill(self.pid, signal.SIGKILL)
            _number()
            raise


@cache
def _server() -> socket.socket:
    """It ends with this process, which holds the other end."""
    ours, theirs = socket.socketpair()
    command = [sys.executable, "-m", "tests.warm"]
    with theirs:
        _processes.append(subprocess.Popen(command, stdin=theirs.fileno(), cwd=Path(__file__).parents[1]))
    ours.settimeout(300)
    return ours


_processes: list[subprocess.Popen[bytes]] = []
"""Kept, because Python warns of a process that is forgotten while it runs."""


def _number() -> int:
    answer = _server().recv(_SIZE, socket.MSG_WAITALL)
    assert len(answer) == _SIZE, "the process that starts fntx has ended"
    return int.from_bytes(answer, "big")


def _import_libraries() -> None:
    for name in _LIBRARIES:
        import_module(name)
    assert "fntx_dagster" not in sys.modules
    gc.collect()
    gc.freeze()


def _serve(requests: socket.socket) -> list[str]:
    """Fork for each request; in the fork, the arguments of its command. When nobody can ask any more, the end."""
    while True:
        size, files, _, _ = socket.recv_fds(requests, _SIZE, 3)
        if not size:
            sys.exit()
        said = json.loads(requests.recv(int.from_bytes(size, "big"), socket.MSG_WAITALL))
        if (pid := os.fork()) == 0:
            for number, file in enumerate(files):
                os.dup2(file, number)
                os.close(file)
            os.environ.clear()
            os.environ.update(said["environment"])
            os.chdir(said["folder"])
            return said["arguments"]
        for file in files:
            os.close(file)
        requests.sendall(pid.to_bytes(_SIZE, "big"))
        requests.sendall(os.waitpid(pid, 0)[1].to_bytes(_SIZE, "big"))


if __name__ == "__main__":
    _import_libraries()
    with socket.socket(fileno=os.dup(0)) as asked:
        sys.argv = [str(FNTX), *_serve(asked)]
    from fntx_dagster.cli import main

    sys.exit(main())
