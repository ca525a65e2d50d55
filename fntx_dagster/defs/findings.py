"""Check results that carry their findings, one per thing that a person has to know: alerts are raised from them."""

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any

import dagster as dg

from fntx_dagster.defs.former_names import current_check
from fntx_dagster.defs.internals import FAILED_SESSIONS
from fntx_dagster.defs.shown import checked
from fntx_dagster.model.finding import Finding, Observed
from fntx_dagster.model.period import Period

_SHOWN = 50


def result(
    kind: str,
    name: str,
    findings: Sequence[Finding],
    holds: str,
    *,
    days: Period | None = None,
    severity: dg.AssetCheckSeverity = dg.AssetCheckSeverity.ERROR,
    asset: str | None = None,
    alerts: Sequence[Finding] | None = None,
    looked: Sequence[str] | None = None,
    among: Sequence[str] | None = None,
    by_session: Mapping[str, str] | None = None,
    **metadata: Any,
) -> dg.AssetCheckResult:
    """Passed with the words `holds` without findings; else failed with the words of the first.

    `alerts` are the findings that no other check reports (None: all). `days` and `looked` (subjects) limit
    what was looked at, None: everything; earlier findings outside of it stay open. So do those of other accounts than
    the ones `among` whose labels the run was for. Of a partitioned check,
    `by_session` holds the words of each session that failed.
    """
    alerting = list(findings if alerts is None else alerts)
    shown = [[finding.subject, finding.text, finding.day and finding.day.isoformat()] for finding in alerting[:_SHOWN]]
    more = f" (and {len(findings) - 1} more)" if len(findings) > 1 else ""
    return checked(
        asset_key=asset,
        check_name=name,
        passed=not findings,
        severity=severity,
        description=f"{findings[0].text}{more}" if findings else holds,
        values=metadata
        | {
            "kind": kind,
            "findings": shown,
            "whole": len(alerting) <= _SHOWN,
            "days": [day.isoformat() for day in days] if days else [],
        }
        | ({} if looked is None else {"looked": list(looked)})
        | ({} if among is None else {"among": list(among)})
        | ({FAILED_SESSIONS: dict(by_session)} if by_session else {}),
    )


def observed(evaluation: dg.AssetCheckEvaluation) -> Observed:
    """What an evaluation found. The finding of a check that is not ours (dbt's) is its description."""
    # what `result` wrote is JSON, of which Dagster's types say only that it can be stored
    written: dict[str, Any] = {name: value.value for name, value in evaluation.metadata.items()}
    source = current_check(f"{evaluation.asset_key.to_user_string()}/{evaluation.check_name}")
    if "findings" not in written:
        text = f"{source}: {evaluation.description or 'failed'}"
        return Observed("check", source, [] if evaluation.passed else [Finding(source, text)])
    findings = [Finding(subject, text, day and date.fromisoformat(day)) for subject, text, day in written["findings"]]
    days = [date.fromisoformat(day) for day in written["days"]]
    return Observed(
        kind=written["kind"],
        source=source,
        findings=findings,
        days=Period(*days) if days else None,
        whole=written["whole"],
        looked=written.get("looked"),
        among=written.get("among"),
    )
