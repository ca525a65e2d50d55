"""The broker's statements: fetched from the Flex Web Service into the folder of files, and loaded from there."""

import logging
from collections.abc import Callable, Iterator
from datetime import UTC, datetime

import dagster as dg

from fntx_dagster.adapters.flex.answers import NoData, NotServed, TokenRefused
from fntx_dagster.defs.failures import failing_well
from fntx_dagster.defs.findings import result
from fntx_dagster.defs.partitions import SESSIONS
from fntx_dagster.defs.progress import PROGRESS
from fntx_dagster.defs.ranges import OWNERS, range_of
from fntx_dagster.defs.resources import Platform
from fntx_dagster.errors import FntxError, Transient, without_accounts
from fntx_dagster.model.finding import Finding
from fntx_dagster.model.period import Period
from fntx_dagster.services.database import Database
from fntx_dagster.services.fetching import Fetched, configured, fetch, retire
from fntx_dagster.services.loading import statement_paths
from fntx_dagster.settings import Settings
from fntx_dagster.store.raw_flex.coverage import due_session, missing
from fntx_dagster.store.raw_flex.fetches import latest, served_accounts
from fntx_dagster.store.raw_flex.statements import Counts, FileLoad, load_paths

WHEN_THE_BROKER_IS_AWAY = dg.RetryPolicy(
    max_retries=2, delay=60, backoff=dg.Backoff.EXPONENTIAL, jitter=dg.Jitter.PLUS_MINUS
)

LATEST = ("statements", "latest_session_is_present")


@dg.asset(
    partitions_def=SESSIONS,
    backfill_policy=dg.BackfillPolicy.single_run(),
    retry_policy=WHEN_THE_BROKER_IS_AWAY,
    check_specs=[
        dg.AssetCheckSpec(
            "every_token_is_accepted", asset="flex_files", description="The service took each token of the settings."
        ),
        dg.AssetCheckSpec(
            "every_query_is_fetched",
            asset="flex_files",
            description="Each query of each token that was taken gave its statement; one that did not is named.",
        ),
    ],
    group_name="statements",
    kinds={"xml"},
    owners=OWNERS,
)
def flex_files(context: dg.AssetExecutionContext, platform: Platform) -> dg.MaterializeResult:
    """The statement files of the Flex Web Service: each query once for each month of the run, as month-to-date. Without
    queries in the settings nothing is fetched, and the folder holds what a person puts there."""
    period = range_of(context)
    first, last = period
    settings, db = platform.settings(), platform.database()
    with failing_well():
        fetched = fetch(settings, db, period, datetime.now(UTC), _teller(context))
        failed = [one for one in fetched if one.error]
        if failed and len(failed) == len(fetched) and _may_succeed_later(failed):
            _teller(context)("Nothing arrived: tried again in a minute or two, twice.")
            raise Transient("; ".join(finding.text for finding in _of_queries(failed)))
    refused = {one.login: _of_token(one) for one in failed if isinstance(one.error, TokenRefused)}
    queries = [one for one in failed if one.login not in refused]
    nothing = "no session of the range is over" if configured(settings) else "no Flex queries are in the settings"
    return dg.MaterializeResult(
        metadata={
            "files": len(fetched) - len(failed),
            "queries": dg.MetadataValue.md(_fetched_table(fetched) if fetched else nothing),
        },
        check_results=[
            result(
                "statements",
                "every_token_is_accepted",
                list(refused.values()),
                "none was refused",
                looked=_tried(settings, db, fetched),
                transient=False,
            ),
            result(
                "statements",
                "every_query_is_fetched",
                _of_queries(queries),
                f"{len(fetched) - len(failed)} files fetched" if fetched else nothing,
                days=(first.replace(day=1), max([last, *(one.period.last for one in fetched)])),
                severity=_severity(queries),
                transient=_may_succeed_later(queries),
            ),
        ],
    )


