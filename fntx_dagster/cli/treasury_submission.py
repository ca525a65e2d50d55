"""`fntx treasury` on the transactions of proposals: export, import, submit, confirm, queue."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, BinaryIO
from uuid import UUID

import typer

from fntx_dagster.cli.options import AsJson, content_of, print_json, settings_and_database
from fntx_dagster.cli.treasury_proposals import ProposalId

if TYPE_CHECKING:
    from fntx_dagster.services.transactions.importing import ImportAnswer
    from fntx_dagster.services.transactions.settling import Settled

_UNDECIDED, _NOT_DONE = 75, 1
_WAITING = ("pending_signature", "partially_signed", "ready_to_submit", "submitted")


def export(
    proposal_id: ProposalId,
    folder: Annotated[
        Path, typer.Option("-o", "--output", metavar="DIR", help="The folder that gets the file.", show_default=False)
    ],
    as_json: AsJson = False,
) -> None:
    """Prepare the transaction of an approved proposal, and write the file that its signers sign elsewhere.

    The ledger is asked for its sequence and its fee, and whether a payment would arrive. Exported again, the file is
    the same. No key is used, and none is asked for.

    fntx treasury export 0b7c1e5e-6f0a-4f4e-9f7c-0d4a4e0f6b11 -o to-sign
    """
    from fntx_dagster.cli.terminal import out
    from fntx_dagster.services.transactions.exporting import export_files

    settings, db = settings_and_database()
    files = [str(path) for path in export_files(settings, db, proposal_id, folder)]
    if as_json:
        print_json({"files": files})
        return
    for file in files:
        out(f"Written: {file}. Each signer signs it on his own machine; `fntx treasury import FILE` takes the result.")


def import_(
    files: Annotated[list[str], typer.Argument(metavar="FILE…", help="What signers return; `-` reads standard input.")],
    as_json: AsJson = False,
) -> None:
    """Take the signatures that signers return. Each is verified against the saved bytes; what does not verify is not
    kept.

    A file holds the signed blob, the signed XDR, or JSON: {"account", "public_key", "signature"} of the XRP Ledger,
    {"public_key", "signature"} of Stellar. Exit code 1: a file was refused; the others were taken.

    fntx treasury import signed-by-treasury.txt signed-by-trustee.txt
    """
    from fntx_dagster.cli.terminal import error, out
    from fntx_dagster.services.transactions.importing import import_files

    contents = [(file, content_of(file, _read)) for file in files]
    settings, db = settings_and_database()
    answers = import_files(settings, db, contents)
    if as_json:
        print_json({"results": [_imported(answer) for answer in answers]})
    else:
        for file, added, code, message in answers:
            if added is None:
                error(f"{file}: {message} ({code}).")
                continue
            missing = f", and weight {added.missing} is missing" if added.missing else ""
            out(f"{file}: taken. The transaction of {added.proposal_id} is {added.state}{missing}.")
    if any(answer.added is None for answer in answers):
        raise typer.Exit(_NOT_DONE)


def submit(proposal_id: ProposalId, as_json: AsJson = False) -> None:
    """Send the signed transaction of a proposal to its ledger. What the server answers is provisional: `fntx treasury
    confirm` says what became of it.

    Submitted again, the same bytes are sent again, which does nothing twice.

    fntx treasury submit 0b7c1e5e-6f0a-4f4e-9f7c-0d4a4e0f6b11
    """
    from fntx_dagster.services.transactions.submitting import submit

    settings, db = settings_and_database()
    settled = submit(settings, db, proposal_id)
    _say([settled], as_json=as_json)
    if settled.state not in ("submitted", "confirmed"):
        raise typer.Exit(_NOT_DONE)


def confirm(
    proposal_id: Annotated[
        UUID | None, typer.Argument(metavar="[ID]", help="The proposal; left out: all that are open.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Ask the ledgers what became of transactions, and send the same bytes again where they may have been lost.

    Exit code 0: decided and confirmed, or nothing is submitted; 1: the transaction of ID failed, expired or was
    cancelled; 75: not known yet, ask again.

    fntx treasury confirm 0b7c1e5e-6f0a-4f4e-9f7c-0d4a4e0f6b11
    """
    from fntx_dagster.services.transactions.confirming import confirm

    settings, db = settings_and_database()
    settled = confirm(settings, db, proposal_id)
    _say(settled, as_json=as_json)
    waiting = _WAITING if proposal_id else ("submitted",)
    if any(each.state in waiting for each in settled):
        raise typer.Exit(_UNDECIDED)
    if proposal_id and settled[0].state != "confirmed":
        raise typer.Exit(_NOT_DONE)


def queue(as_json: AsJson = False) -> None:
    """List what is approved and not yet at its end: what has to be exported, signed, submitted, confirmed.

    fntx treasury queue --json
    """
    from fntx_dagster.cli.terminal import new_table, out
    from fntx_dagster.services.transactions.queueing import queue

    _, db = settings_and_database()
    waiting = queue(db)
    if as_json:
        print_json([each._asdict() for each in waiting])
        return
    table = new_table("proposal", "does", "account", "state", "next", "signed by", "missing", "ends", right=())
    for each in waiting:
        signed, missing = ", ".join(each.signed_by), ", ".join(each.missing)
        does = f"{each.kind}: {each.step}" if each.step else each.kind
        about = (str(each.proposal_id), does, each.role or each.account or "", each.state, each.next)
        table.add_row(*about, signed, missing, each.ends or "")
    out(table if waiting else "Nothing waits.")
    out(*(f"`fntx treasury setup {each.ledger} -o DIR` goes on with it." for each in waiting if each.next == "setup"))
    out(*("`fntx strategy advance -o DIR` goes on with it." for each in waiting if each.next == "advance"))
    out(*(f"Held back: {each.proposal_id}: {each.held}." for each in waiting if each.held))


def _imported(answer: ImportAnswer) -> dict[str, Any]:
    if answer.added is None:
        return {"file": answer.file, "error": {"code": answer.code, "message": answer.message}}
    return {"file": answer.file, "result": answer.added._asdict()}


def _read(stream: BinaryIO) -> bytes:
    """A file's bytes, and one more than the most, so that a longer one is refused."""
    from fntx_dagster.services.transactions.importing import MOST_BYTES

    return stream.read(MOST_BYTES + 1)


def _say(settled: list[Settled], *, as_json: bool) -> None:
    from fntx_dagster.cli.terminal import out

    if as_json:
        print_json([each._asdict() for each in settled])
        return
    for each in settled:
        where = f" in ledger {each.ledger}" if each.ledger else ""
        out(f"The transaction of {each.proposal_id} is {each.state}{where}{f': {each.words}' if each.words else ''}.")
    if not settled:
        out("No transaction is open.")
