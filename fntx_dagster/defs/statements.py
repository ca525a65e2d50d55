"""The broker's statements: fetched from the Flex Web Service into the folder of files, and loaded from there."""

import dagster as dg

from fntx_dagster.defs.failures import failing_well
from fntx_dagster.defs.findings import result
from fntx_dagster.defs.pages import documented
from fntx_dagster.defs.partitions import SESSIONS
from fntx_dagster.defs.progress import progress_of
from fntx_dagster.defs.ranges import FRESHNESS, LOCAL, NETWORK, OWNERS, range_of
from fntx_dagster.defs.resources import Platform
from fntx_dagster.defs.shown import info, materialized
from fntx_dagster.defs.tables import shown_table
from fntx_dagster.services.statements import check_due_session, fetch_statements, load_statements

WHEN_THE_BROKER_IS_AWAY = dg.RetryPolicy(
    max_retries=2, delay=60, backoff=dg.Backoff.EXPONENTIAL, jitter=dg.Jitter.PLUS_MINUS
)


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
            description="Each query of each accepted token gave its statement; the others are findings.",
        ),
    ],
    group_name="statements",
    kinds={"xml"},
    owners=OWNERS,
    tags={NETWORK: "flex"},
    metadata=documented("3-let-it-run"),
)
def flex_files(context: dg.AssetExecutionContext, platform: Platform) -> dg.MaterializeResult:
    """The statement files of the Flex Web Service: each query once for each month of the run, as month-to-date. Without
    queries in the settings nothing is fetched, and the folder holds what a person puts there."""
    with failing_well():
        fetched = fetch_statements(platform.settings(), platform.database(), range_of(context), progress_of(context))
    # a month without data is most often just that
    severity = dg.AssetCheckSeverity.WARN if fetched.is_no_data else dg.AssetCheckSeverity.ERROR
    return materialized(
        {
            "files": fetched.files,
            "queries": shown_table(("token", "query", "from", "to", ""), fetched.queries, 5)
            if fetched.queries
            else fetched.summary,
        },
        check_results=[
            result(
                "statements",
                "every_token_is_accepted",
                fetched.refused,
                "No token was refused",
                looked=fetched.tried,
                transient=False,
            ),
            result(
                "statements",
                "every_query_is_fetched",
                fetched.failed,
                fetched.summary,
                days=fetched.period,
                severity=severity,
                transient=fetched.is_transient,
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
            description="No file of the folder was refused. A refused file is a finding; the others are loaded.",
        ),
        dg.AssetCheckSpec(
            "latest_session_is_present",
            asset="raw_flex_xml",
            description="The session whose statement is due has its official NAV in every account that the Flex "
            "queries serve.",
        ),
    ],
    group_name="statements",
    kinds={"xml", "postgres"},
    owners=OWNERS,
    tags=LOCAL,
    freshness_policy=FRESHNESS,
    metadata=documented("statements"),
)
def raw_flex_xml(context: dg.AssetExecutionContext, platform: Platform) -> dg.MaterializeResult:
    """Every statement file in the folder (XML, or one packed as .gz or .zip), loaded as delivered. Month-to-date files
    hold many sessions, so a run loads what is there, whatever its partition; a file that was loaded before changes
    nothing. A fetched file whose newer version is loaded is deleted."""
    settings, db = platform.settings(), platform.database()
    with failing_well():
        loaded = load_statements(settings, db)
        due = check_due_session(settings, db, range_of(context))
    for line in loaded.lines:
        info(context, line)
    return materialized(
        {
            "files": loaded.files,
            **loaded.rows,
            "dagster/row_count": loaded.present,
            "loaded": shown_table(
                ("file", "section", *loaded.rows),
                [(file, section, *counts.values()) for file, section, counts in loaded.sections],
                2,
            ),
            "retired": loaded.retired,
            "skipped": loaded.skipped,
        },
        check_results=[
            result("statements", "every_file_is_loaded", loaded.refused, f"All {loaded.files} files are loaded"),
            result(
                "statements",
                "latest_session_is_present",
                due.lacking,
                due.summary,
                days=due.days,
                transient=due.is_transient,
            ),
        ],
    )
