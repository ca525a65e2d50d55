"""Settings of the audit log."""

from __future__ import annotations

from pydantic import Field, SecretStr

from fntx_dagster.settings.groups import Group


class AuditSettings(Group):
    """The audit log: the key that seals what events say, and how often it is anchored."""

    key: SecretStr | None = Field(
        default=None,
        description="key that seals the events of the audit log, 64 hex digits; unset: a file in `keys/audit` of the "
        "home, made when the first event is written. Events of a lost key cannot be read any more",
    )
    anchor_every: int = Field(
        default=86_400,
        ge=1,
        description="seconds after an anchor of the audit log on the chain until the next is due (86400), unless the "
        "treasury's configuration says `anchor_every_s`",
    )
