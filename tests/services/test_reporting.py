"""A report into its file: whole or not at all, and again when a proof in it has changed."""

from __future__ import annotations

import os
import threading
from datetime import date
from pathlib import Path

import pytest

from fntx_dagster.errors import Permanent
from fntx_dagster.model.period import Period
from fntx_dagster.services.building.reports import MOST_DAYS, report_page, rewrite_reports
from fntx_dagster.services.reporting import write_whole
from fntx_dagster.settings import Settings
from fntx_dagster.store import report_files
from fntx_dagster.store.database import Database


def test_a_file_is_written_and_replaced_and_nothing_is_left_beside_it(tmp_path: Path) -> None:
    file = tmp_path / "july.html"
    write_whole(file, "first")
    write_whole(file, "×")
    assert file.read_text(encoding="utf-8") == "×"
    assert os.listdir(tmp_path) == ["july.html"]


def test_a_private_file_is_its_owners_alone_whatever_it_was_before(tmp_path: Path) -> None:
    file = tmp_path / "july.html"
    file.write_text("open to all")
    file.chmod(0o644)
    write_whole(file, "mine", private=True)
    assert file.stat().st_mode & 0o777 == 0o600


def test_a_file_that_was_its_owners_alone_stays_so(tmp_path: Path) -> None:
    file = tmp_path / "july.html"
    file.touch(0o600)
    write_whole(file, "one")
    assert file.stat().st_mode & 0o777 == 0o600


def test_a_file_that_cannot_be_written_whole_leaves_the_old_one(tmp_path: Path) -> None:
    file = tmp_path / "july.html"
    write_whole(file, "before")
    with pytest.raises(UnicodeEncodeError):
        write_whole(file, "a" * 100_000 + "\ud800")
    assert file.read_text() == "before"
    assert os.listdir(tmp_path) == ["july.html"]


def test_a_link_stays_a_link(tmp_path: Path) -> None:
    (tmp_path / "there").mkdir()
    link = tmp_path / "july.html"
    link.symlink_to(tmp_path / "there" / "real.html")
    write_whole(link, "built")
    assert link.is_symlink()
    assert (tmp_path / "there" / "real.html").read_text() == "built"


def test_a_pipe_is_written_to_and_not_replaced(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    heard: list[str] = []
    reader = threading.Thread(target=lambda: heard.append(pipe.read_text()))
    reader.start()
    write_whole(pipe, "built")
    reader.join()
    assert heard == ["built"]
    assert pipe.is_fifo()


def test_a_missing_folder_is_named_with_the_way_out(tmp_path: Path) -> None:
    with pytest.raises(Permanent, match=r"folder .*none of july.html does not exist. Create it"):
        write_whole(tmp_path / "none" / "july.html", "")
    with pytest.raises(Permanent, match=r"is a folder. Give the path of a file"):
        write_whole(tmp_path, "")
    (tmp_path / "link").symlink_to(tmp_path / "gone" / "july.html")
    with pytest.raises(Permanent, match=r"folder .*gone of july.html does not exist. Create it"):
        write_whole(tmp_path / "link", "")
    with pytest.raises(Permanent, match=r"folder .*~nobody-has-this-name of july.html does not exist"):
        write_whole(Path("~nobody-has-this-name/july.html"), "")


class TestWritingAgain:
    JULY_17 = date(2025, 7, 17)

    def files(self, tmp_path: Path, *names: str) -> Settings:
        for name in names:
            (tmp_path / "reports").mkdir(exist_ok=True)
            (tmp_path / "reports" / name).touch()
        return Settings(home=tmp_path)

    def test_files_of_other_days_and_of_others_stay(self, tmp_path: Path, database: Database) -> None:
        settings = self.files(tmp_path, "2025-07-18.html", "2024-01-02_2025-07-16.html", "mine.html")
        assert rewrite_reports(settings, database, [self.JULY_17]) is None

    def test_a_file_that_would_take_long_is_named_with_the_way_out(self, tmp_path: Path, database: Database) -> None:
        settings = self.files(tmp_path, "2015-01-02_2025-07-17.html", "2016-01-04_2025-07-17.html")
        said = rewrite_reports(settings, database, [self.JULY_17])
        assert said == (
            "The report of 2016-01-04 to 2025-07-17 and 1 more would take long to write again, with the new proofs: "
            "`fntx report` does"
        )
        assert MOST_DAYS < 3650

    def test_what_cannot_be_written_again_is_said_and_stops_nothing(self, tmp_path: Path, database: Database) -> None:
        settings = self.files(tmp_path, "2025-07-17.html")
        with database.connect() as connection:
            connection.execute("drop table raw_flex.statements cascade")
        said = rewrite_reports(settings, database, [self.JULY_17]) or ""
        assert said.startswith(
            "The report of 2025-07-17 cannot be written again, with the new proofs: the database lacks"
        )

    def test_a_report_of_another_machine_is_written_again_from_the_database(
        self, tmp_path: Path, database: Database
    ) -> None:
        report_files.keep(database, Period(date(2015, 1, 2), self.JULY_17), b"<html>")
        said = rewrite_reports(Settings(home=tmp_path), database, [self.JULY_17])
        assert said is not None
        assert said.startswith("The report of 2015-01-02 to 2025-07-17 would take long")


def test_a_report_is_found_by_its_name_on_every_machine(database: Database) -> None:
    july, day = Period(date(2025, 7, 1), date(2025, 7, 18)), Period.on(date(2025, 7, 17))
    report_files.keep(database, july, b"first")
    report_files.keep(database, july, "second €".encode())
    report_files.keep(database, day, b"day")
    assert report_page(database, "2025-07-01_2025-07-18.html") == "second €".encode()
    assert report_page(database, "2025-07-17.html") == b"day"
    for name in ("2025-07-18.html", "2025-13-41.html", "../keys/salt.secret", "2025-07-17.html/", ""):
        assert report_page(database, name) is None
    assert report_files.ranges(database) == [july, day]
