"""The rules of the house, held: which room may import what, and what no module may do."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "fntx_dagster"
MODULES = sorted(PACKAGE.rglob("*.py"))

# library → the only places that may import it
HOMES = {
    "dagster": ("defs", "definitions.py"),
    "dagster_dbt": ("defs",),
    "dbt": ("defs",),
    "web3": ("chain",),
    "eth_account": ("chain",),
    "eth_tester": ("chain",),
    "eth_keys": ("chain",),
    "eth": ("chain",),
    "lxml": ("flex",),
    "requests": ("flex", "chain"),
    "tenacity": ("flex",),
    "ib_insync": ("gateway",),
    "apprise": ("alerts.py",),
    "matplotlib": ("report",),
    "jinja2": ("report",),
    "psycopg": ("store",),
    "psycopg2": ("store",),
    "alembic": ("store",),
    "sqlalchemy": ("store",),
    "rich": ("terminal.py", "live_demo.py"),
    "typer": ("cli",),
}

# room → the rooms of ours that it may import; a room that is not listed may import any of the rooms beneath it
PURE = {
    "accounting": {"accounting", "errors"},
    "report": {"report", "errors", "accounting"},
    "metrics": {"metrics", "errors"},
    "proof": {"proof", "errors"},
}
BENEATH = {
    "flex": {"flex", "errors", "accounting"},
    "chain": {"chain", "errors", "settings", "accounting"},
    "gateway": {"gateway", "report", "accounting", "errors"},
    "simulate": {"simulate", "accounting", "errors"},
    "store": {"store", "flex", "accounting", "report", "errors", "settings"},
}
JOURNAL = "fntx_dagster.adapters.evm.journal"
VALUES = {JOURNAL, *(f"{JOURNAL}.{name}" for name in ("Attempt", "Entry", "Mined", "Sending"))}
"""What the sender hands to its journal: plain values, so that `store` can keep them."""
OPENERS = {"open", "socket", "requests", "urllib", "subprocess", "psycopg", "sqlite3", "http"}


def imported(path: Path) -> set[str]:
    """Every module that a file imports, at the top or inside a function."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            found |= {node.module} | {f"{node.module}.{alias.name}" for alias in node.names}
    return found


def room_of(path: Path) -> str:
    return path.relative_to(PACKAGE).parts[0]


@pytest.mark.parametrize("library", HOMES)
def test_a_library_is_imported_only_in_its_room(library: str) -> None:
    strangers = [
        str(path.relative_to(ROOT))
        for path in MODULES
        if room_of(path) not in HOMES[library] and any(name.split(".")[0] == library for name in imported(path))
    ]
    assert strangers == []


@pytest.mark.parametrize(("room", "allowed"), [*PURE.items(), *BENEATH.items()])
def test_a_room_imports_only_the_rooms_beneath_it(room: str, allowed: set[str]) -> None:
    for path in (PACKAGE / room).rglob("*.py"):
        names = {name for name in imported(path) if name.startswith("fntx_dagster.")} - VALUES
        assert {name.split(".")[1] for name in names} <= allowed, path


@pytest.mark.parametrize("room", PURE)
def test_a_pure_room_opens_no_file_no_socket_and_no_connection(room: str) -> None:
    for path in (PACKAGE / room).rglob("*.py"):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        calls = {
            node.func.id for node in ast.walk(tree) if isinstance(node, ast.Call) and isinstance(node.func, ast.Name)
        }
        reads = {node.attr for node in ast.walk(tree) if isinstance(node, ast.Attribute)}
        assert not calls & {"open"}, path
        assert not reads & {"read_text", "write_text", "read_bytes", "write_bytes", "connect"}, path
        assert not {name.split(".")[0] for name in imported(path)} & OPENERS, path


def test_nothing_but_the_demo_knows_the_simulated_broker() -> None:
    strangers = [
        str(path.relative_to(ROOT))
        for path in MODULES
        if room_of(path) not in ("simulate", "live_demo.py")
        and any(name.startswith("fntx_dagster.simulate") for name in imported(path))
    ]
    assert strangers == []


def test_only_the_settings_read_the_environment() -> None:
    readers = [
        path.name
        for path in MODULES
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Attribute) and node.attr in ("environ", "getenv", "environb")
    ]
    assert set(readers) <= {"settings.py"}


def test_no_asset_annotates_its_context_where_annotations_are_postponed() -> None:
    """Dagster reads the annotation of `context` at import and cannot read it as a string."""
    for path in (PACKAGE / "defs").rglob("*.py"):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        if "__future__.annotations" not in imported(path):
            continue
        decorated = [node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef) and node.decorator_list]
        annotated = [
            node.name for node in decorated for arg in node.args.args if arg.arg == "context" and arg.annotation
        ]
        assert annotated == [], path


def test_every_module_says_what_belongs_in_it() -> None:
    silent = [
        str(path.relative_to(ROOT))
        for path in MODULES
        if path.read_text(encoding="utf-8").strip()
        and not ast.get_docstring(ast.parse(path.read_text(encoding="utf-8")))
    ]
    assert silent == []


def test_no_module_is_called_after_nothing() -> None:
    vague = {"utils", "util", "helpers", "helper", "common", "misc", "manager", "base"}
    assert [path for path in MODULES if path.stem in vague] == []


def test_money_is_never_a_float_in_sql() -> None:
    for path in (ROOT / "dbt" / "models").rglob("*.sql"):
        if path.name == "rolling_metrics.sql":
            continue  # ratios
        text = path.read_text(encoding="utf-8").lower()
        assert "double precision" not in text, path
        assert "::float" not in text, path
        assert "::real" not in text, path


def test_importing_the_package_does_no_work() -> None:
    """The terminal's help answers without Dagster, dbt, a chain or a database being imported."""
    heavy = (
        "dagster",
        "dbt",
        "web3",
        "psycopg",
        "pandas",
        "alembic",
        "exchange_calendars",
        "ib_insync",
        "apprise",
        "jinja2",
        "matplotlib",
    )
    code = f"import sys, fntx_dagster.cli; print([m for m in {heavy} if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_the_repository_holds_no_key_token_or_account_but_the_samples() -> None:
    tracked = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True).stdout.split()
    assert not [name for name in tracked if name.endswith((".key", ".secret", ".pem")) or name.startswith(".fntx/")]
