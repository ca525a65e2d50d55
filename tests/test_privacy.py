"""What lies in the home is its owner's alone: what is written, and what an earlier version left open."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from fntx_dagster.settings import load_settings

SEARCH = 0o711 if os.geteuid() == 0 else 0o700
"""Of the folders that lead to the database: root's server runs as another user."""


def mode(path: Path) -> int:
    return stat.S_IMODE(path.lstat().st_mode)


@pytest.fixture
def left_open(tmp_path: Path) -> Path:
    """A home as an earlier version left it, with a file beside it that a link in the home names."""
    beside = tmp_path / "beside"
    beside.write_text("not ours")
    home = tmp_path / "home"
    for folder in ("dbt/run/models", "dagster/a-run/compute_logs", "chain", "postgres", "keys", "mine"):
        (home / folder).mkdir(parents=True)
        (home / folder / "file").write_text("x")
    (home / "disclosure-2025-07-18.json").write_text("x")
    (home / "chain" / "link").symlink_to(beside)
    for path in (home, *home.rglob("*"), beside):
        path.chmod(0o755 if path.is_dir() else 0o644)
    (home / "keys" / "file").chmod(0o400)
    return home


def test_a_home_that_was_left_open_is_closed_when_its_settings_are_read(
    left_open: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FNTX_HOME", str(left_open))
    load_settings()
    passed = {left_open, left_open / "postgres"}
    for path in (left_open, *left_open.rglob("*")):
        if (left_open / "mine") in (path, path.parent) or path.is_symlink():
            continue  # behind the home's door
        expected = SEARCH if path in passed else 0o700 if path.is_dir() else 0o600
        assert mode(path) == (0o400 if path == left_open / "keys" / "file" else expected), path
    assert mode(left_open.parent / "beside") == 0o644, "what a link names is not ours"


def test_a_folder_of_the_user_that_is_the_home_too_stays_open_and_ours_in_it_do_not(
    left_open: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(left_open / "mine"))
    monkeypatch.setenv("FNTX_HOME", str(left_open))
    load_settings()
    assert (mode(left_open), mode(left_open / "mine" / "file")) == (0o755, 0o644)
    assert (mode(left_open / "chain"), mode(left_open / "chain" / "file")) == (0o700, 0o600)


def test_what_fntx_writes_is_its_users_alone_whatever_the_shell_allows(tmp_path: Path) -> None:
    script = "import os, sys; os.umask(0); from fntx_dagster.cli import main; sys.argv[1:] = ['--help']\n"
    script += "try: main()\nexcept SystemExit: pass\nopen('written', 'w').close(); os.mkdir('made')"
    subprocess.run([sys.executable, "-c", script], cwd=tmp_path, check=True, capture_output=True)
    assert (mode(tmp_path / "written"), mode(tmp_path / "made")) == (0o600, 0o700)


def test_what_a_process_of_dagster_writes_is_its_users_alone_too(tmp_path: Path) -> None:
    script = "import os; os.umask(0); import fntx_dagster.definitions; open('written', 'w').close()"
    environment = {**os.environ, "FNTX_HOME": str(tmp_path / "home"), "FNTX_FIRST_SESSION": "2025-07-01"}
    subprocess.run([sys.executable, "-c", script], cwd=tmp_path, env=environment, check=True, capture_output=True)
    assert mode(tmp_path / "written") == 0o600
    assert mode(tmp_path / "home") == 0o700
