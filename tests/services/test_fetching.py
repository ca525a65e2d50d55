"""Statements from the web service to the tables and the folder: a real server on loopback, a real PostgreSQL."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest

from fntx_dagster.adapters.flex import archive
from fntx_dagster.adapters.flex.answers import NotServed
from fntx_dagster.adapters.flex.pace import SystemClock
from fntx_dagster.errors import Permanent
from fntx_dagster.model.period import Period
from fntx_dagster.services.fetching import configured, fetch, months, overdue, retire
from fntx_dagster.services.loading import statements_folder
from fntx_dagster.settings import Settings
from fntx_dagster.simulate.account import Account
from fntx_dagster.simulate.delivery import ACTIVITY, answers
from fntx_dagster.simulate.webservice import WebService
from fntx_dagster.simulate.webservice_faults import Fault, body, refuse
from fntx_dagster.store.database import Database
from fntx_dagster.store.raw_flex import fetches
from fntx_dagster.store.raw_flex.fetches import Fetch
from fntx_dagster.store.raw_flex.statements import load_paths
from tests.adapters.flex.clock import FakeClock
from tests.services.fetched import (
    MINE,
    THEIRS,
    Evening,
    broker_of,
    files,
    refresh,
    settings_for,
)


@pytest.fixture(autouse=True)
def clock(monkeypatch: pytest.MonkeyPatch) -> FakeClock:
    """Nobody waits for a token's turn."""
    clock = FakeClock()
    monkeypatch.setattr(SystemClock, "now", lambda _: clock.now())
    monkeypatch.setattr(SystemClock, "elapsed", lambda _: clock.elapsed())
    monkeypatch.setattr(SystemClock, "sleep", lambda _, seconds: clock.sleep(seconds))
    return clock


@pytest.fixture
def broker(books: list[Account], evening: Evening) -> Iterator[WebService]:
    with broker_of(books, evening) as service:
        yield service


@pytest.fixture
def settings(broker: WebService, tmp_path: Path) -> Settings:
    return settings_for(broker, tmp_path, {"mine": MINE})


def test_a_file_is_named_after_its_query_its_month_and_the_day_it_was_fetched_in_hong_kong(
    settings: Settings, database: Database, evening: Evening
) -> None:
    assert refresh(settings, database, evening) == ["mine: Activity_mine, 2025-07-01 to 2025-07-17: fetched"]
    assert files(settings) == ["2025/07/Activity_mine_MTD_20250718.xml"]


def test_the_newer_file_of_a_month_replaces_the_older_one_once_it_is_loaded(
    settings: Settings, database: Database, evening: Evening
) -> None:
    refresh(settings, database, evening)
    evening.day += timedelta(days=1)
    refresh(settings, database, evening)
    assert files(settings) == ["2025/07/Activity_mine_MTD_20250719.xml"]


def test_a_file_fetched_twice_on_a_day_is_replaced_and_nothing_stays_beside_it(
    settings: Settings, database: Database, evening: Evening
) -> None:
    refresh(settings, database, evening)
    refresh(settings, database, evening)
    assert files(settings) == ["2025/07/Activity_mine_MTD_20250718.xml"]


def get(settings: Settings, db: Database, evening: Evening) -> None:
    """Fetch, and do not load."""
    fetch(settings, db, Period.on(evening.day), evening.fetched_at, lambda line: None)


def load_and_retire(settings: Settings, db: Database) -> list[str]:
    """The names of the deleted files."""
    return sorted(path.name for path in retire(settings, db, load_paths(db, [statements_folder(settings)])))


def badly(broker: WebService, books: list[Account], day: date) -> Fault:
    """The next statement holds a quantity that is no number."""
    whole = b"".join(answers({MINE: books[:1]}, lambda: day)(MINE, ACTIVITY, day.replace(day=1), day))
    return body(whole.replace(b'quantity="', b'quantity="x', 1))


def test_a_failed_update_keeps_both_files_and_a_good_one_of_a_later_day_replaces_them(
    settings: Settings, broker: WebService, books: list[Account], database: Database, evening: Evening
) -> None:
    refresh(settings, database, evening)
    evening.day += timedelta(days=1)
    broker.will(badly(broker, books, evening.day))
    get(settings, database, evening)
    assert load_and_retire(settings, database) == []
    get(settings, database, evening)
    assert len(files(settings)) == 3, "the file that is not loaded stays beside the one that takes its name"
    assert load_and_retire(settings, database) == ["Activity_mine_MTD_20250718.xml"], "of the same day as the good one"
    sunday = Evening(evening.day + timedelta(days=1))
    get(settings, database, sunday)
    load_and_retire(settings, database)
    assert files(settings) == ["2025/07/Activity_mine_MTD_20250720.xml"]


