"""What the documents name is there: files, rooms, links; and they name nothing that a reader does not have."""

from __future__ import annotations

import re
import shlex
import subprocess
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import typer

from fntx_dagster.cli import app
from tests.test_house_rules import FOLDERS, ROOMS

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "fntx_dagster"
TRACKED = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True).stdout.split()
DOCUMENTS = [ROOT / name for name in TRACKED if name.endswith(".md") and not name.startswith("tests/")]
OF_THE_CODE = (ROOT / "docs" / "code.md", ROOT / "CONTRIBUTING.md")
IN_BACKTICKS = re.compile(r"`([\w.-]*/[\w./-]*|[\w-]+\.(?:py|md|sql|yml|toml|lock|mjs|sol))`")
LINK = re.compile(r"\]\(([^)\s]+)\)")


def named(text: str) -> list[str]:
    """The paths in backticks of a text, outside its blocks of code."""
    return IN_BACKTICKS.findall(re.sub(r"```.*?```", "", text, flags=re.DOTALL))


def is_there(name: str) -> bool:
    """Whether a path is in the checkout, from its top or from the package's; a bare name may be anywhere."""
    paths = [name.rstrip("/"), f"fntx_dagster/{name.rstrip('/')}"]
    if "/" not in name:
        return any(Path(path).name == name for path in TRACKED)
    return any(path in TRACKED or any(file.startswith(f"{path}/") for file in TRACKED) for path in paths)


def anchors(document: Path) -> set[str]:
    """The anchors of a document's headings, as GitHub makes them."""
    headings = re.findall(r"^#+ (.*)$", document.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).strip().replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("document", OF_THE_CODE, ids=lambda document: document.name)
def test_every_path_that_is_named_is_there(document: Path) -> None:
    paths = named(document.read_text(encoding="utf-8"))
    assert len(paths) > 10
    # `.venv` is made by `make test`, tables and the home are no files
    missing = {path for path in paths if not path.startswith((".venv/", ".fntx/")) and not is_there(path)}
    assert missing == set()


def paths_of_the_tree() -> list[str]:
    """The paths in the tree of docs/code.md, from top to bottom."""
    [tree] = re.findall(r"```\n(fntx_dagster/\n.*?)```", OF_THE_CODE[0].read_text(encoding="utf-8"), re.DOTALL)
    paths, above = [], {}
    for line in tree.splitlines():
        name = line.split()[0]
        depth = (len(line) - len(line.lstrip())) // 2
        above[depth] = name
        paths.append("".join(above[level] for level in range(depth + 1)))
    return paths


def test_a_room_is_listed_below_the_rooms_that_it_imports() -> None:
    listed = [path.removeprefix("fntx_dagster/").rstrip("/").removesuffix(".py") for path in paths_of_the_tree()]
    place = {name: number for number, name in enumerate(listed)}
    folders = {folder.split("/")[0]: rooms for folder, rooms in FOLDERS.items()}
    for room, imported in ROOMS.items():
        for other in imported | folders.get(room, set()):
            assert place[other] < place[room], f"{room} imports {other}"


def test_the_list_of_rooms_is_complete_and_true() -> None:
    """Each line of the tree is a file or folder, and each room of the package has its line."""
    paths = {*paths_of_the_tree()}
    assert {path for path in paths if not is_there(path)} == set()
    rooms = {f"fntx_dagster/{path.name}/" for path in PACKAGE.iterdir() if (path / "__init__.py").exists()}
    rooms |= {f"fntx_dagster/{path.name}" for path in PACKAGE.glob("[a-z]*.py")}
    rooms |= {f"fntx_dagster/adapters/{path.parent.name}/" for path in PACKAGE.glob("adapters/*/__init__.py")}
    assert rooms <= paths


def test_every_word_of_the_glossary_is_used_elsewhere() -> None:
    glossary = ROOT / "docs" / "glossary.md"
    readers = [path for path in DOCUMENTS if path != glossary] + [*(PACKAGE / "cli").glob("*.py")]
    text = " ".join(path.read_text(encoding="utf-8").lower() for path in readers)
    rows = re.findall(r"^\| (.*?) \|", glossary.read_text(encoding="utf-8"), re.MULTILINE)[1:]
    words = [re.sub(r"^to (\w+).*", r"\1", word).lower() for row in rows for word in row.split(", ")]
    assert len(words) > 30
    assert [word for word in words if not re.search(rf"\b{word}", text)] == []


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda document: str(document.relative_to(ROOT)))
def test_every_link_leads_somewhere(document: Path) -> None:
    for target in LINK.findall(document.read_text(encoding="utf-8")):
        if target.startswith("http"):
            continue
        path, _, anchor = target.partition("#")
        file = (document.parent / path).resolve() if path else document
        assert file.exists(), target
        assert not anchor or anchor in anchors(file), target


def test_no_text_names_what_a_reader_does_not_have() -> None:
    theirs = re.compile(r"\bfacts/|\bseeds?[ /]0\d\d\b|\bissue \d|shared/(?:design|style)")
    texts = [
        name for name in TRACKED if name.endswith((".md", ".py", ".sql", ".yml", ".toml", ".mjs", ".sol", "Makefile"))
    ]
    texts.remove("tests/test_docs.py")
    assert [name for name in texts if theirs.search((ROOT / name).read_text(encoding="utf-8"))] == []


def commands_in(text: str) -> Iterator[str]:
    """What stands behind `fntx` in the blocks of code and in the backticks of a text."""
    blocks = re.findall(r"```.*?```", text, re.DOTALL)
    lines = [line for block in blocks for line in block.replace("\\\n", " ").splitlines()]
    prose = re.sub(r"```.*?```", "", text, flags=re.DOTALL)
    lines += [" ".join(span.split()) for span in re.findall(r"`([^`]+)`", prose)]
    for line in lines:
        for found in re.findall(r"(?:^|[\s(\"/])fntx((?: [^|;&)#>]*)?)", line):
            yield found.strip()


@cache
def _whole() -> Any:
    """`fntx` with all its commands, which takes typer a third of a second to make."""
    return typer.main.get_command(app)


def unknown_in(command: str) -> str | None:
    """The first command or option that `fntx` does not know; None where it knows all of them. The words behind a
    command are arguments and values."""
    place: Any = _whole()
    options = {"--help", "-h"}
    for word in shlex.split(command.replace("'", ""), posix=False):
        options |= {name for param in place.params for name in (*param.opts, *param.secondary_opts)}
        if word.startswith("-") and word.strip("-"):
            if word.split("=")[0] not in options:
                return word
        elif hasattr(place, "commands") and re.fullmatch(r"[a-z-]+", word):
            if word not in place.commands:
                return word
            place = place.commands[word]
            options = {"--help", "-h"}
    return None


def test_every_command_and_option_of_the_documents_is_there() -> None:
    texts = {path: path.read_text(encoding="utf-8") for path in DOCUMENTS}
    commands = [(path.name, command) for path, text in texts.items() for command in commands_in(text)]
    assert len(commands) > 100
    assert [(name, command, word) for name, command in commands if (word := unknown_in(command))] == []


@pytest.mark.parametrize(
    ("command", "word"),
    [
        ("signature disclose --date 2025-07-18 --metric net_pnl", None),
        ("run --from 2025-07-01 --no-sign --to 2025-07-31", None),
        ("signature forge", "forge"),
        ("run --sings", "--sings"),
        ("--versoin", "--versoin"),
    ],
)
def test_a_command_or_option_that_is_not_there_is_found(command: str, word: str | None) -> None:
    assert unknown_in(command) == word
