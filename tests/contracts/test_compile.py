"""The committed artifacts are what the sources compile to. The first tests need no Node; the last one does."""

import hashlib
import json
import shutil
import subprocess
from pathlib import Path

import pytest

from fntx_dagster.chain.artifacts import CONTRACTS, FOLDER, artifact

ROOT = Path(__file__).resolve().parents[2]
SOURCES = ROOT / "contracts"
MODULES = SOURCES / "node_modules"
MANIFEST = json.loads((FOLDER / "manifest.json").read_text(encoding="utf-8"))


def test_the_sources_are_the_ones_that_were_compiled():
    listed = {path: digest for path, digest in MANIFEST["sources"].items() if path.startswith("src/")}
    found = {f"src/{file.name}": hashlib.sha256(file.read_bytes()).hexdigest() for file in SOURCES.glob("src/*.sol")}
    assert found == listed


def test_the_manifest_lists_every_imported_file():
    imported = [path for path in MANIFEST["sources"] if not path.startswith("src/")]
    assert imported
    assert all(path.startswith("@openzeppelin/contracts/") for path in imported)


def test_the_lock_names_no_registry_and_the_versions_of_the_manifest():
    lock = json.loads((SOURCES / "package-lock.json").read_text(encoding="utf-8"))
    assert not any("resolved" in package for package in lock["packages"].values())
    assert MANIFEST["compiler"].startswith(lock["packages"]["node_modules/solc"]["version"] + "+")
    assert lock["packages"]["node_modules/@openzeppelin/contracts"]["version"] == "5.7.0"


@pytest.mark.parametrize("contract", CONTRACTS)
def test_nobody_owns_a_contract(contract):
    names = {entry.get("name", "").lower() for entry in artifact(contract)["abi"]}
    assert not names & {"owner", "transferownership", "mint", "pause", "upgradeto", "grantrole"}


@pytest.mark.skipif(not (shutil.which("node") and MODULES.is_dir()), reason="needs Node and `npm ci` in contracts/")
def test_compiling_again_gives_the_committed_artifacts_byte_for_byte(tmp_path):
    subprocess.run(["node", SOURCES / "compile.mjs", tmp_path], check=True, capture_output=True, timeout=120)
    written = {file.name: file.read_bytes() for file in tmp_path.iterdir()}
    assert written == {file.name: file.read_bytes() for file in FOLDER.glob("*.json")}
