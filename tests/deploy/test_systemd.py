"""deploy/systemd: units that systemd takes, of commands and settings that there are, and closed to the machine."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

from tests.deploy.named import DEPLOY, require_command, strange_variables, variables_in_the_open
from tests.tools import needs_systemd

UNITS = sorted((DEPLOY / "systemd").iterdir())
SERVICES = [unit for unit in UNITS if unit.suffix == ".service"]
MOST_EXPOSED = 2.0
"""Of 10, by systemd's own measure; a unit without any of it has 9.6."""


def lines(unit: Path, key: str) -> list[str]:
    return re.findall(rf"^{key}=(.*)$", unit.read_text(encoding="utf-8"), re.MULTILINE)


@pytest.fixture
def installed(tmp_path: Path) -> Path:
    """The units, with a program in place of `fntx` that is on every machine."""
    for unit in UNITS:
        text = unit.read_text(encoding="utf-8").replace("/opt/fntx/bin/fntx", "/bin/true")
        (tmp_path / unit.name).write_text(text)
    return tmp_path


@needs_systemd
def test_systemd_takes_every_unit(installed: Path) -> None:
    units = [str(unit) for unit in sorted(installed.iterdir())]
    done = subprocess.run(["systemd-analyze", "verify", *units], capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")
    broken = installed / "fntx-serve.service"
    broken.write_text(broken.read_text().replace("NoNewPrivileges", "NoNewPrivilege"))
    said = subprocess.run(["systemd-analyze", "verify", str(broken)], capture_output=True, text=True).stderr
    assert "Unknown key" in said


@needs_systemd
@pytest.mark.parametrize("unit", SERVICES, ids=lambda unit: unit.name)
def test_a_unit_is_closed_to_the_machine(unit: Path, installed: Path) -> None:
    command = ["systemd-analyze", "security", "--offline=true", f"--threshold={MOST_EXPOSED * 10:.0f}"]
    done = subprocess.run([*command, str(installed / unit.name)], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout[-200:]


@pytest.mark.parametrize("unit", SERVICES, ids=lambda unit: unit.name)
def test_a_unit_has_a_command_and_settings_of_the_program_and_its_secrets_as_files(unit: Path) -> None:
    [command] = lines(unit, "ExecStart")
    program, *words = command.replace("%i", "U1000001").split()
    assert program == "/opt/fntx/bin/fntx"
    require_command(words)
    given = dict(each.split("=", 1) for line in lines(unit, "Environment") for each in line.split())
    assert strange_variables(given) == set()
    assert variables_in_the_open(given) == set()
    credentials = {f"%d/{name}" for name in (line.split(":")[0] for line in lines(unit, "LoadCredential"))}
    assert {value for name, value in given.items() if name.endswith("_FILE")} == credentials


def test_a_backup_that_a_night_missed_is_made_up_for() -> None:
    [timer] = [unit for unit in UNITS if unit.suffix == ".timer"]
    assert lines(timer, "Persistent") == ["true"]
