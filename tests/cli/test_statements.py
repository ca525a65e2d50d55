"""What `fntx load` says: a line per file, and in one form what is wrong."""

from __future__ import annotations

import json
import os
import shutil
import sys
from pathlib import Path

import pytest

from fntx_dagster import cli
from fntx_dagster.samples import SAMPLES
from fntx_dagster.store.database import Database


@pytest.fixture(autouse=True)
def variables(database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in os.environ if name.startswith("FNTX_")]:
        monkeypatch.delenv(name)
    for name, value in {"FNTX_HOME": str(tmp_path / "home"), "FNTX_DATABASE_URL": database.url}.items():
        monkeypatch.setenv(name, value)


def load(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, *arguments: object
) -> tuple[int, str, str]:
    monkeypatch.setattr(sys, "argv", ["fntx", "load", *map(str, arguments)])
    with pytest.raises(SystemExit) as end:
        cli.main()
    code = end.value.code
    return (code if isinstance(code, int) else 0, *capsys.readouterr())


def test_a_folder_is_a_line_per_file_and_one_file_a_line_per_section(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    files = sorted(SAMPLES.glob("*.xml"))
    code, shown, _ = load(capsys, monkeypatch, SAMPLES)
    assert code == 0
    assert [sum(file.name in line for line in shown.splitlines()) for file in files] == [1] * len(files)
    assert "28 inserted" in shown
    code, shown, _ = load(capsys, monkeypatch, SAMPLES / "NAV_MTD_20250719.xml")
    assert [name in shown for name in ("change_in_nav", "equity_summary", "nothing")] == [True] * 3


def test_the_sections_of_a_file_stand_in_the_same_order_when_it_is_loaded_again(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    orders = []
    for _ in range(2):
        _, document, _ = load(capsys, monkeypatch, SAMPLES, "--json")
        orders.append([(file["file"], [*file["sections"]]) for file in json.loads(document)["files"]])
    assert orders[0] == orders[1]
    assert all(sections == sorted(sections) for _, sections in orders[0])


def test_what_cannot_be_loaded_is_said_in_one_line_as_every_error_and_makes_no_table(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    code, shown, said = load(capsys, monkeypatch, tmp_path / "nothere")
    assert (code, shown) == (1, "")
    assert said.startswith("fntx: ")
    assert "nothere does not exist" in said
    assert len(said.splitlines()) == 1


def test_a_folder_without_statements_is_named(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    folder = tmp_path / "empty"
    folder.mkdir()
    code, shown, said = load(capsys, monkeypatch, folder)
    assert (code, shown) == (1, "")
    assert said.startswith("fntx: no .xml, .gz or .zip file in ")
    assert said.replace("\n", "").endswith(f"{folder}. Give Flex statements, or folders of them")


def test_a_bad_file_beside_a_good_one_has_no_row(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    bad = tmp_path / "bad.xml"
    bad.write_text("no statement")
    good = shutil.copy(SAMPLES / "NAV_MTD_20250719.xml", tmp_path / "good.xml")
    code, shown, said = load(capsys, monkeypatch, bad, good)
    assert code == 1
    assert "good.xml" in shown
    assert "bad.xml" not in shown
    assert "bad.xml" in said
