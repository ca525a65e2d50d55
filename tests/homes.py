"""Homes for `fntx` processes: folders that the database's user reaches, and that go with their database afterwards."""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests import folders
from tests.processes import environment, run

_USED = """
import dagster as dg
from fntx_dagster.services.building.marts import manifest
from fntx_dagster.services.database import open_database
from fntx_dagster.services.environment import dagster_environment
from fntx_dagster.settings import export, load_settings

settings = load_settings()
open_database(settings)
manifest(settings)
export(dagster_environment(settings))
with dg.DagsterInstance.get():
    pass
"""


@contextmanager
def home(like: Path | None = None) -> Iterator[Path]:
    """An empty home, or one that begins as a copy of another whose database has ended."""
    path = Path(tempfile.mkdtemp(prefix="fntx-home-", dir=folders.short()))
    if like is not None:
        copy(like, path)
    path.chmod(0o755)
    try:
        yield path
    finally:
        run(path, "db", "stop")
        shutil.rmtree(path, ignore_errors=True)


def make_used(folder: Path) -> None:
    """Make a folder into a home as it is after its first start, for copies: the databases have their tables, dbt's
    project is parsed, and nothing is loaded."""
    with home() as path:
        command = [sys.executable, "-c", _USED]
        subprocess.run(command, env=environment(path), cwd=tempfile.gettempdir(), check=True, capture_output=True)
        assert run(path, "db", "stop").returncode == 0
        folder.mkdir()
        copy(path, folder)


def copy(folder: Path, to: Path) -> None:
    """What is in a folder into another, with owners and permissions."""
    subprocess.run(["cp", "-a", f"{folder}/.", to], check=True)
