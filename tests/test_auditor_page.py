"""docs/auditor.md, walked: an owner exports, an auditor recomputes the root, opens lines and checks a proof with files
alone; and finds what was changed."""

from __future__ import annotations

import json
import re
import shlex
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import CliRunner

from fntx_dagster.cli import app
from fntx_dagster.services.chain import serve
from fntx_dagster.settings import Settings
from fntx_dagster.store.database import Database
from tests.processes import ALONE
from tests.services.auditing.conftest import written

ROOT = Path(__file__).parents[1]
PAGE = (ROOT / "docs" / "auditor.md").read_text(encoding="utf-8")
FOR_STRANGERS = (ROOT / "verify" / "README.md").read_text(encoding="utf-8").split("## A proof of an audit log")[1]
NOWHERE = "http://127.0.0.1:9"


def commands() -> list[str]:
    """The commands of the owner on the page, in its order, each once."""
    found = [span for span in re.findall(r"`(fntx [^`]+)`", PAGE) if not span.startswith("fntx treasury")]
    return list(dict.fromkeys(found))


@pytest.fixture
def given(tmp_path: Path, home: Path, database: Database, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with what the owner gives away, of a log of eleven events that the embedded chain anchors."""
    folder = tmp_path / "auditor"
    folder.mkdir()
    monkeypatch.chdir(folder)
    monkeypatch.setenv("FNTX_HOME", str(home))
    monkeypatch.setenv("FNTX_DATABASE_URL", database.url)
    for name in ALONE:
        monkeypatch.setenv(name, "1")
    written(Settings(home=home), database, 11)
    assert said("fntx audit anchor")
    for command in commands():
        if command.startswith(("fntx audit export", "fntx audit prove")):
            said(command)
    (folder / "open_log.py").write_text(re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)[0], encoding="utf-8")
    return folder


def said(command: str) -> str:
    done = CliRunner().invoke(app, shlex.split(command)[1:])
    assert done.exit_code == 0, (command, done.output)
    return done.stdout


def opened(folder: Path, *keys: Path) -> subprocess.CompletedProcess[str]:
    """What the page's program says of the log."""
    command = [sys.executable, "-I", "open_log.py", "audit-events.jsonl", *keys]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True)


def test_an_auditor_recomputes_the_root_and_reads_what_he_has_the_key_of(given: Path, home: Path) -> None:
    closed = opened(given)
    assert (closed.returncode, closed.stdout) == (0, "")
    checkpoint = json.loads((given / "checkpoints.jsonl").read_text().splitlines()[0])["checkpoint"]
    assert checkpoint.splitlines()[1] == "11"
    read = opened(given, *(home / "keys" / "audit").glob("*.key"))
    assert read.stderr == f"11 events under the root {checkpoint.splitlines()[2]}\n"
    events = [json.loads(line) for line in read.stdout.splitlines()]
    assert [event["details"]["amount"] for event in events] == [f"{number}.10" for number in range(11)]


@pytest.mark.parametrize(
    ("change", "finding"),
    [
        (lambda lines: [*lines[:4], *lines[5:]], "Line 4 does not follow"),
        (lambda lines: [*lines[:4], lines[5], lines[4], *lines[6:]], "Line 4 does not follow"),
        (lambda lines: [lines[0].replace('"ciphertext":"', '"ciphertext":"AAAA'), *lines[1:]], "InvalidTag"),
    ],
    ids=["a line is missing", "two are exchanged", "one says something else"],
)
def test_an_auditor_finds_a_log_that_was_changed(
    given: Path, home: Path, change: Callable[[list[str]], list[str]], finding: str
) -> None:
    file = given / "audit-events.jsonl"
    file.write_text("\n".join(change(file.read_text().splitlines())))
    found = opened(given, *(home / "keys" / "audit").glob("*.key"))
    assert found.returncode != 0
    assert finding in found.stderr


def checked(folder: Path, line: str, rpc: str) -> subprocess.CompletedProcess[str]:
    """What `audit.py` says, called as a page calls it; only the EVM chain is asked, which alone has the anchor."""
    places = {"KEY": said("fntx audit key").strip(), "XRPL_URL": NOWHERE, "HORIZON_URL": NOWHERE, "RPC_URL": rpc}
    places["URL"] = rpc
    words = [places.get(word, word) for word in line.split()[2:]]
    command = [sys.executable, "-I", ROOT / "verify" / "audit.py", *words]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True)


def test_the_pages_check_a_proof_with_one_file_of_python(given: Path, home: Path) -> None:
    [alone] = re.findall(r"`(python3 audit.py [^`]*)`", FOR_STRANGERS)
    lines = [line for page in (PAGE, FOR_STRANGERS) for line in re.findall(r"^python3 .*audit.py .*$", page, re.M)]
    assert len(lines) == 2
    with serve(Settings(home=home), 0) as chain:
        ends = {line: checked(given, line, chain.url) for line in [alone, *lines]}
    assert [(done.returncode, done.stdout.splitlines()[-1]) for done in ends.values()] == [
        (75, "NOT CHECKED ON A LEDGER: evm. Otherwise it holds"),
        (0, "HOLDS"),
        (0, "HOLDS"),
    ]
