"""The demo of the treasury, as a user runs it: what arrives, what is refused, and what a stranger finds."""

from __future__ import annotations

import re

import pytest

from tests import homes
from tests.processes import processes_of, run

pytestmark = pytest.mark.slow
LEDGERS = ["evm", "stellar", "xrpl"]


def test_the_demo_issues_what_people_decided_and_a_stranger_finds_it_on_the_ledgers() -> None:
    with homes.home() as home:
        before = processes_of(home)
        done = run(home, "demo", "--treasury")
        assert done.returncode == 0, done.stdout + done.stderr
        issue, _, log = done.stdout.partition("The log of all this")
        assert "xrpl: require_auth, signers, disable_master; its own key moves nothing any more" in issue
        assert "stellar: flags, signers; its own key moves nothing any more" in issue
        assert "customer-17 holds 250000.5 DEMO.BOND, says the ledger's server" in issue
        assert "the distribution account holds 900.0000000 DEMOUSD, says Horizon" in issue
        assert issue.count("Signed by 2 on their own machines") == 3
        for refusal in ("blocked, a match on a list: customer-18", "(bad_signature)", "refused, other_transaction"):
            assert refusal in issue
        by_fntx, _, by_file = log.partition("verify/audit.py, one file of Python")
        assert sorted(re.findall(r"^✓ (\w+), .*: HOLDS", by_fntx, re.M)) == LEDGERS
        assert sorted(re.findall(r"^- (\w+), .*: HOLDS", by_file, re.M)) == LEDGERS
        assert "iou_issued" in by_fntx
        assert by_fntx.count("\n✓ HOLDS\n") == 1
        assert "\nHOLDS\n" in by_file
        assert processes_of(home) == before == []


def test_a_step_that_fails_ends_the_demo_with_its_reason_and_with_what_it_started() -> None:
    with homes.home() as home:
        failed = run(home, "demo", "--treasury", FNTX_XRPL_FEE_CAP="10")
        assert failed.returncode == 1
        assert "fee_above_cap" in failed.stderr
        assert "own key moves nothing any more" not in failed.stdout
        assert processes_of(home) == []


def test_the_demo_moves_nothing_where_the_settings_name_ledgers_of_somebodys() -> None:
    with homes.home() as home:
        refused = run(home, "demo", "--treasury", FNTX_XRPL_URL="http://127.0.0.1:9")
        assert refused.returncode == 1
        assert "FNTX_XRPL_URL" in refused.stderr
        assert not (home / "demo-treasury").exists()
