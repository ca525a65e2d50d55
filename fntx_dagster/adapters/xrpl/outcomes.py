"""What became of a transaction: in a validated ledger, never to be in one, or not known yet.

A transaction is final when a validated ledger holds it, and it has expired when the validated ledgers are past its last
one and a server that has every ledger from V, the validated one when it was first sent, to L, its last one, does not
know it. Nothing else decides: no answer to `submit`, no clock, no server with gaps in its history. The library's
`submit_and_wait` compares the ledger with L before it looks for the transaction: it calls a validated one failed.
"""

from __future__ import annotations

from decimal import Decimal
from enum import StrEnum
from typing import Any, NamedTuple

from fntx_dagster.adapters.xrpl.accounts import account_state, free_tickets
from fntx_dagster.adapters.xrpl.amounts import Amount, is_same
from fntx_dagster.adapters.xrpl.network import validated_ledger
from fntx_dagster.adapters.xrpl.reply import XrplReply
from fntx_dagster.adapters.xrpl.rpc import XrplRefusedError, XrplRpc

WIDEST_RANGE = 1000
"""Ledgers that a server looks through at once: it refuses more, and a transaction that waits for people has 74,000."""
_SUCCESS = "tesSUCCESS"


class XrplEnd(StrEnum):
    """How far a transaction has come."""

    VALIDATED = "validated"
    EXPIRED = "expired"
    UNKNOWN = "unknown"


class EntryChange(NamedTuple):
    """An entry that a transaction made, changed or removed. `how`: created, modified, deleted."""

    how: str
    kind: str
    entry_index: str


class XrplOutcome(NamedTuple):
    """What is known. `code`: the result in the validated ledger; tesSUCCESS alone did what it says. `why`: for people,
    why nothing is decided."""

    end: XrplEnd
    code: str = ""
    ledger_index: int = 0
    ledger_hash: str = ""
    delivered: Amount | None = None
    changes: tuple[EntryChange, ...] = ()
    why: str = ""

    @property
    def succeeded(self) -> bool:
        return self.end is XrplEnd.VALIDATED and self.code == _SUCCESS


def outcome_of(rpc: XrplRpc, transaction_id: str, first: int, last: int) -> XrplOutcome:
    """What became of a transaction, by its hash. `first`: the validated ledger's index when it was first sent; `last`:
    its LastLedgerSequence. Raises Transient where the server does not answer: then nothing is known either."""
    found = _look(rpc, transaction_id)
    if isinstance(found, XrplOutcome):
        return found
    now = validated_ledger(rpc).ledger_index
    if now <= last:
        return _unknown(f"no validated ledger holds it yet; the last is {now}, and it may come until {last}")
    return _searched(rpc, transaction_id, first, last)


def another_used_its_turn(
    rpc: XrplRpc, transaction_id: str, account: str, sequence: int | None, ticket: int | None, first: int
) -> bool:
    """Whether a transaction can never get into a ledger, because another one used its sequence or its ticket. `first`:
    the validated ledger's index when it was prepared. False where the server's history does not show it."""
    now = validated_ledger(rpc).ledger_index
    state = account_state(rpc, account, now)
    if state is None:
        return False
    used = state.sequence > sequence if sequence is not None else ticket not in free_tickets(rpc, account, now)
    return used and _searched(rpc, transaction_id, first, now).end is XrplEnd.EXPIRED


def _searched(rpc: XrplRpc, transaction_id: str, first: int, last: int) -> XrplOutcome:
    """The outcome by what a server says that has every one of these ledgers."""
    for begin in range(first, last + 1, WIDEST_RANGE):
        end = min(begin + WIDEST_RANGE - 1, last)
        found = _look(rpc, transaction_id, min_ledger=begin, max_ledger=end)
        if isinstance(found, XrplOutcome):
            return found
        if not found.flag("searched_all"):
            return _unknown(f"this server has not all ledgers from {begin} to {end}: another one has to say")
    return XrplOutcome(XrplEnd.EXPIRED)


def _look(rpc: XrplRpc, transaction_id: str, **ledgers: int) -> XrplOutcome | XrplReply:
    """The outcome where the transaction is known; else what the server said."""
    try:
        reply = rpc.ask("tx", transaction=transaction_id, **ledgers)
    except XrplRefusedError as error:
        if error.name == "txnNotFound":
            return error.reply
        raise
    if reply.hash("hash") != transaction_id.upper():
        raise reply.wrong("hash")
    if not reply.flag("validated"):
        return _unknown("it is in a ledger that is not validated yet")
    meta = reply.inner("meta")
    return XrplOutcome(
        XrplEnd.VALIDATED,
        meta.word("TransactionResult", 60),
        reply.whole("ledger_index"),
        reply.hash("ledger_hash"),
        None if meta.raw("delivered_amount") in (None, "unavailable") else meta.amount("delivered_amount"),
        tuple(_change(row) for row in meta.rows("AffectedNodes")),
    )


def _change(row: XrplReply) -> EntryChange:
    for how in ("created", "modified", "deleted"):
        name = f"{how.title()}Node"
        if row.has(name):
            node = row.inner(name)
            return EntryChange(how, node.word("LedgerEntryType", 40), node.hash("LedgerIndex"))
    raise row.wrong("LedgerIndex")


def _unknown(why: str) -> XrplOutcome:
    return XrplOutcome(XrplEnd.UNKNOWN, why=why)


_ESCROW_CHANGES = {"EscrowCreate": "created", "EscrowFinish": "deleted", "EscrowCancel": "deleted"}


def undone_by(tx_json: dict[str, Any], outcome: XrplOutcome) -> list[str]:
    """What a validated transaction did not do although it succeeded, in words; empty where it did what it says. A
    payment delivers its amount, an escrow is there after it is created and gone after it is finished or cancelled."""
    kind = tx_json["TransactionType"]
    if kind == "Payment" and (outcome.delivered is None or not is_same(tx_json["Amount"], outcome.delivered)):
        return [f"it delivered {_said(outcome.delivered)} instead of {_said(tx_json['Amount'])}"]
    how = _ESCROW_CHANGES.get(kind)
    if how and not any(change.how == how and change.kind == "Escrow" for change in outcome.changes):
        return [f"no escrow was {how}"]
    return []


def _said(amount: Amount | None) -> str:
    if amount is None:
        return "an amount that is not known"
    return f"{amount} drops" if isinstance(amount, str) else f"{Decimal(amount['value']):f}"


def escrow_is_there(rpc: XrplRpc, owner: str, sequence: int, ledger_index: int) -> bool:
    """Whether a validated ledger holds an escrow."""
    try:
        rpc.ask("ledger_entry", escrow={"owner": owner, "seq": sequence}, ledger_index=ledger_index).inner("node")
    except XrplRefusedError as error:
        if error.name == "entryNotFound":
            return False
        raise
    return True
