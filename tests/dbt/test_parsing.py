"""What becomes of a Ctrl-C while dbt parses the project."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

PARSE = """
import signal, sys
from pathlib import Path
from dbt.parser.manifest import ManifestLoader
from fntx_dagster.adapters.dbt.project import manifest_in

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