@dg.asset(
    partitions_def=SESSIONS,
    backfill_policy=dg.BackfillPolicy.single_run(),
    deps=[flex_files],
    check_specs=[
        dg.AssetCheckSpec(
            "every_file_is_loaded",
            asset="raw_flex_xml",
            description="No file of the folder was refused. A bad one is named; the good ones beside it are in.",
        ),
        dg.AssetCheckSpec(
            "latest_session_is_present",
            asset="raw_flex_xml",
            description="The session that the broker should have told by now has its official NAV in every account "
            "that the Flex queries serve.",
        ),
    ],
    group_name="statements",
    kinds={"xml", "postgres"},
    owners=OWNERS,
)
def raw_flex_xml(context: dg.AssetExecutionContext, platform: Platform) -> dg.MaterializeResult:
    """Every statement file in the folder, loaded as delivered. Month-to-date files hold many sessions, so a run loads
    what is there, whatever its partition; what was loaded before changes nothing. A fetched file whose newer one is
    loaded goes."""
    period = range_of(context)
    settings, db = platform.settings(), platform.database()
    with failing_well():
        loads = load_paths(db, statement_paths(settings, db))
    rows = sum((load.total for load in loads), Counts())
    for load in loads:
        context.log.info(f"{without_accounts(load.file_name)}: {load.status}")
    retired = retire(settings, db, loads)
    return dg.MaterializeResult(
        metadata={
            "files": len(loads),
            **rows._asdict(),
            "dagster/row_count": rows.inserted + rows.updated + rows.unchanged,
            "loaded": dg.MetadataValue.md(_loaded_table(loads)),
            "retired": [without_accounts(path.name) for path in retired],
        },
        check_results=[
            result("statements", "every_file_is_loaded", list(_refused(loads)), f"{len(loads)} files are loaded"),
            _latest(settings, db, period),
        ],
    )


def _latest(settings: Settings, db: Database, period: Period) -> dg.AssetCheckResult:
    """Who puts files into the folder by hand does so at times of their own; a run over older sessions does not look;
    what was not fetched is told by its own check."""
    first, last = period
    due = due_session(datetime.now(UTC))
    if not settings.flex.tokens:
        return result(*LATEST, [], "no Flex queries are in the settings: files come by hand")
    if last < due:
        return result(*LATEST, [], f"the run ends before {due}, which is due", days=(first, last))
    served = served_accounts(db)
    lacking = [lack for lack in missing(db, Period.on(due)) if served.get(lack.account_id) == "fetched"]
    findings = [Finding(str(lack), str(lack), lack.day) for lack in lacking]
    return result(*LATEST, findings, f"{due} is there", transient=True)


def _teller(context: dg.AssetExecutionContext) -> Callable[[str], None]:
    """To the run's log, and to whoever watches the run from a terminal."""

    def tell(line: str) -> None:
        context.log.info(line)
        logging.getLogger(PROGRESS).info(line)

    return tell


def _of_token(fetched: Fetched) -> Finding:
    return Finding(fetched.login, f"{fetched.login}: {fetched.outcome}")


def _of_queries(failed: list[Fetched]) -> list[Finding]:
    """One per query and month; one per token where the service serves none of its queries."""
    found: dict[str, Finding] = {}
    for one in failed:
        month = one.period.first
        if isinstance(one.error, NotServed):
            found.setdefault(one.login, Finding(one.login, f"{one.login}: {one.outcome}", month))
        else:
            subject = f"{one.login} {one.query.name} {month:%Y-%m}"
            found[subject] = Finding(subject, str(one), month)
    return list(found.values())


def _tried(settings: Settings, db: Database, fetched: list[Fetched]) -> list[str]:
    """The tokens that the service took or refused, and those that are in the settings no more."""
    answered = {one.login for one in fetched if not one.reused and _says_something_of_the_token(one.error)}
    return sorted(answered | {one.login for one in latest(db)} - set(settings.flex.tokens))


def _says_something_of_the_token(error: FntxError | None) -> bool:
    """The broker looks at the token first; who is held off or out of reach heard nothing of it."""
    return error is None or (not isinstance(error, NotServed) and getattr(error, "code", None) is not None)


def _may_succeed_later(failed: list[Fetched]) -> bool:
    return all(isinstance(one.error, Transient) for one in failed)


def _severity(failed: list[Fetched]) -> dg.AssetCheckSeverity:
    """A month without data is most often just that."""
    no_data = all(isinstance(one.error, NoData) for one in failed)
    return dg.AssetCheckSeverity.WARN if no_data else dg.AssetCheckSeverity.ERROR


def _refused(loads: list[FileLoad]) -> Iterator[Finding]:
    for load in loads:
        if load.error:
            yield Finding(without_accounts(load.file_name), without_accounts(load.error))


def _fetched_table(fetched: list[Fetched]) -> str:
    lines = ["| token | query | from | to | |", "|---|---|---|---|---|"]
    for one in fetched:
        lines.append(f"| {one.login} | {one.query.name} | {one.period.first} | {one.period.last} | {one.outcome} |")
    return "\n".join(lines)


def _loaded_table(loads: list[FileLoad]) -> str:
    lines = [f"| file | section | {' | '.join(Counts._fields)} |", f"|---|---|{'---:|' * len(Counts._fields)}"]
    for load in loads:
        for section, counts in load.sections.items():
            lines.append(f"| {without_accounts(load.file_name)} | {section} | {' | '.join(map(str, counts))} |")
    return "\n".join(lines)
