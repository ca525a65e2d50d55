"""`fntx audit anchor`: a checkpoint of the log onto every ledger that is configured."""

from __future__ import annotations

from datetime import UTC, datetime
from enum import Enum
from typing import TYPE_CHECKING, Annotated

import typer

from fntx_dagster.cli.options import AsJson, print_json, settings_and_database
from fntx_dagster.foreign import cleaned

if TYPE_CHECKING:
    from fntx_dagster.services.anchoring.everywhere import EveryAnchoring, LedgerAnchoring
    from fntx_dagster.services.auditing.anchoring import Anchoring


class AnchorLedger(Enum):
    """The ledgers that hold anchors."""

    xrpl = "xrpl"
    stellar = "stellar"
    evm = "evm"


def anchor(
    if_due: Annotated[
        bool,
        typer.Option(
            "--if-due",
            help="Only where the time between two anchors (anchor_every_s of the treasury's configuration, else "
            "FNTX_ANCHOR_EVERY) has passed; for a timer.",
        ),
    ] = False,
    ledgers: Annotated[
        list[AnchorLedger] | None,
        typer.Option("--ledger", help="This ledger alone; may be repeated. Left out: every one that is configured."),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Sign the log as it is now, and put the checkpoint on every ledger that is configured. Called again it goes on:
    each checkpoint is there once, and it is in proofs when its ledger says that it is final.

    On the EVM chain you sign with the key of the account `audit`: FNTX_KEYSTORES names its file, or FNTX_TRADER_KEY is
    it. On the XRP Ledger and on Stellar (FNTX_TREASURY_CONFIG with FNTX_XRPL_URL, FNTX_HORIZON_URL) an unsigned
    transaction is prepared: under a standing approval `fntx treasury sign-anchors` signs it, elsewhere; without one it
    is a proposal.

    \b
    fntx audit anchor
    fntx audit anchor --if-due
    fntx audit anchor --ledger xrpl --ledger stellar
    """
    from fntx_dagster.cli.terminal import note
    from fntx_dagster.services.anchoring.everywhere import anchor_everywhere

    settings, db = settings_and_database()
    done = anchor_everywhere(
        settings,
        db,
        datetime.now(UTC),
        if_due=if_due,
        ledgers=[each.value for each in ledgers or ()],
        on_progress=lambda text: None if as_json else note(text),
    )
    if as_json:
        print_json(done.as_dict())
    else:
        _print(done)
    if done.failure is not None:
        raise done.failure


def _print(done: EveryAnchoring) -> None:
    if done.evm is not None:
        _print_evm(done.evm)
    for each in done.ledgers:
        _print_ledger(each)


def _print_evm(done: Anchoring) -> None:
    from fntx_dagster.cli.terminal import out

    for row in done.new:
        final = "final" if row.state == "final" else "not final yet: call it again in some minutes"
        out(f"{row.size:,} events are anchored in block {row.block_number}, {row.tx_hash} ({final})")
    if not done.new:
        due = f"The next anchor is due at {_moment(done.due_at)}." if done.due_at else "The log has no event yet."
        out(f"Nothing was to be anchored. {due}")


def _print_ledger(done: LedgerAnchoring) -> None:
    from fntx_dagster.cli.terminal import out

    if done.problem is not None:
        out(f"On {done.ledger} nothing was done: {cleaned(done.problem)}.")
        return
    if done.size is None:
        out(f"On {done.ledger} nothing was to be anchored.")
        return
    where = f" in ledger {done.ledger_index}, {done.tx_hash}" if done.ledger_index and done.tx_hash else ""
    due = f" The next is due at {_moment(done.due_at)}." if done.due_at and done.state == "confirmed" else ""
    out(f"On {done.ledger} the anchor of {done.size:,} events is {done.state}{where}.{_next(done)}{due}")


def _next(done: LedgerAnchoring) -> str:
    """What goes on with an anchor that is on its way."""
    if done.state == "pending_approval":
        return f" No standing approval covers it: `fntx treasury show {done.proposal_id}` says what is decided on."
    if done.state == "prepared" and done.standing:
        return " `fntx treasury sign-anchors --keystore FILE` signs it where the anchor key is."
    if done.state in ("approved", "prepared", "signing"):
        return f" `fntx treasury export {done.proposal_id} -o DIR` writes what its signers sign."
    if done.state == "ready":
        return f" `fntx treasury submit {done.proposal_id}` sends it."
    return " Call it again, or `fntx treasury confirm`, to know." if done.state == "submitted" else ""


def _moment(at: datetime) -> str:
    return f"{at:%Y-%m-%d %H:%M:%S} UTC"
