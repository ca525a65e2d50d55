"""The four kinds of verification as asset checks. The equations and both their sides are rows of daily_verification;
a check says which of them fail. Where a mathematical or logical one or a cross-reference fails, the account is not
signed from that day on; other accounts are not held up, so no check blocks the run."""

import dagster as dg

from fntx_dagster.defs.findings import result
from fntx_dagster.defs.partitions import SESSIONS
from fntx_dagster.defs.ranges import range_of
from fntx_dagster.defs.resources import Platform
from fntx_dagster.model.finding import Finding
from fntx_dagster.services.accounts import Labels, account_labels
from fntx_dagster.services.signatures.refusals import BLOCKING_KINDS, WARNING_KINDS
from fntx_dagster.store.marts.verification import Verification, verifications

_DESCRIPTIONS = {
    "mathematical": "Opening, flows and net P&L lead to the closing; the parts sum to the whole.",
    "logical": "Counts, percentages and drawdowns lie in their bounds.",
    "cross_reference": "What two sources say of the same figure agrees.",
    "historical": "Nothing is unusual: return, volatility, what the broker leaves over, what has no name.",
}


def _check(kind: str, blocking: bool) -> dg.AssetChecksDefinition:
    @dg.asset_check(
        asset="daily_verification",
        name=f"{kind}_verification",
        description=_DESCRIPTIONS[kind],
        partitions_def=SESSIONS,
    )
    def verification(context: dg.AssetCheckExecutionContext, platform: Platform) -> dg.AssetCheckResult:
        period = range_of(context)
        db = platform.database()
        rows, called = verifications(db, period, kinds=(kind,)), account_labels(db)
        failed = [row for row in rows if not row.passed]
        return result(
            "verification" if blocking else "unusual",
            f"{kind}_verification",
            [_finding(row, called[row.account_id]) for row in failed],
            f"{len(rows)} equations hold",
            days=period,
            severity=dg.AssetCheckSeverity.ERROR if blocking else dg.AssetCheckSeverity.WARN,
            equations=len(rows),
            failed=len(failed),
            failures=dg.MetadataValue.md(_table(failed, called)),
        )

    return verification


def _finding(row: Verification, account: str) -> Finding:
    """One failure in words: the day, the equation, both sides and the difference."""
    text = (
        f"{row.trading_day} {account}: {row.equation}: "
        f"{row.left_side} {row.relation} {row.right_side} does not hold, difference {row.difference}"
    )
    return Finding(f"{account} {row.trading_day} {row.equation}", text, row.trading_day)


def _table(failed: list[Verification], called: Labels) -> str:
    if not failed:
        return "All hold."
    lines = ["| day | account | equation | left | | right | difference |", "|---|---|---|---:|---|---:|---:|"]
    for row in failed:
        sides = f"{row.left_side} | {row.relation} | {row.right_side} | {row.difference}"
        lines.append(f"| {row.trading_day} | {called[row.account_id]} | {row.equation} | {sides} |")
    return "\n".join(lines)


CHECKS = [_check(kind, True) for kind in BLOCKING_KINDS] + [_check(kind, False) for kind in WARNING_KINDS]
