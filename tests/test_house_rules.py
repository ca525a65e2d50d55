"""The rules of the house, held: which room may import what, and what no module may do."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from collections import Counter
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "fntx_dagster"
MODULES = sorted(PACKAGE.rglob("*.py"))

# library → the only room that imports it
HOMES = {
    "QuantLib": "metrics",
    "alembic": "store",
    "anyascii": "compliance",
    "apprise": "adapters/apprise",
    "argon2": "services",
    "ccxt": "adapters/exchanges",
    "dagster": "defs",
    "dagster_dbt": "defs",
    "dagster_postgres": "defs",
    "dagster_shared": "defs",
    "dagster_webserver": "defs",
    "dbt": "adapters/dbt",
    "eth": "adapters/evm",
    "eth_abi": "adapters/evm",
    "eth_account": "adapters/evm",
    "eth_tester": "adapters/evm",
    "eth_typing": "adapters/evm",
    "eth_utils": "adapters/evm",
    "exchange_calendars": "accounting",
    "fastapi": "api",
    "fsspec": "adapters/objects",
    "graphql": "defs",
    "ib_insync": "adapters/gateway",
    "lxml": "adapters/flex",
    "markupsafe": "web",
    "numpy": "metrics",
    "packaging": "services",
    "prometheus_client": "adapters/prometheus",
    "psutil": "store",
    "py_arkworks_bls12381": "curve",
    "pyarrow": "adapters/arrow",
    "psycopg": "store",
    "psycopg_pool": "store",
    "rapidfuzz": "compliance",
    "rfc8785": "audit",
    "rich": "cli",
    "sqlalchemy": "store",
    "tenacity": "adapters/flex",
    "tomlkit": "settings",
    "typer": "cli",
    "typing_extensions": "model",
    "web3": "adapters/evm",
    "webauthn": "services",
    "websockets": "serving",
    "yaml": "services",
}
# library that several rooms need → those rooms
SHARED = {
    "Crypto": {"proof", "witness"},  # keccak; what is sealed for a witness
    "cryptography": {"audit", "governance", "backup"},  # checkpoints and sealed lines; decisions; sealed files
    "filelock": {"adapters/dbt", "adapters/evm", "adapters/flex", "services"},  # a lock on a file of the room's own
    "pandas": {"adapters/arrow", "services", "frames"},  # beside the first, the type of what is handed out
    "orjson": {"ledger", "store", "services"},  # entries and their chain; rows as one parameter; answers
    "pydantic": {"settings", "adapters/apprise", "adapters/evm", "services", "defs"},  # types of settings: secrets
    "xrpl": {"adapters/xrpl", "simulate"},  # codec and keys; those of the network on loopback
    "stellar_sdk": {"adapters/stellar", "simulate"},  # beside the first, the codec of the network on loopback
    "starlette": {"defs", "api", "web"},  # the UI's guard; the API's answers; pages
    "jinja2": {"report", "web"},  # the report as a file; pages
    "uvicorn": {"defs", "api", "serving"},  # each serves itself; connections
    # web3's errors; VALR; Horizon's errors; servers of a stranger; rippled; our own API
    "requests": {
        "adapters/evm",
        "adapters/exchanges",
        "adapters/flex",
        "adapters/ledgers",
        "adapters/stellar",
        "adapters/xrpl",
        "client",
    },
    "urllib3": {
        "adapters/evm",
        "adapters/exchanges",
        "adapters/flex",
        "adapters/stellar",
        "adapters/xrpl",
    },  # requests raises them
}

# room → the rooms that it imports beside itself: no other, and each of them; every room of the package is listed
ROOMS = {
    "errors": set(),
    "foreign": set(),
    "settings": {"errors"},
    "model": set(),
    "accounting": {"model", "errors"},
    "metrics": {"model", "errors"},
    "proof": {"errors"},
    "curve": {"proof"},
    "aggregate": {"model", "curve", "proof", "errors"},
    "periods": {"curve", "proof", "errors"},
    "witness": {"model", "metrics", "proof", "curve", "aggregate", "periods", "errors"},
    "audit": {"proof", "errors"},
    "ledger": {"model", "foreign"},
    "signals": {"model", "ledger", "proof"},
    "governance": {"audit", "errors"},
    "backup": {"audit", "errors"},  # canonical JSON, of which the manifest's keyed hash is
    "bonds": {"model", "audit", "governance", "errors"},  # governance: how fields are read
    "compliance": {"errors"},
    "escrows": {"errors"},
    "execution": {"model", "errors"},
    "reconciliation": {"audit"},  # canonical JSON, of which the report's hash is
    "report": {"model", "foreign", "errors"},
    "intents": {"audit", "foreign", "errors"},
    "outbox": {"errors"},
    "adapters/flex": {"model", "foreign", "errors"},
    "adapters/gateway": {"model", "errors"},
    "adapters/exchanges": {"model", "settings", "foreign", "errors"},
    "adapters/evm": {"model", "outbox", "settings", "proof", "foreign", "errors"},
    "adapters/xrpl": {"execution", "intents", "audit", "governance", "foreign", "errors"},
    "adapters/stellar": {"intents", "audit", "governance", "foreign", "errors"},
    "adapters/ledgers": {"errors"},
    "adapters/objects": {"foreign", "errors"},
    "adapters/apprise": set(),
    "adapters/arrow": {"model", "errors"},
    "adapters/dbt": {"errors", "settings"},
    "adapters/prometheus": set(),
    "store": {"model", "accounting", "proof", "audit", "ledger", "signals", "outbox", "settings", "errors"},
    "samples": set(),
    "serving": {"settings", "errors"},
    "simulate": {"model", "accounting", "ledger", "serving", "adapters/flex"},
}
ROOMS["services"] = {*ROOMS} - {"simulate"}
# report: how Markdown writes a table
ROOMS["defs"] = {"services", "serving", "settings", "foreign", "errors", "model", "report"}
ROOMS["api"] = {"services", "serving", "settings", "errors", "model", "report"}  # report: values in JSON
ROOMS["web"] = {"services", "serving", "settings", "foreign", "errors", "model", "report"}
# defs: runs; web: the dashboard's pages; simulate: the live demo; api: its server; client: the bots of the demos;
# worker: its folder
ROOMS["cli"] = {
    "services",
    "serving",
    "settings",
    "foreign",
    "errors",
    "model",
    "report",
    "defs",
    "simulate",
    "api",
    "web",
    "client",
    "worker",
}
ROOMS["worker"] = {"services", "settings"}
ROOMS["client"] = {"model"}
ROOMS["frames"] = {"services", "settings", "model", "errors"}
ROOMS["definitions"] = {"defs"}
# folder of a room → the rooms that it alone imports, not the rest of its room; docs/code.md gives the reason
FOLDERS = {"store/raw_flex": {"adapters/flex"}}
PURE = (
    "model",
    "accounting",
    "metrics",
    "proof",
    "curve",
    "aggregate",
    "periods",
    "witness",
    "audit",
    "backup",
    "ledger",
    "signals",
    "governance",
    "bonds",
    "compliance",
    "escrows",
    "execution",
    "reconciliation",
    "report",
    "outbox",
    "intents",
)
LONGEST_FILE, LONGEST_FUNCTION = 400, 60
OPENERS = {"open", "socket", "requests", "urllib", "subprocess", "psycopg", "sqlite3", "http"}


@cache
def tree(path: Path) -> ast.Module:
    """What a file says, parsed once for all rules."""
    return ast.parse(path.read_text(encoding="utf-8"))


@cache
def imported(path: Path) -> frozenset[str]:
    """Every module that a file imports, at the top or inside a function; a relative one begins with its dots."""
    found: set[str] = set()
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.level:
            found.add("." * node.level + (node.module or ""))
        elif isinstance(node, ast.ImportFrom) and node.module:
            found |= {node.module} | {f"{node.module}.{alias.name}" for alias in node.names}
    return frozenset(found)


def room_of(path: Path) -> str:
    """The room that a file of the package lies in; each adapter is one."""
    parts = path.relative_to(PACKAGE).parts
    return "/".join(parts[:2]) if parts[0] == "adapters" and len(parts) > 2 else parts[0].removesuffix(".py")


def rooms_imported(path: Path) -> set[str]:
    """The rooms that a file imports, its own among them."""
    names: set[tuple[str, ...]] = {
        tuple(name.split(".")[1:]) for name in imported(path) if name.startswith("fntx_dagster.")
    }
    rooms = set()
    for parts in names:
        if parts[0] == "adapters":
            if len(parts) > 1:
                rooms.add("/".join(parts[:2]))
        else:
            rooms.add(parts[0])
    return rooms


def libraries_imported(path: Path) -> set[str]:
    """The libraries that a file imports, Python's own left out."""
    names = {name.split(".")[0] for name in imported(path)}
    return names - {"", "fntx_dagster"} - sys.stdlib_module_names


