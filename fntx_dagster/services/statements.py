"""The statements of a run: fetched from the Flex Web Service, loaded from the folder, and what a person has to know of
both. How a query is fetched and a file is loaded is in `fetching` and `loading`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, date, datetime
from typing import NamedTuple

from fntx_dagster.adapters.flex.answers import NoData, NotServed, TokenRefused
from fntx_dagster.errors import FntxError, Transient, without_accounts
from fntx_dagster.model.finding import Finding
from fntx_dagster.model.period import Period
from fntx_dagster.services.archiving.choosing import archive_of
from fntx_dagster.services.benchmark_bars import update_when_due
from fntx_dagster.services.fetching import Fetched, configured, fetch, retire
from fntx_dagster.services.loading import (
    MOST_SKIPPED,
    beyond_named,
    date_order,
    statement_paths,
    total,
)
from fntx_dagster.settings import Settings
from fntx_dagster.store.database import Database
from fntx_dagster.store.raw_flex.coverage import due_session, missing
from fntx_dagster.store.raw_flex.fetches import latest, served_accounts
from fntx_dagster.store.raw_flex.statements import load_paths


class FetchedStatements(NamedTuple):
    """What fetching did. `queries`: token, query, first and last day, and outcome of each; `period` are the days that
    the queries asked for; `summary` says how many files came, or why nothing was fetched.

    `refused` are tokens that the service did not take, of `tried`, those that it judged; `failed` are queries that gave
    no statement, `is_transient` where each may succeed later, `is_no_data` where there is just no data.
    """

    files: int
    queries: list[tuple[str, str, date, date, str]]
    period: Period
    refused: list[Finding]
    tried: list[str]
    failed: list[Finding]
    is_transient: bool
    is_no_data: bool
    summary: str


def fetch_statements(
    settings: Settings, db: Database, period: Period, on_progress: Callable[[str], None]
) -> FetchedStatements:
    """Fetch each query once for each month of a range, as month-to-date; nothing where the settings have no queries.
    Before it the daily bars of the benchmark that are due, from IB Gateway.

    Raises Transient where nothing arrived and everything may succeed later, Permanent where the settings do not fit
    together. `on_progress` gets a line per step.
    """
    if bars := update_when_due(settings, db, datetime.now(UTC)):
        on_progress(str(bars))
    fetched = fetch(settings, db, period, datetime.now(UTC), on_progress)
    failed = [result for result in fetched if result.error]
    if failed and len(failed) == len(fetched) and _may_succeed_later(failed):
        on_progress("Nothing arrived. It is tried again in a minute or two, twice.")
        raise Transient("; ".join(finding.text for finding in _failed_queries(failed)))
    refused = {
        result.login: Finding(result.login, f"{result.login}: {result.outcome}")
        for result in failed
        if isinstance(result.error, TokenRefused)
    }
    queries = [result for result in failed if result.login not in refused]
    nothing = "no session of the range is over" if configured(settings) else "no Flex queries are in the settings"
    first, last = period
    return FetchedStatements(
        files=len(fetched) - len(failed),
        queries=[
            (result.login, result.query.name, result.period.first, result.period.last, result.outcome)
            for result in fetched
        ],
        period=Period(first.replace(day=1), max([last, *(result.period.last for result in fetched)])),
        refused=list(refused.values()),
        tried=_judged_tokens(settings, db, fetched),
        failed=_failed_queries(queries),
        is_transient=_may_succeed_later(queries),
        is_no_data=all(isinstance(result.error, NoData) for result in queries),
        summary=f"{len(fetched) - len(failed)} files fetched" if fetched else nothing,
    )


class LoadedStatements(NamedTuple):
    """What loading did: files, and rows by what became of them; the same of each file's `sections`, with the names of
    file and section; the names of the fetched files that newer ones replaced; the files that were refused; a line per
    file; and the names of the folder's files that hold no statement, the first of very many."""

    files: int
    rows: dict[str, int]
    present: int
    sections: list[tuple[str, str, dict[str, int]]]
    retired: list[str]
    refused: list[Finding]
    lines: list[str]
    skipped: list[str]


