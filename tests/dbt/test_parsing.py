"""When dbt parses the project, and what becomes of a Ctrl-C meanwhile."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from fntx_dagster.adapters.dbt import project
from fntx_dagster.adapters.dbt.project import manifest_in
from fntx_dagster.store.opening import MAIN_DATABASE

PARSE = """
import signal, sys
from pathlib import Path
from dbt.parser.manifest import ManifestLoader
from fntx_dagster.adapters.dbt import project
from fntx_dagster.adapters.dbt.project import manifest_in
from fntx_dagster.store.opening import MAIN_DATABASE

load = ManifestLoader.load

def interrupted(loader):
    print("parsing", flush=True)
    signal.raise_signal(signal.SIGINT)
    return load(loader)

signal.signal(signal.SIGINT, signal.default_int_handler)
if sys.argv[2] == "interrupted":
    ManifestLoader.load = interrupted
manifest_in(Path(sys.argv[1]), "postgres")
"""


def parse(target: Path, how: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-c", PARSE, str(target), how], capture_output=True, text=True)


def test_a_ctrl_c_while_dbt_parses_is_a_ctrl_c_and_the_next_start_parses_again(tmp_path: Path) -> None:
    done = parse(tmp_path, "interrupted")
    assert done.stdout == "parsing\n"
    assert done.stderr.splitlines()[-1] == "KeyboardInterrupt"
    assert not (tmp_path / "manifest.json").exists()
    assert parse(tmp_path, "to its end").returncode == 0
    assert (tmp_path / "manifest.json").exists()


def test_what_an_image_has_parsed_is_copied_and_what_it_parsed_of_others_is_not(
    used_home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Parses(Exception):
        pass

    def parse(target: Path, database: str) -> None:
        raise Parses

    monkeypatch.setattr(project, "PARSED_BEFORE", used_home / "dbt")
    monkeypatch.setattr(project, "_parse", parse)
    copied = manifest_in(tmp_path / "target", MAIN_DATABASE)
    assert copied.read_bytes() == (used_home / "dbt" / "manifest.json").read_bytes()
    assert {file.name for file in copied.parent.iterdir()} == {
        ".parse.lock",
        "manifest.json",
        project.PARSED,
        project.SOURCES,
        project.COMPILED,
    }
    assert manifest_in(tmp_path / "target", MAIN_DATABASE) == copied
    with pytest.raises(Parses):  # another database is named in what dbt compiles
        manifest_in(tmp_path / "other", "elsewhere")