def test_a_bad_file_that_nobody_fetched_and_one_copied_in_after_the_load_are_never_deleted(
    settings: Settings, database: Database, evening: Evening
) -> None:
    refresh(settings, database, evening)
    folder = statements_folder(settings) / "2025/07"
    (folder / "Activity_mine_MTD_20250710.xml").write_text("<html>Please log in</html>")
    loads = load_paths(database, [statements_folder(settings)])
    (folder / "Activity_mine_MTD_20250711.xml").write_bytes(
        (folder / "Activity_mine_MTD_20250718.xml").read_bytes() + b"\n"
    )
    assert retire(settings, database, loads) == []


def test_a_loaded_file_is_kept_when_another_run_replaces_it_before_it_is_retired(
    settings: Settings, broker: WebService, books: list[Account], database: Database, evening: Evening
) -> None:
    get(settings, database, evening)
    loads = load_paths(database, [statements_folder(settings)])
    broker.will(badly(broker, books, evening.day))
    get(settings, database, evening)
    assert retire(settings, database, loads) == []
    assert files(settings) == [
        "2025/07/Activity_mine_MTD_20250718.xml",
        "2025/07/Activity_mine_MTD_20250718.xml.previous-1",
    ]


def test_a_file_that_another_run_is_about_to_replace_is_kept_beside_it(
    settings: Settings, database: Database, evening: Evening
) -> None:
    get(settings, database, evening)
    aside = archive.set_aside(statements_folder(settings) / "2025/07/Activity_mine_MTD_20250718.xml")
    assert load_and_retire(settings, database) == []
    assert aside.exists()


def test_a_download_that_fails_leaves_nothing_beside_the_file(
    settings: Settings, broker: WebService, database: Database, evening: Evening
) -> None:
    refresh(settings, database, evening)
    broker.will(refuse(1003))
    get(settings, database, evening)
    assert files(settings) == ["2025/07/Activity_mine_MTD_20250718.xml"]


def test_a_file_with_a_day_of_an_account_that_the_newer_one_lacks_is_kept(
    settings: Settings, database: Database, books: list[Account]
) -> None:
    """Both cover the same accounts, and the same first and last day."""

    def put(name: str, *built: tuple[int, date, date]) -> None:
        folder = statements_folder(settings) / "2025/07"
        folder.mkdir(parents=True, exist_ok=True)
        pieces = [books[number].number for number, _, _ in built]
        inner = "".join(
            f'<FlexStatement accountId="{account}" fromDate="{first:%Y%m%d}" toDate="{last:%Y%m%d}" period="" '
            f'whenGenerated="20250718;050000"></FlexStatement>'
            for account, (_, first, last) in zip(pieces, built, strict=True)
        )
        (folder / name).write_text(
            f'<FlexQueryResponse queryName="{name}" type="AF"><FlexStatements count="{len(built)}">{inner}'
            "</FlexStatements></FlexQueryResponse>"
        )

    first, middle, last = date(2025, 7, 1), date(2025, 7, 10), date(2025, 7, 17)
    put("Activity_mine_MTD_20250718.xml", (0, first, last), (1, first, last))
    put("Activity_mine_MTD_20250719.xml", (0, first, last), (1, first, middle))
    assert load_and_retire(settings, database) == []
    put("Activity_mine_MTD_20250720.xml", (0, first, last), (1, first, middle), (1, middle, last))
    assert load_and_retire(settings, database) == ["Activity_mine_MTD_20250718.xml", "Activity_mine_MTD_20250719.xml"]


def test_the_last_file_of_a_month_is_its_archive(settings: Settings, database: Database, evening: Evening) -> None:
    evening.day = date(2025, 6, 30)
    refresh(settings, database, evening)
    evening.day = date(2025, 7, 1)
    refresh(settings, database, evening)
    assert files(settings) == ["2025/06/Activity_mine_MTD_20250701.xml", "2025/07/Activity_mine_MTD_20250702.xml"]


