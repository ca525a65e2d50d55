"""Running dbt in this process on the parsed manifest, where what a run needs is not there as the project has it."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from fntx_dagster.adapters.dbt.compiled import Compiled, kept
from fntx_dagster.adapters.dbt.project import PARSED, SOURCES, options

if TYPE_CHECKING:
    from dbt.artifacts.schemas.run import RunResult


class NodeResult(NamedTuple):
    """What became of one node of a dbt run. `kind` is dbt's resource type (model, test, …), `model` the name of the
    model that a test is about, `status` dbt's word (success, pass, warn, fail, error, skipped)."""

    name: str
    kind: str
    model: str | None
    status: str
    message: str | None
    failing_rows: int
    seconds: float

    @property
    def is_failure(self) -> bool:
        return self.status not in ("success", "pass", "warn")

    def __str__(self) -> str:
        """The node and dbt's words."""
        return f"{self.name}: {(self.message or self.status).strip()}"


class Project(NamedTuple):
    """The project as it was parsed and compiled into a target folder. `sources` is the digest of its files."""

    target: Path
    sources: str
    compiled: Compiled

    def build(self, nodes: Collection[str], variables: Mapping[str, object]) -> list[NodeResult]:
        """Run and test the nodes that dbt's selectors name. Raises what dbt raised; a node that fails is a result."""
        from dbt.artifacts.schemas.run import RunExecutionResult
        from dbt.cli.main import dbtRunner
        from dbt.contracts.graph.manifest import Manifest

        parsed = Manifest.from_msgpack((self.target / PARSED).read_bytes())
        words = ["build", *options(self.target), "--no-write-json", "--vars", json.dumps(variables)]
        words += ["--select", *sorted(nodes)]
        # in a thread: dbt reads the source of every frame that it is called from, of which Dagster has many
        with ThreadPoolExecutor(max_workers=1) as thread:
            done = thread.submit(dbtRunner(manifest=parsed).invoke, words).result()
        if done.exception is not None:
            raise done.exception
        if not isinstance(done.result, RunExecutionResult):
            raise RuntimeError(f"dbt build returned a {type(done.result).__name__}")
        return [_result(result) for result in done.result.results]


def project_in(target: Path) -> Project:
    """The project that was parsed into a target folder (`project.manifest_in`)."""
    return Project(target, (target / SOURCES).read_text(), kept(target))


def _result(result: RunResult) -> NodeResult:
    node = result.node
    attached: str | None = getattr(node, "attached_node", None)  # a generic test alone has it
    return NodeResult(
        name=node.name,
        kind=str(node.resource_type),
        model=attached.rsplit(".", 1)[-1] if attached else None,
        status=str(result.status),
        message=result.message,
        failing_rows=result.failures or 0,
        seconds=result.execution_time,
    )
