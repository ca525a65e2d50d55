"""The type checker of `make test` finds what it is there for, and is silenced nowhere without a reason."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
import tokenize
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
CHECKER = str(Path(sys.executable).with_name("basedpyright"))
CHECKED = [file for folder in ("fntx_dagster", "bench", "verify") for file in sorted((ROOT / folder).rglob("*.py"))]
REASONED = re.compile(r"# pyright: ignore\[\w+(, \w+)*\]  # \w.*")

PLANTED = """
from fntx_dagster.errors import Permanent
from fntx_dagster.settings import Settings


def batch(settings: Settings) -> str:
    return settings.posting.batch


def url(settings: Settings) -> str | None:
    return settings.database_url


def secret(settings: Settings) -> str:
    return settings.database.url.get_secret_value()


def refused() -> Permanent:
    return Permanent(3)
"""


def findings(project: Path) -> tuple[int, list[tuple[str, int, str]]]:
    """The exit code of the checker in a project, and file, line and rule of each error."""
    done = subprocess.run([CHECKER, "--outputjson"], cwd=project, capture_output=True, text=True)
    errors = [found for found in json.loads(done.stdout)["generalDiagnostics"] if found["severity"] == "error"]
    places = [(Path(error["file"]).name, error["range"]["start"]["line"] + 1, error["rule"]) for error in errors]
    return done.returncode, places


@pytest.mark.slow
def test_a_wrong_type_and_an_unknown_attribute_are_found(tmp_path: Path) -> None:
    """The same command and configuration, over a small part of the package with a file that has four errors."""
    package = tmp_path / "fntx_dagster"
    shutil.copytree(ROOT / "fntx_dagster" / "settings", package / "settings")
    for name in ("__init__.py", "errors.py"):
        shutil.copy(ROOT / "fntx_dagster" / name, package)
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    (tmp_path / ".venv").symlink_to(ROOT / ".venv")
    assert findings(tmp_path) == (0, [])
    (package / "planted.py").write_text(PLANTED, encoding="utf-8")
    code, errors = findings(tmp_path)
    assert code == 1
    assert errors == [
        ("planted.py", 7, "reportReturnType"),
        ("planted.py", 11, "reportAttributeAccessIssue"),
        ("planted.py", 15, "reportOptionalMemberAccess"),
        ("planted.py", 19, "reportArgumentType"),
    ]


def test_each_suppression_names_its_rule_and_its_reason() -> None:
    bare = []
    for file in CHECKED:
        with tokenize.open(file) as text:
            comments = [token for token in tokenize.generate_tokens(text.readline) if token.type == tokenize.COMMENT]
        bare += [
            f"{file.relative_to(ROOT)}:{comment.start[0]}"
            for comment in comments
            if re.match(r"#\s*(type|pyright|basedpyright)\s*:", comment.string)
            and not REASONED.fullmatch(comment.string)
        ]
    assert bare == []
