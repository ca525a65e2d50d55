"""Statements in an object store: names and contents, what is loaded of them, what is found of a damage, two machines at
once."""

from __future__ import annotations

import gzip
import logging
from concurrent.futures import ThreadPoolExecutor
from datetime import date
from hashlib import sha256
from pathlib import Path

import psycopg
import pytest

from fntx_dagster.errors import Permanent, Transient
from fntx_dagster.model.period import Period
from fntx_dagster.services.archiving.choosing import archive_of
from fntx_dagster.services.archiving.copying import (
    check_store,
    copy_folder,
    put_statements,
    withdraw_statement,
)
from fntx_dagster.services.archiving.in_a_store import StoreArchive
from fntx_dagster.services.fetching import fetch
from fntx_dagster.services.loading import statement_paths, unloaded
from fntx_dagster.services.statements import load_statements
from fntx_dagster.settings import Settings
from fntx_dagster.simulate.account import Account
from fntx_dagster.simulate.documents import document, row, section, statement
from fntx_dagster.store.database import Database
from tests.object_store import KEY, SECRET, files_in_store
from tests.services.fetched import MINE, Evening, broker_of, refresh, settings_for

PLAIN = document(statement(section("Trades", row("Trade", transactionID="1")))).encode()
OTHER = document(statement(section("Trades", row("Trade", transactionID="2")))).encode()


def named(content: bytes) -> str:
    return f"statements/{sha256(content).hexdigest()}.xml"


@pytest.fixture
def settings(bucket: str, tmp_path: Path) -> Settings:
    return Settings(home=tmp_path / "home", flex={"folder": f"s3://{bucket}/fund"})


