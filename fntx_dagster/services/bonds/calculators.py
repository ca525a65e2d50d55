"""The calculators of bonds: from one case to its result; no database, no ledger, no key is used."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from fntx_dagster.bonds.deals import distribution_document, read_deal
from fntx_dagster.bonds.observed import read_observed
from fntx_dagster.bonds.schedule import schedule as events_of
from fntx_dagster.bonds.schedule_documents import read_last_day, schedule_document
from fntx_dagster.bonds.terms import read_terms
from fntx_dagster.bonds.waterfall import distributed
from fntx_dagster.services.calculators import Case, field


def schedule(case: Case) -> Mapping[str, Any]:
    """The events of a case's `terms`, up to the end of the day `to`; rates are reset to what was `observed`. Permanent,
    naming every term that is wrong, its value and the way out, for terms that make no contract."""
    terms = read_terms(field(case, "terms", dict))
    return schedule_document(events_of(terms, read_observed(case.get("observed")), read_last_day(case.get("to"))))


def waterfall(case: Case) -> Mapping[str, Any]:
    """The distribution of a case's `deal`. Permanent, naming field and value, for a deal that is not of its form."""
    deal = read_deal(field(case, "deal", dict))
    return distribution_document(deal, distributed(deal))
