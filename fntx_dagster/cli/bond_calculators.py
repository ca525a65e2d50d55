"""The calculators of `fntx bond`: cases in a file, a result for each; no database is asked."""

from __future__ import annotations

from fntx_dagster.cli.calculators import Input, calculator
from fntx_dagster.cli.options import AsJson


def waterfall(file: Input, as_json: AsJson = False) -> None:
    """Distribute the cash of each case: fees, then interest and principal of each class, then equity.

    Each case has an `id` and a `deal`. No database, no network, no key is used.

    fntx bond waterfall --input cases.json
    """
    from fntx_dagster.services.bonds.calculators import waterfall

    calculator(file, waterfall)
