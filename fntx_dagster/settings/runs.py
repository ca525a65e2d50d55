"""The settings of Dagster: where its storage is, which days it has, and how its runs are spread over machines."""

from __future__ import annotations

from datetime import date
from pathlib import Path

from pydantic import Field, SecretStr

from fntx_dagster.settings.groups import Group


class DagsterSettings(Group):
    """Dagster's storage and partitions, and how runs are spread over machines."""

    database_url: SecretStr | None = Field(
        default=None, description="Dagster's storage; unset: the database `dagster` of the same server"
    )
    first_session: date | None = Field(
        default=None,
        description="first day that Dagster has a partition for; unset: the first session that is loaded, in the UI",
    )
    instance: Path | None = Field(
        default=None,
        description="Dagster's instance file, such as `deploy/dagster/celery.yaml`, which says how runs are launched; "
        "unset: the one of a single machine",
    )
    broker_url: SecretStr | None = Field(
        default=None, description="the broker that `fntx worker` takes runs from (`redis://127.0.0.1:6379/0`)"
    )
    result_url: SecretStr | None = Field(
        default=None, description="where workers tell the broker's clients how a run ended; unset: the broker"
    )
    queue: str = Field(
        default="dagster",
        pattern=r"^[A-Za-z0-9_.-]+$",
        description="the broker's queue that runs are put into, and that `fntx worker` takes them from (dagster)",
    )
    shards: int = Field(
        default=1,
        ge=1,
        le=1000,
        description="into how many parts the accounts are divided, each with runs of its own (1: a run is for all)",
    )
    run_silence: float = Field(
        default=300,
        gt=0,
        description="seconds after which a run that nothing is heard of counts as dead (300); it writes ten times as "
        "often that it lives",
    )

    @property
    def earliest(self) -> date:
        """The first day that a run may cover."""
        return self.first_session or date(2015, 1, 1)