@pytest.fixture
def archive(settings: Settings, database: Database) -> StoreArchive:
    archive = archive_of(settings, database)
    assert isinstance(archive, StoreArchive)
    return archive


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder of a user: a fetched file, one of his own, a packed one, and what is no statement."""
    folder = tmp_path / "folder"
    (folder / "2025" / "07").mkdir(parents=True)
    (folder / "2025" / "07" / "Activity_MTD_20250719.xml").write_bytes(PLAIN)
    (folder / "2025" / "07" / "Activity_MTD_20250718.xml.previous-1").write_bytes(PLAIN)
    (folder / "packed.xml.gz").write_bytes(gzip.compress(OTHER))
    (folder / "notes.txt").write_text("notes")
    return folder


def test_a_folder_is_copied_once_and_loaded_by_its_names(
    settings: Settings, database: Database, archive: StoreArchive, folder: Path
) -> None:
    copied = [*copy_folder(settings, database, folder)]
    assert [(entry.name, entry.is_new) for entry in copied] == [
        ("2025/07/Activity_MTD_20250719.xml", True),
        ("packed.xml.gz", True),
    ]
    assert [entry.is_new for entry in copy_folder(settings, database, folder)] == [False, False]
    assert {found.name for found in archive.store.objects("statements")} == {named(PLAIN), named(OTHER)}
    assert unloaded(settings, database) == ["Activity_MTD_20250719.xml", "packed.xml.gz"]
    loaded = load_statements(settings, database)
    assert loaded.lines == ["Activity_MTD_20250719.xml: loaded", "packed.xml.gz: loaded"]
    assert (loaded.refused, unloaded(settings, database)) == ([], [])
    assert load_statements(settings, database).rows["unchanged"] == 2
    [fetched, _] = archive.statements()
    assert (fetched.row.query, fetched.row.month, fetched.row.fetched_on) == (
        "Activity",
        date(2025, 7, 1),
        date(2025, 7, 19),
    )
    assert check_store(settings, database).problems == []


def test_a_copy_that_was_interrupted_goes_on(settings: Settings, database: Database, folder: Path) -> None:
    assert next(copy_folder(settings, database, folder)).is_new
    assert [entry.is_new for entry in copy_folder(settings, database, folder)] == [False, True]


def test_a_name_that_is_put_again_has_the_new_content_and_the_old_one_stays(
    settings: Settings, database: Database, archive: StoreArchive, tmp_path: Path
) -> None:
    file = tmp_path / "july.xml"
    for content in (PLAIN, OTHER):
        file.write_bytes(content)
        [put] = put_statements(settings, database, [file])
        assert (put.name, put.is_new, put.sha256) == ("july.xml", True, sha256(content).hexdigest())
    assert [statement.open().read() for statement in archive.statements()] == [OTHER]
    assert [content for *_, content in archive.contents({sha256(PLAIN).hexdigest()})] == [PLAIN]
    assert len(check_store(settings, database).objects) == 2


def test_a_withdrawn_name_is_loaded_no_more_until_it_is_put_again(
    settings: Settings, database: Database, archive: StoreArchive, tmp_path: Path
) -> None:
    file = tmp_path / "july.xml"
    file.write_bytes(PLAIN)
    list(put_statements(settings, database, [file]))
    withdraw_statement(settings, database, "july.xml")
    assert archive.is_empty()
    with pytest.raises(Permanent, match=r"has no statement 'july\.xml'"):
        withdraw_statement(settings, database, "july.xml")
    with pytest.raises(Permanent, match=r"no statements in s3://.*fntx statements put"):
        statement_paths(settings, database)
    [again] = put_statements(settings, database, [file])
    assert again.is_new
    assert len(archive.statements()) == 1


@pytest.mark.parametrize("name", ["a\nb.xml", "\x1b[2J.xml", "a\x7f.xml", f"{'a' * 246}.xml"])
def test_a_hostile_name_is_refused_or_kept_and_never_shown_raw(
    settings: Settings, database: Database, archive: StoreArchive, tmp_path: Path, name: str
) -> None:
    (tmp_path / name).write_bytes(PLAIN)
    [put] = put_statements(settings, database, [tmp_path / name])
    assert put.name.isprintable()
    assert (put.error is None) == name.isprintable()
    assert archive.is_empty() != name.isprintable()


def test_what_is_no_statement_is_not_put_and_the_others_are(
    settings: Settings, database: Database, archive: StoreArchive, tmp_path: Path
) -> None:
    files = {"a.pdf": b"%PDF-1.7", "b.xml": b"<other/>", "c.xml": PLAIN, "d.xml": b""}
    for name, content in files.items():
        (tmp_path / name).write_bytes(content)
    put = [*put_statements(settings, database, [tmp_path / name for name in files])]
    assert [entry.error is None for entry in put] == [False, False, True, False]
    assert [listed.name for listed in archive.listed()] == ["c.xml"]


@pytest.mark.parametrize(
    ("damaged", "said"),
    [(PLAIN[:-9], "bytes, not"), (PLAIN.replace(b'"1"', b'"9"'), "its SHA-256 is"), (None, "is not there")],
)
def test_a_damaged_object_is_named_by_the_check_and_not_loaded(
    settings: Settings,
    database: Database,
    archive: StoreArchive,
    tmp_path: Path,
    damaged: bytes | None,
    said: str,
) -> None:
    for name, content in (("july.xml", PLAIN), ("other.xml", OTHER)):
        (tmp_path / name).write_bytes(content)
    list(put_statements(settings, database, [tmp_path / "july.xml", tmp_path / "other.xml"]))
    path, store = f"{settings.flex.folder}/{named(PLAIN)}", files_in_store()
    store.rm(path) if damaged is None else store.pipe_file(path, damaged)
    [problem] = check_store(settings, database).problems
    assert problem.object_name == named(PLAIN)
    assert said in str(problem.problem)
    assert str(problem.problem).startswith("july.xml: ")
    loaded = load_statements(settings, database)
    assert loaded.lines == ["july.xml: failed", "other.xml: loaded"]
    assert said in loaded.refused[0].text
    if damaged is not None and len(damaged) != len(PLAIN):
        with pytest.raises(Permanent, match="does not hold what was put there"):
            list(put_statements(settings, database, [tmp_path / "july.xml"]))


def test_objects_that_no_name_needs_are_listed_and_do_no_harm(
    settings: Settings, database: Database, archive: StoreArchive
) -> None:
    files_in_store().pipe_file(f"{settings.flex.folder}/{named(PLAIN)}", PLAIN)
    files_in_store().pipe_file(f"{settings.flex.folder}/statements/stranger", b"x")
    checked = check_store(settings, database)
    assert (checked.objects, checked.unnamed) == ([], sorted([named(PLAIN), "statements/stranger"]))
    assert archive.is_empty()


def test_two_machines_that_fetch_a_month_at_once_both_go_on(
    settings: Settings, database: Database, books: list[Account], evening: Evening, tmp_path: Path
) -> None:
    with broker_of(books, evening) as broker:
        homes = [
            settings_for(broker, tmp_path / name, {"mine": MINE}, folder=str(settings.flex.folder)) for name in "ab"
        ]

        def fetched(home: Settings) -> list[str]:
            period = Period.on(evening.day)
            return [str(result) for result in fetch(home, database, period, evening.fetched_at, lambda line: None)]

        with ThreadPoolExecutor(2) as pool:
            results = [*pool.map(fetched, homes)]
        assert all(outcome.endswith(": fetched") for [outcome] in results)
        assert len(archive_of(homes[0], database).listed()) == 1
        refresh(homes[1], database, evening)
        assert check_store(settings, database).problems == []
        assert [home.paths.receiving for home in homes if [*home.paths.receiving.iterdir()]] == []


def test_a_newer_month_replaces_the_older_one_by_a_row(
    settings: Settings, database: Database, books: list[Account], evening: Evening, tmp_path: Path
) -> None:
    with broker_of(books, evening) as broker:
        home = settings_for(broker, tmp_path / "home", {"mine": MINE}, folder=str(settings.flex.folder))
        for _ in range(2):
            refresh(home, database, evening)
            evening.day = date(2025, 7, 18)
        assert [listed.name for listed in archive_of(home, database).listed()] == [
            "2025/07/Activity_mine_MTD_20250719.xml"
        ]
        assert len(check_store(home, database).objects) == 2, "nothing is deleted"


def test_a_name_that_was_written_stays_as_it_is(
    settings: Settings, database: Database, archive: StoreArchive, tmp_path: Path
) -> None:
    (tmp_path / "july.xml").write_bytes(PLAIN)
    list(put_statements(settings, database, [tmp_path / "july.xml"]))
    for statement_ in ("update raw_flex.archived set name = 'b'", "delete from raw_flex.archived"):
        with psycopg.connect(database.url) as connection, pytest.raises(psycopg.Error, match="append-only"):
            connection.execute(statement_)


def test_a_store_that_is_away_keeps_loading_for_later(
    settings: Settings, database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, bucket: str
) -> None:
    (tmp_path / "july.xml").write_bytes(PLAIN)
    list(put_statements(settings, database, [tmp_path / "july.xml"]))
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    archive_of.__globals__["store_at"].__globals__["_of_process"].cache_clear()
    with pytest.raises(Transient, match=f"s3://{bucket}/fund does not answer"):
        load_statements(settings, database)


def test_no_log_record_holds_a_key(
    settings: Settings, database: Database, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "july.xml").write_bytes(PLAIN)
    with caplog.at_level(logging.INFO):
        list(put_statements(settings, database, [tmp_path / "july.xml"]))
    assert KEY not in caplog.text
    assert SECRET not in caplog.text


def test_a_folder_is_said_where_an_object_store_is_needed(database: Database, tmp_path: Path) -> None:
    settings = Settings(home=tmp_path, flex={"folder": tmp_path})
    for asked in (put_statements(settings, database, []), copy_folder(settings, database, tmp_path)):
        with pytest.raises(Permanent, match="set FNTX_STATEMENTS to s3://bucket/prefix first"):
            list(asked)
