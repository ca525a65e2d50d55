"""A month whose texts are hostile, run for real: dbt, the database, the chain, and then every command and every log."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from fntx_dagster.samples import SAMPLES
from tests import homes
from tests.processes import in_terminal, run
from tests.test_foreign import hidden

HOSTILE = (
    "[/red]",
    "\u009b31m",
    "\u202egnp.exe\u2066",
    "&#10;# heading&#10;",
    "&lt;script&gt;alert(1)&lt;/script&gt;",
    "{{ 7*7 }}{% raw %}",
    "'; drop table alm_reporting.fills; --",
    "| a | [x](https://x.example) |",
    "&#x202e;&#x2066;",
)
"""As they stand in an attribute of XML."""
DAYS = ("--from", "2025-07-17", "--to", "2025-07-18")
COMMANDS = (
    ("status",),
    ("status", "--json"),
    ("alerts",),
    ("today",),
    ("report", *DAYS),
    ("report", *DAYS, "--masked"),
    ("report", *DAYS, "--format", "html"),
    ("summary", *DAYS),
    ("metrics", "--date", "2025-07-18"),
    ("greeks", "--date", "2025-07-17"),
    ("signature", "verify", "--date", "2025-07-18"),
    ("signature", "disclose", "--date", "2025-07-18", "--metric", "net_pnl"),
)
ATTRIBUTE = re.compile(r'\b(symbol|underlyingSymbol|description|acctAlias|issuer|listingExchange|model)="([^"]*)"')
ENDS_WELL = (0, 1, 2)


@pytest.fixture(scope="module")
def home(used_home: Path) -> Iterator[Path]:
    """The samples with hostile texts in every attribute that is free text, loaded and run."""
    with homes.home(used_home) as path:
        folder = path / "statements"
        folder.mkdir()
        for number, file in enumerate(sorted(Path(str(SAMPLES)).glob("*.xml"))):
            (folder / f"{number}[red]\u202e{file.name}").write_text(ATTRIBUTE.sub(hostile, file.read_text()))
        loaded = run(path, "load", str(folder))
        assert loaded.returncode == 0, loaded.stderr
        assert hidden(loaded.stdout) <= {"\n"}
        yield path


def hostile(attribute: re.Match[str]) -> str:
    """The text with hostile words behind it, the same wherever the text is the same."""
    name, text = attribute.groups()
    return f'{name}="{text}{" ".join(HOSTILE) if text else ""}"'


@pytest.fixture(scope="module")
def ran(home: Path) -> str:
    done = run(home, "run", "--from", "2025-07-01", "--to", "2025-07-18")
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


def test_it_is_explained_verified_and_signed_like_any_month(ran: str) -> None:
    assert "✓ chain_receipt" in ran
    assert hidden(ran) <= {"\n"}


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_a_command_prints_nothing_hidden_of_it(home: Path, ran: str, command: tuple[str, ...]) -> None:
    done = run(home, *command)
    assert done.returncode in ENDS_WELL, done.stderr
    assert "Traceback" not in done.stdout + done.stderr
    assert hidden(done.stdout + done.stderr) <= {"\n"}
    assert "html" not in command or "<script>" not in done.stdout


def test_a_terminal_shows_it_whole(home: Path, ran: str) -> None:
    for command in (("status",), ("report", *DAYS), ("greeks", "--date", "2025-07-17")):
        assert hidden(in_terminal(home, 100, *command)) <= {"\n"}
