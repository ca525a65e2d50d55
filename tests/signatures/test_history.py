"""A trader's sessions as the chain shows them; the chain is real, its clock is today's, so old days are late."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pytest

from fntx_dagster.accounting.calendar import sessions
from fntx_dagster.chain.client import Chain
from fntx_dagster.errors import Permanent
from fntx_dagster.settings import Settings
from fntx_dagster.signatures.history import gaps, history_of
from fntx_dagster.signatures.posting import post
from fntx_dagster.signatures.signing import amend, sign
from fntx_dagster.store.database import Database
from tests import by_hand

ACCOUNT = "U7000001"
FIRST, LAST = date(2025, 7, 1), date(2025, 7, 8)


def posted(db: Database, settings: Settings, chain: Chain, *days: date) -> str:
    for day in days:
        by_hand.tell(db, ACCOUNT, day)
        signed = sign(db, settings, day, day).new
    post(db, settings, chain, days[0], days[-1])
    return signed[0].trader


def test_gaps_late_and_amended_days_are_told_apart(told: Database, settings: Settings, chain: Chain) -> None:
    trader = posted(told, settings, chain, date(2025, 7, 1), date(2025, 7, 3), date(2025, 7, 7))
    with told.connect() as connection:
        connection.execute("update alm_reporting.daily_summary set net_pnl = 1 where trading_day = '2025-07-03'")
    amend(told, settings, ACCOUNT, date(2025, 7, 3), date(2025, 7, 3), "a correction")
    post(told, settings, chain, FIRST, LAST)
    now = datetime.now(UTC)
    days = history_of(chain, trader, FIRST, LAST, now)
    assert [(one.day.day, len(one.versions), one.is_gap) for one in days] == [
        (1, 1, False),
        (2, 0, True),
        (3, 2, False),
        (7, 1, False),
        (8, 0, True),
    ]
    assert all(one.is_late() for one in days if one.versions)
    assert days[2].versions[1].reason == "a correction"
    assert gaps(chain, trader, now, FIRST, LAST) == [date(2025, 7, 2)], "the last record's day ends what is looked at"


def test_a_session_that_is_not_over_is_no_gap(chain: Chain) -> None:
    during = sessions(LAST, LAST)[0].opens_at
    assert history_of(chain, "0x" + "11" * 20, LAST, LAST, during) == []
    assert [one.is_gap for one in history_of(chain, "0x" + "11" * 20, LAST, LAST, during + timedelta(days=1))] == [True]


def test_a_record_of_a_day_without_a_session_is_shown(told: Database, settings: Settings, chain: Chain) -> None:
    holiday = date(2025, 7, 4)
    trader = posted(told, settings, chain, holiday)
    [day] = history_of(chain, trader, holiday, holiday, datetime.now(UTC))
    assert (day.closes_at, day.behind, day.is_late(), day.is_gap) == (None, None, False, False)


def test_a_range_that_ends_before_it_begins_is_refused(chain: Chain) -> None:
    with pytest.raises(Permanent, match="ends"):
        history_of(chain, "0x" + "11" * 20, LAST, FIRST, datetime.now(UTC))
