"""A kill at any step from the request to the deleted file: real processes, a real server, a real PostgreSQL."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from datetime import timedelta
from hashlib import sha256
from pathlib import Path

import psycopg
import pytest

from fntx_dagster.model.period import Period
from fntx_dagster.services.archiving.choosing import archive_of
from fntx_dagster.services.archiving.in_a_store import StoreArchive
from fntx_dagster.services.fetching import fetch
from fntx_dagster.services.loading import statements_folder
from fntx_dagster.settings import Settings
from fntx_dagster.simulate.account import Account
from fntx_dagster.store.database import Database
from fntx_dagster.store.server import database_url
from tests.object_store import files_in_store
from tests.services.fetched import (
    MINE,
    Evening,
    broker_of,
    files,
    refresh,
    settings_for,
)

FORKS = """
import json, os, signal, sys
from datetime import date, datetime

import psycopg
import s3fs

from fntx_dagster.model.period import Period
from fntx_dagster.services.fetching import fetch, retire
from fntx_dagster.adapters.objects.store import ObjectStore
from fntx_dagster.services.archiving.choosing import archive_of
from fntx_dagster.settings import Settings
from fntx_dagster.store.database import Database
from fntx_dagster.store.raw_flex.statements import load_paths

commit, put_new = psycopg.Connection.commit, ObjectStore.put_new

def run(said):
    folder, steps = said["folder"], 0

    def count():
        nonlocal steps
        steps += 1
        if steps == said["step"]:
            os.kill(os.getpid(), signal.SIGKILL)

    def watch(event, arguments):
        writes = event == "open" and isinstance(arguments[1], str) and set(arguments[1]) & set("wxa+")
        if (writes or event in ("os.rename", "os.remove", "os.link")) and folder in str(arguments[0]):
            count()

    def counted(self):
        count()
        commit(self)
        count()

    def put(self, name, file):
        count()
        is_new = put_new(self, name, file)
        count()
        return is_new

    psycopg.Connection.commit, ObjectStore.put_new = counted, put
    settings = Settings(**said["settings"])
    db, day = Database(said["database"]), date.fromisoformat(said["day"])
    sys.addaudithook(watch)
    fetch(settings, db, Period.on(day), datetime.fromisoformat(said["now"]), lambda line: None)
    loads = load_paths(db, archive_of(settings, db).statements())
    assert not [load.error for load in loads if load.error]
    retire(settings, db, loads)

for line in sys.stdin:
    if (pid := os.fork()) == 0:
        run(json.loads(line))
        sys.exit()
    print(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), flush=True)
"""
"""Each line is a process of its own, by fork: importing takes longer than what it does."""

CONTENT = """
select coalesce(md5(string_agg(content::text, '|' order by content::text)), '') from (
    select account_id, row_key, row_date, attributes, withdrawn_at is null from raw_flex.{}
) as content
"""


def content(url: str) -> list[str]:
    with psycopg.connect(url) as connection:
        tables = ("trades", "option_eae", "cash_transactions", "change_in_nav", "equity_summary", "open_positions")
        digests = [connection.execute(CONTENT.format(table)).fetchone()[0] for table in tables]
        days = connection.execute("select count(*), max(day) from raw_flex.coverage").fetchone()
        return [*digests, str(days)]


IN_MINUTES = pytest.mark.skipif(
    os.environ.get("FNTX_TEST_PROFILE") != "search", reason="takes minutes: FNTX_TEST_PROFILE=search runs it"
)


@pytest.fixture(params=["folder", pytest.param("object store", marks=IN_MINUTES)])
def shelf(request: pytest.FixtureRequest, tmp_path: Path) -> Shelf:
    is_folder = request.param == "folder"
    return FolderShelf(tmp_path) if is_folder else StoreShelf(tmp_path, request.getfixturevalue("bucket"))


def test_a_kill_at_any_step_of_fetch_write_load_delete_loses_no_file_and_changes_nothing_in_the_end(
    postgres: str, database: Database, books: list[Account], evening: Evening, shelf: Shelf, forks: Forks
) -> None:
    """The steps: every file opened for writing, linked, renamed or removed in the folder, both sides of every object
    that is put, and both sides of every commit. The day before is loaded; today's file was fetched once, and is
    fetched again before it is loaded."""
    with broker_of(books, evening) as broker:
        base = settings_for(broker, shelf.home("base"), {"mine": MINE}, **shelf.more("base"))
        refresh(base, database, evening)
        evening.day += timedelta(days=1)
        fetch(base, database, Period.on(evening.day), evening.fetched_at, lambda line: None)
        there = shelf.contents(base, database)
        template = psycopg.conninfo.conninfo_to_dict(database.url)["dbname"]

        def copy(name: str) -> tuple[Settings, str]:
            shelf.copy("base", name)
            database.close()
            with psycopg.connect(postgres, autocommit=True) as connection:
                connection.execute(f"create database {template}_{name} template {template}")
            settings = settings_for(broker, shelf.home(name), {"mine": MINE}, **shelf.more(name))
            return settings, database_url(postgres, f"{template}_{name}")

        undisturbed, url = copy("undisturbed")
        assert forks.run(undisturbed, url, evening, 0) == 0
        expected, steps = content(url), 0
        names = shelf.names(undisturbed, Database(url))
        assert names == ["2025/07/Activity_mine_MTD_20250719.xml"]
        while True:
            settings, url = copy(f"killed_{steps + 1}")
            code = forks.run(settings, url, evening, steps + 1)
            if code == 0:
                break
            steps += 1
            assert code == -signal.SIGKILL
            assert there & shelf.contents(settings, Database(url)), f"step {steps} lost the month"
            assert forks.run(settings, url, evening, 0) == 0
            assert shelf.names(settings, Database(url)) == names, f"step {steps}"
            assert content(url) == expected, f"step {steps}"
            shelf.prove(settings, Database(url))
        assert steps >= 9, "the steps were not found"


class Shelf:
    """Copies of an archive, and what is in them."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def home(self, name: str) -> Path:
        return self._folder / name

    def more(self, name: str) -> dict[str, object]:
        return {}

    def copy(self, source: str, target: str) -> None:
        shutil.copytree(self.home(source), self.home(target))

    def contents(self, settings: Settings, db: Database) -> set[str]:
        """Hashes of what is there whole."""
        raise NotImplementedError

    def names(self, settings: Settings, db: Database) -> list[str]:
        raise NotImplementedError

    def prove(self, settings: Settings, db: Database) -> None:
        """That nothing in it is half there."""


