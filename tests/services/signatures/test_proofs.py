"""The proof of each day of a report, from what is signed and from today's tables."""

from __future__ import annotations

from datetime import date

from fntx_dagster.accounting.calendar import sessions
from fntx_dagster.model.period import Period
from fntx_dagster.services.signatures.proofs import day_proofs
from fntx_dagster.services.signatures.signing import sign
from fntx_dagster.settings import Settings
from fntx_dagster.store.database import Database
from tests import by_hand

ACCOUNT, DAYS = "U7000001", [date(2025, 7, 16), date(2025, 7, 17), date(2025, 7, 18)]


def test_a_session_without_metrics_keeps_no_other_from_being_compared(built: Database, settings: Settings) -> None:
    for day in DAYS:
        by_hand.build(built, ACCOUNT, day)
    sign(settings, built, Period(DAYS[0], DAYS[-1]))
    with built.connect() as connection:
        connection.execute("delete from alm_reporting.rolling_metrics where trading_day = %s", [DAYS[0]])
        connection.execute("update alm_reporting.daily_summary set net_pnl = 7 where trading_day = %s", [DAYS[1]])
    closes = {session.day: session.closes_at for session in sessions(DAYS[0], DAYS[-1])}
    proofs = day_proofs(built, ACCOUNT, closes)
    assert [proofs[day].changed for day in DAYS] == [None, ("net_pnl",), ()]
