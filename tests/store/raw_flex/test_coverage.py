"""What the statements lack, and which session should be there: holes, trailing days, closed accounts, sections."""

from __future__ import annotations

from datetime import UTC, date, datetime
from itertools import count
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from fntx_dagster.model.period import Period
from fntx_dagster.simulate.documents import document, row, section, statement, write
from fntx_dagster.store.database import Database
from fntx_dagster.store.raw_flex.coverage import (
    Missing,
    due_session,
    first_session,
    missing,
    nav_sessions,
    nothing_to_build,
)
from fntx_dagster.store.raw_flex.fetches import Fetch, configure, remember
from fntx_dagster.store.raw_flex.statements import load_file

NEW_YORK = ZoneInfo("America/New_York")
ONE, OTHER = "U7000001", "U7000002"
JULY_1, JULY_2, JULY_3, JULY_4, JULY_7, JULY_8, JULY_9, JULY_10 = (
    date(2025, 7, day) for day in (1, 2, 3, 4, 7, 8, 9, 10)
)
STORY_SECTIONS = ("Trades", "OptionEAE", "CashTransactions")
NAV = "official NAV in the statements"


class Statements:
    """Statements of one day each, loaded into a database; every section is there and empty but for the NAV's."""

    def __init__(self, db: Database, folder: Path) -> None:
        self.db = db
        self.folder = folder
        self.numbers = count()

    def __call__(
        self, account: str, *days: date, sections: tuple[str, ...] = STORY_SECTIONS, begins: date | None = None
    ) -> str:
        """Loads one file and gives its sha256; `begins`: the first day of its Change in NAV, if not the day itself."""
        built = []
        for day in days:
            first, last = f"{begins or day:%Y%m%d}", f"{day:%Y%m%d}"
            nav = row("ChangeInNAV", accountId=account, currency="HKD", fromDate=first, toDate=last, endingValue="1")
            parts = [section(name) for name in sections]
            built.append(statement(*parts, nav, account=account, first=last, last=last))
        path = write(self.folder / f"{next(self.numbers)}.xml", document(*built))
        return load_file(self.db, path).sha256


@pytest.fixture
def load(database: Database, tmp_path: Path) -> Statements:
    return Statements(database, tmp_path)


def lacking(db: Database, first: date = JULY_1, last: date = JULY_10) -> list[tuple[str, date, str]]:
    return [tuple(lack)[:3] for lack in missing(db, Period(first, last))]


def fetched(
    db: Database, sha256: str | None, outcome: str = "fetched", query: str = "Activity", reaches: date = JULY_10
) -> None:
    configure(db, [("mine", "Activity"), ("mine", query)])
    asked_at = datetime(2025, 7, 11, 9, tzinfo=UTC)
    remember(db, Fetch("mine", query, JULY_1, JULY_10, asked_at, outcome, sha256=sha256, reaches=reaches))


def test_nothing_is_missing_where_nothing_is_loaded(database: Database) -> None:
    assert lacking(database) == []


def test_a_hole_between_two_days_is_missing_and_no_holiday_or_weekend_is(load: Statements) -> None:
    load(ONE, JULY_2, JULY_8, JULY_9, JULY_10)
    assert lacking(load.db) == [(ONE, JULY_3, NAV), (ONE, JULY_7, NAV)]


def test_what_lies_before_an_accounts_first_day_is_not_missing(load: Statements) -> None:
    load(ONE, JULY_1, JULY_2)
    load(OTHER, JULY_2)
    assert lacking(load.db, JULY_1, JULY_2) == []


def test_the_days_after_the_last_are_missing_of_accounts_that_nobody_is_ahead_of(load: Statements) -> None:
    load(ONE, JULY_7, JULY_8)
    load(OTHER, JULY_7, JULY_8)
    assert [lack[:2] for lack in lacking(load.db)] == [(ONE, JULY_9), (OTHER, JULY_9), (ONE, JULY_10), (OTHER, JULY_10)]


def test_an_account_that_was_closed_is_not_missed(load: Statements) -> None:
    load(ONE, JULY_7)
    load(OTHER, JULY_7, JULY_8, JULY_9, JULY_10)
    assert lacking(load.db) == []


