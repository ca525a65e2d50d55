"""A trader's sessions as the chain shows them; the chain is real, its clock is today's, so old days are late."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pytest

from fntx_dagster.accounting.calendar import sessions
from fntx_dagster.adapters.evm.client import Chain
from fntx_dagster.cli.records import history_table
from fntx_dagster.cli.terminal import out
from fntx_dagster.errors import Permanent
from fntx_dagster.model.chain import StoredRecord, Version
from fntx_dagster.model.period import Period
from fntx_dagster.services.signatures.history import HistoryDay, gaps, history_of, in_words
from fntx_dagster.services.signatures.posting import post
from fntx_dagster.services.signatures.signing import sign
from fntx_dagster.settings import Settings
from fntx_dagster.store.database import Database
from tests import by_hand
from tests.services.signatures.conftest import amended

ACCOUNT = "U7000001"
FIRST, LAST = date(2025, 7, 1), date(2025, 7, 8)


def posted(db: Database, settings: Settings, chain: Chain, *days: date) -> str:
    for day in days:
        by_hand.build(db, ACCOUNT, day)
        signed = sign(settings, db, Period.on(day)).new
    post(settings, db, chain, Period(days[0], days[-1]))
    return signed[0].trader


def test_gaps_late_and_amended_days_are_distinguished(built: Database, settings: Settings, chain: Chain) -> None:
    trader = posted(built, settings, chain, date(2025, 7, 1), date(2025, 7, 3), date(2025, 7, 7))
    with built.connect() as connection:
        connection.execute("update alm_reporting.daily_summary set net_pnl = 1 where trading_day = '2025-07-03'")
    amended(built, settings, date(2025, 7, 3), date(2025, 7, 3), "a correction")
    post(settings, built, chain, Period(FIRST, LAST))
    now = datetime.now(UTC)
    days = history_of(chain, trader, Period(FIRST, LAST), now)
    assert [(one.day.day, len(one.versions), one.is_gap) for one in days] == [
        (1, 1, False),
        (2, 0, True),
        (3, 2, False),
        (7, 1, False),
        (8, 0, True),
    ]
    assert all(one.is_late(version) for one in days for version in one.versions)
    assert days[2].versions[1].reason == "a correction"
    posted_on = chain.history(trader, Period(FIRST, LAST)).keys()
    assert gaps(posted_on, Period(FIRST, LAST), now) == [date(2025, 7, 2)], (
        "the last record's day ends what is looked at"
    )
    assert gaps(posted_on, Period(date(2025, 6, 30), LAST), now)[0] == date(2025, 6, 30), "signed first, and not posted"


def test_a_session_that_is_not_over_is_no_gap(chain: Chain) -> None:
    during = sessions(LAST, LAST)[0].opens_at
    assert history_of(chain, "0x" + "11" * 20, Period.on(LAST), during) == []
    assert [one.is_gap for one in history_of(chain, "0x" + "11" * 20, Period.on(LAST), during + timedelta(days=1))] == [
        True
    ]


def test_a_record_of_a_day_without_a_session_is_shown(built: Database, settings: Settings, chain: Chain) -> None:
    holiday = date(2025, 7, 4)
    trader = posted(built, settings, chain, holiday)
    [day] = history_of(chain, trader, Period.on(holiday), datetime.now(UTC))
    assert (day.closes_at, day.behind(day.first), day.is_late(day.first), day.is_gap) == (None, None, False, False)


def test_a_range_that_ends_before_it_begins_is_refused(chain: Chain) -> None:
    with pytest.raises(Permanent, match="ends"):
        history_of(chain, "0x" + "11" * 20, Period(LAST, FIRST), datetime.now(UTC))


def test_each_version_has_its_own_delay() -> None:
    closes_at = datetime(2025, 7, 18, 20, tzinfo=UTC)

    def version(number: int, posted_at: datetime) -> Version:
        return Version(StoredRecord(b"", b"", posted_at, number), None, None if number == 1 else "a fee")

    first, second = version(1, closes_at + timedelta(minutes=30)), version(2, closes_at + timedelta(days=365))
    day = HistoryDay(date(2025, 7, 18), closes_at, (first, second))
    assert (day.is_late(first), day.is_late(second)) == (False, True)
    assert [in_words(day.behind(one)) for one in day.versions] == ["0.5 hours", "365.0 days"]
    assert day.is_early(version(1, closes_at - timedelta(seconds=1)))
    assert (day.behind(None), day.is_late(None), day.is_early(None)) == (None, False, False)


def test_the_table_marks_each_version_and_quotes_what_its_trader_wrote(capsys: pytest.CaptureFixture[str]) -> None:
    closes_at = datetime(2025, 7, 18, 20, tzinfo=UTC)
    posted = (closes_at + timedelta(hours=1), closes_at + timedelta(days=30))
    first, second = (StoredRecord(bytes(32), bytes(32), at, number) for number, at in enumerate(posted, 1))
    versions = (Version(first, None, None), Version(second, bytes(32), "\n[red]\x1b"))
    out(history_table([HistoryDay(date(2025, 7, 18), closes_at, versions)], timedelta(hours=24), posted[0]))
    said = capsys.readouterr().out
    [line] = [line for line in said.splitlines() if "2025-07-18 21:00" in line]
    assert "late" not in line
    for words in ("late, correction:", '" [red]\ufffd"', "not final"):
        assert words in said
    assert "\x1b" not in said
