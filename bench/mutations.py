"""How many wrong numbers of a statement are noticed: `python bench/mutations.py`.

Two numbers of every attribute of the statements of two months are wrong by 1.00, one at a time, and the NAV is shifted
from a day on. `python -m tests.mutations 0 1 2 3` tries every number of three months, in an hour and a half.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

from measuring import Measurement, shown

from fntx_dagster.settings import child_environment

ROOT = Path(__file__).parents[1]
EACH, SEEDS = 2, (1, 2)


def measure() -> list[Measurement]:
    command = [sys.executable, "-m", "tests.mutations", *map(str, (EACH, *SEEDS))]
    done = subprocess.run(command, cwd=ROOT, env=child_environment({}), stdout=subprocess.PIPE, text=True, check=True)
    counts = json.loads(done.stdout.splitlines()[-1])
    tried = counts["tried"] - counts["exempt"]
    return [
        Measurement(
            "wrong numbers of statements that are noticed",
            f"{tried - counts['missed']} of {tried}",
            f"exempt by a rule {counts['exempt']}",
            f"{(tried - counts['missed']) / tried:.4f}",
            "1",
        )
    ]


if __name__ == "__main__":
    shown(measure())
