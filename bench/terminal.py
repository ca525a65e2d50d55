"""What the terminal costs before any work begins, and when the UI answers: `python bench/terminal.py`."""

from __future__ import annotations

import os
import resource
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path
from statistics import median

from measuring import Measurement, home, shown, timed

from fntx_dagster.settings import child_environment
from fntx_dagster.store.opening import open_database

FNTX = Path(sys.executable).with_name("fntx")
STARTS = 9
DEADLINE_SECONDS = 300
QUERY = "%7BassetNodes%7BassetKey%7Bpath%7D%7D%7D"  # {assetNodes{assetKey{path}}}


def measure() -> list[Measurement]:
    """Seconds of CPU of `fntx --help`, beside those of a Python that does nothing."""
    _cpu(FNTX, "--help")  # the first start may compile modules
    ours = median(_cpu(FNTX, "--help") for _ in range(STARTS))
    python = median(_cpu(sys.executable, "-c", "") for _ in range(STARTS))
    row = Measurement(
        "`fntx --help`, CPU", f"{ours:.2f} s", f"Python alone {python:.2f} s", f"{ours / python:.0f}", "0.5 s at most"
    )
    served = median(_until_the_ui_answers() for _ in range(3))
    return [row, Measurement("`fntx ui` until it answers", f"{served:.1f} s", "", "", "10 s at most")]


def _until_the_ui_answers() -> float:
    """Seconds from the command, on a fresh home whose database runs, to the first answer with the definitions in it."""
    with home() as settings, socket.socket() as free:
        open_database(settings)
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
        free.close()
        environment = child_environment({"FNTX_HOME": str(settings.home)})
        servers: list[subprocess.Popen[bytes]] = []

        def answered() -> None:
            command = [FNTX, "ui", "--port", str(port)]
            servers.append(
                subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=environment)
            )
            deadline = time.monotonic() + DEADLINE_SECONDS
            while time.monotonic() < deadline:
                try:
                    with urllib.request.urlopen(f"http://127.0.0.1:{port}/graphql?query={QUERY}", timeout=60) as answer:
                        if b"daily_signature" in answer.read():
                            return
                except OSError:
                    if servers[-1].poll() is not None:
                        raise
                    time.sleep(0.02)
            raise TimeoutError("the UI does not answer with its definitions")

        try:
            return timed(answered)
        finally:
            servers[-1].send_signal(signal.SIGINT)
            servers[-1].wait()


def _cpu(*command: str | Path) -> float:
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, env=os.environ)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


if __name__ == "__main__":
    shown(measure())
