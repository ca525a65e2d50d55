"""A report into its file: whole or not at all."""

from __future__ import annotations

import os
import threading
from pathlib import Path

import pytest

from fntx_dagster.errors import Permanent
from fntx_dagster.services.reporting import write_whole


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
