"""What a day's run executes: the SQL of models and tests as dbt compiled it, kept beside the manifest.

dbt compiles the project once, when it has parsed it, with marks in the places of what a run decides. A run puts its own
values there and needs no dbt: to start it and to compile takes it longer than PostgreSQL takes for a day.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator, Mapping
from datetime import date
from graphlib import TopologicalSorter
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from dbt.contracts.graph.manifest import Manifest

COMPILED = "compiled.json"
"""The file in the target folder."""
BY_SESSION = "by_session"
"""How dbt calls the models that hold rows by session (dbt/macros/by_session.sql)."""
_FROM, _TO, _FEES, _ACCOUNTS = "@from_day@", "@to_day@", "@withdrawal_fees@", "@accounts@"
_AMONG = f"('{_ACCOUNTS}' = '{{*}}' or account_id = any('{_ACCOUNTS}'::text[]))"
"""As dbt/macros/ranges.sql writes it."""


def array_of(accounts: Collection[str] | None) -> str:
    """Accounts as dbt's variable `accounts`, an array of PostgreSQL's; None: all of them."""
    if accounts is None:
        return "{*}"
    escaped = (account.replace("\\", "\\\\").replace('"', '\\"') for account in sorted(accounts))
    return "{" + ",".join(f'"{account}"' for account in escaped) + "}"


class CompiledNode(NamedTuple):
    """A model that holds rows by session, whose `statements` delete and insert a range, or a test of one, whose last
    statement counts the rows that fail. `needs`: the models without which it cannot be run; `model`: a test's own."""

    name: str
    kind: str
    model: str | None
    needs: list[str]
    statements: list[str]

    def over(
        self, first: date, last: date, withdrawal_fees: Mapping[str, str], accounts: Collection[str] | None = None
    ) -> list[str]:
        """The statements for the sessions between two days, of all accounts or of some, with the fees of withdrawals by
        currency."""
        among = array_of(accounts).replace("'", "''")
        fees = json.dumps(withdrawal_fees).replace("'", "''")
        days = (
            text.replace(_FROM, f"{first}").replace(_TO, f"{last}").replace(_ACCOUNTS, among)
            for text in self.statements
        )
        return [text.replace(f'"{_FEES}"', fees) for text in days]


class Compiled(NamedTuple):
    """The nodes, each after those that it needs, and the names of the project's views."""

    nodes: list[CompiledNode]
    views: list[str]

    @property
    def marts(self) -> set[str]:
        """The names of the models that hold rows by session."""
        return {node.name for node in self.nodes if node.kind == "model"}


def marks(parsed: Manifest) -> dict[str, object]:
    """The variables with which dbt compiles the project: every table is there, and marks stand for a run's values."""
    marts = [node.name for node in parsed.nodes.values() if node.config.materialized == BY_SESSION]
    return {"from_day": _FROM, "to_day": _TO, "withdrawal_fees": _FEES, "accounts": _ACCOUNTS, "as_built": marts}


def keep(target: Path, compiled: Manifest) -> None:
    """Write what a run needs of a manifest that was compiled with `marks`. RuntimeError for a test with conditions of
    its own: a row that it finds is a failure here."""
    by_id: dict[str, Any] = {
        key: node for key, node in compiled.nodes.items() if node.config.materialized == BY_SESSION
    }
    parents = {key: {*_marts_before(compiled.nodes, key)} for key in by_id}
    tests: list[Any] = [node for node in compiled.nodes.values() if node.resource_type == "test"]
    nodes = []
    for key in TopologicalSorter({key: sorted(parents[key]) for key in sorted(parents)}).static_order():
        model = by_id[key]
        needs = sorted(by_id[parent].name for parent in parents[key])
        nodes.append(CompiledNode(model.name, "model", None, needs, _rebuilding(model)))
        for test in sorted((test for test in tests if key in test.depends_on.nodes), key=lambda test: test.name):
            nodes.append(CompiledNode(test.name, "test", model.name, [model.name], [_counting(test)]))
    views = sorted(node.name for node in compiled.nodes.values() if node.config.materialized == "view")
    content = {"nodes": [node._asdict() for node in nodes], "views": views}
    (target / COMPILED).write_text(json.dumps(content, indent=1))


def kept(target: Path) -> Compiled:
    """What `keep` wrote."""
    content = json.loads((target / COMPILED).read_text())
    return Compiled([CompiledNode(**node) for node in content["nodes"]], content["views"])


def _marts_before(nodes: Mapping[str, Any], key: str) -> Iterator[str]:
    """The models with rows by session that a model selects from, itself or by other models."""
    for parent in nodes[key].depends_on.nodes:
        if parent in nodes:
            is_mart = nodes[parent].config.materialized == BY_SESSION
            yield from [parent] if is_mart else _marts_before(nodes, parent)


def _rebuilding(model: Any) -> list[str]:
    """As the materialization `by_session` does where the table is as the project's files make it."""
    meta = model.config.meta
    old = [
        f"{column} between '{_FROM}'::date and '{_TO}'::date or {column} is null"
        for column in meta.get("dated_by", ["trading_day"])
    ]
    old += [meta["gone_where"]] if "gone_where" in meta else []
    return [
        f"delete from {model.relation_name} where {_AMONG} and ({' or '.join(old)})",
        f"insert into {model.relation_name} select * from ({model.compiled_code}) as built where {_AMONG}",
    ]


def _counting(test: Any) -> str:
    conditions = test.config.severity.upper(), test.config.fail_calc, test.config.error_if
    if conditions != ("ERROR", "count(*)", "!= 0"):
        raise RuntimeError(f"the test {test.name} has conditions of its own: a run would not know them")
    return f"select count(*) from ({test.compiled_code}) as failing"
