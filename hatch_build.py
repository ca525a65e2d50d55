"""Puts the project's files that lie outside the package into the wheel, as fntx_dagster/project (settings/places.py).

An editable installation gets none: it runs from the checkout, where they are.
"""

from __future__ import annotations

from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

FILES = ("dbt/dbt_project.yml", "dbt/profiles.yml", "dbt/macros", "dbt/models", "dbt/tests")
FILES += ("docs", "sign", "verify", "dagster.yaml", "workspace.yaml", "deploy/dagster")


class ProjectFiles(BuildHookInterface):
    """Hatchling calls `initialize` before it builds."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        if version == "standard":
            build_data["force_include"] |= {name: f"fntx_dagster/project/{name}" for name in FILES}