def folder_of(path: Path) -> str:
    """The folder that a file lies in, from the package's top; empty for a file outside of the package."""
    return str(path.parent.relative_to(PACKAGE)) if path.is_relative_to(PACKAGE) else ""


def strangers_to(room: str, path: Path) -> set[str]:
    """The rooms that a file of `room` imports and may not, and its relative imports: they would hide a room."""
    relative = {name for name in imported(path) if name.startswith(".")}
    return relative | (rooms_imported(path) - ROOMS[room] - FOLDERS.get(folder_of(path), set()) - {room})


def test_each_library_is_imported_in_its_room_alone_or_in_the_rooms_that_share_it() -> None:
    rooms: dict[str, set[str]] = {}
    for path in MODULES:
        for library in libraries_imported(path):
            rooms.setdefault(library, set()).add(room_of(path))
    assert rooms == {library: {home} for library, home in HOMES.items()} | SHARED
    assert not HOMES.keys() & SHARED.keys()


def test_every_room_is_listed_with_what_it_may_import() -> None:
    rooms = {room_of(path) for path in MODULES} - {"__init__", "adapters"}
    assert rooms == {*ROOMS}


@pytest.mark.parametrize("room", ROOMS)
def test_a_room_imports_only_what_is_listed_for_it(room: str) -> None:
    strangers = {
        str(path.relative_to(ROOT)): strange
        for path in MODULES
        if room_of(path) == room and (strange := strangers_to(room, path))
    }
    assert strangers == {}


