"""`fntx` itself: its version and its help."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
from functools import cache
from importlib.metadata import version

import pytest
from typer.core import TyperGroup
from typer.main import get_command
from typer.testing import CliRunner

from fntx_dagster.cli import app
from fntx_dagster.settings import DOCUMENTATION
from tests.processes import FNTX


def test_the_version_is_that_of_the_package() -> None:
    assert CliRunner().invoke(app, ["--version"]).stdout == f"fntx {version('fntx-dagster')}\n"


def test_the_help_lists_every_command() -> None:
    shown = CliRunner().invoke(app, ["--help"]).stdout
    commands = "init doctor load fetch run today "
    commands += (
        "report summary metrics status alerts greeks risk market tax table verify demo ui env signature chain users db"
    )
    assert [name for name in commands.split() if f"│ {name} " not in shown] == []


@cache
def groups() -> dict[str, TyperGroup]:
    whole = get_command(app)
    assert isinstance(whole, TyperGroup)
    inner = {name: group for name, group in whole.commands.items() if isinstance(group, TyperGroup)}
    return {"": whole, **inner}


COMMANDS = [
    (group, name)
    for group, commands in groups().items()
    for name, command in commands.commands.items()
    if not isinstance(command, TyperGroup)
]


@pytest.mark.parametrize(("group", "name"), COMMANDS, ids=lambda part: str(part))
def test_every_command_explains_itself_with_an_example_in_80_columns(
    group: str, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    words = [*group.split(), name]
    short, long = (CliRunner().invoke(app, [*words, option]) for option in ("-h", "--help"))
    assert (short.exit_code, short.stdout) == (0, long.stdout)
    assert max(map(len, short.stdout.splitlines())) <= 80
    _, _, explained = short.stdout.partition(f"fntx {' '.join(words)} ")
    assert f"fntx {' '.join(words)}" in re.sub(r"\s+", " ", explained), "an example"


def test_the_help_names_the_exit_codes() -> None:
    shown = " ".join(CliRunner().invoke(app, ["-h"]).stdout.split())
    for code in ("0 done", "1 a person", "2 the command line", "75 try again later", "130 stopped"):
        assert code in shown


WITHOUT_JSON = {
    "demo",
    "ui",
    "webserver",
    "daemon",
    "follow",
    "worker",
    "env",
    "disclose",
    "prove",
    "reveal",
    "serve",
    "exporter",
    "live",
    "watch",
    "stop",
    "psql",
    "token",
    "revoke",
    "export",
    "statement",
    "role",
    "grant",
    "remove",
    "link",
    "password",
    "end",
}
"""They print for people or for a shell, or are JSON anyway."""


def test_every_command_that_a_program_may_read_has_json_and_is_in_the_documentation() -> None:
    documented = (DOCUMENTATION / "json.md").read_text(encoding="utf-8")
    without = {
        name
        for group, name in COMMANDS
        if not any("--json" in option.opts for option in groups()[group].commands[name].params)
    }
    assert without == WITHOUT_JSON
    named = set(re.findall(r"`(?:fntx )?([a-z-]+(?: [a-z-]+)?)`", documented))
    inner = {words.split()[-1] for words in named}
    assert {name for _, name in COMMANDS} - inner == set()


def completed(*words: str) -> list[str]:
    """What bash offers for the last of the words, through the script that `--install-completion` installs."""
    bash = shutil.which("bash")
    assert bash is not None
    script = subprocess.run(
        [FNTX], env={**os.environ, "_FNTX_COMPLETE": "source_bash"}, capture_output=True, text=True, check=True
    ).stdout
    typed = " ".join(map(shlex.quote, (str(FNTX), *words)))
    code = f"{script}\nCOMP_WORDS=({typed}); COMP_CWORD={len(words)}\n_fntx_completion {shlex.quote(str(FNTX))}\n"
    code += "printf '%s\\n' \"${COMPREPLY[@]}\""
    said = subprocess.run([bash, "--norc", "-c", code], capture_output=True, text=True, check=True)
    return said.stdout.split()


def test_bash_completes_commands_and_options() -> None:
    assert completed("rep") == ["report"]
    assert completed("signature", "d") == ["disclose"]
    assert completed("report", "--fo") == ["--format"]
    assert completed("report", "--format", "h") == ["html"]
