"""The table of exit codes in verify/README.md: each row is a situation in which `fntx verify` and the script end so."""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path
from typing import NamedTuple

import pytest
from typer.testing import CliRunner

from fntx_dagster.cli import app
from fntx_dagster.errors import FntxError
from tests.verify.conftest import Posted, Shown
from tests.verify.pins import FOLDER
from verify import verify as script

AWAY = "http://127.0.0.1:9"


class Situation(NamedTuple):
    """A file by name, and the words behind it (NODE: the node's URL; LIST: a file of the period's roots)."""

    file: str
    arguments: str = ""


SITUATIONS = {
    "HOLDS": [Situation("posted", "--rpc NODE"), Situation("good", "--rpc NODE")],
    "HOLDS, as far as checked: a disclosure": [
        Situation("posted"),
        Situation("posted", "--root ROOT"),
        Situation("no transaction named", "--rpc NODE"),
        Situation("unknown transaction", "--rpc NODE"),
    ],
    "HOLDS, as far as checked: a period, with a node or a list of roots": [
        Situation("good", "--root-file LIST"),
        Situation("good", "--root-file LIST --audience a&bank"),
        Situation("unnamed", "--rpc NODE"),
    ],
    "HOLDS, as far as checked: a period, with neither": [
        Situation("good"),
        Situation("good", "--audience a&bank"),
        Situation("left out"),
    ],
    "HOLDS, but is superseded by version n": [Situation("superseded", "--rpc NODE")],
    "DOES NOT HOLD": [
        Situation("other value"),
        Situation("other record", "--rpc NODE"),
        Situation("changed"),
        Situation("changed", f"--rpc {AWAY}"),
        Situation("left out", "--rpc NODE"),
        Situation("left out", "--root-file LIST"),
        Situation("good", "--audience a&fund"),
    ],
    "wrong usage": [
        Situation("none"),
        Situation("a table"),
        Situation("a series"),
        Situation("a package"),
        Situation("posted", "--root 0x12"),
        Situation("posted", "--root ROOT --rpc NODE"),
        Situation("posted", "--root-file LIST"),
        Situation("good", "--root ROOT"),
        Situation("good", "--root-file LIST --rpc NODE"),
        Situation("good", "--root-file none"),
        Situation("good", "--rpc ftp://node"),
        Situation("good", "--witness 0x12=Smith"),
    ],
    "NOT CHECKED ON THE CHAIN": [Situation("posted", f"--rpc {AWAY}"), Situation("good", f"--rpc {AWAY}")],
}
ALL = [(row, situation) for row, situations in SITUATIONS.items() for situation in situations]


def table() -> dict[str, int]:
    """What the README says: how it ends → the exit code."""
    text = (FOLDER / "README.md").read_text(encoding="utf-8")
    rows = text.partition("| it ends with | exit code | meaning |\n")[2].partition("\n\n")[0]  # others follow
    return {row: int(code) for row, code in re.findall(r"^\| (.+?) \| (\d+) \| .+ \|$", rows, re.MULTILINE)}


@pytest.fixture
def words(shown: Shown, posted: Posted, tmp_path: Path):
    """The words behind the command's name."""
    good = posted.texts["good"]
    rows = json.loads(good)["accounts"][0]["days"]
    (tmp_path / "LIST").write_text("".join(f"{row['date']} {row['version']} {row['root']}\n" for row in rows))
    texts = {
        **shown.texts,
        **posted.texts,
        "changed": good.replace('"currency":"HKD"', '"currency":"USD"', 1),
        "a table": "date,root\n",
        "a series": '{"format":"fntx.series/1"}',
        "a package": '{"format":"fntx.package/1"}',
    }

    def behind(situation: Situation) -> list[str]:
        file = tmp_path / "file.json"
        if situation.file != "none":
            file.write_text(texts[situation.file])
        meant = {"NODE": shown.url, "ROOT": shown.root, "LIST": str(tmp_path / "LIST")}
        arguments = [meant.get(word, word.replace("&", " ")) for word in situation.arguments.split()]
        return [str(file), *arguments]

    return behind


def test_the_table_and_the_situations_below_have_the_same_rows():
    assert list(table()) == list(SITUATIONS)


@pytest.mark.parametrize(("row", "situation"), ALL, ids=[f"{each.file} {each.arguments}" for _, each in ALL])
def test_both_end_as_the_table_says(row: str, situation: Situation, words, tmp_path, monkeypatch, capsys):
    arguments = words(situation)
    monkeypatch.setenv("FNTX_HOME", str(tmp_path / "home"))
    done = CliRunner().invoke(app, ["verify", *arguments])
    ours = done.exception.exit_code if isinstance(done.exception, FntxError) else done.exit_code
    monkeypatch.setattr(sys, "argv", ["verify.py", *arguments])
    try:
        theirs = script.main()
    except SystemExit as usage:
        theirs = usage.code
    assert (ours, theirs) == (table()[row], table()[row]), (done.output, done.exception)
    if row == "wrong usage":
        return
    verdict = re.escape(row.partition(": a ")[0]).replace("version\\ n", r"version \d+")
    for said in (done.stdout, capsys.readouterr().out):
        assert re.search(rf"^(✓ |✗ |! )?{verdict}", said.splitlines()[-1]), said
