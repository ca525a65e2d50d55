"""The wheel, installed into an environment of its own far from the checkout, does what the checkout does.

So that CI stays short the new environment borrows the libraries of this one through a .pth file, which adds a folder
and does not follow the .pth files in it: the editable installation of the checkout is not seen, and `fntx_dagster`
comes from the wheel alone. The first test says so.
"""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import sysconfig
import tempfile
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.processes import when_served

ROOT = Path(__file__).parents[1]
pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True)
    [built] = folder.glob("*.whl")
    return built


class Installed:
    """An environment with the wheel, and an empty folder to run its commands in."""

    def __init__(self, folder: Path, wheel: Path) -> None:
        self.environment, self.folder = folder / "environment", folder / "empty"
        self.folder.mkdir()
        subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(self.environment)], check=True)
        self.python = self.environment / "bin" / "python"
        pip = [sys.executable, "-m", "pip", "--python", str(self.python), "--disable-pip-version-check", "install"]
        subprocess.run([*pip, "--quiet", "--no-deps", "--no-index", str(wheel)], check=True)
        [self.packages] = self.environment.glob("lib/*/site-packages")
        (self.packages / "borrowed.pth").write_text(sysconfig.get_path("purelib") + "\n")
        dagster = self.environment / "bin" / "dagster"  # which pip would have written with the library
        dagster.write_text(f"#!{self.python}\nfrom dagster.__main__ import main\nmain()\n")
        dagster.chmod(0o755)

    def variables(self) -> dict[str, str]:
        """This environment, without what leads to the checkout or to a home."""
        strange = ("FNTX_", "DAGSTER", "PYTHON", "COV", "VIRTUAL_ENV")
        return {name: value for name, value in os.environ.items() if not name.startswith(strange)} | {"COLUMNS": "200"}

    def run(self, *command: str | Path) -> str:
        done = subprocess.run(
            command, cwd=self.folder, env=self.variables(), capture_output=True, text=True, timeout=300
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def fntx(self, *arguments: str) -> str:
        return self.run(self.environment / "bin" / "fntx", *arguments)

    def files(self) -> set[str]:
        """What lies in the installed package, but for Python's own cache."""
        package = self.packages / "fntx_dagster"
        return {str(file) for file in package.rglob("*") if "__pycache__" not in file.parts}


@pytest.fixture(scope="module")
def installed(wheel: Path) -> Iterator[Installed]:
    folder = Path(tempfile.mkdtemp(prefix="fntx-wheel-", dir="/tmp"))
    folder.chmod(0o755)  # the database's user passes through it
    there = Installed(folder, wheel)
    yield there
    there.fntx("db", "stop")
    shutil.rmtree(folder, ignore_errors=True)


def test_the_package_comes_from_the_wheel_alone(installed: Installed) -> None:
    code = "import fntx_dagster, importlib.metadata as m; print(fntx_dagster.__file__, m.version('fntx-dagster'))"
    file, version = installed.run(installed.python, "-c", code).split()
    assert Path(file).is_relative_to(installed.packages)
    assert (installed.packages / f"fntx_dagster-{version}.dist-info").is_dir()


def test_it_holds_every_file_that_the_checkout_has_for_it(wheel: Path) -> None:
    tracked = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True).stdout.split()
    places = ("dbt/", "docs/", "sign/", "verify/", "deploy/dagster/", "dagster.yaml", "workspace.yaml")
    beside = [name for name in tracked if name.startswith(places)]
    wanted = {name for name in tracked if name.startswith("fntx_dagster/")}
    wanted |= {f"fntx_dagster/project/{name}" for name in beside if not Path(name).name.startswith(".")}
    with zipfile.ZipFile(wheel) as archive:
        held = {*archive.namelist()}
    assert wanted - held == set()
    assert not {name for name in held if name.startswith("fntx_dagster/project/")} - wanted


def test_the_demo_does_in_an_empty_folder_what_it_does_in_the_checkout(installed: Installed) -> None:
    before = installed.files()
    said = installed.fntx("demo")
    assert "79,231.03" in said
    assert "✓ verified: the contract confirms net_pnl = -523.78 HKD" in said
    assert {file.name for file in installed.folder.iterdir()} == {".fntx"}
    assert installed.files() == before


def test_the_ui_is_served(installed: Installed) -> None:
    before = installed.files()
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    server = subprocess.Popen(
        [installed.environment / "bin" / "fntx", "ui", "--port", str(port)],
        cwd=installed.folder,
        env=installed.variables(),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        question = b'{"query": "{ assetNodes { assetKey { path } } }"}'
        assert b"daily_signature" in when_served(f"http://127.0.0.1:{port}/graphql", question, server)
    finally:
        os.killpg(server.pid, 2)
        server.wait(60)
    assert installed.files() == before
