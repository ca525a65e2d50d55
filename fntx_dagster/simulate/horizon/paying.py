"""Payment on a Stellar ledger: the receiver's side is looked at first, then the sender's."""

from __future__ import annotations

from dataclasses import replace

from stellar_sdk import Payment

from fntx_dagster.simulate.horizon.entries import AUTHORIZED, LARGEST, Draft
from fntx_dagster.simulate.horizon.refusing import (
    OperationFailed,
    account_of,
    asset_key,
    issuer_of,
    refuse_if,
    stroops,
)


def check_payment(operation: Payment, source: str) -> None:
    """An amount above zero."""
    refuse_if(stroops(operation.amount) <= 0, "op_malformed")


def apply_payment(operation: Payment, source: str, draft: Draft) -> None:
    """Move an amount. An issuer pays with what it creates, and what it receives is gone."""
    amount, destination = stroops(operation.amount), operation.destination.account_id
    if operation.asset.is_native():
        if destination != source:
            _receive_lumens(draft, destination, amount)
            _send_lumens(draft, source, amount)
        return
    key = asset_key(operation.asset)
    if destination != issuer_of(key):
        _receive(draft, destination, key, amount)
    if source != issuer_of(key):
        _send(draft, source, key, amount)


def _receive_lumens(draft: Draft, destination: str, amount: int) -> None:
    receiver = draft.accounts.get(destination)
    if receiver is None:
        raise OperationFailed("op_no_destination")
    refuse_if(receiver.balance + amount > LARGEST, "op_line_full")
    draft.accounts[destination] = replace(receiver, balance=receiver.balance + amount)


def _send_lumens(draft: Draft, source: str, amount: int) -> None:
    sender = account_of(draft, source)
    refuse_if(sender.balance - sender.reserve(draft.base_reserve) < amount, "op_underfunded")
    draft.accounts[source] = replace(sender, balance=sender.balance - amount)


def _receive(draft: Draft, destination: str, key: str, amount: int) -> None:
    receiver = draft.accounts.get(destination)
    if receiver is None:
        raise OperationFailed("op_no_destination")
    line = receiver.lines.get(key)
    if line is None:
        raise OperationFailed("op_no_trust")
    refuse_if(not line.flags & AUTHORIZED, "op_not_authorized")
    refuse_if(line.balance + amount > line.limit, "op_line_full")
    changed = {**receiver.lines, key: line._replace(balance=line.balance + amount)}
    draft.accounts[destination] = replace(receiver, lines=changed)


def _send(draft: Draft, source: str, key: str, amount: int) -> None:
    sender = account_of(draft, source)
    line = sender.lines.get(key)
    if line is None:
        raise OperationFailed("op_src_no_trust")
    refuse_if(not line.flags & AUTHORIZED, "op_src_not_authorized")
    refuse_if(line.balance < amount, "op_underfunded")
    draft.accounts[source] = replace(sender, lines={**sender.lines, key: line._replace(balance=line.balance - amount)})
