"""`fntx demo --proofs`: what can be proved of a track record without showing it, step after step on a year that is made
up.

A module of its own has each step; this one makes the home, builds and signs the year, and calls them. The demo makes
its home anew each time, and ends the server that it started.
"""

from __future__ import annotations

import shlex
from collections.abc import Callable
from datetime import date

from fntx_dagster.cli.live_demo import home_of_its_own, run_job
from fntx_dagster.cli.period_demo import prove_the_year
from fntx_dagster.cli.pool_demo import add_up_traders
from fntx_dagster.cli.terminal import note, out, title
from fntx_dagster.cli.witness_demo import witness_the_first_days
from fntx_dagster.errors import Permanent
from fntx_dagster.model.period import Period
from fntx_dagster.services.database import Database, open_database
from fntx_dagster.settings import Settings, export, load_settings
from fntx_dagster.simulate.delivery import deliver
from fntx_dagster.simulate.trading import trade

ACCOUNT = "U1000029"
YEAR = Period(date(2024, 1, 1), date(2024, 12, 31))

STEPS: tuple[Callable[[Settings, Database, str, Period], None], ...] = (
    prove_the_year,
    witness_the_first_days,
    add_up_traders,
)
"""What is shown of the signed year, in this order."""

_FOLDER = "demo-proofs"


def run_proofs_demo(settings: Settings) -> None:
    """Run and show it. Permanent where the settings name a database or a chain of somebody's, or a step fails."""
    if settings.database.url or settings.dagster.database_url or settings.chain.rpc_url:
        raise Permanent(
            "the demo signs made-up days, and the settings name a database or a chain",
            "Unset FNTX_DATABASE_URL, FNTX_DAGSTER_DATABASE_URL and FNTX_RPC_URL for the demo",
        )
    folder = settings.paths.home / _FOLDER
    with home_of_its_own(folder):
        export({"FNTX_HOME": str(folder)})
        own = load_settings()
        note("Starting the embedded database and loading the definitions …")
        db = open_database(own)
        title(f"A year that is built, signed and posted: {YEAR}")
        [books] = trade(1, [ACCOUNT], *YEAR, trades_per_day=3)
        own.paths.statements.mkdir(parents=True)
        deliver(own.paths.statements, "year", books)
        run_job(own, "daily_run", YEAR)
        for step in STEPS:
            step(own, db, ACCOUNT, YEAR)
        title("All of it is in a home of its own")
        home = f"FNTX_HOME={shlex.quote(str(folder))}"
        out(f"{folder} has period.json, package.json, report.json and epoch.json, until the demo runs again.")
        out(f"export {home}", f"fntx verify {shlex.quote(str(folder / 'period.json'))}", "fntx signature shown")
