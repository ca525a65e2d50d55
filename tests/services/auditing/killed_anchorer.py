"""A program that anchors the audit log, again and again, each time in a process of its own that is killed: see
`tests.services.signatures.killed_poster`.

    python -m tests.services.auditing.killed_anchorer DATABASE_URL HOME
"""

from __future__ import annotations

import sys
from datetime import UTC, datetime
from pathlib import Path

from fntx_dagster.services.auditing.anchoring import anchor
from fntx_dagster.settings import Settings
from fntx_dagster.store.database import Database
from tests.services.signatures.killed_poster import killed


def main(url: str, home: str) -> None:
    settings, db = Settings(home=Path(home)), Database(url)
    killed(lambda: anchor(settings, db, datetime.now(UTC)))


if __name__ == "__main__":
    main(*sys.argv[1:])
