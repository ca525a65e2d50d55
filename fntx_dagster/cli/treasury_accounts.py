"""`fntx treasury` on its accounts: set up as the configuration says, and given new signers."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from fntx_dagster.cli.options import AsJson, print_json, settings_and_database

if TYPE_CHECKING:
    from fntx_dagster.services.account_setup.carrying_out import CoveredTx
    from fntx_dagster.services.account_setup.setting_up import SetupReport

_WAITS = 75
_Ledger = Annotated[str, typer.Argument(metavar="LEDGER", help="xrpl or stellar.", show_default=False)]
_Role = Annotated[
    str | None, typer.Argument(metavar="[ROLE]", help="One account, such as issuer; left out: all.", show_default=False)
]
Folder = Annotated[
    Path | None, typer.Option("-o", "--output", metavar="DIR", help="Go on, and write what is to be signed into DIR.")
]
Wait = Annotated[float, typer.Option(metavar="SECONDS", min=0, help="How long to wait for ledgers.")]
_NEXT = {
    "propose": "The next step is to propose what is left: name a folder with -o.",
    "decide": "The proposal {proposal} waits for decisions: `fntx treasury show {proposal} --sign`.",
    "sign": "The files wait for signatures; `fntx treasury import FILE` takes them. Then go on with -o.",
    "wait": "Something is on its way, or ended: go on with -o.",
    "nothing": "Nothing is left to do.",
}


def setup(ledger: _Ledger, role: _Role = None, folder: Folder = None, wait: Wait = 60, as_json: AsJson = False) -> None:
    """Set up accounts of the treasury as its configuration says: flags, then signers, then their own key is given up.

    Without -o it looks and says what is left. With -o it goes on as far as it can; run it again after each thing that
    people do. It proposes all that is left of the accounts at once. Once that is approved it writes a file for each
    transaction; whoever holds the account's own key signs them elsewhere, and `fntx treasury import` takes them. Then
    it sends one after the other. Exit code 75: people or a ledger are waited for.

    fntx treasury setup xrpl issuer -o to-sign
    """
    from fntx_dagster.cli.terminal import new_table, out
    from fntx_dagster.errors import Permanent
    from fntx_dagster.services.account_setup.setting_up import look, set_up

    if ledger not in ("xrpl", "stellar"):
        raise Permanent(f"{ledger[:40]!r} is no ledger of the treasury", "It is xrpl or stellar")
    settings, db = settings_and_database()
    report = look(settings, db, ledger, role) if folder is None else set_up(settings, db, ledger, role, folder, wait)
    if as_json:
        print_json(_as_dict(report))
    else:
        table = new_table("account", "address", "done", "left", right=())
        for plan in report.accounts:
            done, left = (
                ", ".join(each.step for each in plan.steps if each.done is is_done) for is_done in (True, False)
            )
            table.add_row(plan.role, plan.account, done, plan.problem or left)
        out(table)
        say_covered(report.transactions, report.files)
        out(_NEXT[report.next].format(proposal=report.proposal))
    if not report.is_done and folder is not None:
        raise typer.Exit(_WAITS)


def rotation(folder: Folder = None, wait: Wait = 60, as_json: AsJson = False) -> None:
    """Give every account the new signers of a rotation that was approved, once its notice is over.

    Without -o it looks. With -o it prepares all transactions together and writes the files that the present signers
    sign; once all are signed and imported, it sends them, and the new signers decide. Exit code 75: people or a ledger
    are waited for.

    fntx treasury rotation -o to-sign
    """
    from fntx_dagster.cli.terminal import new_table, out
    from fntx_dagster.services.account_setup.rotating import carry_out_rotation, look_at_rotation

    settings, db = settings_and_database()
    report = look_at_rotation(settings, db) if folder is None else carry_out_rotation(settings, db, folder, wait)
    if as_json:
        print_json(
            report._asdict()
            | {"accounts": [each._asdict() for each in report.accounts], "is_done": report.is_done}
            | {"transactions": covered_dicts(report.transactions), "files": [str(file) for file in report.files]}
        )
    else:
        table = new_table("ledger", "account", "address", "new signers", right=())
        for each in report.accounts:
            table.add_row(each.ledger, each.role, each.account, "yes" if each.done else "no")
        out(table, f"The notice of the signer set {report.version} ends {report.begins_at:%Y-%m-%d %H:%M} UTC.")
        say_covered(report.transactions, report.files)
        out(_NEXT_OF_ROTATION[report.next])
    if not report.is_done and folder is not None:
        raise typer.Exit(_WAITS)


_NEXT_OF_ROTATION = {
    "prepare": "The next step is to prepare its transactions: name a folder with -o.",
    "sign": "The files wait for the present signers; `fntx treasury import FILE` takes what they return. Then go on.",
    "wait": "The notice, or a ledger, is waited for.",
    "nothing": "The new signers decide from now on. Put their configuration where FNTX_TREASURY_CONFIG names it.",
}


def say_covered(transactions: list[CoveredTx], files: list[Path]) -> None:
    """Say where each transaction of a batch stands, and which files were written."""
    from fntx_dagster.cli.terminal import out

    for each in transactions:
        why = f": {each.reason}" if each.reason and each.state in ("failed", "expired", "cancelled") else ""
        out(f"{each.step} of {each.account} is {each.state}{why}.")
    for file in files:
        out(f"Written: {file}.")


def covered_dicts(transactions: list[CoveredTx]) -> list[dict[str, Any]]:
    """The transactions of a batch for programs."""
    return [each._asdict() for each in transactions]


def _as_dict(report: SetupReport) -> dict[str, Any]:
    accounts = [
        {"role": plan.role, "account": plan.account, "problem": plan.problem}
        | {"steps": [each._asdict() for each in plan.steps]}
        for plan in report.accounts
    ]
    return {
        "ledger": report.ledger,
        "accounts": accounts,
        "proposal": report.proposal,
        "transactions": covered_dicts(report.transactions),
        "files": [str(file) for file in report.files],
        "next": report.next,
        "is_done": report.is_done,
    }
