"""The calculator of reconciliation: one case of configuration, observation and records to its items. Nothing else is
read."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from fntx_dagster.reconciliation.checks import SCOPES, ReconInput, reconcile
from fntx_dagster.reconciliation.items import summary_of
from fntx_dagster.services.calculators import Case, CaseRefused, by_kind, field


def _reconcile(case: Case) -> Mapping[str, Any]:
    scope = case.get("scope", "full")
    if scope not in SCOPES:
        raise CaseRefused("unknown_scope", f"scope is none of {', '.join(SCOPES)}")
    config, observed, records = (field(case, name, dict) for name in ("config", "observed", "records"))
    items = reconcile(ReconInput(config, observed, records, field(case, "now_s", int)), scope)
    return {"summary": summary_of(items)._asdict(), "items": [item.document for item in items]}


check = by_kind({"reconcile": _reconcile})
