"""What stands around a schedule, a sensor or an asset in a test: the platform that it sees, the daemon, and runs under
way."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import dagster as dg
import pytest
from dagster._core.remote_origin import RegisteredCodeLocationOrigin, RemoteJobOrigin, RemoteRepositoryOrigin
from dagster._core.utils import make_new_run_id

from fntx_dagster.defs import sensors
from fntx_dagster.defs.ranges import SHARD
from fntx_dagster.defs.resources import Platform
from fntx_dagster.settings import Settings
from fntx_dagster.store.database import Database

FRIDAY_NOON = datetime(2025, 7, 18, 16, tzinfo=UTC)


def platform_of(settings: Settings, db: Database) -> Platform:
    """The resource that hands out these two, whatever the environment says."""

    class Prepared(Platform):
        def settings(self) -> Settings:
            return settings

        def database(self) -> Database:
            return db

        # a tick of a sensor has no run whose heart beats, and needs no `with`
        yield_for_execution = dg.ConfigurableResource.yield_for_execution

    return Prepared()


def remember_run(
    instance: dg.DagsterInstance,
    job_name: str,
    status: dg.DagsterRunStatus = dg.DagsterRunStatus.STARTED,
    shard: str | None = None,
) -> None:
    """A run of a job as the instance would remember it; nothing runs."""
    repository = RemoteRepositoryOrigin(RegisteredCodeLocationOrigin("fntx"), "fntx")
    run = dg.DagsterRun(
        job_name=job_name,
        run_id=make_new_run_id(),
        status=status,
        tags={SHARD: shard} if shard else {},
        remote_job_origin=RemoteJobOrigin(repository, job_name),  # who queues a run says where it comes from
    )
    instance.add_run(run)


class Daemon:
    """Ticks a sensor: the instance it looks at, the clock it reads, and its cursor from tick to tick."""

    def __init__(self, settings: Settings, db: Database, monkeypatch: pytest.MonkeyPatch) -> None:
        self.instance = dg.DagsterInstance.ephemeral()
        self.settings = settings
        self.db = db
        self.now = FRIDAY_NOON
        self.cursors: dict[str, str | None] = {}
        self.logged: list[str] = []
        monkeypatch.setattr(sensors, "_now", lambda: self.now)

    @property
    def resources(self) -> dict[str, object]:
        return {"platform": platform_of(self.settings, self.db)}

    def tick(self, sensor: dg.SensorDefinition) -> dg.RunRequest | str:
        """The run that is asked for, or the reason why none is."""
        [said] = self.ticks(sensor)
        return said

    def ticks(self, sensor: dg.SensorDefinition) -> list[Any]:
        """The runs that are asked for, or the reason why none is."""
        context = dg.build_sensor_context(
            instance=self.instance,
            cursor=self.cursors.get(sensor.name),
            resources=self.resources,
            sensor_name=sensor.name,
        )
        context.log.warning = self.logged.append
        said: list[Any] = [*sensor(context)]  # pyright: ignore[reportOptionalIterable]  # it yields
        self.cursors[sensor.name] = context.cursor
        return [each.skip_message if isinstance(each, dg.SkipReason) else each for each in said]
