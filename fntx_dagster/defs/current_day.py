"""The current day as IB Gateway has it: provisional, refreshed while the session is open, never signed."""

import dagster as dg

from fntx_dagster.defs.failures import failing_well
from fntx_dagster.defs.findings import result
from fntx_dagster.defs.pages import documented
from fntx_dagster.defs.ranges import NETWORK, OWNERS
from fntx_dagster.defs.resources import Platform
from fntx_dagster.defs.shown import materialized
from fntx_dagster.services.building.current import refresh_current_day


@dg.asset(
    check_specs=[
        dg.AssetCheckSpec(
            "gateway_answers",
            asset="current_day",
            description="Each account's gateway is up, synchronised, and serves that account.",
        ),
        dg.AssetCheckSpec(
            "margin_is_ample",
            asset="current_day",
            description="Excess liquidity is at least FNTX_MARGIN_CUSHION of the NAV.",
        ),
    ],
    group_name="report",
    kinds={"python", "markdown"},
    owners=OWNERS,
    tags={NETWORK: "gateway"},
    metadata=documented("3-let-it-run"),
)
def current_day(context: dg.AssetExecutionContext, platform: Platform) -> dg.MaterializeResult:
    """NAV, trades and positions of the session that runs, at the configured real-time rate, in the format of history.
    The official day replaces it as soon as a statement covers it. An account whose gateway does not answer keeps what
    was known last, with its time. Without gateways in the settings the asset is empty."""
    with failing_well():
        today = refresh_current_day(platform.settings(), platform.database())
    metadata: dict[str, dg.MetadataValue] = {
        f"report {label}": dg.MetadataValue.md(text) for label, text in today.reports.items()
    }
    metadata |= {f"NAV now {label}": dg.MetadataValue.float(nav) for label, nav in today.navs.items()}
    return materialized(
        metadata,
        check_results=[
            result(
                "gateway", "gateway_answers", today.silent, "Every gateway answers", severity=dg.AssetCheckSeverity.WARN
            ),
            result(
                "margin",
                "margin_is_ample",
                today.tight,
                "The margin is ample in every account whose margin is known",
                severity=dg.AssetCheckSeverity.WARN,
                looked=today.with_margin,
            ),
        ],
    )
