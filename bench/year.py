"""A year is signed and posted on the embedded chain, in one run of the job that the UI serves: `python bench/year.py`.

The 252 sessions of 2024 of a simulated account are loaded, told and verified first; that is not what is measured here.
Then one run of `signed_days`: in batches as configured, and in another home one day a transaction.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from contextlib import contextmanager
from datetime import date
from pathlib import Path

from fntx_dagster.defs.run import run_range
from fntx_dagster.settings import Settings, child_environment, load_settings
from fntx_dagster.simulate.delivery import ACTIVITY, QUERIES, delivered, write_document
from fntx_dagster.simulate.trading import trade
from fntx_dagster.store.database import Database, open_database
from fntx_dagster.store.server import EmbeddedPostgres
from fntx_dagster.store.signatures import posted_days
from fntx_dagster.store.statements import load_paths

FIRST, LAST = date(2024, 1, 1), date(2024, 12, 31)
ACCOUNT, ORDERS_PER_DAY = "U3000001", 5


def main() -> None:
    """Each home has a process of its own: Dagster's definitions belong to one."""
    for batch in ("100", "1"):
        _say(f"at most {batch} days a transaction", "")
        with tempfile.TemporaryDirectory(prefix="fntx-year-", dir="/tmp") as folder:
            Path(folder).chmod(0o755)  # the embedded server may run as another user
            environment = child_environment({"FNTX_HOME": f"{folder}/home", "FNTX_BATCH": batch})
            subprocess.run([sys.executable, __file__, "one"], env=environment, check=True)


def sign_a_year(settings: Settings) -> None:
    db = open_database(settings)
    try:
        with _timed("  generated, loaded, told and verified"):
            _prepare(settings, db)
        with _timed("  signed and posted"):
            _run(settings, "signed_days")
        posted = posted_days(db, FIRST, LAST, ACCOUNT)
        gas = {one.tx_hash: one.gas_used for one in posted}
        _say("  days, transactions", f"{len(posted)}, {len(gas)}")
        _say("  gas a day", f"{sum(gas.values()) / len(posted):,.0f}")
        with _timed("  the same run again"):
            _run(settings, "signed_days")
    finally:
        EmbeddedPostgres(settings.paths.postgres).stop()


def _prepare(settings: Settings, db: Database) -> None:
    [account] = trade(1, [ACCOUNT], FIRST, LAST, trades_per_day=ORDERS_PER_DAY)
    settings.home.mkdir(parents=True, exist_ok=True)
    file = settings.home / "year.xml"
    write_document(file, delivered([account], QUERIES[ACTIVITY], FIRST, LAST, as_of=account.days[-1].date))
    load_paths(db, [file])
    _run(settings, "verified_day")


def _run(settings: Settings, job: str) -> None:
    outcome = run_range(settings, job, FIRST, LAST)
    if not outcome.success:
        sys.exit(f"{job} failed: {'; '.join(outcome.failures)}")


@contextmanager
def _timed(what: str):
    started = time.perf_counter()
    yield
    _say(what, f"{time.perf_counter() - started:.1f} s")


def _say(what: str, figure: str) -> None:
    sys.stdout.write(f"{what:44}{figure}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sign_a_year(load_settings()) if sys.argv[1:] else main()
