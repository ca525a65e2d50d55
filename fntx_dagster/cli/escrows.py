"""`fntx escrow`: propose, look, create, finish, cancel, dispute, resolve, attest."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated
from uuid import UUID

import typer

from fntx_dagster.cli.options import AsJson, print_json, settings_and_database
from fntx_dagster.cli.treasury_proposals import document, said

if TYPE_CHECKING:
    from fntx_dagster.services.database import Database
    from fntx_dagster.services.escrows.finishing import EscrowMove
    from fntx_dagster.services.escrows.reading import EscrowView
    from fntx_dagster.settings import Settings

escrow = typer.Typer(
    no_args_is_help=True,
    help="Escrows on the XRP Ledger: money that is held until what was agreed is there. `fntx escrow templates` says "
    "what each template asks, and which of it the ledger itself enforces.",
)

_Id = Annotated[
    UUID, typer.Argument(metavar="ID", help="The escrow, as `fntx escrow list` has it.", show_default=False)
]
_Folder = Annotated[
    Path | None,
    typer.Option("-o", "--output", metavar="DIR", help="The folder that gets the file for the signers."),
]
_Why = Annotated[str, typer.Option("--reason", metavar="WHY", help="Why, in a sentence.", show_default=False)]


@escrow.command()
def propose(
    file: Annotated[
        str, typer.Option("--input", metavar="FILE", help="The escrow, as JSON or YAML; `-` reads standard input.")
    ],
    party: Annotated[
        list[str] | None,
        typer.Option(
            metavar="ID",
            help="A party to screen beside the destination: yourselves, as `fntx compliance party` entered you.",
            show_default=False,
        ),
    ] = None,
    travel: Annotated[
        str | None,
        typer.Option("--travel-rule", metavar="FILE", help="Who pays and who is paid, as docs/treasury.md says."),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Propose an escrow of a template. The ledger is asked first whether it would take it; then its secret is made and
    sealed, and people vote on the terms.

    The file: {"template": "bond_funding", "destination": "r…", "amount": {"currency": "OPTKAS.ESCROW", "issuer":
    "issuer", "value": "250000"}, "bond": "BOND-1"}. An amount of XRP is its drops, as a text. `bond` is optional.

    fntx escrow propose --input escrow.json --party house
    """
    from fntx_dagster.cli.terminal import out
    from fntx_dagster.services.escrows.proposing import propose_escrow
    from fntx_dagster.services.escrows.reading import show_escrow

    settings, db = settings_and_database()
    rule = document(travel) if travel else None
    made = propose_escrow(settings, db, document(file), party or [], travel=rule)
    if as_json:
        print_json(show_escrow(db, made.escrow_id).as_dict())
        return
    out(f"Escrow {made.escrow_id} is {made.state}; its terms are the proposal {made.proposal_id}.")
    out(f"`fntx treasury show {made.proposal_id} --sign` prints what the signers sign.")


@escrow.command()
def templates(as_json: AsJson = False) -> None:
    """List the templates: their times, what their release asks, and for each rule whether the ledger enforces it
    against everybody, or only this program.

    fntx escrow templates
    """
    from fntx_dagster.cli.terminal import new_table, out
    from fntx_dagster.services.escrows.reading import templates_as_dict

    data = templates_as_dict()
    if as_json:
        print_json(data)
        return
    for each in data["templates"]:
        table = new_table("rule", "enforced by", "refused as", right=())
        for rule in each["rules"]:
            table.add_row(rule["rule"], "the ledger" if rule["by"] == "ledger" else "this gate", rule["refusal"])
        out(f"{each['name']}: {each['purpose']}. A release asks for {', '.join(each['conditions'])}.")
        out(table)


@escrow.command("list")
def list_(
    state: Annotated[str | None, typer.Option(help="In this state, or `all`; left out: what is open.")] = None,
    as_json: AsJson = False,
) -> None:
    """List escrows, newest first.

    fntx escrow list --state Active
    """
    from fntx_dagster.cli.terminal import new_table, out
    from fntx_dagster.services.escrows.reading import list_escrows

    _, db = settings_and_database()
    views = list_escrows(db, state)
    if as_json:
        print_json([view.as_dict() for view in views])
        return
    table = new_table("escrow", "template", "state", "to", "amount", "cancel after", "next", right=())
    for view in views:
        row = view.row
        table.add_row(
            *(str(row.escrow_id), row.template, row.state, row.destination),
            *(_amount(view), _time(row.cancel_after), view.next),
        )
    nothing = "There is no open escrow; `--state all` lists those that ended." if state is None else "There is none."
    out(table if views else nothing)