def test_a_newer_file_that_covers_less_does_not_replace_an_older_one(
    settings: Settings, database: Database, evening: Evening
) -> None:
    refresh(settings, database, evening)
    folder = statements_folder(settings) / "2025/07"
    evening.day = date(2025, 7, 10)
    fetch(settings, database, Period.on(evening.day), evening.fetched_at, lambda line: None)
    shorter = folder / "Activity_mine_MTD_20250711.xml"
    shorter.rename(folder / "Activity_mine_MTD_20250730.xml")
    assert retire(settings, database, load_paths(database, [statements_folder(settings)])) == []


def test_everything_is_kept_where_the_settings_say_so(
    broker: WebService, tmp_path: Path, database: Database, evening: Evening
) -> None:
    settings = settings_for(broker, tmp_path, {"mine": MINE}, keep_files=True)
    refresh(settings, database, evening)
    evening.day += timedelta(days=1)
    refresh(settings, database, evening)
    for _ in range(2):
        refresh(settings, database, evening)
    assert len(files(settings)) == 4, "those of one day too"


def test_a_persons_own_file_is_never_deleted(settings: Settings, database: Database, evening: Evening) -> None:
    refresh(settings, database, evening)
    folder = statements_folder(settings) / "2025/07"
    shutil.copy(folder / "Activity_mine_MTD_20250718.xml", folder / "Mine_MTD_20250717.xml")
    (folder / "Mine_MTD_20250718.xml").write_bytes((folder / "Mine_MTD_20250717.xml").read_bytes() + b"\n")
    assert retire(settings, database, load_paths(database, [statements_folder(settings)])) == []


def test_a_range_over_two_months_fetches_each_month_once(
    settings: Settings, broker: WebService, database: Database, evening: Evening
) -> None:
    refresh(settings, database, evening, first=date(2025, 6, 10))
    periods = [(asked.first, asked.last) for asked in broker.asked if asked.stage == "SendRequest"]
    assert periods == [(date(2025, 6, 1), date(2025, 6, 30)), (date(2025, 7, 1), date(2025, 7, 17))]


def test_a_long_range_that_was_interrupted_continues_where_it_stopped(
    settings: Settings, broker: WebService, database: Database, evening: Evening
) -> None:
    june, july = date(2025, 6, 2), date(2025, 7, 2)
    refresh(settings, database, evening, first=june)
    said = refresh(settings, database, evening, first=june)
    assert [line.rsplit(": ", 1)[1] for line in said] == ["fetched a short while ago", "fetched"]
    assert [asked.first for asked in broker.asked if asked.stage == "SendRequest"] == [
        june.replace(day=1),
        july.replace(day=1),
        july.replace(day=1),
    ]


def test_a_month_without_a_session_that_is_over_is_not_fetched() -> None:
    now = datetime(2025, 8, 1, 12, tzinfo=UTC)
    assert list(months(Period(date(2025, 8, 1), date(2025, 8, 31)), now)) == []
    assert [month.last for month in months(Period(date(2025, 7, 1), date(2025, 8, 31)), now)] == [date(2025, 7, 31)]


def test_a_refused_token_does_not_stop_another_and_is_tried_once(
    broker: WebService, tmp_path: Path, database: Database, evening: Evening
) -> None:
    settings = settings_for(broker, tmp_path, {"mine": MINE, "theirs": THEIRS})
    broker.expired.add(THEIRS)
    said = refresh(settings, database, evening, first=date(2025, 6, 10))
    assert [line for line in said if "theirs" in line and "expired" in line] == [
        line for line in said if "theirs" in line
    ]
    assert len([line for line in said if line.endswith("fetched")]) == 2
    assert len([asked for asked in broker.asked if asked.token == THEIRS]) == 1
    outcomes = {(fetch.login, fetch.outcome, fetch.code) for fetch in fetches.latest(database)}
    assert outcomes == {("mine", "fetched", None), ("theirs", "refused", 1012)}


@pytest.mark.parametrize("code", [1001, 1018])
def test_a_throttled_token_sends_no_other_request_in_this_run(
    broker: WebService, tmp_path: Path, database: Database, evening: Evening, code: int
) -> None:
    settings = settings_for(broker, tmp_path, {"mine": MINE, "theirs": THEIRS})
    broker.will(*[refuse(code)] * 4, token=THEIRS)
    said = refresh(settings, database, evening, first=date(2025, 6, 10))
    assert [f"code {code}" in line for line in said if line.startswith("theirs")] == [True, True]
    assert len([asked for asked in broker.asked if asked.token == THEIRS]) <= 4
    assert {fetch.outcome for fetch in fetches.latest(database) if fetch.login == "theirs"} == {"failed"}


