"""`fntx treasury sign-anchors`, `anchor-key` and `end-standing`: the one process that takes a private key, its key
file, and the end of what lets it sign."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated
from uuid import UUID

import typer

from fntx_dagster.cli.audit_anchoring import AnchorLedger
from fntx_dagster.cli.options import AsJson, print_json, settings_and_database
from fntx_dagster.foreign import cleaned

if TYPE_CHECKING:
    from fntx_dagster.services.anchoring.signing import SignedAnchor

_UNDECIDED, _NOT_DONE = 75, 1
_OPEN = ("pending_signature", "partially_signed", "ready_to_submit", "submitted")


def sign_anchors(
    keystore: Annotated[
        Path, typer.Option("--keystore", metavar="FILE", help="The file of the anchor keys.", show_default=False)
    ],
    wait: Annotated[
        int, typer.Option("--wait", min=0, help="Seconds to wait for the ledgers to say what became of an anchor.")
    ] = 20,
    as_json: AsJson = False,
) -> None:
    """Sign the anchors of the audit log that wait under a standing approval, send them, and ask what became of them.

    This is the only command that takes a private key, and the key can do nothing else: it is that of the anchors'
    account alone, refused where it signs for an issuer or for another account of the treasury. Run it as a process of
    its own, as a user of its own; no other process of FNTX needs the file.

    Before it signs, it reads the bytes: they must be the anchor of a checkpoint whose signature verifies, within the
    template, the fee, the days and the number a day that three signers approved. Each use is counted first.

    Exit code 0: every anchor is confirmed, or none waits; 1: one was refused or failed; 75: not known yet, call again.

    fntx treasury sign-anchors --keystore /home/anchor/anchor-key.json
    """
    from fntx_dagster.cli.terminal import error, out
    from fntx_dagster.services.anchoring.keystore import read_anchor_keys
    from fntx_dagster.services.anchoring.signing import sign_anchors

    keys = read_anchor_keys(keystore)
    settings, db = settings_and_database()
    done = sign_anchors(settings, db, keys, timedelta(seconds=wait))
    if as_json:
        print_json({"anchors": [each._asdict() for each in done]})
    else:
        for each in done:
            words = f": {cleaned(each.problem)}" if each.problem else ""
            say = error if each.code else out
            say(f"The anchor of {each.size:,} events on {each.ledger} is {each.state}{words}.")
        if not done:
            out("No anchor waits for these keys.")
    if any(_is_refused(each) for each in done):
        raise typer.Exit(_NOT_DONE)
    if any(each.state != "confirmed" for each in done):
        raise typer.Exit(_UNDECIDED)


def anchor_key(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="The file of the anchor keys.")],
    ledgers: Annotated[
        list[AnchorLedger] | None,
        typer.Option("--ledger", help="In a new file a key for this ledger; may be repeated. Left out: xrpl, stellar."),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Make the file of the anchor keys (mode 0600) where there is none, and print their public addresses.

    Propose a standing approval with such an address as its `key`; on the XRP Ledger set it as the regular key of the
    attestation account, on Stellar fund it as the anchor account or make it a signer of that.

    fntx treasury anchor-key /home/anchor/anchor-key.json
    """
    from fntx_dagster.cli.terminal import out
    from fntx_dagster.services.anchoring.keystore import new_anchor_keys, read_anchor_keys

    wanted = [each.value for each in ledgers or (AnchorLedger.xrpl, AnchorLedger.stellar)]
    if "evm" in wanted:
        raise typer.BadParameter("on the EVM chain the key of the account `audit` anchors: FNTX_KEYSTORES names it")
    keys = read_anchor_keys(file) if file.exists() else new_anchor_keys(file, wanted)
    if as_json:
        print_json(keys.addresses)
        return
    for ledger, address in keys.addresses.items():
        out(f"{ledger:8} {address}")


def end_standing(
    standing_id: Annotated[
        UUID, typer.Argument(metavar="ID", help="The standing approval, by its proposal's id.", show_default=False)
    ],
    reason: Annotated[str, typer.Option(help="Why; the audit log keeps it.")],
    as_json: AsJson = False,
) -> None:
    """End a standing approval at once, as when its key was lost: nothing is prepared or signed under it any more.

    Nobody votes on it, because it lets nobody do more than before. Called again, it changes nothing.

    fntx treasury end-standing 0b7c1e5e-6f0a-4f4e-9f7c-0d4a4e0f6b11 --reason "the anchor key was lost"
    """
    from fntx_dagster.cli.terminal import out
    from fntx_dagster.services.governance.standing import end

    settings, db = settings_and_database()
    row = end(settings, db, standing_id, reason)
    if as_json:
        print_json({"proposal_id": row.proposal_id, "state": row.state, "key": row.key})
    else:
        out(f"The standing approval for the key {row.key} has ended.")


def _is_refused(done: SignedAnchor) -> bool:
    return bool(done.code) or done.state not in (*_OPEN, "confirmed")
