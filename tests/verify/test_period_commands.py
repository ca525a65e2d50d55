"""One list of files and arguments for a period: `fntx verify`, the script and the page come to one code and verdict."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple
from unittest.mock import patch

import pytest
from typer.testing import CliRunner

from fntx_dagster.cli import app
from fntx_dagster.errors import FntxError
from tests.tools import needs_browser
from tests.verify.browser import Page, browser
from tests.verify.conftest import Posted, Shown
from tests.verify.pins import PAGE
from verify import verify as script

HOLDS, AS_FAR, NOT, AWAY = "HOLDS", "HOLDS, as far as checked", "DOES NOT HOLD", "NOT CHECKED ON THE CHAIN"
ROOT = "0x" + "11" * 32


class Case(NamedTuple):
    """A file by name, arguments (NODE: the node's URL; LIST and other capitals: a file of roots), the exit code, and
    the verdict; None: the usage is wrong."""

    file: str
    arguments: Sequence[str]
    code: int
    verdict: str | None


CASES = [
    Case("good", [], 75, AS_FAR),
    Case("good", ["--audience", "a bank"], 75, AS_FAR),
    Case("good", ["--root-file", "LIST", "--audience", "a bank"], 0, AS_FAR),
    Case("good", ["--root-file", "LIST", "--audience", "a fund"], 1, NOT),
    Case("left out", ["--root-file", "LIST"], 1, NOT),
    Case("a disclosure", ["--root", ROOT, "--rpc", "NODE"], 2, None),
    Case("good", ["--rpc", "NODE"], 0, HOLDS),
    Case("good", ["--rpc", "NODE", "--audience", "a bank"], 0, HOLDS),
    Case("good", ["--rpc", "NODE", "--audience", "a fund"], 1, NOT),
    Case("format far behind", ["--rpc", "NODE"], 0, HOLDS),
    Case("ends never", ["--rpc", "NODE"], 0, HOLDS),
    Case("of all times", ["--rpc", "NODE"], 1, NOT),
    Case("left out", ["--rpc", "NODE"], 1, NOT),
    Case("old version", ["--rpc", "NODE"], 1, NOT),
    Case("unnamed", ["--rpc", "NODE"], 0, AS_FAR),
    Case("changed", ["--rpc", "NODE"], 1, NOT),
    Case("good", ["--rpc", "http://127.0.0.1:9"], 75, AWAY),
    Case("good", ["--root-file", "LIST"], 0, AS_FAR),
    Case("old version", ["--root-file", "LIST"], 1, NOT),
    Case("of all times", ["--root-file", "LIST"], 1, NOT),
    Case("good", ["--root-file", "MALFORMED"], 2, None),
    Case("good", ["--root-file", "OTHER LETTERS"], 2, None),
    Case("good", ["--root-file", "A DAY TWICE"], 2, None),
    Case("good", ["--root-file", "A WEEK"], 2, None),
    Case("good", ["--root-file", "MISSING"], 2, None),
    Case("changed", ["--root-file", "MALFORMED"], 2, None),
    Case("of two", ["--root-file", "LIST"], 2, None),
    Case("good", ["--root-file", "LIST", "--rpc", "NODE"], 2, None),
    Case("good", ["--root", ROOT], 2, None),
    Case("a disclosure", ["--root-file", "LIST"], 2, None),
    Case("a disclosure", ["--audience", "a bank"], 2, None),
]
each_case = pytest.mark.parametrize("case", CASES, ids=[f"{case.file} {' '.join(case.arguments)}" for case in CASES])


@pytest.fixture
def texts(posted: Posted, shown: Shown) -> dict[str, str]:
    good = posted.texts["good"]
    others = {
        "format far behind": good.replace('"format"', " " * 2_000_000 + '"format"', 1),
        "changed": good.replace('"currency":"HKD"', '"currency":"USD"', 1),
        "a disclosure": shown.texts["posted"],
    }
    return posted.texts | others


@pytest.fixture
def given(posted: Posted, texts: dict[str, str], tmp_path: Path) -> Callable[[Case], list[str]]:
    """The words behind the command's name."""
    rows = json.loads(texts["good"])["accounts"][0]["days"]
    lines = [f"{row['date']}, {row['version']}, {row['root']}\n" for row in rows]
    lists = {
        "LIST": "".join(lines),
        "MALFORMED": "2018-03-05 one 0x12",
        "OTHER LETTERS": "".join(lines) + "\u00e9",
        "A DAY TWICE": "".join([*lines, lines[0]]),
        "A WEEK": "2018-W10-1" + lines[0][10:],
    }
    for name, text in lists.items():
        (tmp_path / name).write_text(text, encoding="utf-8")

    def words(case: Case) -> list[str]:
        file = tmp_path / "file.json"
        file.write_text(texts[case.file])
        meant = {"NODE": posted.url} | {name: str(tmp_path / name) for name in (*lists, "MISSING")}
        return [str(file), *(meant.get(word, word) for word in case.arguments)]

    return words


@each_case
def test_the_command_comes_to_the_code_and_the_verdict(
    case: Case, given: Callable[[Case], list[str]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FNTX_HOME", str(tmp_path / "home"))
    done = CliRunner().invoke(app, ["verify", *given(case), "--json"])
    code = done.exception.exit_code if isinstance(done.exception, FntxError) else done.exit_code
    assert code == case.code, (done.output, done.exception)
    if case.verdict is not None:
        assert json.loads(done.stdout)["verdict"].partition(":")[0] == case.verdict


@each_case
def test_the_script_comes_to_the_code_and_the_verdict(
    case: Case,
    given: Callable[[Case], list[str]],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(sys, "argv", ["verify.py", *given(case)])
    ask = script.ask
    with patch.object(script, "ask", side_effect=ask) as asked:
        try:
            code = script.main()
        except SystemExit as usage:
            code = usage.code
    said = capsys.readouterr()
    assert code == case.code, said
    if case.verdict is not None:
        assert said.out.splitlines()[-1].partition(":")[0] == case.verdict
    assert asked.call_count < 100, "a file does not say how many questions a node is asked"


@pytest.fixture(scope="module")
def page() -> Iterator[Page]:
    with browser() as page:
        yield page


FIELDS = {"--rpc": "rpc", "--root-file": "roots", "--audience": "wanted", "--root": "root"}
"""Option → the field of the page."""
SETTLED = """new Promise((done) => {
  const ready = () => {
    const verdict = document.getElementById("verdict").textContent;
    if (["No disclosure yet", "Checking …"].includes(verdict)) return setTimeout(ready, 20);
    const listed = (id) => [...document.querySelectorAll(`#${id} li`)].map((item) => item.textContent);
    const { hidden } = document.getElementById("period");
    done({ verdict, hidden, problems: listed("period-problems"), unchecked: listed("period-unchecked") });
  };
  ready();
})"""


@needs_browser
@pytest.mark.parametrize("case", [case for case in CASES if "MISSING" not in case.arguments], ids=str)
def test_the_page_comes_to_the_verdict(case: Case, given: Callable[[Case], list[str]], page: Page) -> None:
    """As somebody uses it: fields are filled, a file is chosen, and the verdict is read."""
    file, *words = given(case)
    page.open(PAGE)
    for option, value in zip(words[::2], words[1::2], strict=True):
        typed = Path(value).read_text(encoding="utf-8") if option == "--root-file" else value
        page.ask(f"document.getElementById('{FIELDS[option]}').value = {json.dumps(typed)}")
    document = page.send("DOM.getDocument")["root"]["nodeId"]
    chooser = page.send("DOM.querySelector", nodeId=document, selector="#file")["nodeId"]
    page.send("DOM.setFileInputFiles", nodeId=chooser, files=[file])
    said = page.ask(SETTLED)
    if case.verdict is None:
        assert said["hidden"], "nothing is shown of a file that was not checked"
        assert re.search(
            "^Give one|go with a period|A root is compared|roots that you gave are no list", said["verdict"]
        )
        return
    assert (said["verdict"].partition(":")[0].upper(), said["hidden"]) == (case.verdict.upper(), False), said
    if case.file == "of all times":
        assert said["problems"][-1].endswith(" more"), "at most five days are named"
    if case.verdict == AS_FAR and "--root-file" in words:
        assert [each.split(" (")[1] for each in said["unchecked"][:2]] == [
            "you gave a list; give an RPC URL for the rest)"
        ] * 2


@needs_browser
def test_the_fields_of_a_period_are_reached_by_keyboard_and_named_to_a_screen_reader(page: Page) -> None:
    page.open(PAGE)
    page.ask("document.getElementById('rpc').focus()")
    reached = []
    for _ in range(6):
        for kind in ("keyDown", "keyUp"):
            page.send("Input.dispatchKeyEvent", type=kind, key="Tab", code="Tab", windowsVirtualKeyCode=9)
        reached.append(page.ask("document.activeElement.id || document.activeElement.textContent"))
    assert reached == ["root", "wanted", "roots", "witnesses", "For a proof of an audit log", "Check"]
    nodes = page.send("Accessibility.getFullAXTree")["nodes"]
    named = {node["name"]["value"]: node for node in nodes if node.get("role", {}).get("value") == "textbox"}
    assert {name for name in named if name.startswith("Of a period")} == {
        "Of a period: whom the file has to be for",
        "Of a period, instead of a node: the roots that you read on the chain yourself",
    }
    [roots] = [node for name, node in named.items() if "roots" in name]
    assert roots["description"]["value"] == "A line with date, version and root for each day, in its latest version."
