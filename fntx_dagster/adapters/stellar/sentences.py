"""What the XDR of a transaction of Stellar says, in sentences for the person who is to sign it.

They are made of the decoded bytes and of nothing else. An operation that is not explained is named as such.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from decimal import Decimal
from typing import Any

from stellar_sdk import Asset, HashMemo, IdMemo, NoneMemo, TextMemo, TransactionEnvelope
from stellar_sdk.operation import (
    ChangeTrust,
    Clawback,
    CreateAccount,
    ManageData,
    Operation,
    Payment,
    SetOptions,
    SetTrustLineFlags,
)

from fntx_dagster.adapters.stellar.codec import envelope_of
from fntx_dagster.adapters.stellar.operations import ACCOUNT_FLAGS, LINE_FLAGS
from fntx_dagster.audit.anchor import DATA_NAME
from fntx_dagster.foreign import LONGEST_CELL, cleaned
from fntx_dagster.intents.wording import anchored, joined, moment, number, quoted, worded_bytes


def sentences(xdr: str, passphrase: str) -> list[str]:
    """What a transaction does, what it may cost, when it can be applied. TransactionRefused for XDR that is none."""
    envelope = envelope_of(xdr, passphrase)
    transaction = envelope.transaction
    source = transaction.source.universal_account_id
    said: list[str] = []
    for operation in transaction.operations:
        account = operation.source.universal_account_id if operation.source else source
        said += _KINDS.get(type(operation), _unexplained)(account, operation)
    said.append(_memo(transaction.memo))
    said += _of_every_transaction(envelope, source)
    return [sentence for sentence in said if sentence]


def _asset(asset: Any) -> str:
    if not isinstance(asset, Asset):
        return "shares of a pool"
    return "XLM" if asset.is_native() else f"{asset.code} (issued by {asset.issuer})"


def _amount(amount: str) -> str:
    return number(Decimal(amount))


def _pays(account: str, operation: Any) -> Iterator[str]:
    destination = operation.destination.universal_account_id
    sentence = f"Pays {_amount(operation.amount)} {_asset(operation.asset)} from {account} to {destination}"
    issuer = operation.asset.issuer
    yield sentence + {account: ", newly issued", destination: ", back to its issuer"}.get(issuer, "") + "."


def _trusts(account: str, operation: Any) -> Iterator[str]:
    yield f"{account} trusts {_asset(operation.asset)} for at most {_amount(operation.limit)}."


def _creates(account: str, operation: Any) -> Iterator[str]:
    yield f"{account} creates {operation.destination} with {_amount(operation.starting_balance)} XLM."


def _claws_back(account: str, operation: Any) -> Iterator[str]:
    holder = operation.from_.universal_account_id
    yield f"{account} takes {_amount(operation.amount)} {_asset(operation.asset)} back from {holder}."


def _sets_data(account: str, operation: Any) -> Iterator[str]:
    name, value = operation.data_name, operation.data_value
    words = name.decode("utf-8", "replace") if isinstance(name, bytes) else name
    anchor = anchored(value) if words == DATA_NAME and value is not None else None
    if anchor is not None:
        yield f"{anchor[:-1]}, as the data {quoted(words)} of {account}."
    elif value is None:
        yield f"Removes the data {quoted(words)} of {account}."
    else:
        yield f"Sets the data {quoted(words)} of {account} to {worded_bytes(value)}."


def _sets_line_flags(account: str, operation: Any) -> Iterator[str]:
    for flags, verb in ((operation.set_flags, "sets"), (operation.clear_flags, "clears")):
        if flags:
            names = joined(_names(flags, LINE_FLAGS))
            yield f"{account} {verb} {names} on the line of {operation.trustor} for {_asset(operation.asset)}."


def _sets_options(account: str, operation: Any) -> Iterator[str]:
    for flags, verb in ((operation.set_flags, "Sets"), (operation.clear_flags, "Clears")):
        if flags:
            yield f"{verb} {joined(_names(flags, ACCOUNT_FLAGS))} of {account}."
    if (signer := operation.signer) is not None:
        key = signer.signer_key.encoded_signer_key
        yield f"{key} signs for {account} with weight {signer.weight}{'' if signer.weight else ': no longer'}."
    weights = (
        ("weight of its own key", operation.master_weight),
        ("low threshold", operation.low_threshold),
        ("medium threshold", operation.med_threshold),
        ("high threshold", operation.high_threshold),
    )
    if said := [f"the {name} to {value}" for name, value in weights if value is not None]:
        yield f"Sets for {account} {joined(said)}."
    if operation.home_domain is not None:
        yield f"Sets the home domain of {account} to {quoted(operation.home_domain)}."
    if operation.inflation_dest is not None:
        yield f"Sets the inflation destination of {account} to {operation.inflation_dest}."


def _names(flags: int, names: Mapping[str, int]) -> list[str]:
    said = [name.replace("_", " ") for name, bit in names.items() if flags & bit]
    rest = int(flags) & ~sum(map(int, names.values()))
    return [*said, f"unknown flags {rest:#x}"] if rest else said


def _unexplained(account: str, operation: Operation) -> Iterator[str]:
    said = cleaned(repr(operation), LONGEST_CELL)
    yield f"Does a {type(operation).__name__} of {account}, not explained here: {said}"


_KINDS: dict[type[Operation], Callable[[str, Any], Iterator[str]]] = {
    Payment: _pays,
    ChangeTrust: _trusts,
    CreateAccount: _creates,
    Clawback: _claws_back,
    ManageData: _sets_data,
    SetTrustLineFlags: _sets_line_flags,
    SetOptions: _sets_options,
}


def _memo(memo: Any) -> str:
    if isinstance(memo, NoneMemo):
        return ""
    if isinstance(memo, TextMemo):
        return f"Has the memo {quoted(memo.memo_text.decode('utf-8', 'replace'))}."
    if isinstance(memo, IdMemo):
        return f"Has the memo {memo.memo_id}."
    kind, content = ("hash", memo.memo_hash) if isinstance(memo, HashMemo) else ("return hash", memo.memo_return)
    return f"Has the memo of the {kind} {content.hex()}."


def _of_every_transaction(envelope: TransactionEnvelope, source: str) -> Iterator[str]:
    transaction, conditions = envelope.transaction, envelope.transaction.preconditions
    yield f"Costs at most {number(Decimal(transaction.fee).scaleb(-7))} XLM, which {source} pays."
    yield f"Uses sequence {transaction.sequence} of {source}."
    bounds = conditions.time_bounds if conditions else None
    if bounds is not None and bounds.min_time:
        yield f"Can be applied from {moment(bounds.min_time)}."
    yield f"Cannot be applied after {moment(bounds.max_time)}." if bounds and bounds.max_time else "Never expires."
    if conditions is not None and conditions._is_v2():
        yield "Has further conditions, not explained here."
    if transaction.soroban_data is not None:
        yield "Has data of a contract, not explained here."
    yield f"Is for the network {quoted(envelope.network_passphrase)}."
    if envelope.signatures:
        yield f"Is signed {len(envelope.signatures)} times."
