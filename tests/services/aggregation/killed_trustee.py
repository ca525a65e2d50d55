"""A trustee's program that is killed when the note of the sums is on the disk, before the share is made.

    python -m tests.services.aggregation.killed_trustee DATABASE_URL HOME POOL TRUSTEE_FILE DAY

The password of the file is on the standard input.
"""

from __future__ import annotations

import os
import signal
import sys
from datetime import date
from pathlib import Path
from typing import Any

from pydantic import SecretStr

from fntx_dagster.services.aggregation import trustees
from fntx_dagster.settings import Settings
from fntx_dagster.store.database import Database


def _killed(*_: Any) -> bytes:
    os.kill(os.getpid(), signal.SIGKILL)
    return b""


def main(url: str, home: str, pool: str, file: str, day: str) -> None:
    bare = Settings(home=Path(home))
    keys = bare.keys.model_copy(update={"keystore_password": SecretStr(sys.stdin.read())})
    named = bare.aggregation.model_copy(update={"aggregator": pool, "trustee_file": Path(file)})
    trustees.share_of = _killed
    trustees.serve_share(
        bare.model_copy(update={"keys": keys, "aggregation": named}), Database(url), date.fromisoformat(day)
    )


if __name__ == "__main__":
    main(*sys.argv[1:])
