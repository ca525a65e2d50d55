"""The calculators of `fntx bond`: cases in a file, a result for each; no database is asked."""

from __future__ import annotations

from fntx_dagster.cli.calculators import Input, calculator
from fntx_dagster.cli.options import AsJson


def schedule(file: Input, as_json: AsJson = False) -> None:
    """List the events of each case's contract: what it pays when, and its state after that.

    Names and rules are those of ACTUS, contract types PAM and ANN. A case is {"id", "terms", "observed", "to"}:
    `observed` holds the rates for resets as {"CODE": {"data": [{"timestamp", "value"}]}}, `to` is the last day; both
    may be left out. The result is {"events"}; its numbers are unrounded, as text. Exit code 0: the file was read; 1: it
    is a single case and refused; 2: it cannot be read. No database, no network, no key is used.

    fntx bond schedule --input cases.json --json
    """
    from fntx_dagster.services.bonds.calculators import schedule

    calculator(file, schedule)


def waterfall(file: Input, as_json: AsJson = False) -> None:
    """Distribute the cash of each case: fees, then interest and principal of each class, then equity.

    Each case has an `id` and a `deal`, whose fields docs/bonds.md lists. Exit code 0: the file was read; 1: it is a
    single case and refused; 2: it cannot be read. No database, no network, no key is used.

    fntx bond waterfall --input cases.json
    """
    from fntx_dagster.services.bonds.calculators import waterfall

    calculator(file, waterfall)
