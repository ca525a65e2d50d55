"""The dbt project as assets: marts, dbt's tests as blocking asset checks, and the staging views that they read.

dbt runs in this process on the parsed manifest: starting its program would take longer than its work. A view holds no
session: it is an asset that no job materialises, built by the run that does not find it as the project has it.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import dagster as dg
from dagster_dbt import DagsterDbtTranslator, DagsterDbtTranslatorSettings, dbt_assets
from filelock import FileLock

from fntx_dagster.defs.environment import dbt_environment
from fntx_dagster.defs.manifest import PARSED, SOURCES, manifest, options
from fntx_dagster.defs.metadata import describe
from fntx_dagster.defs.partitions import SESSIONS
from fntx_dagster.defs.ranges import OWNERS, range_of
from fntx_dagster.defs.resources import Platform
from fntx_dagster.model.period import Period
from fntx_dagster.services.accounts import account_labels
from fntx_dagster.services.database import open_database
from fntx_dagster.settings import Settings, export
from fntx_dagster.store.accounting.changes import mark_built, stale_range
from fntx_dagster.store.marts.summaries import summary
from fntx_dagster.store.marts.tables import built_from, built_span, row_counts

if TYPE_CHECKING:
    from dbt.artifacts.schemas.run import RunResult


TOLD_BY_SESSION = (
    "official_days",
    "chronological_events",
    "nav_blocks",
    "daily_summary",
    "round_trips",
    "rolling_metrics",
    "daily_verification",
    "closing_positions",
    "closing_days",
)
"""The marts whose rows have a trading day."""


class Translator(DagsterDbtTranslator):
    """A model's asset is called like its table."""

    def get_asset_key(self, dbt_resource_props: Mapping[str, Any]) -> dg.AssetKey:
        if dbt_resource_props["resource_type"] == "model":
            return dg.AssetKey(dbt_resource_props["name"])
        return super().get_asset_key(dbt_resource_props)

    def get_group_name(self, dbt_resource_props: Mapping[str, Any]) -> str:
        return super().get_group_name(dbt_resource_props) or "staging"

    def get_owners(self, dbt_resource_props: Mapping[str, Any]) -> Sequence[str]:
        return OWNERS


@dbt_assets(
    manifest=manifest(),
    name="transforms",
    partitions_def=SESSIONS,
    backfill_policy=dg.BackfillPolicy.single_run(),
    dagster_dbt_translator=Translator(
        DagsterDbtTranslatorSettings(enable_duplicate_source_asset_keys=True, enable_dbt_views_as_virtual_assets=True)
    ),
)
def transforms(context, platform: Platform) -> Iterator[Any]:
    """From classified fills to the daily summary, the metrics and their verification, for the sessions of the run, and
    for those around it that stand on something that has changed since they were told."""
    period = range_of(context)
    stale = stale_range(platform.database(), period)
    models = {key.to_user_string() for key in context.selected_asset_keys}
    tests = {key.name for key in context.selected_asset_check_keys}
    results = build(platform.settings(), models | tests, stale.period)
    failed = [
        f"{result.node.name}: {(result.message or result.status).strip()}"
        for result in results
        if result.status not in ("success", "pass", "warn")
    ]
    for result in results:
        name = result.node.name
        if name in models and result.status == "success":
            if not failed:  # else the table that it is told from may not be there
                _describe(context, name, platform, period)
            yield dg.MaterializeResult(asset_key=name, metadata={"dbt seconds": round(result.execution_time, 3)})
        elif result.node.resource_type == "test" and result.status != "skipped":
            yield from _check(context, result)
    if failed:
        raise dg.Failure("; ".join(failed), allow_retries=False)
    if context.selected_asset_keys >= {spec.key for spec in context.assets_def.specs if not spec.is_virtual}:
        mark_built(platform.database(), stale)


def build(settings: Settings, models: Collection[str], period: Period) -> list[RunResult]:
    """Run and test models for the sessions between two days; one dbt at a time per home.

    The views are built with them unless they are there as the project's files make them. Where a mart is not, because
    the files are others than they were, all that was ever told is told by the files that are there now.
    """
    first, last = period
    from dbt.cli.main import dbtRunner
    from dbt.contracts.graph.manifest import Manifest

    target = settings.paths.dbt_target
    export(dbt_environment(settings))
    parsed, sources = Manifest.from_msgpack((target / PARSED).read_bytes()), (target / SOURCES).read_text()
    views, marts = (
        {node.name for node in parsed.nodes.values() if node.config.materialized == kind}
        for kind in ("view", "by_session")
    )
    command = ["build", *options(target), "--no-write-json"]
    with FileLock(target / ".run.lock"):
        database = open_database(settings)
        built = built_from(database, sources)
        if not marts <= built:
            days = (first, last, *built_span(database))
            first, last = min(days), max(days)
        # one that others are selected from takes them with it: all of them or none
        selected = {*models, *views} if not views <= built or views & set(models) else {*models}
        variables = {"from_day": f"{first}", "to_day": f"{last}", "sources": sources, "as_built": sorted(built)}
        words = [*command, "--vars", json.dumps(variables), "--select", *sorted(selected)]
        # in a thread: dbt reads the source of every frame that it is called from, of which Dagster has many
        with ThreadPoolExecutor(max_workers=1) as alone:
            done = alone.submit(dbtRunner(manifest=parsed).invoke, words).result()
    if done.exception is not None:
        raise done.exception
    return list(done.result.results)


def _check(context: dg.AssetExecutionContext, result: RunResult) -> Iterator[dg.AssetCheckResult]:
    model = result.node.attached_node.rsplit(".", 1)[-1]
    if dg.AssetCheckKey(dg.AssetKey(model), result.node.name) in context.selected_asset_check_keys:
        yield dg.AssetCheckResult(
            asset_key=model,
            check_name=result.node.name,
            passed=result.status == "pass",
            severity=dg.AssetCheckSeverity.WARN if result.status == "warn" else dg.AssetCheckSeverity.ERROR,
            description=result.message,
            metadata={"failing rows": result.failures or 0},
        )


def _describe(context: dg.AssetExecutionContext, model: str, platform: Platform, period: Period) -> None:
    """Figures that the UI can plot, per session: rows told, and NAV and P&L per account."""
    db = platform.database()
    if model not in TOLD_BY_SESSION:
        return
    rows = row_counts(db, model, period)
    describe(context, [(day, {"dagster/row_count": count}) for day, count in rows.items()], model)
    if model == "daily_summary":
        called = account_labels(db)
        fields = ("closing_nav_official", "net_pnl", "unexplained")
        figures = [
            (row["trading_day"], {f"{field} {called[row['account_id']]}": float(row[field]) for field in fields})
            for row in summary(db, period)
        ]
        describe(context, figures, model)
