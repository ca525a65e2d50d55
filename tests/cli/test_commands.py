"""The commands that are printed: they run as they are pasted, from a checkout and from an installed package."""

from __future__ import annotations

import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from fntx_dagster.cli import commands
from fntx_dagster.cli.commands import as_typed, command, program


@pytest.fixture(autouse=True)
def forgotten() -> Iterator[None]:
    """How the program was called is kept for the process."""
    program.cache_clear()
    yield
    program.cache_clear()


@pytest.fixture
def checkout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder whose name a shell would split, with `.venv/bin/fntx` in it, which was called from there."""
    folder = tmp_path / "empty dir é"
    called = folder / ".venv" / "bin" / "fntx"
    called.parent.mkdir(parents=True)
    called.write_text("#!/bin/sh\nprintf '%s\\n' \"$@\"\n")
    called.chmod(0o755)
    monkeypatch.chdir(folder)
    monkeypatch.setattr(sys, "argv", [".venv/bin/fntx"])
    monkeypatch.setenv("PATH", "/usr/bin:/bin")
    return folder


@pytest.mark.usefixtures("checkout")
def test_whoever_calls_it_in_a_checkout_reads_what_was_typed() -> None:
    assert command("status") == ".venv/bin/fntx status"
    assert as_typed("Load with `fntx load PATH`, or `FNTX_HOME=/tmp/x fntx demo`.") == (
        "Load with `.venv/bin/fntx load PATH`, or `FNTX_HOME=/tmp/x .venv/bin/fntx demo`."
    )


def test_who_has_it_on_the_path_reads_its_name(checkout: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    called = checkout / ".venv" / "bin"
    monkeypatch.setenv("PATH", f"{called}:/usr/bin:/bin")
    monkeypatch.setattr(sys, "argv", [str(called / "fntx")])
    assert command("status") == "fntx status"
    assert as_typed("`fntx status` says more") == "`fntx status` says more"


def test_from_elsewhere_it_is_called_by_its_whole_path(
    checkout: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = checkout / ".venv" / "bin" / "fntx"
    monkeypatch.setattr(sys, "argv", [str(place)])
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    monkeypatch.chdir(elsewhere)
    assert shlex.split(command("status")) == [str(place), "status"]


def test_a_shell_reads_each_argument_back_whatever_is_in_it(checkout: Path) -> None:
    arguments = ["verify", str(checkout / "a file's.json"), "$HOME", "--rpc", "http://127.0.0.1:8545"]
    assert shlex.split(command(*arguments)) == [".venv/bin/fntx", *arguments]
    shell = shutil.which("sh")
    assert shell is not None
    said = subprocess.run([shell, "-c", command(*arguments)], capture_output=True, text=True, check=True).stdout
    assert said.splitlines() == arguments


def test_a_page_of_the_documentation_is_named_where_it_lies(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    words = "docs/settings.md shows the form"
    assert as_typed(words) == words, "a checkout has it there"
    monkeypatch.setattr(commands, "CHECKOUT", None)
    monkeypatch.setattr(commands, "DOCUMENTATION", tmp_path / "docs")
    assert as_typed(words) == f"{tmp_path}/docs/settings.md shows the form"
