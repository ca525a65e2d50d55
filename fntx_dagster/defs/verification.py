"""The four kinds of verification as asset checks: each says which equations of its kind do not hold. Where a blocking
one fails, the account is not signed from that day on; the other accounts are, so no check blocks the run."""

from collections.abc import Sequence

import dagster as dg

from fntx_dagster.defs.failures import failing_well
from fntx_dagster.defs.findings import result
from fntx_dagster.defs.partitions import SESSIONS
from fntx_dagster.defs.ranges import accounts_of, range_of
from fntx_dagster.defs.resources import Platform
from fntx_dagster.defs.tables import shown_table
from fntx_dagster.model.finding import Finding
from fntx_dagster.services.building.verification import BLOCKING_KINDS, WARNING_KINDS, equations
from fntx_dagster.services.shards import labels_of

_DESCRIPTIONS = {
    "mathematical": "Opening, flows and net P&L lead to the closing; the parts sum to the whole.",
    "logical": "Counts, percentages and drawdowns lie in their bounds.",
    "cross_reference": "Two sources of the same figure agree.",
    "historical": "Return, volatility and remainders are not unusual; a statement's own sums agree.",
}
_HEADERS = ("day", "account", "equation", "left", "", "right", "difference")


def _check(kind: str, blocking: bool) -> dg.AssetChecksDefinition:
    @dg.asset_check(
        asset="daily_verification",
        name=f"{kind}_verification",
        description=_DESCRIPTIONS[kind],
        partitions_def=SESSIONS,
    )
    def verification(context: dg.AssetCheckExecutionContext, platform: Platform) -> dg.AssetCheckResult:
        period = range_of(context)
        with failing_well():
            db = platform.database()
            only = accounts_of(context, db)
            checked = equations(db, period, kind, only)
        return result(
            "verification" if blocking else "unusual",
            f"{kind}_verification",
            checked.failed,
            f"{checked.number} equations hold",
            days=period,
            among=labels_of(db, only),
            by_session=_by_session(checked.failed),
            severity=dg.AssetCheckSeverity.ERROR if blocking else dg.AssetCheckSeverity.WARN,
            equations=checked.number,
            failed=len(checked.failed),
            failures=shown_table(_HEADERS, checked.rows, 3) if checked.rows else "Every equation holds.",
        )

    return verification


def _by_session(failed: Sequence[Finding]) -> dict[str, str]:
    """Session → the words of its failed equations."""
    words: dict[str, list[str]] = {}
    for finding in failed:
        words.setdefault(f"{finding.day}", []).append(finding.text)
    return {session: "; ".join(texts) for session, texts in words.items()}


CHECKS = [_check(kind, True) for kind in BLOCKING_KINDS] + [_check(kind, False) for kind in WARNING_KINDS]
