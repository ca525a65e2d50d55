"""Signatures of several signers made into one signed transaction of Stellar.

Exactly as many as the threshold needs: the ledger refuses a transaction that has one more.
"""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Iterator
from typing import Any, NamedTuple

from stellar_sdk import DecoratedSignature, StrKey, TransactionEnvelope

from fntx_dagster.adapters.stellar.codec import envelope_of, from_base64, is_address
from fntx_dagster.governance.signatures import ED25519, verifies
from fntx_dagster.intents.collecting import Collected, SignerList, other_transaction, read_signer_list
from fntx_dagster.intents.fields import SpecFields
from fntx_dagster.intents.refusal import TransactionRefused

_LIMITS = (255, 255, 21)  # twenty signers and the account's own key


class SignedStellar(NamedTuple):
    """What is sent. `signed_by` are the keys, sorted."""

    signed_xdr: str
    hash: str
    signed_by: list[str]


def unsigned_envelope(xdr: str, passphrase: str) -> TransactionEnvelope:
    """The envelope of bytes that nobody has signed."""
    envelope = envelope_of(xdr, passphrase)
    if envelope.signatures:
        raise TransactionRefused("malformed", "the XDR is signed already")
    return envelope


def combine(case: SpecFields) -> SignedStellar:
    """The signed transaction of `unsigned_xdr`, `passphrase`, `threshold` and `parts`; TransactionRefused for the first
    part that is wrong, and where they are too few."""
    envelope, collected = _collected(case)
    kept = collected.kept(str.encode)
    envelope.signatures = [DecoratedSignature(_raw(key)[-4:], signature) for key, signature in kept]
    return SignedStellar(envelope.to_xdr(), envelope.hash_hex(), [key for key, _ in kept])


def valid_parts(case: SpecFields) -> dict[str, dict[str, Any]]:
    """The signatures in the parts of such a case, each as a part of its own, by its signer's key; refused as `combine`
    refuses, but for too few."""
    _, collected = _collected(case)
    return {
        key: {"public_key": key, "signature": b64encode(signature).decode()}
        for key, signature in collected.valid.items()
    }


def _collected(case: SpecFields) -> tuple[TransactionEnvelope, Collected[bytes]]:
    envelope = unsigned_envelope(case.text("unsigned_xdr"), case.text("passphrase"))
    digest = envelope.hash()
    signers = read_signer_list(case.inner("threshold"), "needed", "key", _LIMITS)
    collected = Collected[bytes](signers)
    for part in case.inners("parts"):
        for key, signature in _claims(part, envelope, signers, digest):
            collected.add(
                part.named(""), key, signature, lambda key=key, signature=signature: _holds(key, digest, signature)
            )
    return envelope, collected


def _claims(
    part: SpecFields, envelope: TransactionEnvelope, signers: SignerList, digest: bytes
) -> Iterator[tuple[str, bytes]]:
    """Who a part says has signed: one key, or all those of an envelope whose body is this transaction's."""
    if not part.has("xdr"):
        key, signature = part.text("public_key"), from_base64(part.text("signature"))
        part.close()
        yield key, signature or b""
        return
    xdr = part.text("xdr")
    try:
        signed = envelope_of(xdr, envelope.network_passphrase)
    except TransactionRefused:
        raise other_transaction(part.named("xdr")) from None
    part.close()
    signatures, signed.signatures = signed.signatures, []
    if signed.to_xdr() != envelope.to_xdr():
        raise other_transaction(part.named("xdr"))
    if not signatures:
        raise TransactionRefused("bad_signature", f"{part.named('xdr')} holds no signature")
    for each in signatures:
        yield _signer_of(each, signers, digest), each.signature


def _signer_of(signature: DecoratedSignature, signers: SignerList, digest: bytes) -> str:
    """Whose signature this is: an envelope names a signer by the last four bytes of his key alone, so of several with
    the same the one for whom it holds."""
    hinted = [key for key in signers.weights if is_address(key) and _raw(key)[-4:] == signature.signature_hint]
    holding = [key for key in hinted if _holds(key, digest, signature.signature)]
    return next(iter(holding + hinted), f"…{signature.signature_hint.hex()}")


def _holds(key: str, digest: bytes, signature: bytes) -> bool:
    return is_address(key) and verifies(ED25519, b"\xed" + _raw(key), digest, signature)


def _raw(key: str) -> bytes:
    return StrKey.decode_ed25519_public_key(key)
