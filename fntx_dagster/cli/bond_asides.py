"""`fntx bond set-aside` and `release`: a payee who cannot be paid holds up nobody, and is paid later."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

import typer

from fntx_dagster.cli.bond_cash import BondTravelRule
from fntx_dagster.cli.options import AsJson, print_json, settings_and_database
from fntx_dagster.cli.treasury_proposals import document

_Distribution = Annotated[
    UUID, typer.Argument(metavar="DISTRIBUTION", help="The distribution's id.", show_default=False)
]
_Payments = Annotated[
    list[int],
    typer.Option("--payment", metavar="N", min=1, help="A payment's number; give it for each.", show_default=False),
]
_Reason = Annotated[
    str, typer.Option("--reason", metavar="TEXT", help="Why; signers read it, and it is kept.", show_default=False)
]


def set_aside(distribution_id: _Distribution, payment: _Payments, reason: _Reason, as_json: AsJson = False) -> None:
    """Propose that payments are set aside: their payees cannot be paid, and what is theirs is held for them.

    Two signers approve it, the trustee among them. The distribution then ends without these payments, the next ones go
    on, and the amounts stay owed: `fntx bond show` lists them. It is refused while what was prepared of a payment may
    still get into a ledger. `fntx bond release` pays them later.

    fntx bond set-aside 0b7c1e5e-6f0a-4f4e-9f7c-0d4a4e0f6b11 --payment 3 --reason "the account is closed"
    """
    from fntx_dagster.cli.treasury_proposals import said
    from fntx_dagster.services.distributions.setting_aside import propose_set_aside

    settings, db = settings_and_database()
    said(settings, db, propose_set_aside(settings, db, distribution_id, payment, reason), as_json=as_json)


def release(
    distribution_id: _Distribution,
    payment: _Payments,
    reason: _Reason,
    to: Annotated[
        str | None,
        typer.Option(
            metavar="ADDRESS", help="Another address of the payee, which the bond's register names.", show_default=False
        ),
    ] = None,
    travel: BondTravelRule = None,
    as_json: AsJson = False,
) -> None:
    """Propose that what was set aside is paid: a distribution of its own, which `fntx bond pay` carries out.

    Two signers approve it, the treasury among them; the payees are screened as for every payment. Run it again for the
    same payments where its approval ended. A release that cannot be paid is taken back by `fntx bond withdraw`.

    fntx bond release 0b7c1e5e-6f0a-4f4e-9f7c-0d4a4e0f6b11 --payment 3 --reason "it opened an account"
    """
    from fntx_dagster.cli.terminal import out
    from fntx_dagster.services.distributions.paying import look
    from fntx_dagster.services.distributions.reading import progress_dict
    from fntx_dagster.services.distributions.setting_aside import release

    content = None if travel is None else document(travel)
    settings, db = settings_and_database()
    row = release(settings, db, distribution_id, payment, reason, to, content)
    shown = progress_dict(db, look(db, row.distribution_id))
    if as_json:
        print_json(shown)
        return
    out(f"Release {row.distribution_id} of {row.bond_id}: {shown['currency']} {shown['available']}; it is {row.state}.")
    for proposal in shown["proposals"][:1]:
        out(f"The proposal {proposal} waits for decisions: `fntx treasury show {proposal} --sign`.")
    out(f"Once it is approved: `fntx bond pay {row.distribution_id} -o DIR`.")
