"""The current day as IB Gateway has it: provisional, refreshed while the session is open, never signed."""

from collections.abc import Iterator
from contextlib import suppress

import dagster as dg

from fntx_dagster.accounting.provisional import session_at
from fntx_dagster.defs.failures import failing_well
from fntx_dagster.defs.findings import result
from fntx_dagster.defs.ranges import OWNERS
from fntx_dagster.defs.resources import Platform
from fntx_dagster.errors import FntxError, without_accounts
from fntx_dagster.model.day import ProvisionalDay
from fntx_dagster.model.finding import Finding
from fntx_dagster.model.period import Period
from fntx_dagster.report import clock
from fntx_dagster.report.markdown import to_markdown
from fntx_dagster.report.story import narrate
from fntx_dagster.services.accounts import Labels, account_labels
from fntx_dagster.services.current_day import Asked, provisional_days, refresh
from fntx_dagster.services.database import Database
from fntx_dagster.settings import Settings


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
)
def current_day(context: dg.AssetExecutionContext, platform: Platform) -> dg.MaterializeResult:
    """NAV, trades and positions of the session that runs, at the configured real-time rate, in the format of history.
    The official day takes its place when its statement is told. An account whose gateway does not answer keeps what
    was known last, with its time. Without gateways in the settings there is nothing to ask."""
    settings, db = platform.settings(), platform.database()
    with failing_well():
        observer = clock.zone(settings.report.time_zone)
        asked = refresh(settings, db) if settings.gateway.addresses else []
        days = [session_at(one.snapshot.as_of).day for one in asked if one.snapshot]
        told = list(_told(settings, db, asked, Period(min(days), max(days)))) if days else []
    called = account_labels(db, settings.gateway.addresses)
    reports = {
        f"report {called[day.account_id]}": dg.MetadataValue.md(
            without_accounts(to_markdown([narrate(day, observer)], account_label=called[day.account_id]))
        )
        for day in told
    }
    navs = {f"NAV now {called[day.account_id]}": float(day.closing_nav_official) for day in told}
    return dg.MaterializeResult(
        metadata=reports | navs,
        check_results=[
            result(
                "gateway",
                "gateway_answers",
                [_silent(one, called) for one in asked if one.error],
                "all answer",
                severity=dg.AssetCheckSeverity.WARN,
            ),
            result(
                "margin",
                "margin_is_ample",
                _tight(settings, asked, called),
                "it is",
                severity=dg.AssetCheckSeverity.WARN,
                looked=_with_margin(asked, called),
            ),
        ],
    )


def _told(settings: Settings, db: Database, asked: list[Asked], period: Period) -> Iterator[ProvisionalDay]:
    """Account by account, so that one that cannot be told keeps no other from it; why, `refresh` has said."""
    for one in asked:
        with suppress(FntxError):
            yield from provisional_days(settings, db, period, one.account_id)


def _silent(asked: Asked, called: Labels) -> Finding:
    account = called[asked.account_id]
    return Finding(account, f"{account}: {without_accounts(str(asked.error))}")


def _with_margin(asked: list[Asked], called: Labels) -> list[str] | None:
    """The subjects whose margin was told; None: everybody's was."""
    known = [called[one.account_id] for one in asked if one.snapshot and one.snapshot.cushion is not None]
    return known if len(known) < len(asked) else None


def _tight(settings: Settings, asked: list[Asked], called: Labels) -> list[Finding]:
    return [
        Finding(
            called[one.account_id],
            f"{called[one.account_id]}: {one.snapshot.cushion:.1%} of the NAV is free of margin, "
            f"less than {settings.risk.margin_cushion:.0%}",
        )
        for one in asked
        if one.snapshot and one.snapshot.cushion is not None and one.snapshot.cushion < settings.risk.margin_cushion
    ]
