"""`fntx treasury` on who decides: the first signers, their rotation, the pause."""

from __future__ import annotations

from typing import Annotated

import typer

from fntx_dagster.cli.options import AsJson, print_json, settings_and_database
from fntx_dagster.cli.plain import write
from fntx_dagster.cli.treasury_proposals import document, proposed

_Signers = Annotated[
    str, typer.Option("--input", metavar="FILE", help="The signers, as docs/treasury.md shows; `-` is standard input.")
]
_Reason = Annotated[str, typer.Option(help="Why; the audit log keeps it.")]


def enroll(
    file: _Signers,
    sign: Annotated[bool, typer.Option("--sign", help="Print what each signer signs, and enroll nobody.")] = False,
    as_json: AsJson = False,
) -> None:
    """Set up the first signers of the treasury, each with a signed registration.

    fntx treasury enroll --input signers.json --sign
    """
    from fntx_dagster.cli.terminal import out
    from fntx_dagster.services.governance.signers import enroll, to_register

    given = document(file)
    settings, db = settings_and_database()
    if sign:
        parts = to_register(settings, given)
        if as_json:
            print_json({signer: content.hex() for signer, content in parts})
        else:
            write("".join(f"{signer}, in hex:\n{content.hex()}\n" for signer, content in parts))
        return
    version = enroll(settings, db, given)
    if as_json:
        print_json({"signer_set": version})
    else:
        out(f"The signer set {version} decides from now on.")


def signers(as_json: AsJson = False) -> None:
    """List who may decide, in every version of the signer set.

    fntx treasury signers --json
    """
    from fntx_dagster.cli.terminal import new_table, out
    from fntx_dagster.services.governance.reading import paused
    from fntx_dagster.services.governance.signers import list_sets

    _, db = settings_and_database()
    sets, state = list_sets(db), paused(db)
    if as_json:
        shown = [each.as_dict() for each in sets]
        print_json({"platform": state._asdict() if state else None, "signer_sets": shown})
        return
    if state is None:
        out("Nobody may decide yet: `fntx treasury enroll` sets up the first signers.")
        return
    out(f"The treasury is {state.state}{f': {state.reason}' if state.reason else ''}.")
    table = new_table("signer", "role", "scheme", "public key", "set", "since", right=("version",))
    for each in sets:
        for signer in each.signers:
            since = f"{each.effective_from:%Y-%m-%d %H:%M}"
            table.add_row(*signer[:4], each.state, since, str(each.version))
    out(table)


def rotate(
    file: _Signers,
    config: Annotated[str, typer.Option(metavar="FILE", help="The configuration that names them.")],
    urgent: Annotated[
        bool, typer.Option("--urgent", help="Without the notice of 30 days; every signer has to approve.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Propose other signers. Three of the present ones approve; they change after a notice of 30 days.

    fntx treasury rotate --input signers.json --config new.json
    """
    payload = {"signers": document(file).get("signers"), "config": document(config), "urgent": urgent}
    proposed("signer.rotate", payload, [], as_json=as_json)


def pause(reason: _Reason, as_json: AsJson = False) -> None:
    """Propose to stop preparing, exporting and submitting at once; one signer decides.

    fntx treasury pause --reason "a key may be lost"
    """
    proposed("emergency.pause", {"reason": reason}, [], as_json=as_json)


def resume(reason: _Reason, as_json: AsJson = False) -> None:
    """Propose to go on after a pause; two signers decide.

    fntx treasury resume --reason "the key was found"
    """
    proposed("emergency.resume", {"reason": reason}, [], as_json=as_json)
