"""The demo of proofs, as a user runs it: a year is built, signed, posted and proved, and a stranger checks it."""

from __future__ import annotations

from tests import homes
from tests.processes import run


def test_the_demo_proves_a_year_that_a_fresh_process_verifies_and_refuses_what_isolates_days() -> None:
    with homes.home() as home:
        done = run(home, "demo", "--proofs")
        assert done.returncode == 0, done.stdout + done.stderr
        ours, _, after = done.stdout.partition("A stranger with verify.py")
        theirs, _, refused = after.partition("What is refused")
        assert "2024-01-01 to 2024-12-31, 252 days" in ours
        assert "Sharpe ratio of log returns" in ours
        assert ours.count("HOLDS") == theirs.count("HOLDS") == 1
        assert "DOES NOT HOLD" not in ours + theirs
        assert "chained: each day opens with the NAV" in theirs
        assert "2024-12-30 and 2024-12-31 would stand alone" in refused
