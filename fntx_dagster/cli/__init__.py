"""`fntx`: what the UI can do, from a terminal.

Commands read their arguments, call one function of a room and print. Output for people goes to standard output, errors
and progress to standard error; `--json` and `--format json` are for programs. Exit codes: 0 done, 1 a person has to
change something, 2 the command line is wrong, 75 try again later, 130 stopped by Ctrl-C.
"""

from __future__ import annotations

import gc
import os
import shlex
import sys
from contextlib import contextmanager
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from fntx_dagster.cli.chain import chain
from fntx_dagster.cli.greeks import greeks
from fntx_dagster.cli.options import (
    AnyAccount,
    From,
    MaybeFrom,
    MaybeTo,
    OneDay,
    TimeZone,
    To,
    account_of,
    database_of_settings,
    observer_of,
    print_json,
    refuse_empty,
)
from fntx_dagster.cli.signature import signature
from fntx_dagster.cli.verify import verify
from fntx_dagster.errors import FntxError, Permanent, Transient, masked
from fntx_dagster.model.period import Period
from fntx_dagster.settings import child_environment, executable, load_settings

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from fntx_dagster.model.day import ProvisionalDay
    from fntx_dagster.report.narrative import Story
    from fntx_dagster.services.database import Readable
    from fntx_dagster.settings import Settings

app = typer.Typer(
    name="fntx",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    help="From a broker's statements to a track record that nobody has to take on trust.",
)
database = typer.Typer(no_args_is_help=True, help="The embedded database server.")
app.add_typer(signature, name="signature")
app.add_typer(chain, name="chain")
app.add_typer(database, name="db")


class ReportFormat(StrEnum):
    md = "md"
    json = "json"
    html = "html"


class StoryFormat(StrEnum):
    md = "md"
    json = "json"


class TableFormat(StrEnum):
    table = "table"
    json = "json"


@app.command()
def load(
    paths: Annotated[list[Path], typer.Argument(help="Statement files, or folders of them (*.xml, recursively).")],
    as_json: Annotated[bool, typer.Option("--json", help="Counts per file and section, for programs.")] = False,
) -> None:
    """Load Flex statements. Only loads: `fntx run` explains them.

    A file is one transaction; the same file twice changes nothing; a bad file is named and the good ones are loaded.
    """
    from fntx_dagster.cli.terminal import error, load_table, out
    from fntx_dagster.store.raw_flex.statements import Counts, iter_loads

    db, loads = database_of_settings(), []
    for entry in iter_loads(db, paths):
        loads.append(entry)
        if entry.error:
            error(entry.error)
    total = sum((entry.total for entry in loads), Counts())
    if as_json:
        files = [
            {
                "file": entry.file_name,
                "status": entry.status,
                "sections": {name: counts._asdict() for name, counts in entry.sections.items()},
                "unknown_sections": list(entry.unknown_sections),
                "unknown_attributes": {name: list(names) for name, names in entry.unknown_attributes.items()},
                "error": entry.error,
            }
            for entry in loads
        ]
        print_json({"files": files, "total": total._asdict()})
    else:
        out(load_table(loads))
        if not loads:
            error("no *.xml file found there")
    if not loads or any(entry.error for entry in loads):
        raise typer.Exit(1)


@app.command()
def fetch(
    first: MaybeFrom = None,
    last: MaybeTo = None,
    as_json: Annotated[bool, typer.Option("--json", help="The outcome, for programs.")] = False,
) -> None:
    """Fetch the statements of whole months from the Flex Web Service, and load them. Only loads: `fntx run` explains.

    Each query of FNTX_FLEX_QUERIES is asked for once a month of the range; without a range, for the month of the
    latest session. What fails is named and holds nothing else up.
    """
    from fntx_dagster.services.fetching import configured
    from fntx_dagster.store.raw_flex.coverage import due_session

    settings = load_settings()
    if not configured(settings):
        raise Permanent("no Flex queries are in the settings", "Set FNTX_FLEX_TOKENS and FNTX_FLEX_QUERIES")
    due = due_session(datetime.now(UTC))
    _run(settings, "fetch_files", Period(first.date() if first else due, last.date() if last else due), as_json)