def load_statements(settings: Settings, db: Database) -> LoadedStatements:
    """Load every statement file, and delete the fetched ones whose newer version is loaded. A file that cannot be
    loaded is a finding. Raises Permanent where there is no file at all."""
    paths = statement_paths(settings, db)
    loads = load_paths(db, paths, date_order(settings))
    rows = total(loads)
    retired = retire(settings, db, loads)
    archive = archive_of(settings, db)
    left_out = archive.skipped() if paths == [*archive.statements()] else []
    more = [without_accounts(beyond)] if (beyond := beyond_named(left_out)) else []
    return LoadedStatements(
        files=len(loads),
        rows=rows._asdict(),
        present=rows.inserted + rows.updated + rows.unchanged,
        sections=[
            (without_accounts(load.file_name), section, counts._asdict())
            for load in loads
            for section, counts in load.listed.items()
        ],
        retired=[without_accounts(path.name) for path in retired],
        refused=[
            Finding(without_accounts(load.file_name), without_accounts(load.error)) for load in loads if load.error
        ],
        lines=[
            *(f"{without_accounts(load.file_name)}: {load.status}" for load in loads),
            *(f"{without_accounts(path.name)}: skipped, {why}" for path, why in left_out[:MOST_SKIPPED]),
            *(f"skipped: {beyond}" for beyond in more),
        ],
        skipped=[*(without_accounts(path.name) for path, _ in left_out[:MOST_SKIPPED]), *more],
    )


class DueSession(NamedTuple):
    """Accounts whose statements lack the session that is due, or in words why there is none. `days` limits what was
    looked at, None: everything; `is_transient`: a later run may find the statement."""

    lacking: list[Finding]
    summary: str
    days: Period | None = None
    is_transient: bool = False


def check_due_session(settings: Settings, db: Database, period: Period) -> DueSession:
    """Whether every account that the Flex queries serve has its official NAV of the session that is due.

    Files that come by hand come at times of their own, and a run over older sessions does not look. What was not
    fetched is a finding of another check.
    """
    due = due_session(datetime.now(UTC))
    if not settings.flex.tokens:
        return DueSession([], "no Flex queries are in the settings: files come by hand")
    if period.last < due:
        return DueSession([], f"the run ends before {due}, which is due", period)
    served = served_accounts(db)
    lacking = [lack for lack in missing(db, Period.on(due)) if served.get(lack.account_id) == "fetched"]
    findings = [Finding(str(lack), str(lack), lack.day) for lack in lacking]
    return DueSession(findings, f"{due} is there", is_transient=True)


def _failed_queries(failed: Sequence[Fetched]) -> list[Finding]:
    """One per query and month; one per token where the service serves none of its queries."""
    findings: dict[str, Finding] = {}
    for result in failed:
        month = result.period.first
        if isinstance(result.error, NotServed):
            findings.setdefault(result.login, Finding(result.login, f"{result.login}: {result.outcome}", month))
        else:
            subject = f"{result.login} {result.query.name} {month:%Y-%m}"
            findings[subject] = Finding(subject, str(result), month)
    return list(findings.values())


def _judged_tokens(settings: Settings, db: Database, fetched: Sequence[Fetched]) -> list[str]:
    """The tokens that the service took or refused, and those that are in the settings no more."""
    answered = {result.login for result in fetched if not result.reused and _is_about_the_token(result.error)}
    return sorted(answered | {row.login for row in latest(db)} - set(settings.flex.tokens))


def _is_about_the_token(error: FntxError | None) -> bool:
    """The broker looks at the token first; a call that was held off, or did not arrive, says nothing about it."""
    return error is None or (not isinstance(error, NotServed) and getattr(error, "code", None) is not None)


def _may_succeed_later(failed: Sequence[Fetched]) -> bool:
    return all(isinstance(result.error, Transient) for result in failed)