@escrow.command()
def show(escrow_id: _Id, as_json: AsJson = False) -> None:
    """Show an escrow: its terms, its times by the ledger, each step with who took it, what is possible next. Its secret
    is never shown.

    fntx escrow show 0b7c1e5e-6f0a-4f4e-9f7c-0d4a4e0f6b11
    """
    from fntx_dagster.cli.terminal import new_table, out
    from fntx_dagster.services.escrows.reading import show_escrow

    _, db = settings_and_database()
    view = show_escrow(db, escrow_id)
    if as_json:
        print_json(view.as_dict())
        return
    row = view.row
    why = f" ({row.reason})" if row.reason else ""
    out(f"Escrow {row.escrow_id} of the template {row.template} is {row.state}{why}.")
    out(f"{_amount(view)} from {row.owner} to {row.destination}.")
    if row.cancel_after:
        first = f"from {_time(row.finish_after)} " if row.finish_after else ""
        out(f"It can be finished {first}until {_time(view.release_until)}, cancelled after {_time(row.cancel_after)}.")
    table = new_table("step", "leads to", "by", "when", "why", right=())
    for step in view.steps:
        table.add_row(step.event, step.after, step.taken_by, _time(step.taken_at), step.reason)
    out(table)
    for each in view.documents:
        out(f"Attested by {each.attested_by}: {each.title}, SHA-256 {each.sha256}.")
    for each in view.proposals:
        out(f"Proposal {each.proposal_id} ({each.kind}) is {each.state}.")
    possible = ", ".join(each.event for each in view.possible)
    out(f"Possible: {possible}. Next: `{view.next}`." if possible else "It is over.")


@escrow.command()
def create(escrow_id: _Id, folder: _Folder = None, as_json: AsJson = False) -> None:
    """Prepare the transaction that creates an approved escrow. Its times are counted from the ledger's last close, and
    it has to be sent within an hour: later, prepare it again.

    fntx escrow create 0b7c1e5e-6f0a-4f4e-9f7c-0d4a4e0f6b11 -o to-sign
    """
    from fntx_dagster.services.escrows.creating import create_escrow
    from fntx_dagster.services.escrows.finishing import EscrowMove

    settings, db = settings_and_database()
    _moved(settings, db, escrow_id, EscrowMove(None, create_escrow(settings, db, escrow_id)), folder, as_json=as_json)


@escrow.command()
def finish(escrow_id: _Id, folder: _Folder = None, as_json: AsJson = False) -> None:
    """Go on with finishing an escrow: the first time it makes the proposal on which people vote; once two approved, the
    trustee among them, it prepares the transaction, which opens the secret. Run it again after each thing that people
    do.

    Refused with the guard that does not hold: a document is not attested, a party is on a list, its time is over.

    fntx escrow finish 0b7c1e5e-6f0a-4f4e-9f7c-0d4a4e0f6b11 -o to-sign
    """
    from fntx_dagster.services.escrows.finishing import finish_escrow

    settings, db = settings_and_database()
    _moved(settings, db, escrow_id, finish_escrow(settings, db, escrow_id), folder, as_json=as_json)


@escrow.command()
def cancel(
    escrow_id: _Id,
    folder: _Folder = None,
    reason: Annotated[str, typer.Option("--reason", metavar="WHY", help="Needed of a disputed one.")] = "",
    as_json: AsJson = False,
) -> None:
    """Go on with cancelling an escrow, once the ledger's time is after its cancel_after: nobody votes. A disputed one
    is cancelled by two, and not earlier either: no ledger takes that.

    fntx escrow cancel 0b7c1e5e-6f0a-4f4e-9f7c-0d4a4e0f6b11 -o to-sign
    """
    from fntx_dagster.services.escrows.cancelling import cancel_escrow

    settings, db = settings_and_database()
    _moved(settings, db, escrow_id, cancel_escrow(settings, db, escrow_id, reason), folder, as_json=as_json)