@app.command()
def run(
    first: From,
    last: To,
    fetch: Annotated[bool, typer.Option("--fetch/--no-fetch", help="First fetch and load the months' files.")] = False,
    sign: Annotated[bool, typer.Option("--sign/--no-sign", help="Also sign the days and post them.")] = True,
    as_json: Annotated[bool, typer.Option("--json", help="The outcome, for programs.")] = False,
) -> None:
    """Run the daily job over a range through Dagster: from what is loaded to the receipts.

    Run again it changes nothing. The run is recorded in the instance that the UI shows. An account that fails its
    verification is told and not signed from that day on; the others are.
    """
    with_files, from_tables = ("daily_run", "run_loaded_days") if sign else ("refresh_days", "verify_days")
    _run(load_settings(), with_files if fetch else from_tables, Period(first.date(), last.date()), as_json)


@app.command()
def today(
    account: Annotated[str | None, typer.Option(help="Account id; all in FNTX_GATEWAYS where it is left out.")] = None,
    format: Annotated[StoryFormat, typer.Option(help="Markdown or JSON.")] = StoryFormat.md,
    zone: TimeZone = None,
) -> None:
    """Ask IB Gateway for the current day and tell it: NAV, trades and positions now, provisional.

    `report` and `summary` show what was asked last, until the day's statement is told.
    """
    from fntx_dagster.accounting.provisional import session_at
    from fntx_dagster.cli.terminal import error
    from fntx_dagster.report.document import to_json
    from fntx_dagster.report.markdown import to_markdown
    from fntx_dagster.report.story import narrate
    from fntx_dagster.services.current_day import provisional_days, refresh

    observer = observer_of(zone)
    settings, db = load_settings(), database_of_settings()
    asked = refresh(settings, db, account)
    failed = [one.error for one in asked if one.error]
    for one in asked:
        if one.error:
            error(str(one))
    told = []
    for one in asked:
        if one.snapshot:
            day = session_at(one.snapshot.as_of).day
            told += provisional_days(settings, db, Period.on(day), one.account_id)
            if not told or told[-1].account_id != one.account_id:
                error(f"{masked(one.account_id)}: {day} is told from its statement already: `fntx report`")
            elif told[-1].as_of > one.snapshot.as_of:
                error(f"{masked(one.account_id)}: the gateway's clock went back; this is what it said last")
    stories = [narrate(day, observer) for day in told]
    if format is StoryFormat.json:
        sys.stdout.write(to_json(stories))
    else:
        sys.stdout.writelines(to_markdown([story], account_label=story.day.account_id) for story in stories)
    if failed:
        raise typer.Exit(max(one.exit_code for one in failed))


@app.command()
def report(
    first: From,
    last: To,
    account: AnyAccount = None,
    format: Annotated[
        ReportFormat, typer.Option(help="Markdown, JSON, or one HTML file with charts that needs no network.")
    ] = ReportFormat.md,
    zone: TimeZone = None,
    output: Annotated[
        Path | None,
        typer.Option("-o", "--output", metavar="FILE", help="Write to a file instead, whole or not at all."),
    ] = None,
) -> None:
    """The narrative of each trading day: why the account moved, in Hong Kong (or --tz) and New York time.

    Several days begin with their period in sum. HTML adds charts, months,
    summary, positions and metrics; any browser opens it, and prints it to PDF:

    fntx report --from 2025-07-01 --to 2025-07-31 --format html -o july.html

    A day without a statement yet is told as IB Gateway saw it last, and marked as provisional.
    """
    from fntx_dagster.services.accounts import accounts
    from fntx_dagster.services.current_day import provisional_days
    from fntx_dagster.services.reporting import stories_of, write_whole

    observer = observer_of(zone)
    period = Period(first.date(), last.date())
    with database_of_settings().snapshot() as db:
        known = accounts(db)
        if account is not None or not known:
            known = [account_of(db, account)]
        running = provisional_days(load_settings(), db, period, account, _untold)
        named = dict.fromkeys([*known, *sorted(day.account_id for day in running)])
        shown = [stories for account_id in named if (stories := stories_of(db, account_id, period, observer, running))]
        refuse_empty(shown, *period)
        text = _rendered(db, shown, format)
    if output is None:
        sys.stdout.write(text)
    else:
        write_whole(output, text)


