"""Whoever anchors and signs is killed between any two steps: every anchor is on its ledger once, and none is there
twice of one size."""

from __future__ import annotations

import random
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import pytest

from fntx_dagster.services.auditing.proving import anchors_of
from fntx_dagster.services.governance.proposing import propose
from fntx_dagster.store.database import Database
from tests.services.anchoring.harbour import Harbour, harbour
from tests.services.governance.treasuries import REASON
from tests.services.transactions.worlds import events
from tests.tools import ROOT

RUNS = 16


@pytest.mark.slow
def test_an_anchorer_that_is_killed_between_any_two_steps_anchors_each_size_once(
    database: Database, tmp_path: Path
) -> None:
    seed = random.randrange(10**6)
    chance, dead = random.Random(seed), 0
    with harbour(tmp_path / "home", database, closes_every=0.3) as desk:
        for ledger in ("xrpl", "stellar"):
            desk.stand(ledger, per_day=1000)
        command = [sys.executable, "-m", "tests.services.anchoring.killed_signer", database.url]
        command += [str(desk.settings.home), desk.xrpl.url, desk.horizon.url, str(desk.keystore)]
        with subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
            assert process.stdin is not None
            assert process.stdout is not None

            def run(step: int, milliseconds: int = 0) -> list[int]:
                assert process.stdin is not None
                assert process.stdout is not None
                propose(desk.settings, desk.db, "emergency.pause", REASON)  # something new
                process.stdin.write(f"{step} {milliseconds}\n")
                process.stdin.flush()
                first = int(process.stdout.readline())
                return [first] if first <= 0 else [first, int(process.stdout.readline())]

            length, ended = run(0)
            assert ended == 0
            for number in range(RUNS):
                step = length * number // RUNS + chance.randint(1, max(1, length // RUNS))
                dead += run(step, chance.choice((0, 0, 5)))[0] == -9
            process.stdin.close()
            assert process.wait(60) == 0
        _settle(desk)
        assert dead > RUNS // 2, f"few were killed (seed {seed})"
        rows = [row.anchor for row in anchors_of(desk.db)]
        by_ledger = {name: [row.size for row in rows if row.ledger == name] for name in ("xrpl", "stellar")}
        for sizes in by_ledger.values():
            assert sizes == sorted({*sizes}), f"seed {seed}"
        memos = desk.on_xrpl()
        assert len({*memos}) == len(memos) == len(by_ledger["xrpl"]), f"seed {seed}"
        assert desk.on_stellar() == len(by_ledger["stellar"]), f"seed {seed}"
        said = Counter(events(desk.db))
        assert said["attestation_anchored"] == said["proposal_standing_use"] == len(rows), f"seed {seed}"


def _settle(desk: Harbour) -> None:
    """Let what is on its way come to its end."""
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        done = desk.sign()
        if all(each.state == "confirmed" for each in done):
            return
        time.sleep(0.3)
    raise AssertionError("an anchor does not come to its end")
