"""What make does before it touches an environment."""

from __future__ import annotations

import re
import shutil
import subprocess
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
LOCKS = ("requirements.lock", "requirements-servers.lock", "requirements-dev.lock")
_TARGET = r"^  make ([a-z-]+)"
NAME = re.compile(r"[A-Za-z0-9._-]+")


def copied_to(checkout: Path) -> None:
    for name in ("Makefile", *LOCKS, "pyproject.toml"):
        shutil.copy(ROOT / name, checkout)


def locked(lock: str) -> dict[str, str]:
    """Each package of a lock file → its entry."""
    entries = re.split(r"(?m)^(?=[A-Za-z0-9])", (ROOT / lock).read_text(encoding="utf-8").split("\n\n#")[0])[1:]
    by_name: dict[str, str] = {}
    for entry in entries:
        name = NAME.match(entry)
        assert name
        by_name[name[0].lower()] = by_name.get(name[0].lower(), "") + entry
    return by_name


def named(group: str | None) -> set[str]:
    """The packages that pyproject.toml names: what the program needs, or one of its extras."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    listed = project["dependencies"] if group is None else project["optional-dependencies"][group]
    names = (NAME.match(requirement) for requirement in listed)
    return {name[0].lower().replace("_", "-") for name in names if name}


def test_each_package_is_in_one_lock_file_with_its_hashes() -> None:
    user, servers, dev = map(locked, LOCKS)
    assert len(user | servers | dev) == len(user) + len(servers) + len(dev)
    assert [name for name, entry in (user | servers | dev).items() if "--hash=sha256:" not in entry] == []
    assert named(None) | named("checkout") | named("exchanges") <= user.keys()
    assert set().union(*map(named, ("celery", "docker", "k8s", "s3"))) <= servers.keys()
    assert named("dev") <= servers.keys() | dev.keys()


@pytest.mark.parametrize(
    ("target", "is_for_development"),
    [
        ("demo", False),
        ("demo-live", False),
        ("demo-orders", False),
        ("ui", False),
        ("test", True),
        ("lint", True),
        ("bench", True),
    ],
)
def test_make_installs_what_the_tests_need_only_for_them(target: str, is_for_development: bool, tmp_path: Path) -> None:
    copied_to(tmp_path)
    done = subprocess.run(["make", "-n", target], cwd=tmp_path, capture_output=True, text=True, check=True)
    assert done.stdout.count("--require-hashes -r requirements.lock") == 1
    assert done.stdout.count("-r requirements-dev.lock") == is_for_development


def test_make_refuses_an_environment_behind_a_symbolic_link_and_leaves_it_alone(tmp_path: Path) -> None:
    """Setting up would clear the folder that the link points to."""
    checkout, other = tmp_path / "checkout", tmp_path / "other"
    checkout.mkdir()
    other.mkdir()
    copied_to(checkout)
    (other / "kept").write_text("kept")
    (checkout / ".venv").symlink_to(other)
    done = subprocess.run(["make", "lint"], cwd=checkout, capture_output=True, text=True)
    assert done.returncode != 0
    assert ".venv is a symbolic link" in done.stderr
    assert [path.name for path in other.iterdir()] == ["kept"]


def test_make_help_lists_every_target_with_its_words() -> None:
    said = subprocess.run(["make", "help"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    [phony] = re.findall(r"^\.PHONY: (.*)$", (ROOT / "Makefile").read_text(encoding="utf-8"), re.M)
    assert [line.split()[:2] for line in said.splitlines()] == [
        ["make", target] for target in re.findall(_TARGET, said, re.M)
    ]
    assert {*re.findall(_TARGET, said, re.M)} == {*phony.split()}
    assert all(len(line.split()) > 3 for line in said.splitlines())