@app.command()
def summary(
    first: From,
    last: To,
    account: AnyAccount = None,
    format: Annotated[
        TableFormat, typer.Option(help="A table, or JSON with exact decimals as strings.")
    ] = TableFormat.table,
    zone: TimeZone = None,
) -> None:
    """One row per account and trading day, and a total per month: NAV, cash flow, P&L and return, what is unexplained.

    A day without a statement yet is a row as IB Gateway saw it last, marked as provisional.
    """
    from fntx_dagster.cli.terminal import out, summary_tables
    from fntx_dagster.model.nav import NavDay
    from fntx_dagster.services.current_day import provisional_days
    from fntx_dagster.store.marts import summaries

    observer = observer_of(zone)
    db = database_of_settings()
    if account is not None:
        account = account_of(db, account)
    running = provisional_days(load_settings(), db, Period(first.date(), last.date()), account, _untold)
    rows = [
        row | {"daily_return": NavDay(*(row[name] for name in _RETURN_FIELDS)).daily_return, "as_of": None}
        for row in summaries.summary(db, Period(first.date(), last.date()), account)
    ]
    rows += [_row_of(day) for day in running]
    refuse_empty(rows, first.date(), last.date())
    if format is TableFormat.json:
        print_json(sorted(rows, key=lambda row: (row["account_id"], row["trading_day"])))
    else:
        out(*summary_tables(db, Period(first.date(), last.date()), account, running, observer))


@app.command()
def metrics(
    day: OneDay,
    account: Annotated[str | None, typer.Option(help="Account id; all where it is left out.")] = None,
    format: Annotated[
        TableFormat, typer.Option(help="A table, or JSON with exact decimals as strings.")
    ] = TableFormat.table,
) -> None:
    """Performance up to a session over six windows: returns, risk, and the round trips that ended in them.

    docs/metrics.md defines each; a dash (null in JSON) is what is undefined.
    """
    from fntx_dagster.cli.terminal import metrics_tables, out
    from fntx_dagster.store.marts import performance

    db = database_of_settings()
    if account is not None:
        account = account_of(db, account)
    rows = performance.rolling_metrics(db, Period.on(day.date()), account)
    refuse_empty(rows, day.date(), day.date())
    print_json(rows) if format is TableFormat.json else out(*metrics_tables(rows))


@app.command()
def status(as_json: Annotated[bool, typer.Option("--json", help="The same, for programs.")] = False) -> None:
    """In a screen: what is loaded up to when, what is missing, what is signed, and what needs a person."""
    from fntx_dagster.cli.terminal import alerts_table, fetches_table, out, status_table
    from fntx_dagster.store.alerts import open_alerts
    from fntx_dagster.store.marts.status import account_states
    from fntx_dagster.store.raw_flex.fetches import latest

    db = database_of_settings()
    states = account_states(db)
    if as_json:
        print_json([state._asdict() for state in states])
        return
    out(status_table(states))
    if fetches := latest(db):
        out(fetches_table(fetches))
    if alerts := open_alerts(db):
        out(alerts_table(alerts))


