"""Loading lists: whole or not at all, whatever happens meanwhile."""

from __future__ import annotations

import os
import signal
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path

import psycopg
import pytest

from fntx_dagster.compliance.rows import ListRefused
from fntx_dagster.errors import Permanent
from fntx_dagster.services.screening.list_files import ListFile
from fntx_dagster.services.screening.lists import load_list, standings
from fntx_dagster.settings import Settings
from fntx_dagster.store.database import Database
from tests.compliance.labelled import VECTORS
from tests.forked import FORKED
from tests.services.screening.conftest import BY, ROWS, write_list


def held(db: Database) -> list[str]:
    with db.connect() as connection:
        found = connection.execute("select entity_id from treasury.list_entity order by list_name, row_no")
        return [row[0] for row in found]


def many(count: int, word: str) -> list[str]:
    return [f"{word}-{number},Person,{word} Number {number},,," for number in range(count)]


def test_both_formats_are_loaded_with_the_hashes_of_their_files(settings: Settings, database: Database) -> None:
    simple = load_list(settings, database, VECTORS / "targets.simple.csv", by=BY, dated_at=datetime.now(UTC)).version
    ofac = load_list(settings, database, VECTORS / "sdn.csv", by=BY, dated_at=datetime.now(UTC)).version
    assert (simple.list_name, simple.entities, simple.names) == ("opensanctions", 6, 14)
    assert simple.files == {"targets.simple.csv": simple.version}
    assert (ofac.list_name, ofac.entities, [*ofac.files]) == ("ofac", 6, ["sdn.csv", "alt.csv"])
    assert [each.problem for each in standings(settings, database)] == ["", ""]
    assert len(held(database)) == 12


def test_a_list_that_shrank_or_has_a_fault_leaves_the_one_before(
    settings: Settings, loaded: Database, tmp_path: Path
) -> None:
    path = tmp_path / "list.csv"
    for rows in (ROWS[:1], (*ROWS, ROWS[0]), (*ROWS, "NK-9,Person,Only three"), ()):
        with pytest.raises(ListRefused):
            load_list(settings, loaded, write_list(path, *rows), by=BY)
        assert held(loaded) == ["NK-1", "NK-2", "NK-3"]
    load_list(settings, loaded, write_list(path, *ROWS[:2]), by=BY)
    assert held(loaded) == ["NK-1", "NK-2"]


def test_an_older_list_does_not_replace_a_newer_one(settings: Settings, loaded: Database, tmp_path: Path) -> None:
    older = write_list(tmp_path / "list.csv", *ROWS[:2], age=timedelta(hours=1))
    with pytest.raises(ListRefused, match="older than what is loaded"):
        load_list(settings, loaded, older, by=BY)
    assert len(held(loaded)) == 3


def test_a_time_in_the_future_makes_no_list_fresh_for_longer(
    settings: Settings, database: Database, tmp_path: Path
) -> None:
    path = write_list(tmp_path / "list.csv", *ROWS, age=timedelta(days=-30))
    loaded = load_list(settings, database, path, by=BY).version
    assert loaded.dated_at <= datetime.now(UTC)


@pytest.mark.parametrize("name", ["UN", "a b", "", "-x", "a" * 41])
def test_a_name_that_is_none_is_refused(name: str, settings: Settings, database: Database, tmp_path: Path) -> None:
    path = write_list(tmp_path / "list.csv", *ROWS)
    if name:
        with pytest.raises(Permanent, match="no name of a list"):
            load_list(settings, database, path, name, by=BY)
    assert held(database) == []


def test_two_that_load_at_once_leave_one_whole_list(settings: Settings, database: Database, tmp_path: Path) -> None:
    load_list(settings, database, write_list(tmp_path / "first.csv", *many(30, "Zero")), "x", by=BY)
    files = [write_list(tmp_path / f"{word}.csv", *many(40, word)) for word in ("One", "Two", "Three", "Four")]
    at = datetime.now(UTC)

    def load(path: Path) -> None:
        load_list(settings, database, path, "x", at, by=BY)

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(load, files))
    entities = held(database)
    assert len(entities) == 40
    assert len({entity.split("-")[0] for entity in entities}) == 1
    with database.connect() as connection:
        newest = connection.execute("select version from treasury.list_version order by list_version_id desc limit 1")
        version = newest.fetchall()[0][0]
    file = ListFile(tmp_path / f"{entities[0].split('-')[0]}.csv")
    assert sum(1 for _ in file.entities()) == 40
    assert version == file.version


def _load_slowly(home: Path, url: str, path: Path) -> None:
    """A process that reads a list which never ends, as a file that is still being written."""
    os.setsid()
    load_list(Settings(home=home), Database(url), path, "x", by=BY)


def test_a_kill_in_the_middle_of_a_load_leaves_the_old_list_whole(
    settings: Settings, database: Database, tmp_path: Path
) -> None:
    load_list(settings, database, write_list(tmp_path / "first.csv", *many(30, "Zero")), "x", by=BY)
    large = write_list(tmp_path / "large.csv", *many(400_000, "One"))
    process = FORKED.Process(target=_load_slowly, args=(settings.home, database.url, large))
    process.start()
    with psycopg.connect(database.url, autocommit=True) as watching:
        for _ in range(600):
            copying = (
                "select count(*) from pg_stat_activity where query like 'copy staged_entity%' and state = 'active'"
            )
            if watching.execute(copying).fetchall()[0][0]:
                break
            time.sleep(0.05)
        else:
            raise AssertionError("it did not begin")
    assert process.pid
    assert process.is_alive()
    os.kill(process.pid, signal.SIGKILL)
    process.join()
    assert held(database) == [f"Zero-{number}" for number in range(30)]
    load_list(settings, database, write_list(tmp_path / "second.csv", *many(31, "Two")), "x", by=BY)
    assert len(held(database)) == 31
