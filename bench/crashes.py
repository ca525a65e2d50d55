"""Live orders under crashes: `python bench/crashes.py`. Three thousand orders of a seeded simulation with crashes
between the two transactions, lost answers, fills twice and out of order; and a hundred kills of a real server.

Each run checks by itself that no order is sent twice and none is lost, and ends with an error where that is not so.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

from measuring import Measurement, shown

from fntx_dagster.settings import child_environment

ROOT = Path(__file__).parents[1]
ORDERS, SEED, KILLS = 3000, 7, 100


def measure() -> list[Measurement]:
    simulated, killed = _run("simulation", ORDERS, SEED), _run("kills", KILLS)
    crashes, states = simulated["came"]["crash"], killed["states"]
    return [
        Measurement("simulated live orders twice or lost", f"0 of {ORDERS}", f"{crashes} crashes in between", "0", "0"),
        Measurement(
            "live orders twice or lost by kills of a server",
            f"0 of {sum(states.values())}",
            f"{KILLS} kills, {killed['cut']} orders cut",
            "0",
            "0",
        ),
    ]


def _run(name: str, *numbers: int) -> Any:
    command = [sys.executable, "-m", f"tests.services.orders.live.{name}", *map(str, numbers)]
    done = subprocess.run(command, cwd=ROOT, env=child_environment({}), stdout=subprocess.PIPE, text=True, check=True)
    return json.loads(done.stdout.splitlines()[-1])


if __name__ == "__main__":
    shown(measure())
