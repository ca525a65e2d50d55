"""The log and the terminal of `fntx ui`."""

from __future__ import annotations

import logging
from pathlib import Path

import pytest

from fntx_dagster.cli import serving


def test_the_log_is_its_owners_also_where_it_was_not(tmp_path: Path) -> None:
    file = tmp_path / "logs" / "ui.log"
    file.parent.mkdir(mode=0o755)
    file.write_text("before\n")
    file.chmod(0o644)
    with serving._logging_to(file):
        logging.getLogger("dagster.daemon").info("a tick")
    assert (file.stat().st_mode & 0o777, file.parent.stat().st_mode & 0o777) == (0o600, 0o700)
    before, after = file.read_text().splitlines()
    assert (before, after[-26:]) == ("before", "dagster.daemon INFO a tick")


def test_the_first_line_of_an_error_is_shown_once_and_nothing_of_it_controls_the_terminal(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with serving._logging_to(tmp_path / "ui.log"):
        for _ in range(3):
            logging.getLogger("dagster").error("Sensor caught an error\x1b]8;;http://evil\x07\nTraceback …")
        logging.getLogger("dagster").warning("not shown")
    [line] = capsys.readouterr().out.splitlines()
    assert line[10:] == f"error: Sensor caught an error\ufffd]8;;http://evil\ufffd ({tmp_path / 'ui.log'})"
    assert (tmp_path / "ui.log").read_text().count("Traceback") == 3


def test_an_account_is_masked_in_the_log_and_on_the_terminal(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with serving._logging_to(tmp_path / "ui.log"):
        logging.getLogger("dagster").error("U1000001 has no price\nFile u1000001.xml")
    for text in (capsys.readouterr().out, (tmp_path / "ui.log").read_text()):
        assert "U…0001 has no price" in text
        assert "1000001" not in text


def test_an_error_is_shown_again_after_a_while_and_is_not_remembered_for_ever(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(serving, "_QUIET_SECONDS", 0)
    shown = serving._Errors(tmp_path / "ui.log")
    for text in ("one", "two", "one"):
        shown.emit(logging.LogRecord("dagster", logging.ERROR, "", 0, text, None, None))
    assert [line[10:20] for line in capsys.readouterr().out.splitlines()] == ["error: one", "error: two", "error: one"]
    assert len(shown._shown) == 1


def test_a_long_log_is_kept_beside_and_begun_anew(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(serving, "_LONGEST_LOG", 100)
    with serving._logging_to(tmp_path / "ui.log") as log:
        logging.getLogger("x").info("short")
        serving._trim(log)
        assert not (tmp_path / "ui.log.1").exists()
        logging.getLogger("x").info("y" * 100)
        serving._trim(log)
        logging.getLogger("x").info("new")
    assert "y" * 100 in (tmp_path / "ui.log.1").read_text()
    assert (tmp_path / "ui.log.1").stat().st_mode & 0o777 == 0o600
    [line] = (tmp_path / "ui.log").read_text().splitlines()
    assert line.endswith("x INFO new")
