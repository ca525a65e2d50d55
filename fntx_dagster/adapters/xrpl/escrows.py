"""The operations of escrows on the XRP Ledger: created with times and a condition, finished, cancelled."""

from __future__ import annotations

from fntx_dagster.adapters.xrpl.amounts import read_account, read_amount
from fntx_dagster.adapters.xrpl.codec import RIPPLE_EPOCH, TxJson
from fntx_dagster.adapters.xrpl.conditions import fulfils, is_condition
from fntx_dagster.intents.fields import SpecFields, shown
from fntx_dagster.intents.refusal import TransactionRefused

_MOST = 2**32 - 1


def ledger_time(fields: SpecFields, name: str) -> int:
    """A time in seconds since 2000-01-01."""
    seconds = fields.seconds(name) - RIPPLE_EPOCH
    if not 0 < seconds <= _MOST:
        raise TransactionRefused("bad_time", f"{fields.named(name)} is not between 2000 and 2136")
    return seconds


def create_escrow(account: str, params: SpecFields) -> TxJson:
    """EscrowCreate. Refused where it could be finished at once or never be given back."""
    amount = read_amount(params, "amount")
    tx: TxJson = {"TransactionType": "EscrowCreate", "Flags": 0}
    tx |= {"Destination": read_account(params, "destination"), "Amount": amount}
    for name, field in (("finish_after", "FinishAfter"), ("cancel_after", "CancelAfter")):
        if params.has(name):
            tx[field] = ledger_time(params, name)
    if params.has("condition"):
        tx["Condition"] = _condition(params)
    if params.has("destination_tag"):
        tx["DestinationTag"] = params.whole("destination_tag", 0, _MOST)
    if "FinishAfter" not in tx and "CancelAfter" not in tx:
        raise TransactionRefused("bad_escrow", "an escrow has finish_after, cancel_after or both")
    if "FinishAfter" not in tx and "Condition" not in tx:
        raise TransactionRefused("bad_escrow", "an escrow without finish_after has a condition")
    if "FinishAfter" in tx and tx.get("CancelAfter", _MOST + 1) <= tx["FinishAfter"]:
        raise TransactionRefused("bad_escrow", "cancel_after is not later than finish_after")
    if isinstance(amount, dict):
        if "CancelAfter" not in tx:
            raise TransactionRefused("bad_escrow", "an escrow of tokens always has cancel_after")
        if amount["issuer"] == account:
            raise TransactionRefused("bad_escrow", "the issuer of a token cannot put it into escrow: a holder can")
    return tx


def finish_escrow(account: str, params: SpecFields) -> TxJson:
    """EscrowFinish, of an escrow with a condition with the condition and its fulfillment, or with neither."""
    tx = _of_an_escrow("EscrowFinish", params)
    if params.has("condition") != params.has("fulfillment"):
        raise TransactionRefused("bad_condition", "condition and fulfillment are given together, or neither")
    if params.has("condition"):
        condition, fulfillment = _condition(params), params.text("fulfillment").upper()
        if not fulfils(condition, fulfillment):
            raise TransactionRefused("bad_condition", f"{params.named('fulfillment')} does not fulfil the condition")
        tx |= {"Condition": condition, "Fulfillment": fulfillment}
    return tx


def cancel_escrow(account: str, params: SpecFields) -> TxJson:
    """EscrowCancel."""
    return _of_an_escrow("EscrowCancel", params)


def _of_an_escrow(kind: str, params: SpecFields) -> TxJson:
    owner, sequence = read_account(params, "owner"), params.whole("offer_sequence", 1, _MOST)
    return {"TransactionType": kind, "Flags": 0, "Owner": owner, "OfferSequence": sequence}


def _condition(params: SpecFields) -> str:
    condition = params.text("condition").upper()
    if not is_condition(condition):
        raise TransactionRefused(
            "bad_condition",
            f"{params.named('condition')} is {shown(condition)}: it is not of the kind PREIMAGE-SHA-256",
        )
    return condition
