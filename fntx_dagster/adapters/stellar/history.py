"""What the envelope of a transaction in a ledger says: whose it is, who signed it, what it changes, what it writes."""

from __future__ import annotations

from collections.abc import Collection
from typing import NamedTuple

from stellar_sdk import FeeBumpTransactionEnvelope, Keypair, ManageData, SetOptions, TransactionEnvelope
from stellar_sdk.exceptions import BadSignatureError
from stellar_sdk.helpers import parse_transaction_envelope_from_xdr
from stellar_sdk.operation import Operation

from fntx_dagster.adapters.stellar.codec import MOST_BYTES

_OF_SIGNERS = ("signer", "master_weight", "low_threshold", "med_threshold", "high_threshold")


class StellarEnvelope(NamedTuple):
    """A transaction as it was sent. `accounts`: those that it acts for, its own and its operations'; `signers`: the
    keys whose signatures hold, and of each other one `…` with the four bytes that it names in hex; `is_config`: whether
    it changes signers, weights or thresholds."""

    accounts: frozenset[str]
    signers: tuple[str, ...]
    is_config: bool


def read_envelope(xdr: str, passphrase: str, keys: Collection[str]) -> StellarEnvelope | None:
    """What an envelope says; `keys` are those that may have signed it. None where it is none."""
    envelope = _envelope(xdr, passphrase)
    if envelope is None:
        return None
    transaction = envelope.transaction
    own = transaction.source.account_id
    accounts = {own, *(_source(operation, own) for operation in transaction.operations)}
    by_hint: dict[bytes, list[Keypair]] = {}
    for key in keys:
        pair = Keypair.from_public_key(key)
        by_hint.setdefault(pair.signature_hint(), []).append(pair)
    digest = envelope.hash()
    signers = []
    for each in envelope.signatures:
        holding = [pair for pair in by_hint.get(each.signature_hint, []) if _holds(pair, digest, each.signature)]
        signers.append(holding[0].public_key if holding else f"…{each.signature_hint.hex()}")
    return StellarEnvelope(frozenset(accounts), tuple(signers), any(map(_is_config, transaction.operations)))


def entries_set(xdr: object, passphrase: str, account: str) -> dict[str, bytes | None] | None:
    """The data entries of an account that an envelope's operations set; None where it is no envelope."""
    envelope = _envelope(xdr, passphrase)
    if envelope is None:
        return None
    own = envelope.transaction.source.account_id
    return {
        operation.data_name: operation.data_value
        for operation in envelope.transaction.operations
        if isinstance(operation, ManageData) and _source(operation, own) == account
    }


def _envelope(xdr: object, passphrase: str) -> TransactionEnvelope | None:
    """The transaction that people signed; of a fee bump the inner one."""
    if not isinstance(xdr, str) or len(xdr) > 2 * MOST_BYTES:
        return None
    try:
        found = parse_transaction_envelope_from_xdr(xdr, passphrase)
    except Exception:  # the library raises whatever the bytes lead it to
        return None
    return found.transaction.inner_transaction_envelope if isinstance(found, FeeBumpTransactionEnvelope) else found


def _source(operation: Operation, own: str) -> str:
    return own if operation.source is None else operation.source.account_id


def _is_config(operation: Operation) -> bool:
    return isinstance(operation, SetOptions) and any(getattr(operation, name) is not None for name in _OF_SIGNERS)


def _holds(pair: Keypair, digest: bytes, signature: bytes) -> bool:
    try:
        pair.verify(digest, signature)
    except BadSignatureError:
        return False
    return True
