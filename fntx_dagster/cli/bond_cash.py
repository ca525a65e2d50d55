"""`fntx bond` on cash: what came in, its distribution, and its payments."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, BinaryIO

import typer

from fntx_dagster.cli.options import AsJson, content_of, day_option, print_json, settings_and_database
from fntx_dagster.cli.treasury_accounts import Folder, Wait
from fntx_dagster.cli.treasury_proposals import document

if TYPE_CHECKING:
    from fntx_dagster.services.distributions.paying import DistributionProgress

_WAITS = 75
BondTravelRule = Annotated[
    str | None,
    typer.Option(
        "--travel-rule",
        metavar="FILE",
        help="Who pays and who is paid, above FNTX_TRAVEL_RULE_AMOUNT: JSON, as docs/bonds.md shows.",
    ),
]
_Bond = Annotated[str, typer.Argument(metavar="BOND", help="The bond's id.", show_default=False)]
_NEXT = {
    "propose": "It is not proposed: `fntx bond distribute {bond}` proposes what is left to pay.",
    "decide": "The proposal {proposal} waits for decisions: `fntx treasury show {proposal} --sign`.",
    "sign": "The files wait for signatures; `fntx treasury import FILE…` takes them. Then go on with -o.",
    "wait": "Payments are on their way: go on with -o.",
    "look": "Nothing goes on by itself: name a folder with -o, or look at what is said above.",
    "nothing": "Every payment is in a ledger.",
}


def receipt(
    bond_id: _Bond,
    tx: Annotated[
        str | None, typer.Option(metavar="HASH", help="The validated payment that brought it.", show_default=False)
    ] = None,
    amount: Annotated[
        str | None, typer.Option(metavar="AMOUNT", help="How much, where no ledger shows it.", show_default=False)
    ] = None,
    received: Annotated[
        str | None, typer.Option(metavar="DAY", help="The day on which it came in.", show_default=False)
    ] = None,
    evidence: Annotated[
        str | None,
        typer.Option(metavar="FILE", help="The document that shows it; its hash is kept.", show_default=False),
    ] = None,
    reason: Annotated[
        str, typer.Option(metavar="TEXT", help="Why it is typed instead of read from a ledger.", show_default=False)
    ] = "",
    as_json: AsJson = False,
) -> None:
    """Record cash that came in on a bond: by the payment in a validated ledger, or typed with evidence and a reason.

    A payment counts once, and has to be of the bond's cash, to the account that pays its holders.

    fntx bond receipt B-2026 --tx 5E1D…

    fntx bond receipt B-2026 --amount 150000.00 --received 2026-04-01 --evidence statement.pdf --reason "by wire"
    """
    from fntx_dagster.cli.terminal import out
    from fntx_dagster.services.distributions.reading import receipt_dict
    from fntx_dagster.services.distributions.receipts import receipt_by_evidence, receipt_of_transaction

    typed = (amount, received, evidence)
    if (tx is None) == (typed == (None, None, None)):
        raise typer.BadParameter("give --tx, or --amount, --received, --evidence and --reason")
    settings, db = settings_and_database()
    if tx is not None:
        row = receipt_of_transaction(settings, db, bond_id, tx)
    else:
        if amount is None or received is None or evidence is None:
            raise typer.BadParameter("a receipt that is typed needs --amount, --received, --evidence and --reason")
        shown = (Path(evidence).name, hashlib.sha256(content_of(evidence, _read)).hexdigest())
        row = receipt_by_evidence(settings, db, bond_id, amount, day_option(received).date(), shown, reason)
    if as_json:
        print_json(receipt_dict(row))
        return
    out(f"Recorded: {row.amount:f} came in on {row.bond_id} on {row.received_on} (receipt {row.receipt_id}).")


def distribute(
    bond_id: _Bond,
    period: Annotated[
        int | None,
        typer.Option(metavar="N", min=1, help="The period of the schedule; left out: what is due.", show_default=False),
    ] = None,
    travel: BondTravelRule = None,
    as_registered: Annotated[
        bool, typer.Option("--as-registered", help="Pay by the register, though the token's ledger says otherwise.")
    ] = False,
    dry_run: Annotated[bool, typer.Option("--compute-only", help="Freeze it, and propose nothing yet.")] = False,
    as_json: AsJson = False,
) -> None:
    """Distribute the cash of a bond: compute the waterfall, freeze it with its hash, propose all its payments as one.

    Where the last distribution is not proposed yet, or failed, the payments of it that no ledger holds are proposed
    anew: no payment is ever made twice. Where the ledger holds the bond's token otherwise than the register of
    holders, nothing is computed: `fntx bond holders BOND --ledger` shows who differs.

    fntx bond distribute B-2026
    """
    from fntx_dagster.cli.terminal import out
    from fntx_dagster.services.distributions.computing import distribute_next
    from fntx_dagster.services.distributions.paying import look
    from fntx_dagster.services.distributions.proposing import propose_distribution
    from fntx_dagster.services.distributions.reading import progress_dict

    content = None if travel is None else document(travel)
    settings, db = settings_and_database()
    row = distribute_next(settings, db, bond_id, period, as_registered=as_registered)
    if row.state != "confirmed" and not dry_run:
        propose_distribution(settings, db, row.distribution_id, content)
    report = look(db, row.distribution_id)
    shown = progress_dict(db, report)
    if as_json:
        print_json(shown)
        return
    _say_lines(shown)
    out(_next(report, shown))


def pay(
    name: Annotated[
        str, typer.Argument(metavar="ID", help="The distribution, or the bond: its newest one.", show_default=False)
    ],
    folder: Folder = None,
    wait: Wait = 60,
    as_json: AsJson = False,
) -> None:
    """Pay a distribution that was approved: each payment is a transaction of its own, and is made once.

    Without -o it shows every line and payment. With -o it goes on as far as it can; run it again after each thing that
    people do. On the XRP Ledger it makes tickets first, so that no payment waits for another. It writes a file for each
    transaction; signers sign them elsewhere, and `fntx treasury import` takes them. Then it sends them and asks the
    ledger what became of them. Exit code 75: people or a ledger are waited for.

    fntx bond pay B-2026 -o to-sign
    """
    from fntx_dagster.cli.terminal import error, note, out
    from fntx_dagster.services.distributions.paying import look, pay
    from fntx_dagster.services.distributions.reading import named_distribution, progress_dict

    settings, db = settings_and_database()
    distribution_id = named_distribution(db, name)
    said: list[int] = []

    def on_progress(done: int, whole: int) -> None:
        if not as_json and done not in said:
            said.append(done)
            note(f"{done} of {whole} payments are in a ledger.")

    if folder is None:
        report = look(db, distribution_id)
    else:
        report = pay(settings, db, distribution_id, folder, wait, on_progress=on_progress)
    shown = progress_dict(db, report)
    if as_json:
        print_json(shown)
    else:
        if folder is None:
            _say_lines(shown)
        _say_payments(shown)
        for number, words in report.problems.items():
            error(f"{f'payment {number}' if number else 'tickets'}: {words}.")
        if report.files:
            out(f"Written: {len(report.files)} files into {folder}.")
        out(_next(report, shown))
    if report.next != "nothing" and folder is not None:
        raise typer.Exit(_WAITS)


def cash(bond_id: _Bond, as_json: AsJson = False) -> None:
    """List the cash that came in on a bond, and its distributions.

    fntx bond cash B-2026 --json
    """
    from fntx_dagster.cli.terminal import new_table, out
    from fntx_dagster.services.distributions.reading import cash_of

    _, db = settings_and_database()
    view = cash_of(db, bond_id)
    if as_json:
        print_json(view.as_dict())
        return
    table = new_table("receipt", "received", "by", "distributed", right=("amount",))
    for each in view.receipts:
        by = each.tx_hash or each.evidence
        done = "voided" if each.receipt_id in view.voided else "no" if each.receipt_id in view.free else "yes"
        table.add_row(str(each.receipt_id), str(each.received_on), by, done, f"{each.amount:f}")
    out(table if view.receipts else "No cash came in.")
    table = new_table("distribution", "number", "period", "state", right=("available", "retained"))
    for each in view.distributions:
        amounts = (f"{each.available:f}", f"{each.retained:f}")
        state = "withdrawn" if each.is_withdrawn else each.state
        state = f"{state} (release)" if each.is_release else state
        table.add_row(str(each.distribution_id), str(each.number), str(each.period), state, *amounts)
    if view.distributions:
        out(table)


def _next(report: DistributionProgress, shown: dict[str, Any]) -> str:
    if report.row.is_withdrawn:
        return f"It was withdrawn: {shown['withdrawn']}"
    if report.next == "nothing" and (aside := sum(not each.tx_hash for each in report.payments)):
        return f"Paid, with {aside} set aside: `fntx bond release` pays what is held once that is possible."
    proposal = next(iter(shown["proposals"]), None)
    return _NEXT[report.next].format(bond=report.row.bond_id, proposal=proposal)


def _say_lines(shown: dict[str, Any]) -> None:
    from fntx_dagster.cli.terminal import new_table, out

    table = new_table("step", "class", "line", "kind", right=("due", "arrears", "paid", "short"))
    for line in shown["lines"]:
        amounts = (line["due"], line["arrears_before"], line["paid"], line["shortfall"])
        table.add_row(str(line["step"]), line["class"], line["id"], line["kind"], *amounts)
    out(table)
    out(
        f"Distribution {shown['distribution']} of {shown['bond']} is {shown['state']}: {shown['currency']} "
        f"{shown['available']} available, {shown['retained']} retained. Its hash is {shown['hash']}."
    )


def _say_payments(shown: dict[str, Any]) -> None:
    from fntx_dagster.cli.terminal import new_table, out

    table = new_table("payment", "line", "party", "address", "state", "transaction", right=("amount",))
    for each in shown["payments"]:
        where = each["tx_hash"] or each["reason"]
        table.add_row(
            str(each["number"]), each["line_id"], each["party"], each["address"], each["state"], where, each["amount"]
        )
    out(table)


def _read(stream: BinaryIO) -> bytes:
    return stream.read()
