"""dbt's manifest. It is parsed and compiled again only when a file of the project has changed, never at every load."""

from __future__ import annotations

import hashlib
import json
import shutil
import sys
from importlib.metadata import version
from pathlib import Path
from typing import Any

from filelock import FileLock

from fntx_dagster.adapters.dbt.compiled import COMPILED, keep, marks
from fntx_dagster.errors import Transient
from fntx_dagster.settings import DBT_PROJECT, PROJECT, export

PARSED = "partial_parse.msgpack"
"""The manifest as dbt itself reads it, beside manifest.json in the target folder."""
SOURCES = "sources.sha256"
"""The digest of what the manifest was parsed from, in the same folder."""
PARSED_BEFORE = PROJECT / "parsed"
"""The target folder that an image brings along, parsed when it was built (deploy/Containerfile)."""
_WHOLE = ("manifest.json", PARSED, COMPILED)


def manifest_in(target: Path, database: str) -> Path:
    """Path of manifest.json in a target folder, for a database of that name.

    dbt parses and compiles the project first where the manifest is missing or out of date. No database is needed.
    Raises RuntimeError where dbt cannot parse the project, and Transient where the disk is full.
    """
    target.mkdir(parents=True, exist_ok=True)
    stamp, path = target / SOURCES, target / "manifest.json"
    with FileLock(target / ".parse.lock"):
        sources = _hash_of_sources(database)
        if not _is_of(target, sources):
            if _is_of(PARSED_BEFORE, sources):
                for name in _WHOLE:
                    shutil.copyfile(PARSED_BEFORE / name, target / name)
            else:
                _parse(target, database)
            stamp.write_text(sources)
    return path


def options(target: Path) -> list[str]:
    """The options of every dbt command: where the project is, where dbt writes, and that it prints nothing."""
    project = str(DBT_PROJECT)
    places = ["--project-dir", project, "--profiles-dir", project, "--target-path", str(target)]
    return [*places, "--log-path", str(target), "--quiet", "--log-level", "none", "--log-level-file", "none"]


def _is_of(target: Path, sources: str) -> bool:
    """Whether a target folder holds all of what was parsed, and of these sources."""
    stamp = target / SOURCES
    return stamp.exists() and all((target / name).exists() for name in _WHOLE) and stamp.read_text() == sources


def _parse(target: Path, database: str) -> None:
    export({"FNTX_DBT_HOST": "-", "FNTX_DBT_USER": "-", "FNTX_DBT_DATABASE": database})
    parsed = _invoke(target, None, "parse", "--no-partial-parse")
    offline = ["--no-introspect", "--no-populate-cache", "--no-write-json"]
    _invoke(target, parsed, "compile", *offline, "--vars", json.dumps(marks(parsed)))
    keep(target, parsed)


def _invoke(target: Path, manifest: Any, command: str, *words: str) -> Any:
    """The result of a dbt command, in this process."""
    from dbt.cli.main import dbtRunner

    done = dbtRunner(manifest=manifest).invoke([command, *options(target), *words])
    if isinstance(done.exception, KeyboardInterrupt):
        raise done.exception  # dbt returns a Ctrl-C as a result
    if isinstance(done.exception, OSError) or "No space left" in str(done.exception):
        raise Transient(f"dbt cannot write to {target} ({done.exception})", "Free some space, then try again")
    if not done.success:
        raise RuntimeError(f"dbt cannot {command} {DBT_PROJECT}: {done.exception}")
    return done.result


def _hash_of_sources(database: str) -> str:
    digest = hashlib.sha256(f"{database}\0{version('dbt-core')}\0{version('dbt-postgres')}\0".encode())
    for path in sorted(DBT_PROJECT.rglob("*")):
        if path.suffix in (".sql", ".yml") and path.name != ".user.yml":
            digest.update(f"{path.relative_to(DBT_PROJECT)}\0".encode() + path.read_bytes())
    return digest.hexdigest()


if __name__ == "__main__":  # the build of an image: the name of the database
    manifest_in(PARSED_BEFORE, sys.argv[1])
