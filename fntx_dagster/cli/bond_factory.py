"""`fntx bond` on bonds as they are kept: create, structure, submit, look, and take steps of the table."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Annotated

import typer

from fntx_dagster.cli.options import AsJson, day_option, print_json, settings_and_database
from fntx_dagster.cli.treasury_proposals import document

if TYPE_CHECKING:
    from fntx_dagster.services.bonds.reading import BondView

_Id = Annotated[str, typer.Argument(metavar="BOND", help="Its id, as `fntx bond list` has it, such as BOND-2026-1.")]
_File = Annotated[str, typer.Option("--input", metavar="FILE", help="JSON, or YAML by its name; - reads the terminal.")]


def create(file: _File, as_json: AsJson = False) -> None:
    """Create a bond from the file of its terms: a draft, which nothing moves yet.

    The issuer, and whoever gets a fee, is a party of `fntx compliance party`, paid at an address of its own; `token` is
    a token of the configuration, `cash` what holders are paid in, `funding` what escrows hold (`cash` without it).

    {"id": "BOND-2026-1", "name": "Solar park", "issuer": "house", "token": {"ledger": "xrpl", "code": "OPTKAS.BOND"},
    "cash": {"ledger": "xrpl", "code": "USD", "issuer": "rBANK"}, "currency": "USD", "decimals": 2,
    "notional": "1500000.00", "rate": "0.05", "day_count": "30E360", "cycle": "P3ML1", "start": "2026-01-01",
    "maturity": "2029-01-01", "business_days": "SCF", "calendar": "MF", "grace_days": 10, "cure_days": 30,
    "fees": [{"id": "trustee", "due": "5000.00", "party": "trust", "address": "rTRUST"}]}

    fntx bond create --input bond.json
    """
    from fntx_dagster.cli.terminal import out
    from fntx_dagster.services.bonds.factory import create_bond
    from fntx_dagster.services.bonds.reading import show_bond

    settings, db = settings_and_database()
    row = create_bond(settings, db, document(file))
    if as_json:
        print_json(show_bond(db, row.bond_id).as_dict())
        return
    out(f"{row.bond_id} is a draft of {row.currency} {row.notional:,.{row.decimals}f}.")
    out(f"Its series and tranches come next: `fntx bond structure {row.bond_id} --input structure.json`.")


def structure(bond_id: _Id, file: _File, as_json: AsJson = False) -> None:
    """Give a draft its series, tranches and holders. What is due is computed and fixed with it.

    The tranches of a series come to its notional, the series to that of the bond. A tranche has the rate and the day
    count of the bond where it names none, and repays as `bullet` (the default), `linear` or `annuity`. Holders are
    paid by their units at their own address; the equity gets what is left.

    {"series": [{"id": "S1", "notional": "1500000.00", "tranches": [{"id": "A", "class": "senior",
    "notional": "1500000.00", "holders": [{"party": "ada", "units": "2", "address": "rADA"}]}]}],
    "equity": [{"party": "house", "units": "1", "address": "rHOUSE"}]}

    fntx bond structure BOND-2026-1 --input structure.json
    """
    from fntx_dagster.cli.terminal import out
    from fntx_dagster.services.bonds.factory import structure_bond
    from fntx_dagster.services.bonds.reading import show_bond

    settings, db = settings_and_database()
    row = structure_bond(settings, db, bond_id, document(file))
    view = show_bond(db, row.bond_id)
    if as_json:
        print_json(view.as_dict())
        return
    _write(view)
    out(f"Signers decide on it next: `fntx bond submit {row.bond_id}`.")


def submit(bond_id: _Id, as_json: AsJson = False) -> None:
    """Screen the issuer, the holders and whoever gets fees, and ask the signers to approve a bond. Two of them make it
    active; two who reject it, or 72 hours, end it.

    fntx bond submit BOND-2026-1
    """
    from fntx_dagster.cli.treasury_proposals import said
    from fntx_dagster.services.bonds.factory import submit_bond

    settings, db = settings_and_database()
    said(settings, db, submit_bond(settings, db, bond_id).proposal_id, as_json=as_json)


def show(
    bond_id: _Id,
    on: Annotated[
        datetime | None,
        typer.Option(parser=day_option, metavar="YYYY-MM-DD", help="Counts as today; else the ledger's date."),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Show a bond: its state and what can follow, its tranches, what is overdue and what is due next. Dates are those
    of the last validated ledger on which it pays; where no server of it answers, of the newest that is known.

    fntx bond show BOND-2026-1
    """
    from fntx_dagster.services.bonds.days import asked_day
    from fntx_dagster.services.bonds.reading import show_bond

    settings, db = settings_and_database()
    view = show_bond(db, bond_id, on.date() if on else asked_day(settings, db, bond_id))
    if as_json:
        print_json(view.as_dict())
    else:
        _write(view)