def test_what_is_listed_for_a_room_or_a_folder_is_imported_there() -> None:
    """A permission that nobody uses would let a wrong import in."""
    used: dict[str, set[str]] = {}
    for path in MODULES:
        for place in (room_of(path), folder_of(path)):
            used.setdefault(place, set()).update(rooms_imported(path))
    unused = {place: left for place, rooms in (ROOMS | FOLDERS).items() if (left := rooms - used[place])}
    assert unused == {}


def test_no_import_is_relative() -> None:
    relative = [str(path.relative_to(ROOT)) for path in MODULES if any(name.startswith(".") for name in imported(path))]
    assert relative == []


@pytest.mark.parametrize(
    ("room", "line"),
    [
        ("store", "from ..report import clock"),
        ("store", "from .. import report"),
        ("store", "from fntx_dagster.adapters.flex.sections import SECTIONS"),
        ("outbox", "from fntx_dagster.model.day import Day"),
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
        parsed = tree(path)
        calls = {
            node.func.id for node in ast.walk(parsed) if isinstance(node, ast.Call) and isinstance(node.func, ast.Name)
        }
        reads = {node.attr for node in ast.walk(parsed) if isinstance(node, ast.Attribute)}
        assert not calls & {"open"}, path
        assert not reads & {"read_text", "write_text", "read_bytes", "write_bytes", "connect"}, path
        assert not {name.split(".")[0] for name in imported(path)} & OPENERS, path


DEMOS = (
    *("live_demo.py", "exchange_demo.py", "proofs_demo.py", "witness_demo.py"),
    *("treasury_demo.py", "demo_treasury.py", "demo_ledgers.py"),
)


def test_nothing_but_the_demos_knows_what_is_simulated() -> None:
    strangers = [
        str(path.relative_to(ROOT))
        for path in MODULES
        if room_of(path) != "simulate"
        and path.name not in DEMOS
        and any(name.startswith("fntx_dagster.simulate") for name in imported(path))
    ]
    assert strangers == []


def test_only_the_settings_read_the_environment() -> None:
    readers = [
        path
        for path in MODULES
        for node in ast.walk(tree(path))
        if isinstance(node, ast.Attribute) and node.attr in ("environ", "getenv", "environb")
    ]
    assert {room_of(path) for path in readers} <= {"settings"}


def test_only_two_modules_use_the_internals_of_dagster() -> None:
    users = [
        str(path.relative_to(ROOT))
        for path in MODULES
        if any(
            name.startswith(("dagster._", "dagster_postgres", "dagster_shared", "dagster_webserver"))
            for name in imported(path)
        )
    ]
    assert users == ["fntx_dagster/defs/dagster_servers.py", "fntx_dagster/defs/internals.py"]


def test_only_defs_write_the_keys_that_dagster_reads() -> None:
    key = re.compile(r"(?<!fntx_)(?<!deploy/)dagster/")
    writers = [path for path in MODULES if key.search(path.read_text(encoding="utf-8"))]
    assert {room_of(path) for path in writers} == {"defs"}


def test_nothing_is_printed_past_the_two_modules_that_clean_it() -> None:
    """A character in a statement or a file's name could steer the terminal."""
    printers = {
        path.relative_to(ROOT).as_posix()
        for path in MODULES
        for node in ast.walk(tree(path))
        if (isinstance(node, ast.Attribute) and node.attr in ("stdout", "stderr") and _is_named(node.value, "sys"))
        or (isinstance(node, ast.Call) and _is_named(node.func, "print", "Console", "Live", "Progress"))
        or (isinstance(node, ast.Attribute) and node.attr in ("echo", "secho", "from_markup", "render_str"))
    }
    assert printers - {"fntx_dagster/cli/terminal.py", "fntx_dagster/cli/plain.py"} == {
        "fntx_dagster/cli/__init__.py",
        "fntx_dagster/defs/lost_server.py",  # prints nothing: it takes away some of what Dagster prints
    }
    pipe = (PACKAGE / "cli" / "__init__.py").read_text(encoding="utf-8")  # redirects what a closed pipe does not take
    assert re.findall(r"(?<!= )sys\.std\w+[.(][^\n]*", pipe) == ["sys.stdout.fileno())"]


def test_only_one_module_makes_what_dagster_shows() -> None:
    """It cleans every text and masks the accounts in it."""
    exits = ("MaterializeResult", "AssetCheckResult", "Failure", "SkipReason", "Output", "AssetMaterialization")
    makers = {
        path.name
        for path in (PACKAGE / "defs").rglob("*.py")
        for node in ast.walk(tree(path))
        if (isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in exits)
        or (isinstance(node, ast.Attribute) and node.attr in ("log", "add_output_metadata", "add_asset_metadata"))
    }
    assert makers == {"shown.py"}


def test_what_is_shown_is_cleaned_by_one_function() -> None:
    """Nobody else decides which characters can be shown."""
    deciders = {
        path.relative_to(PACKAGE).as_posix()
        for path in MODULES
        if re.search(r"isprintable|unicodedata", path.read_text(encoding="utf-8"))
    }
    comparing = {"compliance/names.py", "compliance/directions.py"}  # they show nothing: they compare
    assert deciders == {"foreign.py", *comparing}


def test_no_asset_annotates_its_context_where_annotations_are_postponed() -> None:
    """Dagster reads the annotation of `context` at import and cannot read it as a string."""
    for path in (PACKAGE / "defs").rglob("*.py"):
        parsed = tree(path)
        if "__future__.annotations" not in imported(path):
            continue
        decorated = [node for node in ast.walk(parsed) if isinstance(node, ast.FunctionDef) and node.decorator_list]
        annotated = [
            node.name for node in decorated for arg in node.args.args if arg.arg == "context" and arg.annotation
        ]
        assert annotated == [], path


def test_every_module_says_what_belongs_in_it() -> None:
    silent = [str(path.relative_to(ROOT)) for path in MODULES if not ast.get_docstring(tree(path))]
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
        "pyarrow",
        "alembic",
        "exchange_calendars",
        "ib_insync",
        "apprise",
        "ccxt",
        "jinja2",
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
        for node in ast.walk(tree(path))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.end_lineno
    }
    assert {name for name, lines in functions.items() if lines > LONGEST_FUNCTION} == set()


def test_no_two_modules_define_a_public_class_of_the_same_name() -> None:
    names = Counter(
        node.name
        for path in MODULES
        for node in tree(path).body
        if isinstance(node, ast.ClassDef) and not node.name.startswith("_")
    )
    assert {name for name, times in names.items() if times > 1} == set()


def _is_named(node: ast.expr, *names: str) -> bool:
    return isinstance(node, ast.Name) and node.id in names


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
