"""`fntx treasury build` and `combine`: transactions of the XRP Ledger and of Stellar, which people sign elsewhere."""

from __future__ import annotations

from fntx_dagster.cli.calculators import Input, calculator
from fntx_dagster.cli.options import AsJson
from fntx_dagster.settings import load_settings


def build(file: Input, as_json: AsJson = False) -> None:
    """Make unsigned transactions of specifications. No database, no network and no key is used.

    The answer is JSON, with --json or without: for each case `unsigned_blob` and `tx_json`, or `unsigned_xdr` and
    `hash`, or an error.

    fntx treasury build --input cases.json --json
    """
    from fntx_dagster.services.treasury.transactions import builder

    calculator(file, builder(load_settings()))


def combine(file: Input, as_json: AsJson = False) -> None:
    """Make signed transactions of signatures that were made elsewhere: each is verified, and as many as are needed are
    taken. No database, no network and no key is used.

    The answer is JSON, with --json or without: for each case `signed_blob`, `hash` and `weight`, or `signed_xdr`,
    `hash` and `signed_by`, or an error.

    fntx treasury combine --input cases.json --json
    """
    from fntx_dagster.services.treasury.transactions import combined

    calculator(file, combined)