def events(bond_id: _Id, as_json: AsJson = False) -> None:
    """List every step of a bond with its number in the audit log, which `fntx audit show` opens.

    fntx bond events BOND-2026-1
    """
    from fntx_dagster.cli.terminal import new_table, out
    from fntx_dagster.services.bonds.reading import event_of, events_of_bond

    _, db = settings_and_database()
    rows = events_of_bond(db, bond_id)
    if as_json:
        print_json([event_of(row) for row in rows])
        return
    table = new_table("event", "from", "to", "by", "on the ledger's date", "reason", right=("log",))
    for row in rows:
        day = f"{row.ledger_date:%Y-%m-%d}" if row.ledger_date else ""
        table.add_row(row.event, row.from_state, row.to_state, row.actor, day, row.reason, str(row.audit_seq))
    out(table)


def transition(
    bond_id: _Id,
    event: Annotated[str, typer.Argument(metavar="EVENT", help="A step that `fntx bond show` says is possible.")],
    reason: Annotated[str, typer.Option(metavar="TEXT", help="Why; `pause` and `resume` need it.")] = "",
    as_json: AsJson = False,
) -> None:
    """Take a step of a bond by its table of states (`fntx treasury machines`). A step that needs approvals is proposed:
    it is taken when the last signer approves. Whether its guard holds is looked at now, and then again; dates are
    those of the last validated ledger. `miss_payment` and `cure_period_ends` are taken by Dagster alone.

    fntx bond transition BOND-2026-1 accelerate
    """
    from fntx_dagster.cli.terminal import out
    from fntx_dagster.cli.treasury_proposals import said
    from fntx_dagster.services.bonds.reading import show_bond
    from fntx_dagster.services.bonds.transitions import transition_bond

    settings, db = settings_and_database()
    done = transition_bond(settings, db, bond_id, event, reason)
    if done.proposal_id is not None:
        said(settings, db, done.proposal_id, as_json=as_json)
    elif as_json:
        print_json(show_bond(db, bond_id).as_dict())
    else:
        out(f"{bond_id} is {done.row.state}.")


def list_(
    state: Annotated[str | None, typer.Option(metavar="STATE", help="Those in a state, such as Delinquent.")] = None,
    as_json: AsJson = False,
) -> None:
    """List bonds, the newest first.

    fntx bond list --state Delinquent
    """
    from fntx_dagster.cli.terminal import new_table, out
    from fntx_dagster.services.bonds.reading import list_bonds, summary

    _, db = settings_and_database()
    rows = list_bonds(db, state)
    if as_json:
        print_json([summary(row) for row in rows])
        return
    table = new_table("bond", "name", "state", "token", "maturity", right=("notional",))
    for row in rows:
        notional = f"{row.currency} {row.notional:,.{row.decimals}f}"
        table.add_row(row.bond_id, row.name, row.state, row.token_code, f"{row.maturity_date}", notional)
    out(table if rows else "There is no bond. `fntx bond create --help` shows the file of one.")


def _write(view: BondView) -> None:
    from fntx_dagster.cli.terminal import new_table, out

    row = view.row
    out(f"{row.bond_id}, {row.name}: {row.state}. Notional {row.currency} {row.notional:,.{row.decimals}f}.")
    out(f"As of {view.on}.")
    out(f"Possible: {', '.join(view.events) or 'nothing, it is final'}.")
    if view.tranches:
        table = new_table("tranche", "series", "class", "rate", "repays", right=("notional", "outstanding", "accrued"))
        left = {each.tranche_id: each.outstanding for each in view.outstanding}
        for each in view.tranches:
            amounts = (each.notional, left[each.tranche_id], view.accrued.get(each.tranche_id, 0))
            words = (each.tranche_id, each.series_id, each.class_name, f"{each.rate * 100:g} %", each.repayment)
            table.add_row(*words, *(f"{amount:,.{row.decimals}f}" for amount in amounts))
        out(table)
    if view.arrears:
        total = sum(each.unpaid for each in view.arrears)
        out(f"Overdue: {row.currency} {total:,.{row.decimals}f}, the oldest since {view.arrears[0].due_date}.")
    for party, amount in view.held_by_party.items():
        out(f"Held for {party}: {row.currency} {amount:,.{row.decimals}f}, set aside; `fntx bond release` pays it.")
    if view.next_due:
        out(f"Next due on {view.next_due}.")
    for proposal, event, state in view.proposals:
        if state == "pending_approval":
            out(f"The proposal {proposal} asks for {event}: `fntx treasury show {proposal}`.")
