"""`fntx signals prove`, and how a checked proof of a share is shown."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from fntx_dagster.cli.options import settings_and_database

if TYPE_CHECKING:
    from fntx_dagster.services.signals.checking_shares import CheckedShare


def prove(
    number: Annotated[int, typer.Argument(metavar="EXECUTION", min=1, help="The execution's number.")],
    user_id: Annotated[str, typer.Argument(metavar="USER", help="The participant.")],
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="Write it there instead of printing it.")
    ] = None,
) -> None:
    """Write the proof of a participant's share of an execution, as it is now.

    It shows his wish, what he got and paid, the totals and the rule; of the others nothing but hashes. He checks it
    with `fntx verify FILE`, or with verify/share.py, which needs Python alone.

    \b
    fntx signals prove 1 alice -o share.json
    fntx verify share.json
    """
    from fntx_dagster.cli.plain import write_json
    from fntx_dagster.cli.terminal import out
    from fntx_dagster.errors import Permanent
    from fntx_dagster.services.orders.fields import Declined
    from fntx_dagster.services.signals.proving import prove as proof_of
    from fntx_dagster.services.signals.proving import written_proof

    _, db = settings_and_database()
    try:
        text = written_proof(proof_of(db, number, user_id))
    except Declined as declined:
        raise Permanent(str(declined), "`fntx signals executions` lists executions") from None
    if output is None:
        write_json(text)
        return
    output.write_text(text, encoding="utf-8")
    out(f"wrote the proof to {output}: `fntx verify {output}` checks it")


def print_checked_share(checked: CheckedShare) -> None:
    """Print what a proof of a share says, and whether it holds."""
    from fntx_dagster.cli.terminal import out
    from fntx_dagster.services.signals.checking_shares import NOT_CHECKED

    totals, share, wish = checked.totals, checked.share, checked.wish
    signal = checked.signal
    lines = [
        f"signal     {signal['unique_id']} of {signal['strategy_code']}: {totals['signal_type']} {totals['symbol']}",
        f"rule       {totals['rule']}, lots of {totals['lot_size']}, {totals['participants']} participants",
        f"all        {totals['qty']} of {totals['requested_qty']} for {totals['entry_money']} {totals['currency']}, "
        f"closed {totals['closed_qty']} for {totals['exit_money']}, P&L {totals['total_pnl']}",
        f"yours      {wish['user']}: {share['qty']} of {wish['qty']} for {share['money_in']}, closed "
        f"{share['closed']} for {share['money_out']}, P&L {share['pnl']}, {share['status']}",
    ]
    lines += [f"entry      {number} of the ledger: {digest}" for number, digest in checked.entries]
    lines += [f"WRONG      {fault.part}: {fault.reason}" for fault in checked.faults]
    for line in lines:
        out(line)
    out("The proof DOES NOT HOLD." if checked.faults else "The proof holds: the share is what the rule gives.")
    for words in NOT_CHECKED:
        out(f"NOT CHECKED: {words}")
