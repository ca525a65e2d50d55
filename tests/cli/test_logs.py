"""JSON lines for whoever collects logs: one object a line, accounts masked, no text of an exception."""

from __future__ import annotations

import json
import logging
import sys
from pathlib import Path

from fntx_dagster.cli.logs import JsonLines
from tests.processes import run


def logged(message: str, error: BaseException | None = None, **fields: object) -> dict[str, object]:
    info = (type(error), error, error.__traceback__) if error else None
    record = logging.LogRecord("fntx.part", logging.WARNING, "file.py", 1, message, (), info)
    vars(record).update(fields)
    return json.loads(JsonLines().format(record))


def test_a_record_becomes_one_object_with_what_is_known_of_it() -> None:
    line = logged("a run ended", run="abc", shard="3/8", ms=12)
    assert {name: value for name, value in line.items() if name != "ts"} == {
        "level": "warning",
        "event": "a run ended",
        "run": "abc",
        "shard": "3/8",
        "ms": 12,
        "logger": "fntx.part",
    }
    assert str(line["ts"]).endswith("+00:00")


def test_accounts_are_masked_and_nothing_steers_whoever_reads_it() -> None:
    line = logged('U1234567 said \x1b[31m\n{"level": "info"}')
    assert "1234567" not in str(line["event"])
    text = JsonLines().format(logging.LogRecord("fntx", logging.INFO, "f", 1, "a\nb\x1b\u2028", (), None))
    assert not any(sign in text for sign in ("\n", "\x1b", "\u2028"))


def test_of_an_exception_its_type_and_place_are_logged_and_not_its_text() -> None:
    try:
        raise ValueError("the token is hunter2")
    except ValueError as error:
        line = logged("it failed", error)
    assert line["error"] == "ValueError"
    assert "test_logs.py:" in str(line["at"])
    assert "hunter2" not in str(line)


def test_a_command_says_on_standard_error_in_json_lines_what_it_would_print(tmp_path: Path) -> None:
    done = run(tmp_path, "signature", "verify", "--date", "2025-07-18", FNTX_LOG="json", FNTX_DATABASE_URL="x://y")
    assert done.returncode in (1, 75)
    [line] = [json.loads(line) for line in done.stderr.splitlines()]
    assert (line["level"], line["event"][:5]) == ("error", "fntx:")
    assert sys.executable not in done.stderr
