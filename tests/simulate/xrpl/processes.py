"""The simulated ledger as a process of its own, which a test may kill."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

from fntx_dagster.simulate.xrpl.server import wait_for

ROOT = Path(__file__).parents[3]


class LedgerProcess:
    """A running server. `state`: the file that it goes on from when it is started again."""

    def __init__(self, folder: Path, *arguments: str) -> None:
        self._folder, self._arguments = folder, arguments
        self.start()

    def start(self) -> None:
        address = self._folder / "address"
        address.unlink(missing_ok=True)
        fixed = ("--address", str(address), "--state", str(self._folder / "ledger.json"))
        self._process = subprocess.Popen(
            [sys.executable, "-m", "fntx_dagster.simulate.xrpl", *fixed, *self._arguments],
            cwd=self._folder,
            env=os.environ | {"PYTHONPATH": str(ROOT)},
        )
        self.url = wait_for(address, 60)

    def kill(self) -> None:
        """As when the machine loses its power."""
        self._process.send_signal(signal.SIGKILL)
        self._process.wait()

    def end(self) -> int:
        self._process.send_signal(signal.SIGTERM)
        return self._process.wait(20)