def test_an_account_that_the_queries_serve_is_missed_though_another_is_ahead(load: Statements) -> None:
    fetched(load.db, load(ONE, JULY_7, JULY_8, JULY_9))
    load(OTHER, JULY_7, JULY_8, JULY_9, JULY_10)
    assert lacking(load.db) == [(ONE, JULY_10, NAV)]


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
    assert lacking(load.db) == [(ONE, JULY_8, NAV)]


def test_an_account_that_the_newest_file_no_longer_holds_is_not_missed(load: Statements) -> None:
    fetched(load.db, load(ONE, JULY_7, JULY_8))
    fetched(load.db, load(OTHER, JULY_7, JULY_8, JULY_9))
    assert lacking(load.db, JULY_1, JULY_9) == []


def test_an_account_whose_newest_file_could_not_be_loaded_is_missed(load: Statements) -> None:
    fetched(load.db, load(ONE, JULY_7, JULY_8))
    load(OTHER, JULY_7, JULY_8, JULY_9)
    fetched(load.db, "a file that was refused")
    assert lacking(load.db, JULY_1, JULY_9) == [(ONE, JULY_9, NAV)]


def test_an_account_whose_query_left_the_settings_is_not_missed(load: Statements) -> None:
    fetched(load.db, load(ONE, JULY_7, JULY_8))
    load(OTHER, JULY_7, JULY_8, JULY_9)
    configure(load.db, [])
    assert lacking(load.db, JULY_1, JULY_9) == []


class TestQueries:
    """Where Flex queries serve an account, a day is complete when each of them has answered for it."""

    @pytest.mark.parametrize("outcome", ["failed", "refused"])
    def test_a_day_whose_trades_did_not_arrive_is_not_complete(self, load: Statements, outcome: str) -> None:
        fetched(load.db, load(ONE, JULY_9, JULY_10, sections=()))
        fetched(load.db, None, outcome, "Trades")
        without = "statement of the query Trades"
        assert lacking(load.db, JULY_9, JULY_10) == [(ONE, JULY_9, without), (ONE, JULY_10, without)]

    def test_a_query_without_data_has_answered(self, load: Statements) -> None:
        fetched(load.db, load(ONE, JULY_9, JULY_10, sections=()))
        fetched(load.db, None, "no_data", "Exercises")
        assert lacking(load.db, JULY_9, JULY_10) == []

    def test_a_file_that_ends_before_the_day_has_not(self, load: Statements) -> None:
        fetched(load.db, load(ONE, JULY_9, JULY_10, sections=()))
        fetched(load.db, load(ONE, JULY_9, sections=("Trades",)), query="Trades", reaches=JULY_9)
        assert lacking(load.db, JULY_9, JULY_10) == [(ONE, JULY_10, "statement of the query Trades")]

    def test_a_file_that_is_not_loaded_has_not(self, load: Statements) -> None:
        fetched(load.db, load(ONE, JULY_10, sections=()))
        fetched(load.db, "a file that was refused", query="Trades")
        assert lacking(load.db, JULY_10, JULY_10) == [(ONE, JULY_10, "statement of the query Trades")]

    def test_a_query_is_not_expected_before_it_was_first_asked_for(self, load: Statements) -> None:
        june = date(2025, 6, 30)
        load(ONE, june)
        fetched(load.db, load(ONE, JULY_10, sections=()))
        assert (ONE, june) not in [(account, day) for account, day, _ in lacking(load.db, june, JULY_10)]

    def test_sections_are_the_queries_matter_then(self, load: Statements) -> None:
        fetched(load.db, load(ONE, JULY_9))
        fetched(load.db, load(ONE, JULY_10, sections=()))
        assert lacking(load.db, JULY_9, JULY_10) == []


def test_a_nav_that_covers_several_sessions_at_once_leaves_them_missing(load: Statements) -> None:
    load(ONE, JULY_1)
    load(ONE, JULY_8, begins=JULY_2)
    load(ONE, JULY_9)
    assert [day for _, day, _ in lacking(load.db)] == [JULY_2, JULY_3, JULY_7, JULY_8, JULY_10]
    assert nav_sessions(load.db, Period(JULY_1, JULY_10)) == {ONE: {JULY_1, JULY_9}}


def test_a_nav_over_a_holiday_and_a_weekend_covers_the_session_after_it(load: Statements) -> None:
    load(ONE, JULY_3)
    load(ONE, JULY_7, begins=JULY_4)
    assert lacking(load.db, JULY_1, JULY_7) == []


