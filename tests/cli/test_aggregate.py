"""`fntx aggregate check` and `verify`, as a stranger calls them: no database, no home."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from fntx_dagster.cli import app
from tests.aggregate.examples import SUBMISSIONS
from tests.aggregate.test_epoch import CONTENT, FILE


@pytest.fixture(autouse=True)
def _nothing_else(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("FNTX_HOME", str(tmp_path / "none"))
    monkeypatch.chdir(tmp_path)


def fntx(*words: str, stdin: bytes | None = None) -> tuple[int, str]:
    result = CliRunner().invoke(app, ["aggregate", *words], input=stdin)
    return result.exit_code, result.output


@pytest.mark.parametrize("case", SUBMISSIONS["cases"], ids=lambda case: case["name"].replace(" ", "-"))
def test_a_submission_is_checked_from_its_file(tmp_path: Path, case: dict) -> None:
    file = tmp_path / "submission.json"
    content = {"key": SUBMISSIONS["key"], "context": case["context"], "submission": case["submission"]}
    file.write_text(json.dumps(content))
    code, said = fntx("check", str(file))
    assert code == (0 if case["holds"] else 1)
    assert said.strip().endswith("HOLDS" if case["holds"] else "DOES NOT HOLD")
    code, said = fntx("check", "-", "--json", stdin=file.read_bytes())
    assert (code, json.loads(said)) == (0 if case["holds"] else 1, {"holds": case["holds"]})


@pytest.mark.parametrize("field", ["key", "context"])
@pytest.mark.parametrize("value", ["0x", "0x00", "0x" + "11" * 96])
def test_a_key_that_is_no_point_holds_nothing(field: str, value: str) -> None:
    case = SUBMISSIONS["cases"][0]
    content = {"key": SUBMISSIONS["key"], "context": case["context"], "submission": case["submission"]}
    assert fntx("check", "-", stdin=json.dumps({**content, field: value}).encode())[0] == 1


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        "{}",
        '{"key": 1, "context": "0x", "submission": "0x"}',
        '{"key": "0x", "key": "0x", "context": "0x", "submission": "0x"}',
        "[" * 100_000,
    ],
)
def test_what_is_no_submission_is_a_wrong_command_line(text: str) -> None:
    code, said = fntx("check", "-", stdin=text.encode())
    assert code == 2
    assert '"context"' in said


def test_a_deep_file_is_refused_where_a_library_lets_recursion_go_deep() -> None:
    program = (
        "import sys; sys.setrecursionlimit(10**9); from fntx_dagster.cli import app; app(['aggregate', 'check', '-'])"
    )
    deep = b"[" * 3_000_000
    root = Path(__file__).parents[2]
    done = subprocess.run([sys.executable, "-c", program], input=deep, capture_output=True, timeout=120, cwd=root)
    assert done.returncode == 2
    assert b'"context"' in done.stderr


def test_an_epoch_record_is_verified_without_a_node(tmp_path: Path) -> None:
    file = tmp_path / "epoch.json"
    file.write_bytes(FILE)
    code, said = fntx("verify", str(file))
    assert code == 0
    assert "5 submissions, 1 of them evicted, opened by 2 of 3 trustees" in said
    assert "326,797 USD" in said
    assert "-212 USD" in said
    assert "NOT CHECKED: whether these are all submissions of the day" in said
    assert said.strip().endswith("HOLDS, as far as checked")
    document = json.loads(fntx("verify", str(file), "--json")[1])
    assert (document["verdict"], document["holds"], document["on_chain"]) == ("HOLDS, as far as checked", True, None)
    assert document["totals"] == {key: int(value) for key, value in CONTENT["totals"].items()}
    assert document["epoch"]["evicted"] == 1


def test_a_changed_record_does_not_hold_and_shows_no_totals(tmp_path: Path) -> None:
    file = tmp_path / "epoch.json"
    file.write_bytes(FILE.replace(b'"326797"', b'"326798"'))
    code, said = fntx("verify", str(file))
    assert code == 1
    assert "checksum is another one" in said
    assert "DOES NOT HOLD" in said
    assert "326,798" not in said
    document = json.loads(fntx("verify", str(file), "--json")[1])
    assert (document["holds"], document["epoch"], document["totals"]) == (False, None, None)


def test_what_is_no_record_is_a_wrong_command_line(tmp_path: Path) -> None:
    (tmp_path / "other.json").write_text('{"format": "fntx.disclosure/1"}')
    assert fntx("verify", "other.json")[0] == 2
    assert fntx("verify", "absent.json")[0] == 2