@app.command()
def alerts(
    test: Annotated[bool, typer.Option("--test", help="Send a test message to each destination instead.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="The same, for programs.")] = False,
) -> None:
    """What a person has to know now, and where it goes (FNTX_ALERT_URLS)."""
    from fntx_dagster.cli.terminal import alerts_table, out
    from fntx_dagster.services.alerting import greet
    from fntx_dagster.store.alerts import open_alerts

    settings = load_settings()
    if not test:
        found = open_alerts(database_of_settings())
        print_json([one._asdict() for one in found]) if as_json else out(alerts_table(found))
        return
    if not settings.alerts.urls:
        raise Permanent("no destination is in the settings", "Set FNTX_ALERT_URLS; docs/settings.md shows the form")
    sent = list(greet(settings))
    if as_json:
        print_json([one._asdict() for one in sent])
    else:
        out(*(f"{one.destination}: {one.problem or 'sent'}" for one in sent))
    if any(one.problem for one in sent):
        raise typer.Exit(1)


app.command()(greeks)
app.command()(verify)


@app.command()
def demo(
    live: Annotated[
        bool, typer.Option("--live", help="Against a simulated broker: fetch a month, show today, see it replaced.")
    ] = False,
) -> None:
    """The main job on the bundled sample statements: load, explain, verify, sign, and check one metric on chain."""
    if live:
        from fntx_dagster.cli.live_demo import run_live_demo

        run_live_demo(load_settings())
        return
    with _for_good():
        from fntx_dagster.cli.demo import run_demo

    run_demo(load_settings())


@app.command()
def ui(
    port: Annotated[int, typer.Option(help="Port on 127.0.0.1.")] = 3000,
) -> None:
    """Serve the Dagster UI and its daemon on the same database, until Ctrl-C."""
    from fntx_dagster.cli.terminal import note
    from fntx_dagster.defs.environment import dagster_environment

    environment = child_environment(dagster_environment(load_settings()))
    note(f"Dagster UI on http://127.0.0.1:{port} (Ctrl-C ends it; `fntx db stop` ends the database)")
    os.chdir(environment["DAGSTER_HOME"])  # the folder of workspace.yaml too
    program = executable("dagster")
    os.execve(program, [program, "dev", "-w", "workspace.yaml", "-h", "127.0.0.1", "-p", str(port)], environment)


@app.command()
def env() -> None:
    """Print what plain `dagster dev` or dbt needs: eval "$(.venv/bin/fntx env)". May hold a database password."""
    from fntx_dagster.defs.environment import dagster_environment, dbt_environment

    settings = load_settings()
    for name, value in (dagster_environment(settings) | dbt_environment(settings)).items():
        sys.stdout.write(f"export {name}={shlex.quote(value)}\n")


@database.command()
def stop() -> None:
    """End the embedded server; the next command that needs it starts it again."""
    from fntx_dagster.cli.terminal import note
    from fntx_dagster.services.database import stop_server

    stopped = stop_server(load_settings())
    note("The embedded database is stopped." if stopped else "The embedded database does not run.")


def main() -> None:
    """Entry point: errors that a user is meant to read become one line and an exit code."""
    try:
        app()
    except FntxError as found:
        # a node's own words may be in it: nothing in them steers the terminal
        shown = "".join(sign if sign.isprintable() or sign == "\n" else "\ufffd" for sign in str(found))
        sys.stderr.write(f"fntx: {shown}\n")
        sys.exit(found.exit_code)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(1)
    except OSError as found:
        named = f": {found.filename}" if found.filename else ""
        sys.stderr.write(
            f"fntx: {found.strerror or found}{named}. Check the path, its permissions and the space left\n"
        )
        sys.exit(1)


@contextmanager
def _for_good() -> Iterator[None]:
    """What is imported inside stays as long as the process: garbage is not looked for meanwhile, nor in it later. That
    is a quarter of the time that the definitions take."""
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        gc.enable()


def _run(settings: Settings, job: str, period: Period, as_json: bool) -> None:
    """Run a job of the definitions over a range, with its steps on standard error and its outcome on the other."""
    with _for_good():
        from fntx_dagster.defs.run import run_range
    from fntx_dagster.cli.terminal import note, print_outcome, watching_steps

    with watching_steps():
        outcome = run_range(settings, job, period)
    if as_json:
        print_json({name: getattr(outcome, name) for name in ("run_id", "success", "failures", "warnings")})
    else:
        print_outcome(outcome)
    if not outcome.success:
        note("What does not stand on what failed was done, and is in the tables.")
        raise typer.Exit(Transient.exit_code if outcome.transient else Permanent.exit_code)


def _rendered(db: Readable, told: Sequence[Sequence[Story]], format: ReportFormat) -> str:
    """The stories of each account in the format asked for; its own id is what an account is called."""
    if format is ReportFormat.json:
        from fntx_dagster.report.document import to_json

        return to_json([story for stories in told for story in stories])
    if format is ReportFormat.html:
        from fntx_dagster.report.html import to_html
        from fntx_dagster.services.reporting import account_report

        return to_html([account_report(db, stories[0].day.account_id, stories) for stories in told])
    from fntx_dagster.report.markdown import to_markdown

    return "\n".join(to_markdown(stories, account_label=stories[0].day.account_id) for stories in told)


def _untold(reason: str) -> None:
    """Why a day that still runs is not shown, beside what is."""
    from fntx_dagster.cli.terminal import note

    note(f"warning: {reason}")


def _row_of(day: ProvisionalDay) -> dict[str, Any]:
    """A summary row of a day that still runs: what only a statement tells is null."""
    from fntx_dagster.store.marts.summaries import SUMMARY_FIELDS

    return {name: getattr(day, name, None) for name in SUMMARY_FIELDS} | {"daily_return": None, "as_of": day.as_of}


_RETURN_FIELDS = ("trading_day", "opening_nav_official", "closing_nav_official", "deposits", "withdrawals")
