"""Settings of the audit log."""

from __future__ import annotations

from pydantic import Field, SecretStr

from fntx_dagster.settings.groups import Group


class AuditSettings(Group):
    """The audit log: the key that seals what events say."""

    key: SecretStr | None = Field(
        default=None,
        description="key that seals the events of the audit log, 64 hex digits; unset: a file in `keys/audit` of the "
        "home, made when the first event is written. Events of a lost key cannot be read any more",
    )
