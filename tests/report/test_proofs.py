"""The proof of each day in a report: in words that say no more than is known."""

from __future__ import annotations

import pytest

from fntx_dagster.report.proofs import checking, proof_state, proof_table

from .html_pages import proof
from .role_model import JULY_17, JULY_18

KNOWN = proof(JULY_17)


@pytest.mark.parametrize(
    ("known", "said"),
    [
        (None, "not signed"),
        (KNOWN, "verified"),
        (KNOWN._replace(is_late=True), "verified, late"),
        (KNOWN._replace(is_early=True, delay="-3.0 hours"), "posted before the session was over"),
        (KNOWN._replace(posted=None), "not posted yet"),
        (KNOWN._replace(posted=KNOWN.posted._replace(is_final=False)), "not final yet, verified"),
        (KNOWN._replace(failed=1), "1 equation does not hold"),
        (KNOWN._replace(failed=2), "2 equations do not hold"),
        (KNOWN._replace(changed=("net_pnl", "sharpe_30d")), "changed since it was signed: net_pnl and sharpe_30d"),
        (KNOWN._replace(changed=None), "not compared with what was signed"),
        (
            proof(JULY_17, version=2, reason="the broker corrected a fee"),
            "verified, version 2, correction: “the broker corrected a fee”",
        ),
    ],
)
def test_a_day_is_verified_or_says_what_keeps_it_from_that(known, said) -> None:
    assert proof_state(known) == said


def test_each_official_day_has_a_row_with_root_transaction_block_and_time() -> None:
    table = proof_table([JULY_17, JULY_18], {JULY_17: KNOWN})
    assert table.rows == (
        (
            "2025-07-17",
            "verified",
            "0x" + "11" * 32,
            "0x" + "11" * 32,
            "6,017",
            "2025-07-17 22:00:00",
            "2.0 hours",
        ),
        ("2025-07-18", "not signed", "–", "–", "–", "–", "–"),
    )
    assert f"Contract 0x{'c0' * 20} on chain 31337, trader 0x{'7a' * 20}." in table.footnote
    assert "No day was signed when this report was written" in proof_table([JULY_17], {}).footnote


def test_a_stranger_is_told_the_commands_with_the_days_trader_and_contract() -> None:
    record, disclosure = checking([JULY_17, JULY_18], {JULY_17: KNOWN})
    assert record.commands == (
        f"fntx verify --trader 0x{'7a' * 20} --from 2025-07-17 --to 2025-07-18 --rpc URL --contract 0x{'c0' * 20}",
    )
    assert "a node of chain 31337 that the stranger chooses" in record.text
    assert "python verify.py disclosure.json --rpc URL" in disclosure.commands
    assert checking([JULY_17], {JULY_17: KNOWN._replace(posted=None)}) == [], "nothing is there to check"
