"""The calculators of bonds: from one case to its result; no database, no ledger, no key is used."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from fntx_dagster.bonds.deals import distribution_document, read_deal
from fntx_dagster.bonds.waterfall import distributed
from fntx_dagster.services.calculators import Case, field


def waterfall(case: Case) -> Mapping[str, Any]:
    """The distribution of a case's `deal`. Permanent, naming field and value, for a deal that is not of its form."""
    deal = read_deal(field(case, "deal", dict))
    return distribution_document(deal, distributed(deal))
