"""What the bytes of a transaction of the XRP Ledger say, in sentences for the person who is to sign them.

They are made of the decoded bytes and of nothing else. Every field is in a sentence: one that is not explained is
named, with its value.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from decimal import Decimal
from typing import Any

from fntx_dagster.adapters.xrpl.amounts import code_of
from fntx_dagster.adapters.xrpl.codec import RIPPLE_EPOCH, TxJson, decoded
from fntx_dagster.adapters.xrpl.operations import ACCOUNT_FLAGS, AUTHORIZE, FREEZE, OFFER_FLAGS, TRUST_FLAGS, UNFREEZE
from fntx_dagster.audit.anchor import MEMO_TYPE
from fntx_dagster.foreign import LONGEST_CELL, cleaned
from fntx_dagster.intents.refusal import TransactionRefused
from fntx_dagster.intents.wording import anchored, joined, moment, number, worded_bytes


def sentences(blob: str) -> list[str]:
    """What a transaction does, what it costs, until when it can be applied. TransactionRefused for bytes that are
    none."""
    fields = _Taken(decoded(blob))
    kind, account = fields.take("TransactionType"), fields.take("Account")
    try:
        explain = _KINDS.get(kind, lambda account, _: iter([f"Is a {kind} of {account}, not explained here."]))
        said = [*explain(account, fields)]
        said += _memos(fields.take("Memos") or [])
        said += _of_every_transaction(fields)
    except (ArithmeticError, AttributeError, LookupError, TypeError, ValueError):
        raise TransactionRefused("malformed", f"the {kind} of {account} lacks a field that each one has") from None
    for name, value in fields.left.items():
        said.append(f"Also has the field {name}: {cleaned(json.dumps(value), LONGEST_CELL)}.")
    return said


class _Taken:
    """The fields of a transaction; what is not taken is left."""

    def __init__(self, tx: TxJson) -> None:
        self.left = dict(tx)

    def take(self, name: str) -> Any:
        return self.left.pop(name, None)


def _amount(amount: str | dict[str, str]) -> str:
    if isinstance(amount, str):
        return f"{number(Decimal(amount).scaleb(-6))} XRP"
    if "currency" not in amount:
        return cleaned(json.dumps(amount), LONGEST_CELL)
    return f"{number(Decimal(amount['value']))} {code_of(amount['currency'])} (issued by {amount['issuer']})"


def _time(seconds: int) -> str:
    return moment(seconds + RIPPLE_EPOCH)


def _flags(fields: _Taken, names: Mapping[str, int]) -> list[str]:
    """The names of the flags of a transaction, in words; a flag without a name as its bit."""
    flags = fields.take("Flags") or 0
    said = [name.replace("_", " ") for name, bit in names.items() if flags & bit]
    if flags & _CANONICAL:
        said.append("canonical signatures")
    if rest := flags & ~sum(names.values()) & ~_CANONICAL:
        said.append(f"unknown flags {rest:#x}")
    return said


_CANONICAL = 0x80000000
"""A flag of signatures from before 2020 without a meaning today."""


def _with_flags(sentence: str, fields: _Taken, names: Mapping[str, int]) -> str:
    flags = _flags(fields, names)
    return f"{sentence}, with {joined(flags)}." if flags else f"{sentence}."


def _pays(account: str, fields: _Taken) -> Iterator[str]:
    amount, destination = fields.take("Amount"), fields.take("Destination")
    tag, most = fields.take("DestinationTag"), fields.take("SendMax")
    sentence = f"Pays {_amount(amount)} from {account} to {destination}"
    if isinstance(amount, dict) and amount.get("issuer") in (account, destination):
        sentence += ", newly issued" if amount["issuer"] == account else ", back to its issuer"
    yield _with_flags(sentence + ("" if tag is None else f", destination tag {tag}"), fields, _PAYMENT_FLAGS)
    if most is not None:
        yield f"Spends at most {_amount(most)}."


_PAYMENT_FLAGS = {
    "no direct path": 0x10000,
    "a partial payment: less may arrive": 0x20000,
    "a limited quality": 0x40000,
}


def _trusts(account: str, fields: _Taken) -> Iterator[str]:
    limit, flags = fields.take("LimitAmount"), fields.left.get("Flags", 0)
    peer, code = limit["issuer"], code_of(limit["currency"])
    if flags & AUTHORIZE:
        yield f"{account} authorizes {peer} to hold {code}. This cannot be taken back."
    if flags & FREEZE:
        yield f"{account} freezes the {code} of {peer}."
    if flags & UNFREEZE:
        yield f"{account} ends the freeze of the {code} of {peer}."
    if not flags & (AUTHORIZE | FREEZE | UNFREEZE) or Decimal(limit["value"]):
        yield f"{account} trusts {peer} for at most {number(Decimal(limit['value']))} {code}."
    fields.left["Flags"] = flags & ~(AUTHORIZE | FREEZE | UNFREEZE)
    if said := _flags(fields, TRUST_FLAGS):
        yield f"Has for that line: {joined(said)}."


def _sets_account(account: str, fields: _Taken) -> Iterator[str]:
    names = {number: name for name, number in ACCOUNT_FLAGS.items()}
    for field, verb in (("SetFlag", "Sets"), ("ClearFlag", "Clears")):
        if (flag := fields.take(field)) is not None:
            yield f"{verb} the flag {names.get(flag, f'number {flag}')} of {account}."
    if flags := _flags(fields, {}):
        yield f"Has {joined(flags)}."


def _sets_key(account: str, fields: _Taken) -> Iterator[str]:
    key = fields.take("RegularKey")
    sentence = f"Lets {key} sign alone for {account}" if key else f"Takes the regular key of {account} away"
    yield _with_flags(sentence, fields, {})


def _sets_signers(account: str, fields: _Taken) -> Iterator[str]:
    quorum, entries = fields.take("SignerQuorum"), fields.take("SignerEntries") or []
    if not quorum:
        yield _with_flags(f"Deletes the list of signers of {account}", fields, {})
        return
    yield _with_flags(f"Sets the signers of {account}, whose weights must come to {quorum}", fields, {})
    for entry in entries:
        signer = entry.get("SignerEntry", {})
        yield f"{signer.get('Account')} signs with weight {signer.get('SignerWeight')}."
        if more := {name: value for name, value in signer.items() if name not in ("Account", "SignerWeight")}:
            yield f"This signer also has {cleaned(json.dumps(more), LONGEST_CELL)}."


def _creates_escrow(account: str, fields: _Taken) -> Iterator[str]:
    amount, destination, tag = (fields.take(name) for name in ("Amount", "Destination", "DestinationTag"))
    sentence = f"Locks {_amount(amount)} of {account} for {destination}"
    yield _with_flags(sentence + ("" if tag is None else f", destination tag {tag}"), fields, {})
    finish, cancel, condition = (fields.take(name) for name in ("FinishAfter", "CancelAfter", "Condition"))
    if finish is not None:
        yield f"Can be finished after {_time(finish)}."
    if condition is not None:
        yield f"Can be finished with the fulfillment of the condition {condition} alone."
    if cancel is not None:
        yield f"Can be cancelled after {_time(cancel)}."


def _finishes_escrow(account: str, fields: _Taken) -> Iterator[str]:
    owner, sequence = fields.take("Owner"), fields.take("OfferSequence")
    yield _with_flags(f"Finishes the escrow that {owner} created with sequence {sequence}", fields, {})
    condition, fulfillment = fields.take("Condition"), fields.take("Fulfillment")
    if condition is not None:
        yield f"Publishes the fulfillment {fulfillment} of the condition {condition}."


def _cancels_escrow(account: str, fields: _Taken) -> Iterator[str]:
    owner, sequence = fields.take("Owner"), fields.take("OfferSequence")
    yield _with_flags(f"Cancels the escrow that {owner} created with sequence {sequence}", fields, {})


def _creates_offer(account: str, fields: _Taken) -> Iterator[str]:
    gets, pays = fields.take("TakerGets"), fields.take("TakerPays")
    yield _with_flags(f"{account} offers {_amount(gets)} for {_amount(pays)}", fields, OFFER_FLAGS)
    expiration, replaced = fields.take("Expiration"), fields.take("OfferSequence")
    if expiration is not None:
        yield f"The offer ends at {_time(expiration)}."
    if replaced is not None:
        yield f"Replaces the offer that was made with sequence {replaced}."


def _cancels_offer(account: str, fields: _Taken) -> Iterator[str]:
    yield _with_flags(f"Cancels the offer that {account} made with sequence {fields.take('OfferSequence')}", fields, {})


def _creates_tickets(account: str, fields: _Taken) -> Iterator[str]:
    yield _with_flags(f"Sets {fields.take('TicketCount')} tickets aside for {account}", fields, {})


_KINDS: dict[str, Callable[[str, _Taken], Iterator[str]]] = {
    "Payment": _pays,
    "TrustSet": _trusts,
    "AccountSet": _sets_account,
    "SignerListSet": _sets_signers,
    "SetRegularKey": _sets_key,
    "EscrowCreate": _creates_escrow,
    "EscrowFinish": _finishes_escrow,
    "EscrowCancel": _cancels_escrow,
    "OfferCreate": _creates_offer,
    "OfferCancel": _cancels_offer,
    "TicketCreate": _creates_tickets,
}


def _memos(memos: list[Any]) -> Iterator[str]:
    for each in memos:
        memo = each.get("Memo", {})
        kind, content = (bytes.fromhex(memo.get(name, "")) for name in ("MemoType", "MemoData"))
        if kind == MEMO_TYPE.encode() and (sentence := anchored(content)):
            yield sentence
        else:
            form = bytes.fromhex(memo.get("MemoFormat", ""))
            words = [f"{name} {worded_bytes(part)}" for name, part in (("type", kind), ("format", form)) if part]
            yield f"Has a memo: {joined([worded_bytes(content), *words])}."


def _of_every_transaction(fields: _Taken) -> Iterator[str]:
    fee, last, sequence, ticket = (
        fields.take(name) for name in ("Fee", "LastLedgerSequence", "Sequence", "TicketSequence")
    )
    yield f"Costs {number(Decimal(fee or 0))} drops." if isinstance(fee, str) else "Names no fee."
    yield f"Uses sequence {sequence}." if ticket is None else f"Uses ticket {ticket}."
    yield "Never expires." if last is None else f"Cannot be applied after ledger {last:,}."
    if (network := fields.take("NetworkID")) is not None:
        yield f"Is for the network {network}."
    if (invoice := fields.take("InvoiceID")) is not None:
        yield f"Names the invoice {invoice}."
    if fields.left.get("SigningPubKey") == "":
        fields.take("SigningPubKey")
    if signers := fields.take("Signers"):
        yield f"Is signed by {joined([str(each.get('Signer', {}).get('Account')) for each in signers])}."
