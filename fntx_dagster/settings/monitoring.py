"""Settings of what watches the platform."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, SecretStr

from fntx_dagster.settings.groups import Group


class MonitoringSettings(Group):
    """Who may read the figures, and how processes log."""

    log: Literal["text", "json"] = Field(
        default="text",
        description="json: what processes say on standard error is JSON lines, for whoever collects logs; set it in "
        "the environment (text)",
    )
    token: SecretStr | None = Field(
        default=None,
        min_length=16,
        description="what Prometheus brings to read the figures of `fntx exporter` (a bearer token, 16 characters or "
        "more); unset: it is asked by this machine alone",
    )
