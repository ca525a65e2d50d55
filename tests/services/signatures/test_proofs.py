"""The proof of each day of a report, from what is signed and from today's tables."""

from __future__ import annotations

from datetime import date

import pytest

from fntx_dagster.adapters.evm.client import Chain
from fntx_dagster.model.chain import DayProof
from fntx_dagster.model.period import Period
from fntx_dagster.report.proofs import proof_state
from fntx_dagster.services.signatures.posting import post
from fntx_dagster.services.signatures.proofs import day_proofs
from fntx_dagster.services.signatures.signing import sign
from fntx_dagster.settings import Settings
from fntx_dagster.store.database import Database
from tests import by_hand

ACCOUNT, JULY_17 = "U7000001", date(2025, 7, 17)
DAYS = [date(2025, 7, 16), JULY_17, date(2025, 7, 18)]


def test_a_session_without_metrics_keeps_no_other_from_being_compared(built: Database, settings: Settings) -> None:
    for day in DAYS:
        by_hand.build(built, ACCOUNT, day)
    sign(settings, built, Period(DAYS[0], DAYS[-1]))
    with built.connect() as connection:
        connection.execute("delete from alm_reporting.rolling_metrics where trading_day = %s", [DAYS[0]])
        connection.execute("update alm_reporting.daily_summary set net_pnl = 7 where trading_day = %s", [DAYS[1]])
    proofs = day_proofs(built, ACCOUNT, DAYS)
    assert [proofs[day].changed for day in DAYS] == [None, ("net_pnl",), ()]


@pytest.mark.parametrize(
    ("posted_at", "state"),
    [
        ("2025-07-17 19:59:59Z", "posted before the session was over"),
        ("2025-07-17 22:00Z", "verified"),
        ("2025-07-18 20:00:01Z", "verified, late"),
    ],
)
def test_a_record_is_verified_only_if_it_was_posted_after_the_close(
    settings: Settings, built: Database, chain: Chain, posted_at: str, state: str
) -> None:
    by_hand.build(built, ACCOUNT, JULY_17)
    sign(settings, built, Period.on(JULY_17))
    post(settings, built, chain, Period.on(JULY_17))
    with built.connect() as connection:
        connection.execute("alter table alm_reporting.chain_receipts disable trigger user")  # it is append-only
        connection.execute("update alm_reporting.chain_receipts set posted_at = %s", [posted_at])
    [proof] = day_proofs(built, ACCOUNT, [JULY_17]).values()
    assert isinstance(proof, DayProof)
    assert proof_state(proof).removeprefix("not final yet, ") == state
