"""What the statements lack, and which session should be there: holes, trailing days, closed accounts, sections."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from itertools import count
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from fntx_dagster.errors import Permanent
from fntx_dagster.simulate.documents import document, row, section, statement, write
from fntx_dagster.store.database import Database
from fntx_dagster.store.fetches import Fetch, remember
from fntx_dagster.store.nav import Missing, due_session, missing, nav_sessions, refuse_without_nav
from fntx_dagster.store.statements import load_file

NEW_YORK = ZoneInfo("America/New_York")
ONE, OTHER = "U7000001", "U7000002"
JULY_1, JULY_2, JULY_3, JULY_4, JULY_7, JULY_8, JULY_9, JULY_10 = (
    date(2025, 7, day) for day in (1, 2, 3, 4, 7, 8, 9, 10)
)
TOLD = ("Trades", "OptionEAE", "CashTransactions")


class Statements:
    """Statements of one day each, loaded into a database; every section is there and empty but for the NAV's."""

    def __init__(self, db: Database, folder: Path) -> None:
        self.db = db
        self.folder = folder
        self.numbers = count()

    def __call__(self, account: str, *days: date, sections: tuple[str, ...] = TOLD, begins: date | None = None) -> str:
        """Loads one file and gives its sha256; `begins`: the first day of its Change in NAV, if not the day itself."""
        told = []
        for day in days:
            first, last = f"{begins or day:%Y%m%d}", f"{day:%Y%m%d}"
            nav = row("ChangeInNAV", accountId=account, currency="HKD", fromDate=first, toDate=last, endingValue="1")
            parts = [section(name) for name in sections]
            told.append(statement(*parts, nav, account=account, first=last, last=last))
        path = write(self.folder / f"{next(self.numbers)}.xml", document(*told))
        return load_file(self.db, path).sha256


@pytest.fixture
def load(database: Database, tmp_path: Path) -> Statements:
    return Statements(database, tmp_path)


def lacking(db: Database, first: date = JULY_1, last: date = JULY_10) -> list[tuple[str, date, str | None]]:
    return [tuple(one) for one in missing(db, first, last)]


def fetched(db: Database, sha256: str | None, outcome: str = "fetched", login: str = "mine") -> None:
    remember(
        db, Fetch(login, "Activity", JULY_1, JULY_10, datetime(2025, 7, 11, 9, tzinfo=UTC), outcome, sha256=sha256)
    )


def test_nothing_is_missing_where_nothing_is_loaded(database: Database) -> None:
    assert lacking(database) == []


def test_a_hole_between_two_days_is_missing_and_no_holiday_or_weekend_is(load: Statements) -> None:
    load(ONE, JULY_2, JULY_8, JULY_9, JULY_10)
    assert lacking(load.db) == [(ONE, JULY_3, None), (ONE, JULY_7, None)]


def test_what_lies_before_an_accounts_first_day_is_not_missing(load: Statements) -> None:
    load(ONE, JULY_1, JULY_2)
    load(OTHER, JULY_2)
    assert lacking(load.db, JULY_1, JULY_2) == []


def test_the_days_after_the_last_are_missing_of_accounts_that_nobody_is_ahead_of(load: Statements) -> None:
    load(ONE, JULY_7, JULY_8)
    load(OTHER, JULY_7, JULY_8)
    assert [one[:2] for one in lacking(load.db)] == [(ONE, JULY_9), (OTHER, JULY_9), (ONE, JULY_10), (OTHER, JULY_10)]


def test_an_account_that_was_closed_is_not_missed(load: Statements) -> None:
    load(ONE, JULY_7)
    load(OTHER, JULY_7, JULY_8, JULY_9, JULY_10)
    assert lacking(load.db) == []


def test_an_account_that_the_queries_serve_is_missed_though_another_is_ahead(load: Statements) -> None:
    fetched(load.db, load(ONE, JULY_7, JULY_8, JULY_9))
    load(OTHER, JULY_7, JULY_8, JULY_9, JULY_10)
    assert lacking(load.db) == [(ONE, JULY_10, None)]


@pytest.mark.parametrize(("outcome", "expected"), [("refused", []), ("failed", [JULY_10]), ("no_data", [JULY_10])])
def test_an_account_is_missed_while_its_token_is_not_refused(
    load: Statements, outcome: str, expected: list[date]
) -> None:
    fetched(load.db, load(ONE, JULY_7, JULY_8, JULY_9))
    fetched(load.db, None, outcome)
    load(OTHER, JULY_7, JULY_8, JULY_9, JULY_10)
    assert [day for _, day, _ in lacking(load.db)] == expected


def test_a_hole_is_missing_even_where_the_token_is_refused(load: Statements) -> None:
    fetched(load.db, load(ONE, JULY_7, JULY_9))
    fetched(load.db, None, "refused")
    load(OTHER, JULY_10)
    assert lacking(load.db) == [(ONE, JULY_8, None)]


def test_an_account_that_the_newest_file_no_longer_holds_is_not_missed(load: Statements) -> None:
    fetched(load.db, load(ONE, JULY_7, JULY_8))
    load(OTHER, JULY_7, JULY_8, JULY_9)
    remember(
        load.db,
        Fetch("mine", "Activity", JULY_1, JULY_10 + timedelta(days=1), datetime.now(UTC), "fetched", sha256="gone"),
    )
    assert lacking(load.db, JULY_1, JULY_9) == []


