"""`fntx bond` on who holds a bond: list holders and every change of them, move units."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any

import typer

from fntx_dagster.cli.options import AsJson, day_option, print_json, settings_and_database
from fntx_dagster.cli.treasury_proposals import document

_Id = Annotated[str, typer.Argument(metavar="BOND", help="Its id, as `fntx bond list` has it, such as BOND-2026-1.")]


def holders(
    bond_id: _Id,
    on: Annotated[
        datetime | None,
        typer.Option(parser=day_option, metavar="YYYY-MM-DD", help="At the end of a day; else after all changes."),
    ] = None,
    changes: Annotated[bool, typer.Option("--changes", help="List every change, with its proposal.")] = False,
    ledger: Annotated[
        bool, typer.Option("--ledger", help="Ask the ledger of the token who holds it, and list who differs.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """List who holds how many units of each tranche, and of the equity, and the address at which each is paid.

    fntx bond holders BOND-2026-1
    """
    from fntx_dagster.cli.terminal import new_table, out
    from fntx_dagster.services.bonds.reading import change_of, changes_of_holders, holders_of_bond, holding_of

    settings, db = settings_and_database()
    if ledger:
        from fntx_dagster.services.bonds.comparing import register_beside_ledger

        found = register_beside_ledger(settings, db, bond_id).as_dict()
        if as_json:
            print_json(found)
        else:
            _say_beside_ledger(bond_id, found)
        return
    if changes:
        made = changes_of_holders(db, bond_id)
        if as_json:
            print_json([change_of(row) for row in made])
            return
        table = new_table("record date", "tranche", "holder", "paid at", "by", "proposal", right=("units",))
        for row in made:
            proposal = str(row.proposal_id) if row.proposal_id else "the structure"
            day = f"{row.record_date or 'from the start'}"
            words = (day, row.tranche_id or "equity", row.holder, row.address, row.changed_by, proposal)
            table.add_row(*words, f"{row.units:+f}")
        out(table)
        return
    rows = holders_of_bond(db, bond_id, on.date() if on else None)
    if as_json:
        print_json([holding_of(row) for row in rows])
        return
    table = new_table("tranche", "holder", "paid at", right=("units",))
    for row in rows:
        table.add_row(row.tranche_id or "equity", row.holder, row.address, f"{row.units:f}")
    out(table if rows else "Nobody holds any of it: it is a draft.")


def transfer(
    bond_id: _Id,
    tranche: Annotated[str | None, typer.Option(metavar="TRANCHE", help="Whose units go to somebody else.")] = None,
    equity: Annotated[bool, typer.Option("--equity", help="Units of the equity, instead of a tranche.")] = False,
    from_: Annotated[str | None, typer.Option("--from", metavar="PARTY", help="Who gives them.")] = None,
    to: Annotated[str | None, typer.Option(metavar="PARTY", help="Who gets them; the same party: it moves.")] = None,
    units: Annotated[str | None, typer.Option(metavar="N", help="How many, whole; left out: all of them.")] = None,
    address: Annotated[
        str | None, typer.Option(metavar="ADDRESS", help="Where the new holder is paid, on the ledger of the cash.")
    ] = None,
    record_date: Annotated[
        str | None,
        typer.Option(metavar="YYYY-MM-DD", help="From this day on the change counts; left out: the ledger's date."),
    ] = None,
    reason: Annotated[str | None, typer.Option(metavar="TEXT", help="Why, for those who vote.")] = None,
    file: Annotated[
        str | None, typer.Option("--input", metavar="FILE", help="Several transfers as one change, in JSON or YAML.")
    ] = None,
    from_ledger: Annotated[
        bool, typer.Option("--from-ledger", help="What holders moved on the token's ledger themselves, as one change.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Propose that units of a bond go from one holder to another, or are paid at a new address. Both parties are
    screened, two signers approve, and the register gets new rows: nothing of it is altered.

    Whoever holds at the end of a distribution's record date is paid by it, so a change dated on or before the record
    date of one that is computed is refused: date it later, or withdraw that distribution where it has paid nobody.
    Units move until a bond is paid back, in default too; not while it is paused or waits for its approval.

    {"record_date": "2026-05-01", "reason": "sold", "transfers": [{"tranche": "A", "from": "ada", "to": "dora",
    "address": "rDORA", "units": "1"}, {"equity": true, "from": "house", "to": "dora", "address": "rDORA"}]}

    fntx bond transfer BOND-2026-1 --tranche A --from ada --to dora --units 1 --address rDORA
    """
    from fntx_dagster.cli.treasury_proposals import said
    from fntx_dagster.services.bonds.transferring import propose_transfer

    options = {"tranche": tranche, "equity": equity or None, "from": from_, "to": to, "units": units}
    options["address"] = address
    given = {name: value for name, value in options.items() if value is not None}
    if [file is not None, bool(given), from_ledger].count(True) != 1:
        raise typer.BadParameter(
            "Name one transfer by --tranche or --equity, --from and --to; or a file by --input; or --from-ledger."
        )
    whole: dict[str, Any] = {"from_ledger": True} if from_ledger else {"transfers": [given]}
    asked = document(file) if file is not None else whole
    more = {"record_date": record_date, "reason": reason}
    if isinstance(asked, dict):
        asked |= {name: value for name, value in more.items() if value is not None}
    settings, db = settings_and_database()
    said(settings, db, propose_transfer(settings, db, bond_id, asked), as_json=as_json)


def _say_beside_ledger(bond_id: str, found: dict[str, Any]) -> None:
    from fntx_dagster.cli.terminal import new_table, out

    code = found["token"]["code"]
    if not found["differences"]:
        nobody = found["tokens"] == "0"
        words = f"No holder has any {code}: the register alone says who holds." if nobody else "Nobody differs."
        out(f"{words} Ledger {found['ledger_index']}, {found['on']}.")
        return
    table = new_table("holder", right=("by the register", "on the ledger"))
    for each in found["differences"]:
        table.add_row(each["holder"], each["registered"], each["held"])
    out(table)
    out(f"{code}, ledger {found['ledger_index']}, {found['on']}.")
    out(f"`fntx bond transfer {bond_id} --from-ledger` proposes what changed.")
