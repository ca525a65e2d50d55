"""The internals of dbt that the platform replaces, because dbt has no setting in their place. Only this module imports
them; tests/adapters/test_dbt_internals.py fails on a release that changes one.

- Intermediate models become CTEs of each model that selects from them. dbt finds the place for them with `sqlparse`,
  which takes half of the time of a day's build. Here it is where the model's own `with` is.
- dbt connects to the database for each node and for each list of relations. Here a thread keeps its connection until
  the build ends: a new one has to read the catalogue again before it can plan a model.
- dbt writes the SQL of each node into two files, which nobody reads. Here it writes none.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from dbt.adapters.postgres.connections import PostgresConnectionManager
    from dbt.artifacts.resources.v1.components import InjectedCTE
    from dbt.contracts.graph.nodes import ParsedNode

_HEAD = re.compile(r"(?:\s+|--[^\n]*|/\*.*?\*/)*", re.DOTALL)
_WITH = re.compile(r"with\b(?:\s+recursive\b)?", re.IGNORECASE)


@cache
def replace_internals() -> None:
    """Replace them in this process."""
    from dbt.adapters.postgres.connections import PostgresConnectionManager
    from dbt.contracts.graph.nodes import ParsedNode

    from dbt import compilation

    compilation.inject_ctes_into_sql = with_ctes
    PostgresConnectionManager.release = _keep
    ParsedNode.write_node = _write_nothing


def with_ctes(sql: str, ctes: Sequence[InjectedCTE]) -> str:
    """A select with CTEs before its own."""
    if not ctes:
        return sql
    start = head.end() if (head := _HEAD.match(sql)) else 0
    joined = ", ".join(str(cte.sql) for cte in ctes)
    if own := _WITH.match(sql, start):
        return f"{sql[: own.end()]} {joined}, {sql[own.end() :]}"
    return f"{sql[:start]}with {joined} {sql[start:]}"


def _keep(manager: PostgresConnectionManager) -> None:
    """Keep a thread's connection for its next node, unless it has broken."""
    connection = manager.get_if_exists()
    if connection is None or connection.state != "open":
        return
    if connection.handle.closed:
        manager.close(connection)
    elif connection.transaction_open:
        manager.rollback_if_open()


def _write_nothing(node: ParsedNode, project_root: str, compiled_path: str, compiled_code: str) -> None:
    pass
