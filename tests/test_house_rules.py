"""The rules of the house, held: which room may import what, and what no module may do."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "fntx_dagster"
MODULES = sorted(PACKAGE.rglob("*.py"))

# library → the only rooms that may import it
HOMES = {
    "dagster": ("defs", "definitions"),
    "dagster_dbt": ("defs",),
    "dagster_postgres": ("defs",),
    "dbt": ("adapters/dbt",),
    "web3": ("adapters/evm",),
    "eth_account": ("adapters/evm",),
    "eth_tester": ("adapters/evm",),
    "eth_keys": ("adapters/evm",),
    "eth": ("adapters/evm",),
    "lxml": ("adapters/flex",),
    "requests": ("adapters/flex", "adapters/evm"),
    "tenacity": ("adapters/flex",),
    "ib_insync": ("adapters/gateway",),
    "apprise": ("adapters/apprise",),
    "matplotlib": ("report",),
    "jinja2": ("report",),
    "psycopg": ("store",),
    "psycopg2": ("store",),
    "psycopg_pool": ("store",),
    "alembic": ("store",),
    "sqlalchemy": ("store",),
    "rich": ("cli",),
    "typer": ("cli",),
}

# room → the rooms that it may import beside itself; every room of the package is listed
ROOMS = {
    "errors": set(),
    "settings": {"errors"},
    "model": {"errors"},
    "accounting": {"model", "errors"},
    "metrics": {"model", "errors"},
    "proof": {"errors"},
    "report": {"model", "errors"},
    "outbox": {"model", "errors"},
    "adapters/flex": {"model", "accounting", "settings", "errors"},
    "adapters/gateway": {"model", "accounting", "settings", "errors"},
    "adapters/evm": {"model", "accounting", "outbox", "settings", "errors"},
    "adapters/apprise": {"settings", "errors"},
    "adapters/dbt": {"settings", "errors"},
    "store": {"model", "accounting", "outbox", "adapters/flex", "settings", "errors"},
    "samples": {"errors"},
}
ROOMS["services"] = {*ROOMS} - {"services"}
ROOMS["simulate"] = {"model", "accounting", "errors"}
FACE = {"services", "settings", "errors", "model", "report"}
ROOMS["defs"] = FACE
ROOMS["cli"] = FACE | {"defs", "simulate"}  # it starts Dagster's runs, and the simulated broker of the demo
ROOMS["definitions"] = {"defs"}
PURE = ("model", "accounting", "metrics", "proof", "report", "outbox")
LONGEST_FILE, LONGEST_FUNCTION = 400, 60
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
    """The room that a file of the package lies in; each adapter is one."""
    parts = path.relative_to(PACKAGE).parts
    return "/".join(parts[:2]) if parts[0] == "adapters" and len(parts) > 2 else parts[0].removesuffix(".py")


def rooms_imported(path: Path) -> set[str]:
    """The rooms that a file imports, its own among them."""
    names = {tuple(name.split(".")[1:]) for name in imported(path) if name.startswith("fntx_dagster.")}
    rooms = set()
    for parts in names:
        if parts[0] == "adapters":
            if len(parts) > 1:
                rooms.add("/".join(parts[:2]))
        else:
            rooms.add(parts[0])
    return rooms


def strangers_to(room: str, path: Path) -> set[str]:
    """The rooms that a file of `room` imports and may not."""
    return rooms_imported(path) - ROOMS[room] - {room}


@pytest.mark.parametrize("library", HOMES)
def test_a_library_is_imported_only_in_its_room(library: str) -> None:
    strangers = [
        str(path.relative_to(ROOT))
        for path in MODULES
        if room_of(path) not in HOMES[library] and any(name.split(".")[0] == library for name in imported(path))
    ]
    assert strangers == []


def test_every_room_is_listed_with_what_it_may_import() -> None:
    rooms = {room_of(path) for path in MODULES} - {"__init__", "adapters"}
    assert rooms == {*ROOMS}


@pytest.mark.parametrize("room", ROOMS)
def test_a_room_imports_only_the_rooms_beneath_it(room: str) -> None:
    strangers = {
        str(path.relative_to(ROOT)): strange
        for path in MODULES
        if room_of(path) == room and (strange := strangers_to(room, path))
    }
    assert strangers == {}


@pytest.mark.parametrize(
    ("room", "line"),
    [
        ("store", "from fntx_dagster.report.story import narrate"),
        ("adapters/gateway", "from fntx_dagster.report import clock"),
        ("adapters/gateway", "import fntx_dagster.adapters.evm.client"),
        ("cli", "from fntx_dagster.store.database import Database"),
        ("defs", "from fntx_dagster.cli import main"),
    ],
)
def test_an_import_that_breaks_the_rules_is_found(room: str, line: str, tmp_path: Path) -> None:
    """The test of the test above."""
    file = tmp_path / "stranger.py"
    file.write_text(f"def work():\n    {line}\n", encoding="utf-8")
    assert strangers_to(room, file)


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
        if room_of(path) != "simulate"
        and path.name != "live_demo.py"
        and any(name.startswith("fntx_dagster.simulate") for name in imported(path))
    ]
    assert strangers == []


def test_only_the_settings_read_the_environment() -> None:
    readers = [
        path
        for path in MODULES
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Attribute) and node.attr in ("environ", "getenv", "environb")
    ]
    assert {room_of(path) for path in readers} <= {"settings"}


def test_only_one_module_uses_the_internals_of_dagster() -> None:
    users = [
        str(path.relative_to(ROOT))
        for path in MODULES
        if any(name.startswith(("dagster._", "dagster_postgres")) for name in imported(path))
    ]
    assert users == ["fntx_dagster/defs/internals.py"]


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


def test_no_file_is_long_and_no_function_either() -> None:
    files = {str(path.relative_to(ROOT)): len(path.read_text(encoding="utf-8").splitlines()) for path in MODULES}
    assert {name for name, lines in files.items() if lines > LONGEST_FILE} == set()
    functions = {
        f"{path.relative_to(ROOT)}:{node.name}": node.end_lineno - node.lineno + 1
        for path in MODULES
        if "migrations" not in path.parts
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.end_lineno
    }
    assert {name for name, lines in functions.items() if lines > LONGEST_FUNCTION} == set()


def test_no_two_modules_define_a_public_class_of_the_same_name() -> None:
    names = Counter(
        node.name
        for path in MODULES
        for node in ast.parse(path.read_text(encoding="utf-8")).body
        if isinstance(node, ast.ClassDef) and not node.name.startswith("_")
    )
    assert {name for name, times in names.items() if times > 1} == set()


def test_no_import_leads_in_a_circle() -> None:
    names = {".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__"): path for path in MODULES}
    leads_to = {name: (imported(path) & names.keys()) - {name} for name, path in names.items()}
    done: set[str] = set()
    circles: set[frozenset[str]] = set()

    def follow(name: str, way: tuple[str, ...]) -> None:
        if name in way:
            circles.add(frozenset(way[way.index(name) :]))
        elif name not in done:
            for following in sorted(leads_to[name]):
                follow(following, (*way, name))
            done.add(name)

    for name in sorted(leads_to):
        follow(name, ())
    assert circles == set()
