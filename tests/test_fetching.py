"""Statements from the web service to the tables and the folder: a real server on loopback, a real PostgreSQL."""

from __future__ import annotations

import json
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import psycopg
import pytest

from fntx_dagster.errors import Permanent
from fntx_dagster.fetching import configured, fetch, months, overdue, retire, statements_folder
from fntx_dagster.settings import Settings
from fntx_dagster.simulate.broker import Account
from fntx_dagster.simulate.delivery import ACTIVITY, answers
from fntx_dagster.simulate.trading import trade
from fntx_dagster.simulate.webservice import WebService, refuse, serve
from fntx_dagster.store import fetches
from fntx_dagster.store.database import Database
from fntx_dagster.store.server import database_url
from fntx_dagster.store.statements import load_paths

FIRST, LAST = date(2025, 6, 2), date(2025, 7, 18)
MINE, THEIRS = "4711000000001", "4711000000002"


class Evening:
    """The broker's clock: which day has ended last."""

    def __init__(self, day: date) -> None:
        self.day = day

    @property
    def fetched_at(self) -> datetime:
        """17:00 in Hong Kong on the day after."""
        return datetime(self.day.year, self.day.month, self.day.day, 9, tzinfo=UTC) + timedelta(days=1)


@pytest.fixture(scope="module")
def books() -> list[Account]:
    return trade(7, ["U5000001", "U5000002"], FIRST, LAST, trades_per_day=4)


@pytest.fixture
def evening() -> Evening:
    return Evening(date(2025, 7, 17))


@pytest.fixture
def broker(books: list[Account], evening: Evening) -> Iterator[WebService]:
    customers = {MINE: books[:1], THEIRS: books[1:]}
    with serve(answers(customers, lambda: evening.day), {MINE: [ACTIVITY], THEIRS: [ACTIVITY]}) as service:
        yield service


@pytest.fixture
def settings(broker: WebService, tmp_path: Path) -> Settings:
    return settings_for(broker, tmp_path, {"mine": MINE})


def settings_for(broker: WebService, home: Path, tokens: dict[str, str], **more: object) -> Settings:
    return Settings(
        home=home,
        flex_tokens=tokens,
        flex_queries={login: {f"Activity_{login}": ACTIVITY} for login in tokens},
        flex_url=broker.url,
        flex_wait=0.05,
        flex_throttled_wait=0.1,
        flex_deadline=5,
        **more,
    )


def refresh(settings: Settings, db: Database, evening: Evening, first: date | None = None) -> list[str]:
    """Fetch, load and retire as the assets do; what was fetched, in words."""
    fetched = fetch(settings, db, first or evening.day, evening.day, evening.fetched_at, lambda line: None)
    loads = load_paths(db, [statements_folder(settings)])
    assert [load.error for load in loads if load.error] == []
    retire(settings, loads)
    return [str(one) for one in fetched]


def files(settings: Settings) -> list[str]:
    folder = statements_folder(settings)
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


def test_a_file_is_called_after_its_query_its_month_and_the_day_it_was_fetched_in_hong_kong(
    settings: Settings, database: Database, evening: Evening
) -> None:
    assert refresh(settings, database, evening) == ["mine: Activity_mine, 2025-07-01 to 2025-07-17: fetched"]
    assert files(settings) == ["2025/07/Activity_mine_MTD_20250718.xml"]