@escrow.command()
def dispute(escrow_id: _Id, reason: _Why, as_json: AsJson = False) -> None:
    """Propose to dispute an active escrow. One approval suffices; then its secret stays closed.

    fntx escrow dispute 0b7c1e5e-6f0a-4f4e-9f7c-0d4a4e0f6b11 --reason "the deed is contested"
    """
    from fntx_dagster.services.escrows.disputing import dispute_escrow

    settings, db = settings_and_database()
    said(settings, db, dispute_escrow(settings, db, escrow_id, reason), as_json=as_json)


@escrow.command()
def resolve(escrow_id: _Id, reason: _Why, as_json: AsJson = False) -> None:
    """Propose to end the dispute of an escrow. Two approve, the trustee among them.

    fntx escrow resolve 0b7c1e5e-6f0a-4f4e-9f7c-0d4a4e0f6b11 --reason "the registry confirmed the deed"
    """
    from fntx_dagster.services.escrows.disputing import resolve_escrow

    settings, db = settings_and_database()
    said(settings, db, resolve_escrow(settings, db, escrow_id, reason), as_json=as_json)


@escrow.command()
def attest(
    escrow_id: _Id,
    file: Annotated[
        Path, typer.Argument(metavar="DOCUMENT", help="The document's file: only its hash is kept.", show_default=False)
    ],
    title: Annotated[str, typer.Option("--title", metavar="TEXT", help="What it is.", show_default=False)],
    as_json: AsJson = False,
) -> None:
    """Attest that a document was verified for an escrow: its SHA-256 goes into the audit log, the document nowhere.

    fntx escrow attest 0b7c1e5e-6f0a-4f4e-9f7c-0d4a4e0f6b11 deed.pdf --title "title deed"
    """
    from fntx_dagster.cli.terminal import out
    from fntx_dagster.services.escrows.attesting import attest_document, hash_of_document

    digest = hash_of_document(file)
    settings, db = settings_and_database()
    is_new = attest_document(settings, db, escrow_id, digest, title)
    if as_json:
        print_json({"sha256": digest, "is_new": is_new})
    else:
        out(f"{'Attested' if is_new else 'It was attested before'}: SHA-256 {digest}.")


@escrow.command()
def watch(as_json: AsJson = False) -> None:
    """Look at every escrow by the ledger's time: alerts 7 days and 1 day before one can be cancelled, once for each.
    Dagster does the same while it runs.

    fntx escrow watch
    """
    from fntx_dagster.cli.terminal import out
    from fntx_dagster.services.escrows.attending import watch_escrows

    settings, db = settings_and_database()
    done = watch_escrows(settings, db)
    if as_json:
        returned, findings = [str(each) for each in done.returned], [each.text for each in done.findings]
        print_json({"looked": done.looked, "returned": returned, "findings": findings})
        return
    out(f"Looked at {done.looked} escrows.")
    for finding in done.findings:
        out(f"{finding.text}.")


def _moved(
    settings: Settings, db: Database, escrow_id: UUID, move: EscrowMove, folder: Path | None, *, as_json: bool
) -> None:
    """Say what waits for people now: a vote, or a transaction, whose file is written where a folder is given."""
    from fntx_dagster.cli.terminal import out
    from fntx_dagster.services.transactions.exporting import export_files

    made = move.transaction
    waiting = made if made is not None and made.state in ("pending_signature", "partially_signed") else None
    files: list[str] = []
    if waiting and folder:
        files = [str(each) for each in export_files(settings, db, waiting.proposal_id, folder)]
    if as_json:
        print_json({**move.as_dict(escrow_id), "files": files})
        return
    if move.vote is not None:
        out(f"The proposal {move.vote} waits for decisions; `fntx treasury show {move.vote} --sign` prints them.")
    if made is not None:
        out(f"The transaction of the proposal {made.proposal_id} is {made.state}.")
    for file in files:
        out(f"Written: {file}. Each signer signs it on his own machine; `fntx treasury import FILE` takes the result.")
    if waiting and not files:
        out(f"`fntx treasury export {waiting.proposal_id} -o DIR` writes what its signers sign.")


def _amount(view: EscrowView) -> str:
    row = view.row
    return f"{row.amount:f} {row.currency}" if row.currency else f"{row.amount:f} drops"


def _time(at: datetime | None) -> str:
    return f"{at:%Y-%m-%d %H:%M:%S} UTC" if at else ""
