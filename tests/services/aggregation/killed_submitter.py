"""A program that submits what is posted, the newest day first, again and again, each time in a process of its own that
is killed: see `tests.services.signatures.killed_poster`.

    python -m tests.services.aggregation.killed_submitter DATABASE_URL HOME POOL FIRST LAST
"""

from __future__ import annotations

import sys
from datetime import date
from pathlib import Path

from fntx_dagster.model.period import Period
from fntx_dagster.services.aggregation.trading import submit
from fntx_dagster.settings import Settings
from fntx_dagster.store.database import Database
from fntx_dagster.store.outbox.signatures import posted_days
from tests.services.signatures.killed_poster import killed


def main(url: str, home: str, pool: str, first: str, last: str) -> None:
    bare, db = Settings(home=Path(home)), Database(url)
    settings = bare.model_copy(update={"aggregation": bare.aggregation.model_copy(update={"aggregator": pool})})
    period = Period(date.fromisoformat(first), date.fromisoformat(last))

    def work() -> None:
        for posted in reversed(posted_days(db, period)):
            submit(settings, db, posted.account_id, posted.trading_day)

    killed(work)


if __name__ == "__main__":
    main(*sys.argv[1:])
