"""Statements into the tables: `fntx load`, `fntx fetch`, `fntx run`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from fntx_dagster.cli.options import AsJson, From, MaybeFrom, MaybeTo, To, print_json, settings_and_database
from fntx_dagster.cli.running import run_job, run_jobs
from fntx_dagster.errors import Permanent
from fntx_dagster.model.period import Period
from fntx_dagster.settings import load_settings


def load(
    paths: Annotated[
        list[Path] | None,
        typer.Argument(
            help="Statement files (.xml, .gz, .zip), or folders of them; without one the archive of FNTX_STATEMENTS.",
            show_default=False,
        ),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Load Flex statements. Only loads: `fntx run` explains them.

    A file is one transaction; loading it twice changes nothing. A bad file is named, and the good ones are loaded.

    It reads files and writes the database; of them nothing else is changed.

    fntx load ~/Downloads/july.xml ~/statements
    """
    from fntx_dagster.cli.tables import load_table
    from fntx_dagster.cli.terminal import error, note, out
    from fntx_dagster.services import loading

    loads = []
    settings, db = settings_and_database()
    given = paths or loading.archived_paths(settings, db)
    for entry in loading.load(settings, db, given):
        loads.append(entry)
        if entry.error:
            error(entry.error)
    skipped = loading.skipped(given)
    if as_json:
        print_json(loading.as_dict(loads, skipped))
    else:
        if any(not entry.error for entry in loads):
            out(load_table(loads))
        for path, why in skipped[: loading.MOST_SKIPPED]:
            note(f"skipped {path}: {why}")
        if more := loading.beyond_named(skipped):
            note(f"skipped {more}")
        for remark in loading.remarks(db, loads):
            note(f"warning: {remark}")
        if not loads:
            error(
                f"no .xml, .gz or .zip file in {', '.join(map(str, given)) or 'the archive of statements'}. Give Flex"
                " statements, or folders of them"
            )
    if not loads or any(entry.error for entry in loads):
        raise typer.Exit(1)


def fetch(
    first: MaybeFrom = None,
    last: MaybeTo = None,
    as_json: AsJson = False,
) -> None:
    """Fetch the statements of whole months from the Flex Web Service, and load them. Only loads: `fntx run` explains.

    Each query of FNTX_FLEX_QUERIES is sent once a month of the range; without a range, for the month of the latest
    session. A query that fails is named and does not hold up the others.

    fntx fetch --from 2025-07-01 --to 2025-07-18
    """
    from fntx_dagster.services.fetching import configured
    from fntx_dagster.services.sessions import latest_session

    settings = load_settings()
    if not configured(settings):
        raise Permanent("no Flex queries are in the settings", "Set FNTX_FLEX_TOKENS and FNTX_FLEX_QUERIES")
    latest = latest_session()
    period = Period(first.date() if first else latest, last.date() if last else latest)
    run_job(settings, "fetch_files", period, as_json)


def run(
    first: From,
    last: To,
    fetch: Annotated[bool, typer.Option("--fetch/--no-fetch", help="First fetch and load the months' files.")] = False,
    sign: Annotated[bool, typer.Option("--sign/--no-sign", help="Also sign the days and post them.")] = True,
    as_json: AsJson = False,
) -> None:
    """Run the daily job over a range through Dagster: from what is loaded to the receipts.

    A second run changes nothing. The run is recorded in the instance that the UI shows. An account that fails its
    verification is named and not signed from that day on; the others are. Where books of the ledger have days in the
    range, these are closed first, as by `fntx ledger close`.

    fntx run --from 2025-07-01 --to 2025-07-18 --no-sign
    """
    from fntx_dagster.services.ledger_accounts.explaining import days_in
    from fntx_dagster.services.ranges import refuse_backwards
    from fntx_dagster.services.sessions import has_session, require_session

    refuse_backwards(period := Period(first.date(), last.date()))
    settings, db = settings_and_database()
    jobs: dict[str, Period] = {}
    if of_ledger := days_in(db, period):
        jobs["close_ledger_days" if sign else "verify_ledger_days"] = of_ledger
    if not of_ledger or has_session(period):
        require_session(period)
        with_files, from_tables = ("daily_run", "run_loaded_days") if sign else ("refresh_days", "verify_days")
        jobs[with_files if fetch else from_tables] = period
    run_jobs(settings, jobs, as_json)
