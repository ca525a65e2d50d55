"""The committed artifacts are what the sources compile to, and Slither finds nothing in them.

The first tests need no Node; the last two are skipped where it, or Slither, is not installed.
"""

import hashlib
import json
import os
import subprocess

import pytest

from fntx_dagster.adapters.evm.artifacts import ALL, FOLDER, artifact
from tests.tools import ROOT, SLITHER, needs_slither, needs_solc

SOURCES = ROOT / "contracts"
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


def test_no_two_packages_of_the_lock_bring_a_program_of_the_same_name():
    """npm 10 links one of them and removes the link again with a package of another platform, and then anvil is gone.
    Whoever writes the lock anew removes "bin" from the packages of single platforms."""
    lock = json.loads((SOURCES / "package-lock.json").read_text(encoding="utf-8"))
    programs = [name for package in lock["packages"].values() for name in package.get("bin", {})]
    assert sorted(programs) == ["anvil", "semver", "solcjs"]


@pytest.mark.parametrize("contract", ALL)
def test_nobody_owns_a_contract(contract):
    names = {entry.get("name", "").lower() for entry in artifact(contract)["abi"]}
    assert not names & {"owner", "transferownership", "mint", "pause", "upgradeto", "grantrole"}


@needs_solc
def test_compiling_again_gives_the_committed_artifacts_byte_for_byte(tmp_path):
    subprocess.run(["node", SOURCES / "compile.mjs", tmp_path], check=True, capture_output=True, timeout=300)
    written = {file.name: file.read_bytes() for file in tmp_path.iterdir()}
    assert written == {file.name: file.read_bytes() for file in FOLDER.glob("*.json")}


@needs_solc
@needs_slither
def test_static_analysis_finds_nothing():
    environment = {**os.environ, "SLITHER": str(SLITHER)}
    command = ["node", SOURCES / "analyse.mjs"]
    run = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=300, check=False)
    assert run.returncode == 0, run.stderr
    assert "0 result(s) found" in run.stderr
