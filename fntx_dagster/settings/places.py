"""Where files are: those of the project, from a checkout or an installed package, and those in the home.

A checkout has dbt/, docs/, sign/, verify/, dagster.yaml and workspace.yaml at its top; the wheel carries them in the
package, in `project/`. Nothing is written beside the package: what Dagster needs in a writable folder is copied into
the home.
"""

from __future__ import annotations

import os
from pathlib import Path

_PACKAGE = Path(__file__).resolve().parents[1]
_BESIDE = _PACKAGE.parent
CHECKOUT = _BESIDE if (_BESIDE / "pyproject.toml").is_file() and (_BESIDE / "workspace.yaml").is_file() else None
"""The folder of the checkout that this code runs from; None where it runs from an installed package."""
PROJECT = CHECKOUT or _PACKAGE / "project"
"""The folder of dbt/, docs/, sign/, verify/, dagster.yaml and workspace.yaml, never written to."""
DBT_PROJECT = PROJECT / "dbt"
DOCUMENTATION = PROJECT / "docs"
SIGNING, VERIFYING = PROJECT / "sign", PROJECT / "verify"
"""What signers of the treasury copy to their machines, and what strangers do."""
CODE_LOCATION = "fntx"
"""How the definitions are called in Dagster's records; workspace.yaml has the same name."""


class Paths:
    """Where things lie in the home."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.postgres = home / "postgres"
        self.chain = home / "chain"
        self.keys = home / "keys"
        self.statements = home / "ibkr_flexquery"
        self.receiving = home / "receiving"
        self.reports = home / "reports"
        self.limits = home / "limits"
        self.dagster = home / "dagster"
        self.dbt_target = home / "dbt"
        self.logs = home / "logs"


def default_home() -> Path:
    """The home where FNTX_HOME is unset: `.fntx` in the checkout, for an installed package in the current folder."""
    return (CHECKOUT or Path.cwd()) / ".fntx"


def dagster_home(paths: Paths, instance: Path | None = None) -> Path:
    """The folder of dagster.yaml and workspace.yaml that DAGSTER_HOME names: the checkout, or copies in the home.
    `instance` is the file that stands for dagster.yaml.

    The copies are replaced when the files are others, as they are after an upgrade. OSError where a file is not there.
    """
    if CHECKOUT is not None and instance is None:
        return CHECKOUT
    paths.dagster.mkdir(parents=True, exist_ok=True)
    for name, file in (("dagster.yaml", instance), ("workspace.yaml", None)):
        content, copy = (file or PROJECT / name).read_bytes(), paths.dagster / name
        if not copy.exists() or copy.read_bytes() != content:
            written = copy.with_name(f".{name}.{os.getpid()}")
            written.write_bytes(content)
            written.replace(copy)  # whole or not at all: another process may be reading it
    return paths.dagster
