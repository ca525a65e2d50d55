"""`fntx audit verify`: a stranger checks a proof of an audit log. Needs no database and no secret."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from fntx_dagster.cli.options import AsJson, content_of, print_json, url_option
from fntx_dagster.errors import FntxError
from fntx_dagster.foreign import cleaned

if TYPE_CHECKING:
    from fntx_dagster.services.auditing.verifying import CheckedAuditProof


def verify(
    file: Annotated[str, typer.Argument(metavar="PROOF", help="The proof file; `-` reads standard input.")],
    xrpl: Annotated[
        str | None,
        typer.Option(parser=url_option, metavar="URL", help="A rippled of the XRP Ledger network (JSON-RPC)."),
    ] = None,
    horizon: Annotated[
        str | None, typer.Option(parser=url_option, metavar="URL", help="A Horizon of the Stellar network.")
    ] = None,
    rpc: Annotated[str | None, typer.Option(parser=url_option, metavar="URL", help="A node of the EVM chain.")] = None,
    log_key: Annotated[
        str | None,
        typer.Option("--log-key", metavar="KEY", help="The key that the log's owner publishes, to compare."),
    ] = None,
    history: Annotated[
        list[str] | None,
        typer.Option(
            "--history",
            metavar="FILE",
            help="Read all anchors of the accounts too: their sizes must rise, and the consistency proofs of this file "
            "(`fntx audit export --checkpoints`) lead from each to the next; again for more.",
        ),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Check a proof of an audit log as a stranger: without a database and without a secret.

    \b
    fntx audit verify proof.json                   the file by itself: hash, path, signature, anchors
    fntx audit verify proof.json --xrpl URL --horizon URL --rpc URL      and that the ledgers hold the root

    It prints the log's key: compare it with the published one. Checking against one server trusts that server. Exit
    code 0: the proof holds; 1: it does not; 75: a ledger that it names was not checked, because no server was named or
    it does not answer, is of another network, or has no history so old; 2: the file is no proof.
    """
    from fntx_dagster.services.auditing.verifying import (
        NotAProof,
        check_audit_proof,
        consistency_proofs,
        read_audit_file,
        read_history_file,
    )

    try:
        proofs = consistency_proofs(content_of(name, read_history_file) for name in history or ())
    except FntxError as error:
        raise typer.BadParameter(f"--history: {error.message}") from None
    content = content_of(file, read_audit_file)
    try:
        checked = check_audit_proof(
            content, {"xrpl": xrpl, "stellar": horizon, "evm": rpc}, log_key, proofs if history else None
        )
    except NotAProof as error:
        raise typer.BadParameter(f"{cleaned(file)}: {error}") from None
    print_json(checked.as_dict()) if as_json else _print(checked)
    if checked.exit_code:
        raise typer.Exit(checked.exit_code)


def _print(checked: CheckedAuditProof) -> None:
    from fntx_dagster.cli.terminal import BAD, DOUBTFUL, GOOD, line, out, outcome

    if checked.proof is not None:
        event, checkpoint = checked.proof.event, checked.proof.checkpoint
        out(f"Event {event['seq']}, {event['type']}, {event['time']}, {event['actor']}")
        at = checkpoint.time.strftime("%Y-%m-%dT%H:%M:%SZ")
        out(f"in the log {checkpoint.origin}, under its root of {checkpoint.size} events at {at}")
        out(f"log_key {checked.proof.key.text}")
    signs = {"HOLDS": GOOD, "DOES NOT HOLD": BAD, "NOT CHECKED": DOUBTFUL}
    for each in checked.ledgers:
        why = f" ({each.why})" if each.why and each.verdict == "HOLDS" else f": {each.why}" if each.why else ""
        out(line(signs[each.verdict], f" {each.anchor.ledger}, {each.anchor.tx_hash}: {each.verdict}{why}"))
    problems = [checked.problem] if checked.problem else []
    sign = BAD if checked.problems else DOUBTFUL if checked.exit_code else GOOD
    outcome(sign, checked.verdict, problems, [], checked.not_checked)
