"""The broker's statements, as they lie in the folder of statement files."""

import dagster as dg

from fntx_dagster.defs.failures import failing_well
from fntx_dagster.defs.partitions import SESSIONS
from fntx_dagster.defs.ranges import OWNERS
from fntx_dagster.defs.resources import Platform
from fntx_dagster.errors import without_accounts
from fntx_dagster.samples import statement_paths
from fntx_dagster.store.statements import Counts, FileLoad, load_paths


@dg.asset(
    partitions_def=SESSIONS,
    backfill_policy=dg.BackfillPolicy.single_run(),
    group_name="statements",
    kinds={"xml", "postgres"},
    owners=OWNERS,
)
def raw_flex_xml(context: dg.AssetExecutionContext, platform: Platform) -> dg.MaterializeResult:
    """Every statement file in the folder, loaded as delivered. Month-to-date files hold many sessions, so a run loads
    what is there, whatever its partition; what was loaded before changes nothing. A bad file stops the run after the
    good ones beside it are in."""
    db = platform.database()
    with failing_well():
        loads = load_paths(db, statement_paths(platform.settings(), db))
    rows = sum((load.total for load in loads), Counts())
    for load in loads:
        context.log.info(f"{without_accounts(load.file_name)}: {load.status}")
    failed = [load for load in loads if load.error]
    if failed:
        raise dg.Failure(without_accounts("; ".join(load.error or "" for load in failed)), allow_retries=False)
    return dg.MaterializeResult(
        metadata={
            "files": len(loads),
            **rows._asdict(),
            "dagster/row_count": rows.inserted + rows.updated + rows.unchanged,
            "loaded": dg.MetadataValue.md(_table(loads)),
        }
    )


def _table(loads: list[FileLoad]) -> str:
    lines = [f"| file | section | {' | '.join(Counts._fields)} |", f"|---|---|{'---:|' * len(Counts._fields)}"]
    for load in loads:
        for section, counts in load.sections.items():
            lines.append(f"| {without_accounts(load.file_name)} | {section} | {' | '.join(map(str, counts))} |")
    return "\n".join(lines)
