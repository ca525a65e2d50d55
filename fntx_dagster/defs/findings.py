"""Check results that say what they found, one finding per thing a person has to know: the alerts are read from them."""

from collections.abc import Sequence
from datetime import date
from typing import Any, NamedTuple

import dagster as dg

from fntx_dagster.defs.former_names import current_check
from fntx_dagster.model.finding import Finding

_SHOWN = 50


class Observed(NamedTuple):
    """What a check's evaluation says to whoever raises alerts. `days` and `looked` (subjects) say what was looked at,
    None: everything; `whole`: what of that is not among the findings was not found."""

    kind: str
    source: str
    findings: list[Finding]
    days: tuple[date, date] | None
    whole: bool = True
    looked: list[str] | None = None


def result(
    kind: str,
    name: str,
    findings: Sequence[Finding],
    holds: str,
    *,
    days: tuple[date, date] | None = None,
    severity: dg.AssetCheckSeverity = dg.AssetCheckSeverity.ERROR,
    asset: str | None = None,
    alerts: Sequence[Finding] | None = None,
    looked: Sequence[str] | None = None,
    **metadata: Any,
) -> dg.AssetCheckResult:
    """Passed with the words `holds` when nothing was found; else failed with the first finding's. `alerts`: those
    that nothing else tells a person. `looked`: the subjects that were looked at, where not all were: what was found of
    others earlier is not over."""
    alerting = list(findings if alerts is None else alerts)
    shown = [[found.subject, found.text, found.day and found.day.isoformat()] for found in alerting[:_SHOWN]]
    more = f" (and {len(findings) - 1} more)" if len(findings) > 1 else ""
    return dg.AssetCheckResult(
        asset_key=asset,
        check_name=name,
        passed=not findings,
        severity=severity,
        description=f"{findings[0].text}{more}" if findings else holds,
        metadata=metadata
        | {
            "kind": kind,
            "findings": shown,
            "whole": len(alerting) <= _SHOWN,
            "days": [day.isoformat() for day in days] if days else [],
        }
        | ({} if looked is None else {"looked": list(looked)}),
    )


def observed(evaluation: dg.AssetCheckEvaluation) -> Observed:
    """What an evaluation says; one of somebody else's making (dbt's) says its own description."""
    said = {name: value.value for name, value in evaluation.metadata.items()}
    source = current_check(f"{evaluation.asset_key.to_user_string()}/{evaluation.check_name}")
    if "findings" not in said:
        text = f"{source}: {evaluation.description or 'failed'}"
        return Observed("check", source, [] if evaluation.passed else [Finding(source, text)], None)
    findings = [Finding(subject, text, day and date.fromisoformat(day)) for subject, text, day in said["findings"]]
    first_last = tuple(date.fromisoformat(day) for day in said["days"])
    return Observed(said["kind"], source, findings, first_last or None, said["whole"], said.get("looked"))
