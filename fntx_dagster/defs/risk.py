"""Greeks and value at risk at each session's close."""

from collections.abc import Iterator

import dagster as dg

from fntx_dagster.defs.failures import failing_well
from fntx_dagster.defs.findings import result
from fntx_dagster.defs.internals import describe
from fntx_dagster.defs.pages import documented
from fntx_dagster.defs.partitions import SESSIONS
from fntx_dagster.defs.ranges import LOCAL, OWNERS, accounts_of, range_of, row_counts
from fntx_dagster.defs.resources import Platform
from fntx_dagster.defs.shown import materialized
from fntx_dagster.services.building.risk import build_risk

_DEPS = ["closing_positions", "closing_days"]


@dg.multi_asset(
    name="risk",
    specs=[
        dg.AssetSpec(
            "option_greeks",
            deps=_DEPS,
            group_name="risk",
            kinds={"python", "postgres"},
            owners=OWNERS,
            tags=LOCAL,
            metadata=documented("metrics"),
            description="Implied volatility and Greeks of every option open at a session's close or traded in it.",
        ),
        dg.AssetSpec(
            "portfolio_greeks",
            deps=_DEPS,
            group_name="risk",
            kinds={"python", "postgres"},
            owners=OWNERS,
            tags=LOCAL,
            metadata=documented("metrics"),
            description="The portfolio's Greeks and its value at risk over one day, at each session's close.",
        ),
    ],
    check_specs=[
        dg.AssetCheckSpec(
            "delta_is_within_the_nav",
            asset="portfolio_greeks",
            description="The portfolio's delta lies between -1 and 1; a levered one is unusual, not wrong.",
        )
    ],
    partitions_def=SESSIONS,
    backfill_policy=dg.BackfillPolicy.single_run(),
)
def risk(context: dg.AssetExecutionContext, platform: Platform) -> Iterator[dg.MaterializeResult | dg.AssetCheckResult]:
    """For the sessions of the run, and for those whose positions, marks or rates have changed since."""
    with failing_well():
        db = platform.database()
        built = build_risk(platform.settings(), db, range_of(context), accounts_of(context, db))
    for table, rows in built.rows.items():
        describe(context, row_counts(context, rows), table)
    describe(context, built.figures, "portfolio_greeks")
    yield result(
        "unusual",
        "delta_is_within_the_nav",
        built.levered,
        "Every delta is between -1 and 1",
        days=built.computed,
        severity=dg.AssetCheckSeverity.WARN,
        asset="portfolio_greeks",
        alerts=[],  # a levered portfolio is levered every day
    )
    yield materialized(built.option_greeks, asset_key="option_greeks")
    yield materialized(built.portfolio_greeks | {"undefined": built.undefined}, asset_key="portfolio_greeks")
