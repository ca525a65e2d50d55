"""A specification made into an unsigned transaction of Stellar, which the signers of its accounts shall sign."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from stellar_sdk import (
    HashMemo,
    IdMemo,
    Memo,
    NoneMemo,
    Preconditions,
    TextMemo,
    TimeBounds,
    Transaction,
    TransactionEnvelope,
)
from stellar_sdk.operation import Operation

from fntx_dagster.adapters.stellar.amounts import read_address
from fntx_dagster.adapters.stellar.codec import envelope_of
from fntx_dagster.adapters.stellar.costs import fee
from fntx_dagster.adapters.stellar.operations import OPERATIONS, Setting
from fntx_dagster.intents.fields import SpecFields
from fntx_dagster.intents.refusal import TransactionRefused

MOST_OPERATIONS = 100
_MOST = 2**63 - 1


class UnsignedStellar(NamedTuple):
    """What signers are given: the envelope without signatures in base64, and the hash that they sign, in hex."""

    unsigned_xdr: str
    hash: str


def build(spec: Mapping[str, Any]) -> UnsignedStellar:
    """The transaction that a specification describes; TransactionRefused for one that no ledger would take, or that
    could never be applied."""
    fields = SpecFields(spec)
    fields.one_of("ledger", ["stellar"])
    passphrase = fields.text("passphrase")
    if not passphrase.strip():
        raise TransactionRefused("malformed", "passphrase is empty")
    source = read_address(fields, "source")
    sequence = fields.whole("sequence", 0, _MOST - 1) + 1
    memo = _memo(fields.inner("memo")) if fields.has("memo") else NoneMemo()
    operations = _operations(fields, source, memo)
    transaction = Transaction(
        source,
        sequence,
        fee(fields.whole("base_fee", 100, 10**9), len(operations)),
        operations,
        memo,
        Preconditions(time_bounds=_time_bounds(fields)),
    )
    fields.close()
    envelope = TransactionEnvelope(transaction, passphrase)
    xdr = envelope.to_xdr()
    envelope_of(xdr, passphrase)  # refuses what the library would read otherwise than it wrote it
    return UnsignedStellar(xdr, envelope.hash_hex())


def decided(xdr: str, passphrase: str) -> tuple[str, ...]:
    """What people decided of a transaction, in XDR: two of the same intent have the same. Sequence, fee and time bounds
    are filled in."""
    transaction = envelope_of(xdr, passphrase).transaction
    operations = (operation.to_xdr_object().to_xdr() for operation in transaction.operations)
    return (transaction.source.universal_account_id, transaction.memo.to_xdr_object().to_xdr(), *operations)


def _operations(fields: SpecFields, source: str, memo: Memo) -> list[Operation]:
    inners = fields.inners("operations")
    if not 1 <= len(inners) <= MOST_OPERATIONS:
        raise TransactionRefused("no_operation", f"a transaction has 1 to {MOST_OPERATIONS} operations")
    operations: list[Operation] = []
    for inner in inners:
        named = read_address(inner, "source") if inner.has("source") else None
        memo_hash = memo.memo_hash if isinstance(memo, HashMemo) else None
        params = inner.inner("params")
        reader = OPERATIONS[inner.one_of("op", OPERATIONS)]
        operations.append(reader(Setting(named or source, named, memo_hash), params))
        params.close()
        inner.close()
    return operations


def _time_bounds(fields: SpecFields) -> TimeBounds:
    if not fields.has("time_bounds"):
        raise TransactionRefused("no_expiry", "time_bounds are missing: signed bytes would never expire")
    bounds = fields.inner("time_bounds")
    earliest, latest = bounds.whole("min", 0, _MOST), bounds.whole("max", 0, _MOST)
    bounds.close()
    if latest == 0:
        raise TransactionRefused("no_expiry", "time_bounds.max is 0: signed bytes would never expire")
    if latest <= earliest:
        raise TransactionRefused("bad_time", "time_bounds.max is not later than time_bounds.min")
    return TimeBounds(earliest, latest)


def _memo(memo: SpecFields) -> Memo:
    kind = memo.one_of("type", ["none", "text", "id", "hash"])
    if kind == "none":
        if memo.has("value"):
            raise TransactionRefused("bad_memo", "a memo of type none has no value")
        read: Memo = NoneMemo()
    elif kind == "id":
        read = IdMemo(memo.whole("value", 0, 2**64 - 1))
    elif kind == "hash":
        read = HashMemo(memo.hex("value", 32))
    else:
        text = memo.text("value")
        if len(text.encode()) > 28:
            raise TransactionRefused("bad_memo", f"{memo.named('value')} has more than 28 bytes")
        read = TextMemo(text)
    memo.close()
    return read
