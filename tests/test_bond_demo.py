"""The demo of a bond, as a user runs it: what it goes through, what is found, and that what it names to look at is
there."""

from __future__ import annotations

import json
import re
import shlex
import signal
import time
from pathlib import Path

import pytest

from tests import homes
from tests.processes import processes_of, run, start

pytestmark = pytest.mark.slow
STATES = ["Active", "Funded", "Current", "Current", "Delinquent", "Current", "Matured", "Redeemed"]


def test_the_demo_leads_a_bond_to_its_redemption_and_finds_the_one_line_that_is_altered() -> None:
    with homes.home() as home:
        done = run(home, "demo", "--bond")
        assert done.returncode == 0, done.stdout + done.stderr
        story, _, reconciled = done.stdout.partition("Both ledgers against the configuration")
        assert re.findall(r"^✓ BOND-1 is (\w+)\.$", story, re.M) == STATES
        assert story.count("11250.00") >= 3
        assert len(re.findall(r"^✓ (?:ada|bob|cleo|trust|solar) +\w+ +[\d.]+ USD +\w{16}…$", story, re.M)) == 16
        assert sorted(re.findall(r"^✓ (\w+) +holds the root", story, re.M)) == ["evm", "stellar", "xrpl"]
        clean, _, altered = reconciled.partition("Somebody alters one line")
        assert "CLEAN" in clean
        assert "Its exit code is 0." in clean
        for words in ("xrpl.trustlines.treasury", "2500", "10000000", "Its exit code is 1."):
            assert words in altered
        assert processes_of(home) == []
        _every_command_works(home, altered)


def test_ctrl_c_ends_the_demo_and_all_that_it_started() -> None:
    with homes.home() as home:
        demo = start(home, "demo", "--bond")
        deadline = time.monotonic() + 120
        while not (home / "demo-bond" / "signers.json").exists():  # both ledgers and the database run by then
            assert demo.poll() is None
            assert time.monotonic() < deadline
            time.sleep(0.1)
        demo.send_signal(signal.SIGINT)
        assert demo.wait(60) != 0
        assert processes_of(home) == []


def _every_command_works(home: Path, said: str) -> None:
    """Those under "What to look at", in the home of the demo."""
    _, _, named = said.partition("What to look at")
    calls = [shlex.split(each)[1:] for each in re.findall(r"^  (\S*fntx .*)$", named, re.M)]
    assert calls[-1] == ["db", "stop"]
    assert len(calls) == 8
    queue = run(home / "demo-bond", "treasury", "queue", "--json")
    assert [each for each in json.loads(queue.stdout) if each["state"] not in ("confirmed", "approved")] == []
    printed = {}
    for call in calls:
        done = run(home / "demo-bond", *call)
        assert done.returncode == 0, (call, done.stdout, done.stderr)
        printed[" ".join(call[:3])] = done.stdout
    assert "Redeemed" in printed["bond events BOND-1"]
    assert "622,500.00" in printed["bond report investor_statement"]
    assert "xrpl.trustlines.treasury" in printed["reconcile show"]