def test_a_network_that_is_down_is_tried_once_per_token(
    broker: WebService, tmp_path: Path, database: Database, evening: Evening
) -> None:
    settings = settings_for(broker, tmp_path, {"mine": MINE})
    nowhere = settings.flex.model_copy(update={"url": "http://127.0.0.1:9/nothing", "deadline": 1})
    settings = settings.model_copy(update={"flex": nowhere})
    lines: list[str] = []
    fetched = fetch(settings, database, Period(date(2025, 6, 10), evening.day), evening.fetched_at, lines.append)
    assert [type(result.error) for result in fetched] == [NotServed, NotServed]
    assert fetched[0].error is fetched[1].error


def test_a_folder_that_cannot_be_written_is_named_and_remembered_and_the_other_month_arrives(
    settings: Settings, database: Database, evening: Evening
) -> None:
    (statements_folder(settings) / "2025").mkdir(parents=True)
    (statements_folder(settings) / "2025/06").write_text("a file")
    said = refresh(settings, database, evening, first=date(2025, 6, 10))
    assert "cannot write the folder" in said[0]
    assert "2025/06" in said[0]
    assert said[1].endswith("fetched")
    [june] = fetches.latest_of(database, Period(date(2025, 6, 1), date(2025, 6, 30)))
    assert june.outcome == "refused"


def test_a_fetch_is_remembered_with_its_time(settings: Settings, database: Database, evening: Evening) -> None:
    refresh(settings, database, evening)
    [asked] = fetches.latest(database)
    assert timedelta() <= asked.asked_at - evening.fetched_at < timedelta(minutes=1)


def test_a_fetch_is_remembered_without_the_token(
    settings: Settings, broker: WebService, database: Database, evening: Evening
) -> None:
    broker.will(refuse(1003, message="Nothing for {token}"))
    said = refresh(settings, database, evening)
    [fetch] = fetches.latest(database)
    assert fetch.outcome == "no_data"
    assert MINE not in repr(fetch) + said[0]


@pytest.mark.parametrize(
    ("tokens", "queries", "said"),
    [
        ({"a": "1"}, {}, "name different things: a"),
        ({}, {"b": {"Trades": "1"}}, "name different things: b"),
        ({"a": "1", "b": "2"}, {"a": {"Trades": "1"}, "b": {"Trades": "2"}}, "a and b both have a query named Trades"),
    ],
)
def test_settings_that_do_not_fit_together_say_so(
    tokens: dict[str, str], queries: dict[str, dict[str, str]], said: str
) -> None:
    with pytest.raises(Permanent, match=said):
        configured(Settings(flex={"tokens": tokens, "queries": queries}))


