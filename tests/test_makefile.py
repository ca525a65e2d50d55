"""What make does before it touches an environment."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

ROOT = Path(__file__).parents[1]


def test_make_refuses_an_environment_behind_a_symbolic_link_and_leaves_it_alone(tmp_path: Path) -> None:
    """Setting up would clear the folder that the link points to."""
    checkout, other = tmp_path / "checkout", tmp_path / "other"
    checkout.mkdir()
    other.mkdir()
    for name in ("Makefile", "requirements.lock", "pyproject.toml"):
        shutil.copy(ROOT / name, checkout)
    (other / "kept").write_text("kept")
    (checkout / ".venv").symlink_to(other)
    done = subprocess.run(["make", "lint"], cwd=checkout, capture_output=True, text=True)
    assert done.returncode != 0
    assert ".venv is a symbolic link" in done.stderr
    assert [path.name for path in other.iterdir()] == ["kept"]
