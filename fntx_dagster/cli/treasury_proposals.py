"""`fntx treasury` on proposals: make, show, list, decide, cancel, expire."""

from __future__ import annotations

import base64
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any
from uuid import UUID

import typer

from fntx_dagster.cli.options import AsJson, content_of, print_json, settings_and_database
from fntx_dagster.cli.plain import write
from fntx_dagster.errors import Permanent

if TYPE_CHECKING:
    from fntx_dagster.services.database import Database
    from fntx_dagster.services.governance.reading import ProposalView
    from fntx_dagster.settings import Settings

ProposalId = Annotated[
    UUID, typer.Argument(metavar="ID", help="The proposal, as `fntx treasury list` has it.", show_default=False)
]
_Document = Annotated[
    str, typer.Option("--input", metavar="FILE", help="Its payload, as JSON or YAML; `-` reads standard input.")
]


def propose(
    kind: Annotated[str, typer.Argument(metavar="KIND", help="Such as iou.issue; docs/treasury.md lists them.")],
    file: _Document,
    party: Annotated[
        list[str] | None, typer.Option(metavar="ID", help="A party to screen; again for more.", show_default=False)
    ] = None,
    travel: Annotated[
        str | None,
        typer.Option("--travel-rule", metavar="FILE", help="Who pays and who is paid, as docs/treasury.md says."),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Propose something for the signers to decide within 72 hours.

    fntx treasury propose iou.issue --input issue.json
    """
    proposed(kind, document(file), party or [], document(travel) if travel else None, as_json=as_json)


def proposed(kind: str, payload: Any, parties: list[str], travel: Any = None, *, as_json: bool) -> None:
    """Make a proposal and say what it waits for."""
    from fntx_dagster.services.governance.proposing import propose

    settings, db = settings_and_database()
    said(settings, db, propose(settings, db, kind, payload, parties, travel=travel), as_json=as_json)


def said(settings: Settings, db: Database, proposal_id: UUID, *, as_json: bool) -> None:
    """Say what a proposal that was just made waits for, and whether its ledger was asked."""
    from fntx_dagster.cli.terminal import out
    from fntx_dagster.services.governance.asking import unasked_server
    from fntx_dagster.services.governance.reading import show

    view = show(db, proposal_id)
    if as_json:
        print_json(view.as_dict())
        return
    out(f"Proposal {view.row.proposal_id} is {view.row.state}.")
    if view.row.reason and view.row.state in ("screening", "blocked"):
        out(f"{view.row.reason}")
    if server := unasked_server(settings, view.row.kind, view.payload):
        out(f"{server} names no server: whether the ledger takes it is asked when it is prepared.")
    if view.row.state == "pending_approval":
        out(f"`fntx treasury show {view.row.proposal_id} --sign` prints what the signers sign.")


def show(
    proposal_id: ProposalId,
    sign: Annotated[bool, typer.Option("--sign", help="Print the exact bytes that a signer signs.")] = False,
    as_json: AsJson = False,
) -> None:
    """Show a proposal: what it does, who decided, what is missing, and what a signer signs.

    fntx treasury show 0b7c1e5e-6f0a-4f4e-9f7c-0d4a4e0f6b11 --sign
    """
    from fntx_dagster.cli.terminal import out
    from fntx_dagster.services.governance.reading import outcome_of, show

    _, db = settings_and_database()
    view = show(db, proposal_id)
    if as_json:
        print_json(view.as_dict())
        return
    for sentence in view.sentences:
        out(sentence)
    _say_state(view)
    if outcome := outcome_of(db, proposal_id):
        out(outcome)
    if sign:
        for decision, content in view.to_sign.items():
            write(f"\n{decision}, in hex:\n{content.hex()}\n")
            write(f"{decision}, in base64:\n{base64.b64encode(content).decode()}\n")


def list_(
    state: Annotated[str | None, typer.Option(help="In this state, or `all`; left out: what is open.")] = None,
    as_json: AsJson = False,
) -> None:
    """List proposals, newest first.

    fntx treasury list --state all --json
    """
    from fntx_dagster.cli.terminal import new_table, out
    from fntx_dagster.services.governance.reading import list_proposals

    _, db = settings_and_database()
    views = list_proposals(db, state)
    if as_json:
        print_json([view.as_dict() for view in views])
        return
    table = new_table("proposal", "kind", "state", "approved by", "rejected by", "expires", right=("nonce",))
    for view in views:
        table.add_row(
            *(str(view.row.proposal_id), view.row.kind, _state(view), _names(view.approvals)),
            *(_names(view.rejections), view.terms.expires_at, str(view.row.nonce)),
        )
    out(table if views else "No proposal is open.")


def decide(
    proposal_id: ProposalId,
    file: Annotated[str, typer.Option("--file", metavar="FILE", help="The signed decision; `-` is standard input.")],
    as_json: AsJson = False,
) -> None:
    """Hand in a signer's decision. It is verified, and kept only if it counts.

    fntx treasury decide 0b7c1e5e-6f0a-4f4e-9f7c-0d4a4e0f6b11 --file decision.json
    """
    from fntx_dagster.services.governance.deciding import decide
    from fntx_dagster.services.governance.reading import show

    given = document(file)
    settings, db = settings_and_database()
    decide(settings, db, proposal_id, given)
    view = show(db, proposal_id)
    if as_json:
        print_json(view.as_dict())
        return
    _say_state(view)
    _say_next(view)


def cancel(
    proposal_id: ProposalId,
    reason: Annotated[str, typer.Option(help="Why; the audit log keeps it.")],
    as_json: AsJson = False,
) -> None:
    """Cancel a proposal that is not submitted yet.

    fntx treasury cancel 0b7c1e5e-6f0a-4f4e-9f7c-0d4a4e0f6b11 --reason "the order was withdrawn"
    """
    from fntx_dagster.services.governance.ending import cancel

    settings, db = settings_and_database()
    cancel(settings, db, proposal_id, reason)
    show(proposal_id, as_json=as_json)


def screen(
    proposal_id: Annotated[
        UUID | None, typer.Argument(metavar="[ID]", help="A proposal; left out: all that are not prepared.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Screen the parties of proposals again, as when a list was missing or too old.

    fntx treasury screen
    """
    from fntx_dagster.cli.terminal import out
    from fntx_dagster.services.governance.screening import screen_proposal, screen_proposals

    settings, db = settings_and_database()
    rows = screen_proposals(settings, db) if proposal_id is None else [screen_proposal(settings, db, proposal_id)]
    if as_json:
        print_json({"proposals": {str(row.proposal_id): row.state for row in rows}})
    else:
        out(*(f"Proposal {row.proposal_id} is {row.state} now." for row in rows))


def expire(as_json: AsJson = False) -> None:
    """End proposals that nobody decided within 72 hours.

    fntx treasury expire
    """
    from fntx_dagster.cli.terminal import out
    from fntx_dagster.services.governance.ending import expire

    settings, db = settings_and_database()
    ended = [str(proposal_id) for proposal_id in expire(settings, db)]
    if as_json:
        print_json({"expired": ended})
    else:
        out(f"Expired: {_names(ended)}.")


def document(file: str) -> Any:
    """The document of a file, in JSON, or in YAML by its name."""
    from fntx_dagster.services.calculators import read_document
    from fntx_dagster.services.governance.configuration import document_of

    content = content_of(file, read_document)
    try:
        return document_of(content, is_yaml=Path(file).suffix in (".yaml", ".yml"))
    except Permanent as error:
        raise Permanent(f"{file}: {error.message}", error.way_out) from None


def _say_state(view: ProposalView) -> None:
    """Where a proposal stands, and what it lacks."""
    from fntx_dagster.cli.terminal import out
    from fntx_dagster.services.governance.reading import missing_of

    why = f" ({view.row.reason})" if view.row.reason else ""
    out(f"State: {view.row.state}{why}. Approved by {_names(view.approvals)}; rejected by {_names(view.rejections)}.")
    if missing := missing_of(view):
        out(missing)
    if view.held:
        out(f"Held back: {view.held}.")


def _say_next(view: ProposalView) -> None:
    """What follows once enough have decided."""
    from fntx_dagster.cli.terminal import out
    from fntx_dagster.services.transactions.preparing import command_when_approved

    row = view.row
    if row.state == "approved" and (command := command_when_approved(row)):
        out(f"The next step is `{command}`.")


def _state(view: ProposalView) -> str:
    return f"{view.row.state}, held back" if view.held and view.row.state != "blocked" else view.row.state


def _names(names: list[str]) -> str:
    return ", ".join(names) or "nobody"