class TestOverdueSessions:
    def test_nothing_without_queries(self, database: Database, tmp_path: Path) -> None:
        result = overdue(Settings(home=tmp_path), database, datetime.now(UTC))
        assert result.days == []
        assert "no Flex queries" in result.reason

    def test_the_due_session_before_anything_was_asked(
        self, settings: Settings, database: Database, evening: Evening
    ) -> None:
        assert overdue(settings, database, evening.fetched_at).days == [date(2025, 7, 17)]

    def test_nothing_when_everything_is_there(self, settings: Settings, database: Database, evening: Evening) -> None:
        refresh(settings, database, evening)
        assert overdue(settings, database, evening.fetched_at).reason == "nothing is missing up to 2025-07-17"

    def test_the_oldest_month_first_after_an_outage(
        self, settings: Settings, database: Database, evening: Evening
    ) -> None:
        evening.day = date(2025, 6, 26)
        refresh(settings, database, evening)
        evening.day = date(2025, 7, 17)
        assert overdue(settings, database, evening.fetched_at).days == [date(2025, 6, 27), date(2025, 6, 30)]
        refresh(settings, database, Evening(date(2025, 6, 30)))
        assert overdue(settings, database, evening.fetched_at).days[0] == date(2025, 7, 1)

    def test_sessions_that_were_asked_for_a_short_while_ago_wait(
        self, settings: Settings, database: Database, evening: Evening
    ) -> None:
        refresh(settings, database, evening)
        friday = date(2025, 7, 18)  # asked for, and the broker has nothing beyond Thursday yet
        fetch(settings, database, Period.on(friday), datetime(2025, 7, 19, 8, 30, tzinfo=UTC), lambda line: None)
        result = overdue(settings, database, datetime(2025, 7, 19, 9, tzinfo=UTC))
        assert result.days == []
        assert "2025-07-18 missing, asked for a short while ago" in result.reason
        assert overdue(settings, database, datetime(2025, 7, 19, 10, tzinfo=UTC)).days == [date(2025, 7, 18)]

    def test_an_account_whose_token_is_refused_is_not_tried_every_hour(
        self, broker: WebService, tmp_path: Path, database: Database, evening: Evening
    ) -> None:
        settings = settings_for(broker, tmp_path, {"mine": MINE, "theirs": THEIRS})
        refresh(settings, database, evening)
        broker.expired.add(THEIRS)
        evening.day = date(2025, 7, 18)
        refresh(settings, database, evening)
        assert overdue(settings, database, evening.fetched_at + timedelta(hours=5)).days == []

    def test_a_query_that_never_answered_is_tried_again_after_an_hour_and_a_refused_one_after_a_day(
        self, settings: Settings, broker: WebService, database: Database, evening: Evening
    ) -> None:
        due, now = evening.day, evening.fetched_at
        broker.will(*[refuse(1018)] * 4)
        get(settings, database, evening)
        assert overdue(settings, database, now + timedelta(minutes=50)).days == []
        assert overdue(settings, database, now + timedelta(minutes=70)).days == [due]
        broker.expired.add(MINE)
        get(settings, database, evening)
        assert overdue(settings, database, now + timedelta(hours=14)).days == []

    def test_the_answers_of_a_query_that_is_no_longer_configured_do_not_count(
        self, settings: Settings, database: Database, evening: Evening
    ) -> None:
        refresh(settings, database, evening)
        friday = Evening(date(2025, 7, 18))
        get(settings, database, friday)
        now = friday.fetched_at + timedelta(minutes=30)
        long_ago = Fetch("gone", "Old", date(2025, 7, 1), friday.day, now - timedelta(days=3), "fetched")
        fetches.remember(database, long_ago)
        assert overdue(settings, database, now).days == []


def hole(db: Database, day: date) -> None:
    with db.connect() as connection:
        connection.execute("update raw_flex.equity_summary set withdrawn_at = now() where report_date = %s", [day])
        connection.execute("update raw_flex.change_in_nav set withdrawn_at = now() where row_date = %s", [day])


class TestRepeatedFetching:
    """A sensor that runs every seven minutes, and a fetch whenever it finds overdue sessions, over a day or two."""

    def fetched_months(
        self, settings: Settings, db: Database, since: datetime, until: datetime
    ) -> list[tuple[timedelta, date]]:
        fetched, now = [], since
        while now < until:
            if days := overdue(settings, db, now).days:
                fetched.append((now - since, days[0].replace(day=1)))
                fetch(settings, db, Period(days[0], days[-1]), now, lambda line: None)
            now += timedelta(minutes=7)
        return fetched

    def test_a_hole_in_a_month_that_is_over_is_fetched_once_a_day(
        self, settings: Settings, database: Database, evening: Evening
    ) -> None:
        evening.day = date(2025, 7, 1)
        refresh(settings, database, evening, first=date(2025, 6, 2))
        hole(database, date(2025, 6, 12))
        begin = evening.fetched_at
        fetched = self.fetched_months(settings, database, begin, datetime(2025, 7, 3, 12, tzinfo=UTC))
        assert [(when.days, month) for when, month in fetched if month == date(2025, 6, 1)] == [(1, date(2025, 6, 1))]

    def test_a_hole_in_the_whole_month_of_the_due_session_is_fetched_twice_a_day(
        self, settings: Settings, database: Database, evening: Evening
    ) -> None:
        evening.day = date(2025, 6, 30)
        refresh(settings, database, evening)
        hole(database, date(2025, 6, 12))
        begin = evening.fetched_at
        assert len(self.fetched_months(settings, database, begin, begin + timedelta(hours=22))) == 1

    def test_a_stuck_month_does_not_delay_a_newer_one(
        self, settings: Settings, database: Database, evening: Evening
    ) -> None:
        evening.day = date(2025, 7, 16)
        refresh(settings, database, evening, first=date(2025, 6, 2))
        hole(database, date(2025, 6, 12))
        begin = datetime(2025, 7, 18, 9, 30, tzinfo=UTC)
        fetched = self.fetched_months(settings, database, begin, begin + timedelta(minutes=20))
        assert [month for _, month in fetched] == [date(2025, 6, 1), date(2025, 7, 1)]
