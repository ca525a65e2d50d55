"""How a run's steps are executed: in its process, on connections that are kept.

A day's run writes some hundred events, each in statements of its own; Dagster opens a connection for each of them
unless it is told to keep one.
"""

from collections.abc import Iterator

import dagster as dg
from dagster._core.execution.context.system import PlanOrchestrationContext
from dagster._core.execution.plan.plan import ExecutionPlan
from dagster._core.execution.retries import RetryMode
from dagster._core.executor.in_process import InProcessExecutor
from dagster_postgres import PostgresEventLogStorage, PostgresRunStorage
from dagster_postgres.utils import create_pg_engine


def keep_connections(instance: dg.DagsterInstance) -> None:
    """Let an instance hold its storages' connections for as long as it lives, and ask each before it is used again
    whether it still answers: a step may wait for minutes."""
    for storage in (instance.run_storage, instance.event_log_storage):
        if isinstance(storage, PostgresRunStorage | PostgresEventLogStorage):
            storage._engine = create_pg_engine(
                storage.postgres_url,
                storage._token_provider,
                isolation_level="AUTOCOMMIT",
                pool_size=1,
                max_overflow=20,
                pool_pre_ping=True,
            )


@dg.executor(name="in_process", config_schema={})
def one_process(context: dg.InitExecutorContext) -> "OneProcess":
    """A step takes seconds; a process for each would take longer to start than to work."""
    return OneProcess(RetryMode.ENABLED)


class OneProcess(InProcessExecutor):
    def execute(
        self, plan_context: PlanOrchestrationContext, execution_plan: ExecutionPlan
    ) -> Iterator[dg.DagsterEvent]:
        keep_connections(plan_context.instance)
        yield from super().execute(plan_context, execution_plan)