def test_a_nav_that_tells_several_sessions_at_once_leaves_them_missing(load: Statements) -> None:
    load(ONE, JULY_1)
    load(ONE, JULY_8, begins=JULY_2)
    load(ONE, JULY_9)
    assert [day for _, day, _ in lacking(load.db)] == [JULY_2, JULY_3, JULY_7, JULY_8, JULY_10]
    assert nav_sessions(load.db, JULY_1, JULY_10) == {ONE: {JULY_1, JULY_9}}


def test_a_nav_over_a_holiday_and_a_weekend_tells_the_session_after_it(load: Statements) -> None:
    load(ONE, JULY_3)
    load(ONE, JULY_7, begins=JULY_4)
    assert lacking(load.db, JULY_1, JULY_7) == []


class TestSections:
    def test_one_that_the_day_before_had_is_missing(self, load: Statements) -> None:
        load(ONE, JULY_7)
        load(ONE, JULY_8, sections=("Trades", "CashTransactions"))
        load(ONE, JULY_9)
        assert lacking(load.db, JULY_1, JULY_9) == [(ONE, JULY_8, "option_eae")]

    def test_one_that_was_never_asked_for_is_not(self, load: Statements) -> None:
        load(ONE, JULY_7, JULY_8, sections=("Trades",))
        load(ONE, JULY_9)
        assert lacking(load.db, JULY_1, JULY_9) == []

    def test_one_that_nothing_is_told_from_is_not(self, load: Statements) -> None:
        load(ONE, JULY_7, sections=(*TOLD, "OpenPositions"))
        load(ONE, JULY_8)
        assert lacking(load.db, JULY_1, JULY_8) == []

    def test_it_is_looked_for_over_a_weekend_and_from_before_the_range(self, load: Statements) -> None:
        load(ONE, JULY_3, JULY_4)
        load(ONE, JULY_7, sections=TOLD[:2])
        assert lacking(load.db, JULY_7, JULY_7) == [(ONE, JULY_7, "cash_transactions")]

    def test_one_that_ends_on_a_holiday_is_missing_from_the_session_after_it(self, load: Statements) -> None:
        load(ONE, JULY_3)
        load(ONE, JULY_4, JULY_7, sections=TOLD[:2])
        assert lacking(load.db)[0] == (ONE, JULY_7, "cash_transactions")
        assert lacking(load.db, JULY_7, JULY_7) == [(ONE, JULY_7, "cash_transactions")]
        assert lacking(load.db, JULY_1, JULY_3) == []

    def test_another_accounts_sections_say_nothing(self, load: Statements) -> None:
        load(ONE, JULY_7)
        load(OTHER, JULY_7, JULY_8, sections=())
        load(ONE, JULY_8)
        assert lacking(load.db, JULY_1, JULY_8) == []


def test_an_account_can_be_asked_for_alone(load: Statements) -> None:
    load(ONE, JULY_7, JULY_9)
    load(OTHER, JULY_7, JULY_9)
    assert missing(load.db, JULY_7, JULY_9, OTHER) == [Missing(OTHER, JULY_8)]


def test_what_is_missing_is_told_without_the_whole_account() -> None:
    assert str(Missing(ONE, JULY_8)) == "2025-07-08 U…0001: no official NAV in the statements"
    assert str(Missing(ONE, JULY_8, "option_eae")) == "2025-07-08 U…0001: no option eae in the statements"


def test_a_range_without_any_nav_is_refused_and_one_account_is_enough(load: Statements) -> None:
    load(ONE, JULY_7)
    refuse_without_nav(load.db, JULY_1, JULY_7)
    with pytest.raises(Permanent, match="no official NAV for 3 sessions: 2025-07-08, 2025-07-09, 2025-07-10"):
        refuse_without_nav(load.db, JULY_8, JULY_10)


@pytest.mark.parametrize(
    ("now", "due"),
    [
        ("2025-07-17 03:59:59", date(2025, 7, 15)),  # Thursday night: Wednesday's is not due yet
        ("2025-07-17 04:00", date(2025, 7, 16)),
        ("2025-07-17 23:59", date(2025, 7, 16)),
        ("2025-07-19 03:59", date(2025, 7, 17)),
        ("2025-07-19 04:00", date(2025, 7, 18)),  # Saturday
        ("2025-07-20 12:00", date(2025, 7, 18)),
        ("2025-07-21 12:00", date(2025, 7, 18)),  # Monday
        ("2025-07-22 04:00", date(2025, 7, 21)),
        ("2025-07-05 12:00", date(2025, 7, 3)),  # after Independence Day
        ("2025-07-08 03:00", date(2025, 7, 3)),
        ("2025-07-08 04:00", date(2025, 7, 7)),
        ("2025-12-26 04:00", date(2025, 12, 24)),  # an early close, then Christmas
        ("2025-11-03 04:00", date(2025, 10, 31)),  # the night the clocks went back is behind it
        ("2025-03-10 04:00", date(2025, 3, 7)),
        ("2001-09-16 12:00", date(2001, 9, 10)),  # the exchange's longest closure in decades
    ],
)
def test_a_session_is_due_from_four_in_the_morning_of_the_day_after_it(now: str, due: date) -> None:
    assert due_session(datetime.fromisoformat(now).replace(tzinfo=NEW_YORK)) == due
    assert due_session(datetime.fromisoformat(now).replace(tzinfo=NEW_YORK).astimezone(UTC)) == due
