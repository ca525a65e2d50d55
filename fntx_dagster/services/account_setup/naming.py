"""Which keys sign alone for an account because people approved it: those of the standing approvals that hold now."""

from __future__ import annotations

import json
from datetime import UTC, datetime

from fntx_dagster.store.database import Connection
from fntx_dagster.store.treasury.standing import standing_approvals


def named_keys(connection: Connection) -> dict[str, set[str]]:
    """Account → the keys that may sign alone for it."""
    named: dict[str, set[str]] = {}
    for row in standing_approvals(connection, datetime.now(UTC)):
        named.setdefault(json.loads(row.template)["intent"]["account"], set()).add(row.key)
    return named
