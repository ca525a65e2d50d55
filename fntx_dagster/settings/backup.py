"""Settings of backups."""

from __future__ import annotations

from pydantic import Field, SecretStr

from fntx_dagster.settings.groups import Group


class BackupSettings(Group):
    """What opens the backups."""

    passphrase: SecretStr | None = Field(
        default=None,
        description="opens the backups of this database and home, 12 characters or more; unset: it is asked for. "
        "Nothing opens them without it",
    )
