"""What stands around a schedule, a sensor or an asset in a test: the platform that it sees, and runs under way."""

from __future__ import annotations

import dagster as dg
from dagster._core.remote_origin import RegisteredCodeLocationOrigin, RemoteJobOrigin, RemoteRepositoryOrigin
from dagster._core.utils import make_new_run_id

from fntx_dagster.defs.resources import Platform
from fntx_dagster.settings import Settings
from fntx_dagster.store.database import Database


def platform_of(settings: Settings, db: Database) -> Platform:
    """The resource that hands out these two, whatever the environment says."""

    class Prepared(Platform):
        def settings(self) -> Settings:
            return settings

        def database(self) -> Database:
            return db

    return Prepared()


def remember_run(
    instance: dg.DagsterInstance, job_name: str, status: dg.DagsterRunStatus = dg.DagsterRunStatus.STARTED
) -> None:
    """A run of a job as the instance would remember it; nothing runs."""
    repository = RemoteRepositoryOrigin(RegisteredCodeLocationOrigin("fntx"), "fntx")
    run = dg.DagsterRun(
        job_name=job_name,
        run_id=make_new_run_id(),
        status=status,
        remote_job_origin=RemoteJobOrigin(repository, job_name),  # who queues a run says where it comes from
    )
    instance.add_run(run)
