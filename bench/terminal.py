"""What the terminal costs before any work begins: `python bench/terminal.py`."""

from __future__ import annotations

import os
import resource
import subprocess
import sys
from pathlib import Path
from statistics import median

from measuring import Measurement, shown

FNTX = Path(sys.executable).with_name("fntx")
STARTS = 9


def measure() -> list[Measurement]:
    """Seconds of CPU of `fntx --help`, beside those of a Python that does nothing."""
    _cpu(FNTX, "--help")  # the first start may compile modules
    ours = median(_cpu(FNTX, "--help") for _ in range(STARTS))
    python = median(_cpu(sys.executable, "-c", "") for _ in range(STARTS))
    row = Measurement(
        "`fntx --help`, CPU", f"{ours:.2f} s", f"Python alone {python:.2f} s", f"{ours / python:.0f}", "0.5 s at most"
    )
    return [row]


def _cpu(*command: str | Path) -> float:
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, env=os.environ)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


if __name__ == "__main__":
    shown(measure())
