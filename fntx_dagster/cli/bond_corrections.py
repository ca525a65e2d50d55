"""`fntx bond withdraw` and `void`: what was computed or recorded wrongly, taken back."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

import typer

from fntx_dagster.cli.options import AsJson, print_json, settings_and_database

_Reason = Annotated[
    str, typer.Option("--reason", metavar="TEXT", help="Why; it is kept in the audit log.", show_default=False)
]


def withdraw(
    distribution_id: Annotated[
        UUID, typer.Argument(metavar="DISTRIBUTION", help="The distribution's id.", show_default=False)
    ],
    reason: _Reason,
    as_json: AsJson = False,
) -> None:
    """Withdraw a distribution that was computed from wrong inputs: it pays nobody, and its cash is free again.

    It is refused where a payment of it is in a ledger, and while one could still get into one: what was prepared has to
    lapse first, or its ticket or sequence to be used. What is in arrears, and which period is next, is as before it.

    fntx bond withdraw 0b7c1e5e-6f0a-4f4e-9f7c-0d4a4e0f6b11 --reason "the register was of the day before"
    """
    from fntx_dagster.cli.terminal import out
    from fntx_dagster.services.distributions.paying import look
    from fntx_dagster.services.distributions.reading import progress_dict
    from fntx_dagster.services.distributions.withdrawing import withdraw

    settings, db = settings_and_database()
    row = withdraw(settings, db, distribution_id, reason)
    if as_json:
        print_json(progress_dict(db, look(db, distribution_id)))
        return
    out(f"Withdrawn. Its cash waits for the next: `fntx bond distribute {row.bond_id}`.")


def void(
    receipt_id: Annotated[UUID, typer.Argument(metavar="RECEIPT", help="The receipt's id.", show_default=False)],
    reason: _Reason,
    as_json: AsJson = False,
) -> None:
    """Void a receipt that was recorded wrongly: it counts no more, and its payment or document may be recorded again.

    It is refused while a distribution distributes the receipt: withdraw that first.

    fntx bond void 5b0e9a52-0d8c-4c1f-8c0e-1f1f5d6b6a10 --reason "the amount is of another bond"
    """
    from fntx_dagster.cli.terminal import out
    from fntx_dagster.services.distributions.reading import receipt_dict
    from fntx_dagster.services.distributions.withdrawing import void

    settings, db = settings_and_database()
    row = void(settings, db, receipt_id, reason)
    if as_json:
        print_json(receipt_dict(row) | {"voided": reason})
        return
    out(f"Voided: {row.amount:f} of {row.received_on} counts no more on {row.bond_id}.")
