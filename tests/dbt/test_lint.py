"""sqlfluff reads the dbt project by the rules of pyproject.toml; it needs no database."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


def lint(*paths: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "sqlfluff", "lint", "--nocolor", "--config", str(ROOT / "pyproject.toml")]
    return subprocess.run([*command, *map(str, paths)], cwd=ROOT, capture_output=True, text=True, timeout=300)


@pytest.mark.slow
def test_every_model_and_macro_keeps_the_rules() -> None:
    done = lint(ROOT / "dbt")
    assert done.returncode == 0, done.stdout + done.stderr


def test_a_planted_error_is_found(tmp_path: Path) -> None:
    planted = {
        "CP01": "SELECT account_id from {{ ref('stg_fills') }}\n",
        "AL05": "select x from {{ ref('stg_fills') }}\ninner join {{ ref('stg_lots') }} as b using (x)\n",
        "AM05": "select a.x from {{ ref('stg_fills') }} as a\njoin {{ ref('stg_lots') }} as b on a.x = b.x\n",
        "PRS": "select account_id from {{ ref('stg_fills') }} where and {{ is_option('asset_category') }}\n",
    }
    for rule, model in planted.items():
        (tmp_path / f"{rule}.sql").write_text(model, encoding="utf-8")
    done = lint(tmp_path)
    assert done.returncode == 1
    assert [rule for rule in planted if f"| {rule:>4} |" not in done.stdout] == []
