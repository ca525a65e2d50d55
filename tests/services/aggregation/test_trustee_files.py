"""A trustee's file is for one pool, and its note, which no other name of the file loses, for one set of sums a day."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr

from fntx_dagster.adapters.evm.trustee_files import (
    bind_trustee_file,
    new_trustee_file,
    note_before_serving,
    open_trustee_file,
    served_days,
)
from fntx_dagster.errors import Permanent

PASSWORD = SecretStr("long enough")
SECRET, BOX_KEY = 12345678901234567890, b"\x01" * 96
POOL, DAY = "0x" + "AB" * 20, "2025-07-18"
NOTE = "trustee-0101010101010101.served"


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One file for all tests: its password's key takes a second."""
    path = tmp_path_factory.mktemp("made") / "trustee.json"
    new_trustee_file(path, SECRET, BOX_KEY, PASSWORD.get_secret_value())
    return path


@pytest.fixture
def file(made: Path, tmp_path: Path) -> Path:
    path = tmp_path / "home" / "trustee.json"
    path.parent.mkdir()
    return Path(shutil.copy2(made, path))


@pytest.fixture
def bound(file: Path) -> Path:
    bind_trustee_file(file, 31337, POOL)
    return file


def test_a_trustees_file_is_encrypted_and_bound_to_one_pool(file: Path) -> None:
    opened = open_trustee_file(file, PASSWORD)
    assert (opened.secret, opened.chain_id, opened.contract) == (SECRET, None, None)
    assert f"{SECRET}" not in repr(opened)
    assert f"{SECRET:x}" not in file.read_text()
    assert file.stat().st_mode & 0o777 == 0o600
    for _ in range(2):
        bind_trustee_file(file, 31337, POOL)
    assert open_trustee_file(file, PASSWORD)[1:] == (SECRET, 31337, POOL.lower())
    with pytest.raises(Permanent, match=f"is for the pool {POOL.lower()} on chain 31337"):
        bind_trustee_file(file, 1, POOL)
    with pytest.raises(Permanent, match="exists"):
        new_trustee_file(file, 1, b"", "password")
    with pytest.raises(Permanent, match="does not open"):
        open_trustee_file(file, SecretStr("another"))


def test_a_share_is_given_for_one_set_of_sums(bound: Path) -> None:
    note_before_serving(bound, DAY, "0x01")
    note_before_serving(bound, DAY, "0x01")  # killed between note and share: it goes on
    note_before_serving(bound, "2025-07-21", "0x02")
    with pytest.raises(Permanent, match=f"a share of other sums of {DAY} was given before"):
        note_before_serving(bound, DAY, "0x03")
    assert json.loads(bound.with_name(NOTE).read_text()) == {DAY: "0x01", "2025-07-21": "0x02"}


@pytest.mark.parametrize("way", ["link", "hard link", "copy", "move", "folder"])
def test_another_name_of_the_file_does_not_lose_its_note(bound: Path, tmp_path: Path, way: str) -> None:
    note_before_serving(bound, DAY, "0x01")
    other = tmp_path / "other" / "name.json"
    other.parent.mkdir()
    if way == "link":
        other.symlink_to(bound)
        assert served_days(other) == served_days(bound)
    elif way == "folder":
        other.parent.rmdir()
        other.parent.symlink_to(bound.parent)
        other = other.with_name(bound.name)
    elif way == "hard link":
        other = bound.with_name("name.json")
        other.hardlink_to(bound)
    elif way == "copy":
        other = bound.with_name("name.json")
        shutil.copy(bound, other)
    else:
        other = bound.rename(bound.with_name("name.json"))
    with pytest.raises(Permanent, match="a share of other sums"):
        note_before_serving(other, DAY, "0x02")


def test_a_bound_file_without_its_note_serves_nothing(bound: Path, tmp_path: Path) -> None:
    away = tmp_path / "trustee.json"
    shutil.copy(bound, away)
    with pytest.raises(Permanent, match="is missing"):
        note_before_serving(away, DAY, "0x01")
    with pytest.raises(Permanent, match="is missing"):
        served_days(away)
    shutil.copy(bound.with_name(NOTE), tmp_path)
    note_before_serving(away, DAY, "0x01")


def test_a_file_that_is_bound_through_a_link_stays_one_file(file: Path, tmp_path: Path) -> None:
    link = tmp_path / "link.json"
    link.symlink_to(file)
    bind_trustee_file(link, 31337, POOL)
    assert link.is_symlink()
    assert open_trustee_file(file, PASSWORD).chain_id == 31337


def test_binding_that_was_cut_off_keeps_what_the_note_says(file: Path) -> None:
    file.with_name(NOTE).write_text(json.dumps({DAY: "0x01"}))
    bind_trustee_file(file, 31337, POOL)
    with pytest.raises(Permanent, match="a share of other sums"):
        note_before_serving(file, DAY, "0x02")


@pytest.mark.parametrize("text", ["", "[]", '{"2025-07-18": 5}', '{"x": "0x01"}', "[" * 200_000, "\xff", '{"2025-07-'])
def test_a_damaged_note_serves_nothing(bound: Path, text: str) -> None:
    bound.with_name(NOTE).write_text(text)
    with pytest.raises(Permanent, match="is damaged"):
        note_before_serving(bound, "2025-07-22", "0x01")


@pytest.mark.parametrize(
    "change",
    [
        {"format": "another"},
        {"chain_id": "abc", "contract": POOL},
        {"chain_id": 5, "contract": POOL},
        {"chain_id": [1], "contract": POOL},
        {"chain_id": "1", "contract": None},
        {"chain_id": "1", "contract": 5},
        {"box_key": 5},
        {"box_key": "0xzz"},
        {"box_key": "0x" + "../" * 64},
        {"crypto": 5},
        {"crypto": {}},
        {"more": 1},
    ],
    ids=str,
)
def test_a_file_of_another_form_is_refused(file: Path, change: dict[str, Any]) -> None:
    file.write_text(json.dumps({**json.loads(file.read_text()), **change}))
    for use in (lambda: open_trustee_file(file, PASSWORD), lambda: bind_trustee_file(file, 1, POOL)):
        with pytest.raises(Permanent, match="is no trustee's file"):
            use()


@pytest.mark.parametrize(
    "change", [{"n": 1 << 40}, {"n": "2"}, {"n": 0}, {"r": True}, {"dklen": 33}, {"salt": "zz"}], ids=str
)
def test_a_keystore_that_no_trustee_wrote_is_not_opened(file: Path, change: dict[str, Any]) -> None:
    content = json.loads(file.read_text())
    content["crypto"]["kdfparams"] |= change
    file.write_text(json.dumps(content))
    with pytest.raises(Permanent, match="is no trustee's file"):
        open_trustee_file(file, PASSWORD)


@pytest.mark.parametrize("text", ["[" * 200_000, '{"a":' * 1_500, "", "\xff", "1" * 20_000])
def test_a_file_that_is_none_is_refused_whatever_it_holds(file: Path, text: str) -> None:
    file.write_text(text)
    with pytest.raises(Permanent, match="is no trustee's file"):
        open_trustee_file(file, PASSWORD)
