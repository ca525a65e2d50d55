"""The operations of the treasury on the XRP Ledger: the parameters of each, what of them is refused, and the fields of
the transaction that it becomes. What every transaction has, sequence and fee, is added in `building`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from fntx_dagster.adapters.xrpl.amounts import (
    kind_of,
    read_account,
    read_amount,
    read_currency,
    read_value,
)
from fntx_dagster.adapters.xrpl.codec import TxJson
from fntx_dagster.adapters.xrpl.escrows import cancel_escrow, create_escrow, finish_escrow, ledger_time
from fntx_dagster.audit.anchor import MEMO_FORMAT, MEMO_TYPE
from fntx_dagster.intents.anchors import read_anchor
from fntx_dagster.intents.fields import SpecFields
from fntx_dagster.intents.refusal import TransactionRefused

MOST = 2**32 - 1
MOST_SIGNERS = 32
TRUST_FLAGS = {"set_no_ripple": 0x20000, "clear_no_ripple": 0x40000}
AUTHORIZE, FREEZE, UNFREEZE = 0x10000, 0x100000, 0x200000
OFFER_FLAGS = {"passive": 0x10000, "immediate_or_cancel": 0x20000, "fill_or_kill": 0x40000, "sell": 0x80000}
ACCOUNT_FLAGS = {
    "require_dest": 1,
    "require_auth": 2,
    "disallow_xrp": 3,
    "disable_master": 4,
    "no_freeze": 6,
    "global_freeze": 7,
    "default_ripple": 8,
    "deposit_auth": 9,
    "disallow_incoming_trustline": 15,
    "allow_trustline_clawback": 16,
    "allow_trustline_locking": 17,
}

Operation = Callable[[str, SpecFields], TxJson]


def _trust(account: str, peer: str, currency: str, value: str, flags: int) -> TxJson:
    if peer == account:
        raise TransactionRefused("self_trust", f"{account} cannot have a trust line to itself")
    limit = {"currency": currency, "issuer": peer, "value": value}
    return {"TransactionType": "TrustSet", "LimitAmount": limit, "Flags": flags}


def _set_line(account: str, params: SpecFields) -> TxJson:
    flags = params.some_of("flags", TRUST_FLAGS)
    if len(flags) > 1:
        raise TransactionRefused("contradiction", f"{params.named('flags')} both sets and clears NoRipple")
    # A limit of 0 is how a line is given up, and how an issuer sets a flag of its side.
    limit = read_value(params, "limit", may_be_zero=True)
    currency = read_currency(params, "currency")
    return _trust(account, read_account(params, "issuer"), currency, limit, sum(TRUST_FLAGS[flag] for flag in flags))


def _flag_line(flag: int) -> Operation:
    def operation(account: str, params: SpecFields) -> TxJson:
        return _trust(account, read_account(params, "holder"), read_currency(params, "currency"), "0", flag)

    return operation


def _pay(account: str, params: SpecFields) -> TxJson:
    tx: TxJson = {
        "TransactionType": "Payment",
        "Destination": _other(account, params),
        "Amount": read_amount(params, "amount"),
        "Flags": 0,
    }
    if params.has("destination_tag"):
        tx["DestinationTag"] = params.whole("destination_tag", 0, MOST)
    if params.has("send_max"):
        tx["SendMax"] = read_amount(params, "send_max")
        if kind_of(tx["SendMax"]) == kind_of(tx["Amount"]) == ("XRP", ""):
            raise TransactionRefused("contradiction", f"{params.named('send_max')}: a payment of XRP in XRP has none")
    if params.has("invoice_id"):
        tx["InvoiceID"] = params.hex("invoice_id", 32).hex().upper()
    return tx


def _other(account: str, params: SpecFields) -> str:
    destination = read_account(params, "destination")
    if destination == account:
        raise TransactionRefused("self_payment", f"{account} cannot pay itself")
    return destination


def _set_account(account: str, params: SpecFields) -> TxJson:
    tx: TxJson = {"TransactionType": "AccountSet", "Flags": 0}
    for name, field in (("set", "SetFlag"), ("clear", "ClearFlag")):
        if params.has(name):
            tx[field] = ACCOUNT_FLAGS[params.one_of(name, ACCOUNT_FLAGS)]
    if "SetFlag" not in tx and "ClearFlag" not in tx:
        raise TransactionRefused("nothing", "account.flag neither sets nor clears a flag")
    if tx.get("SetFlag") == tx.get("ClearFlag"):
        raise TransactionRefused("contradiction", "account.flag sets and clears the same flag")
    return tx


def _set_key(account: str, params: SpecFields) -> TxJson:
    """The regular key, which signs alone beside the signers; left out, it is taken away."""
    tx: TxJson = {"TransactionType": "SetRegularKey", "Flags": 0}
    if params.has("key"):
        tx["RegularKey"] = read_account(params, "key")
        if tx["RegularKey"] == account:
            raise TransactionRefused("bad_signers", f"{account} cannot be its own regular key")
    return tx


def _set_signers(account: str, params: SpecFields) -> TxJson:
    quorum = params.whole("quorum", 0, MOST)
    signers = params.inners("signers") if params.has("signers") else []
    tx: TxJson = {"TransactionType": "SignerListSet", "Flags": 0, "SignerQuorum": quorum}
    if quorum == 0:
        if signers:
            raise TransactionRefused("bad_signers", "a quorum of 0 deletes the list, which then has no signers")
        return tx
    entries: list[dict[str, Any]] = []
    for signer in signers:
        entry = {"Account": read_account(signer, "account"), "SignerWeight": signer.whole("weight", 1, 65_535)}
        signer.close()
        entries.append(entry)
    accounts = [entry["Account"] for entry in entries]
    if account in accounts:
        raise TransactionRefused("bad_signers", f"{account} cannot be a signer of itself")
    if len(set(accounts)) < len(accounts) or not 1 <= len(accounts) <= MOST_SIGNERS:
        raise TransactionRefused("bad_signers", f"a list has 1 to {MOST_SIGNERS} signers, none of them twice")
    if quorum > (weight := sum(entry["SignerWeight"] for entry in entries)):
        raise TransactionRefused("bad_signers", f"the quorum {quorum} is above {weight}, the sum of all weights")
    return tx | {"SignerEntries": [{"SignerEntry": entry} for entry in entries]}


def _create_offer(account: str, params: SpecFields) -> TxJson:
    flags = params.some_of("flags", OFFER_FLAGS)
    gets, pays = read_amount(params, "taker_gets"), read_amount(params, "taker_pays")
    if kind_of(gets) == kind_of(pays):
        raise TransactionRefused("same_asset", "taker_gets and taker_pays are of the same asset")
    if {"immediate_or_cancel", "fill_or_kill"} <= {*flags}:
        raise TransactionRefused("contradiction", "an offer is immediate_or_cancel or fill_or_kill, not both")
    tx: TxJson = {"TransactionType": "OfferCreate", "TakerGets": gets, "TakerPays": pays}
    tx["Flags"] = sum(OFFER_FLAGS[flag] for flag in flags)
    if params.has("expiration"):
        tx["Expiration"] = ledger_time(params, "expiration")
    if params.has("replace"):
        tx["OfferSequence"] = params.whole("replace", 1, MOST)
    return tx


def _cancel_offer(account: str, params: SpecFields) -> TxJson:
    sequence = params.whole("offer_sequence", 1, MOST)
    return {"TransactionType": "OfferCancel", "Flags": 0, "OfferSequence": sequence}


def _create_tickets(account: str, params: SpecFields) -> TxJson:
    return {"TransactionType": "TicketCreate", "Flags": 0, "TicketCount": params.whole("count", 1, 250)}


def _anchor(account: str, params: SpecFields) -> TxJson:
    memo = {
        "MemoType": MEMO_TYPE.encode("ascii").hex().upper(),
        "MemoData": read_anchor(params).hex().upper(),
        "MemoFormat": MEMO_FORMAT.encode("ascii").hex().upper(),
    }
    destination = _other(account, params)
    tx: TxJson = {"TransactionType": "Payment", "Flags": 0, "Destination": destination, "Amount": "1"}
    return tx | {"Memos": [{"Memo": memo}]}


OPERATIONS: dict[str, Operation] = {
    "trustline.set": _set_line,
    "trustline.authorize": _flag_line(AUTHORIZE),
    "trustline.freeze": _flag_line(FREEZE),
    "trustline.unfreeze": _flag_line(UNFREEZE),
    "payment": _pay,
    "account.flag": _set_account,
    "signers.set": _set_signers,
    "account.key": _set_key,
    "escrow.create": create_escrow,
    "escrow.finish": finish_escrow,
    "escrow.cancel": cancel_escrow,
    "offer.create": _create_offer,
    "offer.cancel": _cancel_offer,
    "tickets.create": _create_tickets,
    "anchor": _anchor,
}
"""What a specification calls it → what it becomes, given the account that sends it."""