def test_the_newer_file_of_a_month_takes_the_older_ones_place_once_it_is_loaded(
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


def test_a_failed_update_keeps_both_files_and_the_next_good_one_replaces_them(
    settings: Settings, database: Database, evening: Evening
) -> None:
    refresh(settings, database, evening)
    evening.day += timedelta(days=1)
    fetch(settings, database, evening.day, evening.day, evening.fetched_at, lambda line: None)
    new = statements_folder(settings) / "2025/07/Activity_mine_MTD_20250719.xml"
    whole = new.read_bytes()
    new.write_bytes(whole.replace(b'quantity="', b'quantity="x', 1))
    loads = load_paths(database, [statements_folder(settings)])
    assert retire(settings, loads) == []
    assert len(files(settings)) == 2
    fetch(settings, database, evening.day, evening.day, evening.fetched_at, lambda line: None)
    assert len(files(settings)) == 3, "the file that is not loaded yet is kept beside what takes its name"
    loads = load_paths(database, [statements_folder(settings)])
    retire(settings, loads)
    assert files(settings) == ["2025/07/Activity_mine_MTD_20250719.xml"]


def test_the_last_file_of_a_month_is_its_archive(settings: Settings, database: Database, evening: Evening) -> None:
    evening.day = date(2025, 6, 30)
    refresh(settings, database, evening)
    evening.day = date(2025, 7, 1)
    refresh(settings, database, evening)
    assert files(settings) == ["2025/06/Activity_mine_MTD_20250701.xml", "2025/07/Activity_mine_MTD_20250702.xml"]


def test_a_newer_file_that_tells_less_does_not_take_an_older_ones_place(
    settings: Settings, database: Database, evening: Evening
) -> None:
    refresh(settings, database, evening)
    folder = statements_folder(settings) / "2025/07"
    evening.day = date(2025, 7, 10)
    fetch(settings, database, evening.day, evening.day, evening.fetched_at, lambda line: None)
    shorter = folder / "Activity_mine_MTD_20250711.xml"
    shorter.rename(folder / "Activity_mine_MTD_20250730.xml")
    assert retire(settings, load_paths(database, [statements_folder(settings)])) == []


def test_everything_is_kept_where_the_settings_say_so(
    broker: WebService, tmp_path: Path, database: Database, evening: Evening
) -> None:
    settings = settings_for(broker, tmp_path, {"mine": MINE}, keep_statements=True)
    refresh(settings, database, evening)
    evening.day += timedelta(days=1)
    refresh(settings, database, evening)
    assert len(files(settings)) == 2


def test_a_persons_own_file_is_never_deleted(settings: Settings, database: Database, evening: Evening) -> None:
    refresh(settings, database, evening)
    folder = statements_folder(settings) / "2025/07"
    shutil.copy(folder / "Activity_mine_MTD_20250718.xml", folder / "Mine_MTD_20250717.xml")
    (folder / "Mine_MTD_20250718.xml").write_bytes((folder / "Mine_MTD_20250717.xml").read_bytes() + b"\n")
    assert retire(settings, load_paths(database, [statements_folder(settings)])) == []


def test_a_range_over_two_months_asks_for_each_month_once(
    settings: Settings, broker: WebService, database: Database, evening: Evening
) -> None:
    refresh(settings, database, evening, first=date(2025, 6, 10))
    windows = [(asked.first, asked.last) for asked in broker.asked if asked.stage == "SendRequest"]
    assert windows == [(date(2025, 6, 1), date(2025, 6, 30)), (date(2025, 7, 1), date(2025, 7, 17))]


def test_a_long_range_that_was_cut_off_goes_on_where_it_stopped(
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


def test_a_month_without_a_session_that_is_over_is_not_asked_for() -> None:
    now = datetime(2025, 8, 1, 12, tzinfo=UTC)
    assert list(months(date(2025, 8, 1), date(2025, 8, 31), now)) == []
    assert [window.last for window in months(date(2025, 7, 1), date(2025, 8, 31), now)] == [date(2025, 7, 31)]


def test_a_refused_token_does_not_stop_another_and_is_asked_for_once(
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


def test_what_was_asked_is_remembered_without_the_token(
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
        ({"a": "1", "b": "2"}, {"a": {"Trades": "1"}, "b": {"Trades": "2"}}, "Trades stands under a and b"),
    ],
)
def test_settings_that_do_not_fit_together_say_so(
    tokens: dict[str, str], queries: dict[str, dict[str, str]], said: str
) -> None:
    with pytest.raises(Permanent, match=said):
        configured(Settings(flex_tokens=tokens, flex_queries=queries))


class TestWhatIsOverdue:
    def test_nothing_without_queries(self, database: Database, tmp_path: Path) -> None:
        found = overdue(Settings(home=tmp_path), database, datetime.now(UTC))
        assert found.days == []
        assert "no Flex queries" in found.reason

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

    def test_what_was_asked_for_a_short_while_ago_waits(
        self, settings: Settings, database: Database, evening: Evening
    ) -> None:
        refresh(settings, database, evening)
        friday = date(2025, 7, 18)  # asked for, and the broker has nothing beyond Thursday yet
        fetch(settings, database, friday, friday, datetime(2025, 7, 19, 8, 30, tzinfo=UTC), lambda line: None)
        with database.connect() as connection:
            connection.execute("update raw_flex.fetches set asked_at = '2025-07-19 08:30Z'")
        found = overdue(settings, database, datetime(2025, 7, 19, 9, tzinfo=UTC))
        assert found.days == []
        assert "2025-07-18 missing, asked for a short while ago" in found.reason
        assert overdue(settings, database, datetime(2025, 7, 19, 10, tzinfo=UTC)).days == [date(2025, 7, 18)]

    def test_an_account_whose_token_is_refused_is_not_asked_for_every_hour(
        self, broker: WebService, tmp_path: Path, database: Database, evening: Evening
    ) -> None:
        settings = settings_for(broker, tmp_path, {"mine": MINE, "theirs": THEIRS})
        refresh(settings, database, evening)
        broker.expired.add(THEIRS)
        evening.day = date(2025, 7, 18)
        refresh(settings, database, evening)
        assert overdue(settings, database, evening.fetched_at + timedelta(hours=5)).days == []


KILLED = """
import json, os, signal, sys
from datetime import date, datetime

folder, step = sys.argv[1], int(sys.argv[2])
steps = 0

def count():
    global steps
    steps += 1
    if steps == step:
        os.kill(os.getpid(), signal.SIGKILL)

def watch(event, arguments):
    writes = event == "open" and isinstance(arguments[1], str) and set(arguments[1]) & set("wxa+")
    if (writes or event in ("os.rename", "os.remove", "os.link")) and folder in str(arguments[0]):
        count()

import psycopg
commit = psycopg.Connection.commit
def counted(self):
    count()
    commit(self)
    count()
psycopg.Connection.commit = counted

from fntx_dagster.fetching import fetch, retire, statements_folder
from fntx_dagster.settings import Settings
from fntx_dagster.store.database import Database
from fntx_dagster.store.statements import load_paths

said = json.loads(sys.stdin.read())
settings = Settings(**said["settings"])
db, day = Database(said["database"]), date.fromisoformat(said["day"])
sys.addaudithook(watch)
fetch(settings, db, day, day, datetime.fromisoformat(said["now"]), lambda line: None)
loads = load_paths(db, [statements_folder(settings)])
assert not [load.error for load in loads if load.error]
retire(settings, loads)
"""

CONTENT = """
select coalesce(md5(string_agg(told::text, '|' order by told::text)), '') from (
    select account_id, row_key, row_date, attributes, withdrawn_at is null from raw_flex.{}
) as told
"""


def content(url: str) -> list[str]:
    with psycopg.connect(url) as connection:
        tables = ("trades", "option_eae", "cash_transactions", "change_in_nav", "equity_summary", "open_positions")
        found = [connection.execute(CONTENT.format(table)).fetchone()[0] for table in tables]
        days = connection.execute("select count(*), max(day) from raw_flex.coverage").fetchone()
        return [*found, str(days)]


def test_a_kill_at_any_step_of_fetch_write_load_delete_loses_no_file_and_changes_nothing_in_the_end(
    postgres: str, database: Database, broker: WebService, evening: Evening, tmp_path: Path
) -> None:
    """The steps: every file opened for writing, linked, renamed or removed in the folder, and both sides of every
    commit. The day before is loaded; today's file was fetched once, and is fetched again before it is loaded."""
    base = settings_for(broker, tmp_path / "base", {"mine": MINE})
    refresh(base, database, evening)
    evening.day += timedelta(days=1)
    fetch(base, database, evening.day, evening.day, evening.fetched_at, lambda line: None)
    there = {path.read_bytes() for path in statements_folder(base).rglob("*.xml")}
    template = psycopg.conninfo.conninfo_to_dict(database.url)["dbname"]

    def copy(name: str) -> tuple[Settings, str]:
        shutil.copytree(base.home, tmp_path / name)
        with psycopg.connect(postgres, autocommit=True) as connection:
            connection.execute(f"create database {template}_{name} template {template}")
        return settings_for(broker, tmp_path / name, {"mine": MINE}), database_url(postgres, f"{template}_{name}")

    undisturbed, url = copy("undisturbed")
    assert child(undisturbed, url, evening, 0).returncode == 0
    expected, steps = content(url), 0
    while True:
        settings, url = copy(f"killed_{steps + 1}")
        killed = child(settings, url, evening, steps + 1)
        if killed.returncode == 0:
            break
        steps += 1
        assert killed.returncode == -signal.SIGKILL, killed.stderr
        kept = [path.read_bytes() for path in statements_folder(settings).rglob("*.xml*")]
        assert there & set(kept), f"step {steps} lost the month"
        assert child(settings, url, evening, 0).returncode == 0
        assert files(settings) == files(undisturbed) == ["2025/07/Activity_mine_MTD_20250719.xml"], f"step {steps}"
        assert content(url) == expected, f"step {steps}"
    assert steps >= 9, "the steps were not found"


def child(settings: Settings, url: str, evening: Evening, step: int) -> subprocess.CompletedProcess[str]:
    said = {
        "settings": {
            "home": str(settings.home),
            "flex_tokens": {"mine": MINE},
            "flex_queries": settings.flex_queries,
            "flex_url": settings.flex_url,
            "flex_wait": 0.05,
        },
        "database": url,
        "day": evening.day.isoformat(),
        "now": evening.fetched_at.isoformat(),
    }
    folder = str(statements_folder(settings))
    return subprocess.run(
        [sys.executable, "-c", KILLED, folder, str(step)], input=json.dumps(said), capture_output=True, text=True
    )