class TestSections:
    def test_one_that_the_day_before_had_is_missing(self, load: Statements) -> None:
        load(ONE, JULY_7)
        load(ONE, JULY_8, sections=("Trades", "CashTransactions"))
        load(ONE, JULY_9)
        assert lacking(load.db, JULY_1, JULY_9) == [(ONE, JULY_8, "option eae in the statements")]

    def test_one_that_was_never_asked_for_is_not(self, load: Statements) -> None:
        load(ONE, JULY_7, JULY_8, sections=("Trades",))
        load(ONE, JULY_9)
        assert lacking(load.db, JULY_1, JULY_9) == []

    def test_one_that_the_story_does_not_need_is_not(self, load: Statements) -> None:
        load(ONE, JULY_7, sections=(*STORY_SECTIONS, "OpenPositions"))
        load(ONE, JULY_8)
        assert lacking(load.db, JULY_1, JULY_8) == []

    def test_it_is_looked_for_over_a_weekend_and_from_before_the_range(self, load: Statements) -> None:
        load(ONE, JULY_3, JULY_4)
        load(ONE, JULY_7, sections=STORY_SECTIONS[:2])
        assert lacking(load.db, JULY_7, JULY_7) == [(ONE, JULY_7, "cash transactions in the statements")]

    def test_one_that_ends_on_a_holiday_is_missing_from_the_session_after_it(self, load: Statements) -> None:
        load(ONE, JULY_3)
        load(ONE, JULY_4, JULY_7, sections=STORY_SECTIONS[:2])
        assert lacking(load.db)[0] == (ONE, JULY_7, "cash transactions in the statements")
        assert lacking(load.db, JULY_7, JULY_7) == [(ONE, JULY_7, "cash transactions in the statements")]
        assert lacking(load.db, JULY_1, JULY_3) == []

    def test_another_accounts_sections_do_not_count(self, load: Statements) -> None:
        load(ONE, JULY_7)
        load(OTHER, JULY_7, JULY_8, sections=())
        load(ONE, JULY_8)
        assert lacking(load.db, JULY_1, JULY_8) == []


def test_an_account_can_be_asked_for_alone(load: Statements) -> None:
    load(ONE, JULY_7, JULY_9)
    load(OTHER, JULY_7, JULY_9)
    assert missing(load.db, Period(JULY_7, JULY_9), OTHER) == [Missing(OTHER, JULY_8)]


def test_what_is_missing_is_named_without_the_whole_account() -> None:
    assert str(Missing(ONE, JULY_8)) == "2025-07-08 U…0001: no official NAV in the statements"
    assert (
        str(Missing(ONE, JULY_8, "option eae in the statements"))
        == "2025-07-08 U…0001: no option eae in the statements"
    )


def test_a_range_without_any_nav_is_reported_and_one_accounts_nav_is_enough(load: Statements) -> None:
    load(ONE, JULY_7)
    assert nothing_to_build(load.db, Period(JULY_1, JULY_7)) is None
    sentence = nothing_to_build(load.db, Period(JULY_8, JULY_10))
    assert sentence.startswith("no official NAV for 3 sessions: 2025-07-08, 2025-07-09, 2025-07-10. Load statements")


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


def test_the_first_session_is_the_first_that_can_be_built_of_any_account(load: Statements) -> None:
    assert first_session(load.db) is None
    load(ONE, JULY_10)
    assert first_session(load.db) == JULY_10
    load(OTHER, JULY_9, begins=JULY_1)
    assert first_session(load.db) == JULY_10, "the NAV of a range is no session's"
    load(OTHER, JULY_7, JULY_8)
    assert first_session(load.db) == JULY_7, "older statements move it back"


def test_the_first_session_is_the_one_after_a_nav_that_is_only_an_opening(load: Statements) -> None:
    nav = row("EquitySummaryByReportDateInBase", accountId=ONE, currency="HKD", reportDate="20250703", total="1")
    built = statement(section("EquitySummaryInBase", nav), account=ONE, first="20250703", last="20250703")
    load_file(load.db, write(load.folder / "nav.xml", document(built)))
    assert first_session(load.db) == JULY_7, "the 4th is a holiday"


def test_where_no_nav_is_loaded_the_first_session_is_the_first_of_any_statement(load: Statements) -> None:
    built = statement(section("Trades"), account=ONE, first="20250704", last="20250708")
    load_file(load.db, write(load.folder / "trades.xml", document(built)))
    assert first_session(load.db) == JULY_7
