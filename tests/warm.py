"""A process that holds the libraries in memory and becomes `fntx` whenever it is asked: half of the time of a command
goes into importing them. What it becomes is a process of its own by fork, with the arguments, variables, folder and
files of the caller; the package itself is imported there. What serves, what is killed on its way and what the wheel
installs is started as the program itself.

All workers of a run ask one such process. Run as a module it accepts connections of the socket that is its standard
input, and answers each in a fork, a request at a time: the length of a JSON object, the object, and three files. The
answers are the number of the process, and how it ended. It ends with the last connection. Where the tests count the
lines of the package that run, so does each fork, into a file beside theirs.
"""

from __future__ import annotations

import atexit
import gc
import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from contextlib import suppress
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import NamedTuple

from coverage import Coverage

from tests import untraced

_ROOT = Path(__file__).parents[1]
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
    """A connection to the process of this run; the first who asks starts it, and it ends when nobody is connected."""
    address = Path(tempfile.gettempdir(), f"fntx-warm-{os.environ.get('PYTEST_XDIST_TESTRUNUID', os.getpid())}")
    ours = socket.socket(socket.AF_UNIX)
    ours.settimeout(900)  # the longest demo takes minutes where other programs run beside it
    for _ in range(100):
        with suppress(FileNotFoundError, ConnectionRefusedError):
            ours.connect(str(address))
            return ours
        with suppress(OSError):  # another worker has just bound it
            _start(address)
        time.sleep(0.1)
    raise AssertionError(f"nobody answers at {address}")


def _start(address: Path) -> None:
    command = [sys.executable, "-m", "tests.warm"]
    if counting := Coverage.current():
        command.append(os.path.abspath(counting.config.data_file))
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(address))
        listening.listen()
        _processes.append(subprocess.Popen(command, stdin=listening.fileno(), cwd=_ROOT))


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


def _accept(listening: socket.socket) -> socket.socket:
    """Fork for each connection; in the fork, the connection. When the last one has ended, the end."""
    forks: set[int] = set()
    listening.settimeout(1)
    while True:
        with suppress(TimeoutError):
            asked = listening.accept()[0]
            if (pid := os.fork()) == 0:
                return asked
            asked.close()
            forks.add(pid)
        forks -= {pid for pid in forks if os.waitpid(pid, os.WNOHANG)[0]}
        if not forks:
            Path(listening.getsockname()).unlink()
            sys.exit()


def _serve(requests: socket.socket) -> list[str]:
    """Fork for each request; in the fork, the arguments of its command. When nobody can ask any more, the end."""
    requests.settimeout(None)
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


def _counting(file: str) -> Coverage:
    """What counts lines in a fork, once it is started there: to begin takes as long as most commands do."""
    untraced.install_in_libraries()
    counting = Coverage(file, data_suffix=True, config_file=str(_ROOT / "pyproject.toml"))
    counting.start()
    counting.stop()
    return counting


class _End:
    """How this process ends. Registered before all others it is what Python calls last, after the threads and what else
    is to be done at the end; what follows would take apart, object by object, the libraries that a fork shares."""

    code = 1

    def __call__(self) -> None:
        for file in (sys.stdout, sys.stderr):
            with suppress(ValueError, OSError):
                file.flush()
        os._exit(self.code)


if __name__ == "__main__":
    atexit.register(end := _End())
    counting = _counting(*sys.argv[1:]) if sys.argv[1:] else None
    _import_libraries()
    with socket.socket(fileno=os.dup(0)) as listening:
        asked = _accept(listening)
    with asked:
        sys.argv = [str(FNTX), *_serve(asked)]
    if counting:
        atexit.register(counting.save)
        atexit.register(counting.stop)
        counting.start()
    from fntx_dagster.cli import main

    try:
        main()
        end.code = 0
    except SystemExit as left:
        end.code = int(left.code or 0)
        raise