class FolderShelf(Shelf):
    def contents(self, settings: Settings, db: Database) -> set[str]:
        return {sha256(path.read_bytes()).hexdigest() for path in statements_folder(settings).rglob("*.xml*")}

    def names(self, settings: Settings, db: Database) -> list[str]:
        return files(settings)


class StoreShelf(Shelf):
    def __init__(self, folder: Path, bucket: str) -> None:
        super().__init__(folder)
        self._bucket = bucket

    def more(self, name: str) -> dict[str, object]:
        return {"folder": f"s3://{self._bucket}/{name}"}

    def copy(self, source: str, target: str) -> None:
        super().copy(source, target)
        store = files_in_store()
        for path in store.find(f"{self._bucket}/{source}/"):
            store.copy(path, path.replace(f"/{source}/", f"/{target}/", 1))

    def contents(self, settings: Settings, db: Database) -> set[str]:
        read = [statement.open().read() for statement in self._archive(settings, db).statements()]
        return {sha256(content).hexdigest() for content in read}

    def names(self, settings: Settings, db: Database) -> list[str]:
        assert [path for path in settings.paths.receiving.rglob("*") if not path.name.startswith(".")] == []
        return [listed.name for listed in self._archive(settings, db).listed()]

    def prove(self, settings: Settings, db: Database) -> None:
        for found in self._archive(settings, db).store.objects("statements"):
            with files_in_store().open(f"{settings.flex.folder}/{found.name}") as file:
                assert found.name == f"statements/{sha256(file.read()).hexdigest()}.xml"

    def _archive(self, settings: Settings, db: Database) -> StoreArchive:
        archive = archive_of(settings, db)
        assert isinstance(archive, StoreArchive)
        return archive


class Forks:
    """Processes that fetch, load and delete as the platform does."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process

    def run(self, settings: Settings, url: str, evening: Evening, step: int) -> int:
        """The exit code of one that is killed at a step, or goes on to the end (0)."""
        said = {
            "settings": {
                "home": str(settings.home),
                "flex": {
                    "tokens": {"mine": MINE},
                    "queries": settings.flex.queries,
                    "url": settings.flex.url,
                    "wait": 0.05,
                    **({"folder": str(settings.flex.folder)} if settings.flex.folder else {}),
                },
            },
            "database": url,
            "day": evening.day.isoformat(),
            "now": evening.fetched_at.isoformat(),
            "folder": str(settings.paths.receiving if settings.flex.folder else statements_folder(settings)),
            "step": step,
        }
        assert self._process.stdin
        assert self._process.stdout
        self._process.stdin.write(f"{json.dumps(said)}\n")
        self._process.stdin.flush()
        return int(self._process.stdout.readline())


@pytest.fixture
def forks() -> Iterator[Forks]:
    command = [sys.executable, "-c", FORKS]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        yield Forks(process)
