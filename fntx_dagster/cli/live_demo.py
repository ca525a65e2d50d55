"""`fntx demo --live`: statements arrive by themselves and today is visible today, against a broker that is simulated.

The simulated broker listens on loopback, and the settings name it as they would name the real one; the rest of the code
is the same. The demo has a home of its own, which it makes anew each time, and it ends the servers that it started.
"""

from __future__ import annotations

import json
import secrets
import shlex
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date
from pathlib import Path

from fntx_dagster.cli.commands import command
from fntx_dagster.cli.dashboard import serve_dashboard
from fntx_dagster.cli.steps import watching_steps
from fntx_dagster.cli.tables import summary_tables
from fntx_dagster.cli.terminal import GOOD, line, narrative, note, out, title
from fntx_dagster.errors import Permanent
from fntx_dagster.model.period import Period
from fntx_dagster.report import clock, money
from fntx_dagster.services import current_day
from fntx_dagster.services.database import Database, delete_server, open_database, stop_server
from fntx_dagster.services.performance import summary_days
from fntx_dagster.settings import Settings, export, load_settings
from fntx_dagster.simulate import gateway, webservice, webservice_faults
from fntx_dagster.simulate.delivery import ACTIVITY, answers
from fntx_dagster.simulate.demo import DEMO_ACCOUNT, demo_month, july_closes
from fntx_dagster.simulate.gateway_accounts import QUARTER_PAST_TEN, july_28
from fntx_dagster.simulate.gateway_trading import traded

FIRST, YESTERDAY, TODAY = date(2025, 7, 1), date(2025, 7, 25), date(2025, 7, 28)
_FOLDER = "demo-live"


def run_live_demo(settings: Settings, *, serves: bool = False) -> None:
    """Run and show it; `serves`: instead of the next morning, the account trades on, and the dashboard is served until
    Ctrl-C. Permanent where a step failed, or where the settings name a chain or a database of somebody's:
    made-up days have no place there."""
    if settings.chain.rpc_url or settings.database.url or settings.dagster.database_url or settings.flex.folder:
        raise Permanent(
            "the demo is about made-up statements, and the settings name a database, a chain or a folder of your own",
            "Unset FNTX_DATABASE_URL, FNTX_DAGSTER_DATABASE_URL, FNTX_RPC_URL and FNTX_STATEMENTS for the demo",
        )
    home, evening = settings.paths.home / _FOLDER, YESTERDAY
    token = str(secrets.randbelow(10**24))
    books = [demo_month()]
    with (
        webservice.serve(answers({token: books}, lambda: evening), {token: [ACTIVITY]}) as broker,
        gateway.serve(july_28(DEMO_ACCOUNT), now=QUARTER_PAST_TEN, closes={"SPY": july_closes()}, runs=serves) as ib,
        home_of_its_own(home),
    ):
        export(_environment(home, token, broker.url, ib.port))
        live = load_settings()
        note("Starting the embedded database and loading the definitions …")
        db = open_database(live)
        title("A month through the Flex Web Service")
        out(f"The simulated broker listens on {broker.url}, its gateway on 127.0.0.1:{ib.port}.")
        broker.will(webservice_faults.in_progress(), webservice_faults.refuse(1018, webservice_faults.GET))
        run_job(live, "refresh_days", Period(FIRST, YESTERDAY))
        _show_conversation(broker)
        out(*summary_tables(summary_days(live, db, Period(FIRST, YESTERDAY), DEMO_ACCOUNT)))
        provisional = _show_today(live, db)
        if serves:
            title("Today, as it goes on")
            out("A second of the account is a second of yours: its page is /a/1/today.")
            with traded(ib, DEMO_ACCOUNT):
                serve_dashboard(live, db)
            return
        title("The next morning: the statement of 28 July arrives")
        evening = TODAY
        run_job(live, "daily_run", Period.on(TODAY))
        _show_official(live, db, provisional)
    look = f"FNTX_HOME={shlex.quote(str(home))} {command('ui')}"
    note(f"The simulated broker and the database have ended. Look around in it: {look}")


def _environment(home: Path, token: str, web_service: str, port: int) -> dict[str, str]:
    """The settings that name the simulated broker as they would name the real one."""
    return {
        "FNTX_HOME": str(home),
        "FNTX_FLEX_TOKENS": json.dumps({"demo": token}),
        "FNTX_FLEX_QUERIES": json.dumps({"demo": {"Activity": ACTIVITY}}),
        "FNTX_FLEX_URL": web_service,
        "FNTX_FLEX_WAIT": "1",
        "FNTX_FLEX_THROTTLED_WAIT": "3",
        "FNTX_FLEX_DEADLINE": "120",
        "FNTX_GATEWAYS": json.dumps({DEMO_ACCOUNT: f"127.0.0.1:{port}"}),
        "FNTX_REALTIME_RATES": json.dumps({"USD/HKD": "7.8"}),
        "FNTX_FX_FALLBACK": json.dumps({}),
        "FNTX_INITIAL_CAPITAL": json.dumps({}),
        "FNTX_KEEP_STATEMENTS": "false",
    }


def run_job(settings: Settings, job: str, period: Period) -> None:
    """Run a job and show its steps; Permanent where one fails."""
    from fntx_dagster.defs.run import run_range  # after the settings are in the environment: the definitions read them

    with watching_steps():
        outcome = run_range(settings, job, period)
    if not outcome.success:
        raise Permanent("the run failed: " + "; ".join(outcome.failures), "Run it again; if it stays so, it is a bug")


def _show_conversation(broker: webservice.WebService) -> None:
    begin = broker.asked[0].at
    meaning = {"1019": "generation in progress", "1018": "too many requests", "reference": "accepted"}
    for asked in broker.asked:
        out(f"  {asked.at - begin:5.1f} s  {asked.stage:<13} {meaning.get(asked.answer, asked.answer)}")


def _show_today(settings: Settings, db: Database) -> str:
    title("Today, from IB Gateway")
    report = current_day.current_report(settings, db, clock.HONG_KONG)
    [now] = report.accounts
    if now.day is None:
        raise now.error or Permanent("the gateway gave no provisional day", "This is a bug")
    narrative(report.text)
    out(*summary_tables(summary_days(settings, db, Period(YESTERDAY, TODAY), DEMO_ACCOUNT)))
    return money.display(now.day.closing_nav_official)


def _show_official(settings: Settings, db: Database, provisional: str) -> None:
    left = current_day.provisional_days(settings, db, Period.on(TODAY), DEMO_ACCOUNT)
    if left:
        raise Permanent("the provisional day is still there beside the official one", "This is a bug")
    out(*summary_tables(summary_days(settings, db, Period(YESTERDAY, TODAY), DEMO_ACCOUNT)))
    out(line(GOOD, f" the provisional row of {TODAY} ({provisional} HKD) has given way to the official one"))


@contextmanager
def home_of_its_own(home: Path) -> Iterator[None]:
    """An empty home, whose database server ends with the block."""
    _forget(home)
    try:
        yield
    finally:
        stop_server(Settings(home=home))


def _forget(home: Path) -> None:
    delete_server(Settings(home=home))
    shutil.rmtree(home, ignore_errors=True)
