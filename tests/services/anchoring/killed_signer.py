"""A program that anchors the audit log on both ledgers and signs the anchors, again and again, each time in a process
of its own that is killed: see `tests.services.signatures.killed_poster`.

    python -m tests.services.anchoring.killed_signer DATABASE_URL HOME XRPL_URL HORIZON_URL KEYSTORE
"""

from __future__ import annotations

import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

from pydantic import SecretStr

from fntx_dagster.services.anchoring.everywhere import anchor_everywhere
from fntx_dagster.services.anchoring.keystore import read_anchor_keys
from fntx_dagster.services.anchoring.signing import sign_anchors
from fntx_dagster.settings import Settings
from fntx_dagster.settings.treasury import TreasurySettings
from fntx_dagster.store.database import Database
from tests.services.signatures.killed_poster import killed


def main(url: str, home: str, xrpl: str, horizon: str, keystore: str) -> None:
    config = Path(home) / "treasury.json"
    treasury = TreasurySettings(config=config, xrpl_url=SecretStr(xrpl), horizon_url=SecretStr(horizon))
    settings, db = Settings(home=Path(home), treasury=treasury), Database(url)
    keys = read_anchor_keys(Path(keystore))

    def work() -> None:
        anchor_everywhere(settings, db, datetime.now(UTC), ledgers=("xrpl", "stellar"))
        sign_anchors(settings, db, keys, timedelta(seconds=3))

    killed(work)


if __name__ == "__main__":
    main(*sys.argv[1:])
