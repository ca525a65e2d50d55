"""The dbt project as assets: marts, dbt's tests as blocking asset checks, and the staging views that they read.

A view holds no session: it is an asset that no job materialises, built by the run that does not find it as the
project's files define it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import dagster as dg
from dagster_dbt import DagsterDbtTranslator, DagsterDbtTranslatorSettings, DbtProject, dbt_assets

from fntx_dagster.defs.failures import failing_well
from fntx_dagster.defs.internals import describe
from fntx_dagster.defs.pages import documented
from fntx_dagster.defs.partitions import SESSIONS
from fntx_dagster.defs.ranges import FRESHNESS, LOCAL, OWNERS, accounts_of, range_of, row_counts
from fntx_dagster.defs.resources import Platform
from fntx_dagster.defs.shown import checked, failure, materialized
from fntx_dagster.services.building.marts import build_marts, manifest
from fntx_dagster.settings import load_settings

_PAGES = {"nav": "report", "story": "report", "metrics": "metrics", "risk": "metrics"}
"""Group of models → the page of docs/ about it."""


class Translator(DagsterDbtTranslator):
    """A model's asset is called like its table. Its SQL is in the repository, not in its description."""

    def get_asset_key(self, dbt_resource_props: Mapping[str, Any]) -> dg.AssetKey:
        if dbt_resource_props["resource_type"] == "model":
            return dg.AssetKey(dbt_resource_props["name"])
        return super().get_asset_key(dbt_resource_props)

    def get_group_name(self, dbt_resource_props: Mapping[str, Any]) -> str:
        return super().get_group_name(dbt_resource_props) or "staging"

    def get_description(self, dbt_resource_props: Mapping[str, Any]) -> str:
        return dbt_resource_props["description"]

    def get_metadata(self, dbt_resource_props: Mapping[str, Any]) -> Mapping[str, Any]:
        page = _PAGES.get(self.get_group_name(dbt_resource_props), "statements")
        return {**super().get_metadata(dbt_resource_props), **documented(page)}

    def get_tags(self, dbt_resource_props: Mapping[str, Any]) -> Mapping[str, str]:
        return {**super().get_tags(dbt_resource_props), **LOCAL}

    def get_asset_spec(self, manifest: Mapping[str, Any], unique_id: str, project: DbtProject | None) -> dg.AssetSpec:
        spec = super().get_asset_spec(manifest, unique_id, project)
        is_last_mart = spec.key == dg.AssetKey("daily_summary")
        return spec.replace_attributes(freshness_policy=FRESHNESS) if is_last_mart else spec

    def get_owners(self, dbt_resource_props: Mapping[str, Any]) -> Sequence[str]:
        return OWNERS


@dbt_assets(
    manifest=manifest(load_settings()),
    name="transforms",
    partitions_def=SESSIONS,
    backfill_policy=dg.BackfillPolicy.single_run(),
    dagster_dbt_translator=Translator(
        DagsterDbtTranslatorSettings(enable_duplicate_source_asset_keys=True, enable_dbt_views_as_virtual_assets=True)
    ),
)
def transforms(context, platform: Platform) -> Iterator[Any]:
    """From classified fills to the daily summary, the metrics and their verification, for the sessions of the run, and
    for those around it that depend on something that has changed since they were built."""
    models = {key.to_user_string() for key in context.selected_asset_keys}
    tests = {key.name for key in context.selected_asset_check_keys}
    every_mart = {spec.key for spec in context.assets_def.specs if not spec.is_virtual}
    with failing_well():
        built = build_marts(
            platform.settings(),
            platform.database(),
            range_of(context),
            models | tests,
            all_models=context.selected_asset_keys >= every_mart,
            only=accounts_of(context, platform.database()),
        )
    for result in built.results:
        if result.name in models and result.status == "success":
            counts = built.rows.get(result.name)
            rows = [] if counts is None else row_counts(context, counts)
            describe(context, [*rows, *built.figures.get(result.name, [])], result.name)
            yield materialized({"dbt seconds": round(result.seconds, 3)}, asset_key=result.name)
        elif result.kind == "test" and result.model and result.status != "skipped":
            key = dg.AssetCheckKey(dg.AssetKey(result.model), result.name)
            if key in context.selected_asset_check_keys:
                yield checked(
                    asset_key=key.asset_key,
                    check_name=key.name,
                    passed=result.status == "pass",
                    severity=dg.AssetCheckSeverity.WARN if result.status == "warn" else dg.AssetCheckSeverity.ERROR,
                    description=result.message,
                    values={"failing rows": result.failing_rows},
                )
    if built.failures:
        raise failure("; ".join(built.failures))
