"""Greeks and value at risk at each session's close."""

from collections.abc import Iterator

import dagster as dg

from fntx_dagster.defs.failures import failing_well
from fntx_dagster.defs.findings import result
from fntx_dagster.defs.metadata import describe
from fntx_dagster.defs.partitions import SESSIONS
from fntx_dagster.defs.ranges import OWNERS, range_of
from fntx_dagster.defs.resources import Platform
from fntx_dagster.model.closing import PortfolioRow
from fntx_dagster.model.finding import Finding
from fntx_dagster.services.accounts import Labels, account_labels
from fntx_dagster.services.risk import compute
from fntx_dagster.store.marts.closing import rows_by_day

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
            description="Implied volatility and Greeks of every option open at a session's close or traded in it.",
        ),
        dg.AssetSpec(
            "portfolio_greeks",
            deps=_DEPS,
            group_name="risk",
            kinds={"python", "postgres"},
            owners=OWNERS,
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
    period = range_of(context)
    db = platform.database()
    with failing_well():
        computed = compute(platform.settings(), db, period)
    for table, rows in rows_by_day(db, period).items():
        describe(context, [(day, {"dagster/row_count": count}) for day, count in rows.items()], table)
    called = account_labels(db)
    figures = [(row.trading_day, _figures(row, called)) for row in computed.portfolios if row.trading_day in period]
    describe(context, figures, "portfolio_greeks")
    levered = [_levered(row, called) for row in computed.portfolios if row.delta is not None and abs(row.delta) > 1]
    yield result(
        "unusual",
        "delta_is_within_the_nav",
        levered,
        "it does",
        days=(computed.first, computed.last),
        severity=dg.AssetCheckSeverity.WARN,
        asset="portfolio_greeks",
        alerts=[],  # who is levered is so every day
    )
    undefined = sum(row.delta is None for row in computed.portfolios)
    yield dg.MaterializeResult(asset_key="option_greeks", metadata=computed.option_greeks._asdict())
    yield dg.MaterializeResult(
        asset_key="portfolio_greeks", metadata=computed.portfolio_greeks._asdict() | {"undefined": undefined}
    )


def _figures(row: PortfolioRow, called: Labels) -> dict[str, float]:
    """What the UI can plot; a figure that is undefined is left out."""
    figures = {name: getattr(row, name) for name in ("delta", "theta", "var_95_historical", "var_95_repricing")}
    return {f"{name} {called[row.account_id]}": value for name, value in figures.items() if value is not None}


def _levered(row: PortfolioRow, called: Labels) -> Finding:
    account = called[row.account_id]
    text = f"{row.trading_day} {account}: the portfolio's delta is {row.delta:.2f} times its NAV"
    return Finding(f"{account} {row.trading_day} delta", text, row.trading_day)
