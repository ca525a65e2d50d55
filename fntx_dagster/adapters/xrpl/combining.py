"""Signatures made into a signed transaction of the XRP Ledger: of several signers of a list, or of the one key that
signs for the account itself.

Every signature is verified here: the library combines without looking, takes the first signer of each blob alone, and
does not refuse a second form (the high s) of a valid signature.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, NamedTuple

from xrpl.core import keypairs

from fntx_dagster.adapters.xrpl.codec import (
    TxJson,
    account_id,
    decoded,
    encoded,
    multisigning_bytes,
    signing_bytes,
    transaction_hash,
)
from fntx_dagster.governance.signatures import ED25519, SECP256K1, verifies
from fntx_dagster.intents.collecting import Collected, other_transaction, read_signer_list
from fntx_dagster.intents.fields import SpecFields
from fntx_dagster.intents.refusal import TransactionRefused

_LIMITS = (2**32 - 1, 65_535, 32)
_KEY = "[0-9a-fA-F]{66}"


class SignedXrpl(NamedTuple):
    """What is sent. `weight` is that of the signatures in it, `signed_by` their accounts by account id."""

    signed_blob: str
    hash: str
    weight: int
    signed_by: list[str]


class _Claim(NamedTuple):
    account: str
    public_key: str
    signature: str


def unsigned_transaction(blob: str) -> TxJson:
    """The transaction of bytes that nobody has signed."""
    tx = decoded(blob)
    if tx.get("SigningPubKey") != "" or "TxnSignature" in tx or "Signers" in tx:
        raise TransactionRefused("malformed", "the blob is signed already, or names a key")
    return tx


def combine(case: SpecFields) -> SignedXrpl:
    """The signed transaction of `unsigned_blob`, `signer_list` and `parts`; TransactionRefused for the first part that
    is wrong, and where they are too few. With `signing` being `single`, the list is the account's master or regular
    key alone, by its address, and the signature is the transaction's own."""
    tx, collected = _collected(case)
    kept = collected.kept(lambda account: account_id(account) or b"")
    if _is_single(case):
        [(account, claim)] = kept
        blob = encoded(tx | {"SigningPubKey": claim.public_key, "TxnSignature": claim.signature})
        return SignedXrpl(blob, transaction_hash(blob), collected.weight_of(kept), [account])
    signers = [
        {"Signer": {"Account": account, "SigningPubKey": claim.public_key, "TxnSignature": claim.signature}}
        for account, claim in kept
    ]
    blob = encoded(tx | {"Signers": signers})
    return SignedXrpl(blob, transaction_hash(blob), collected.weight_of(kept), [account for account, _ in kept])


def valid_parts(case: SpecFields) -> dict[str, dict[str, Any]]:
    """The signatures in the parts of such a case, each as a part of its own, by its signer's account; refused as
    `combine` refuses, but for too few."""
    _, collected = _collected(case)
    return {account: claim._asdict() for account, claim in collected.valid.items()}


def _collected(case: SpecFields) -> tuple[TxJson, Collected[_Claim]]:
    tx, single = unsigned_transaction(case.text("unsigned_blob")), _is_single(case)
    signers = read_signer_list(case.inner("signer_list"), "quorum", "account", _LIMITS)
    if single and len(signers.weights) != 1:
        raise TransactionRefused("bad_signers", f"one key signs alone, and the list has {len(signers.weights)} signers")
    collected = Collected[_Claim](signers)
    for part in case.inners("parts"):
        for claim in _claims(part, tx, single=single):
            collected.add(part.named(""), claim.account, claim, lambda claim=claim: _holds(tx, claim, single=single))
    return tx, collected


def _is_single(case: SpecFields) -> bool:
    return case.has("signing") and case.one_of("signing", ["list", "single"]) == "single"


def _claims(part: SpecFields, tx: TxJson, *, single: bool) -> Iterator[_Claim]:
    """Who a part says has signed: one signer, or all those of a blob whose body is this transaction's."""
    if not part.has("blob"):
        claim = _Claim(part.text("account"), part.text("public_key"), part.text("signature"))
        part.close()
        yield claim
        return
    blob = part.text("blob")
    try:
        signed = decoded(blob)
    except TransactionRefused:
        raise other_transaction(part.named("blob")) from None
    part.close()
    signers = signed.pop("Signers", [])
    if single and not signers:
        signers = [{"Signer": _own_signature(signed)}]
    if encoded(signed) != encoded(tx):
        raise other_transaction(part.named("blob"))
    if not signers:
        raise TransactionRefused("bad_signature", f"{part.named('blob')} holds no signature")
    for entry in signers:
        signer = entry.get("Signer", {})
        yield _Claim(*(str(signer.get(name, "")) for name in ("Account", "SigningPubKey", "TxnSignature")))


def _own_signature(signed: TxJson) -> TxJson:
    """The signature of a transaction that one key signed, taken out of it; the address is that of the key."""
    key, signature = str(signed.get("SigningPubKey", "")), str(signed.pop("TxnSignature", ""))
    signed["SigningPubKey"] = ""
    address = keypairs.derive_classic_address(key) if re.fullmatch(_KEY, key) else ""
    return {"Account": address, "SigningPubKey": key, "TxnSignature": signature}


def _holds(tx: TxJson, claim: _Claim, *, single: bool) -> bool:
    """Whether a claim is true: the key is the account's own, and the signature the key's."""
    if not re.fullmatch(_KEY, claim.public_key):
        return False
    if not re.fullmatch("(?:[0-9a-fA-F]{2}){8,72}", claim.signature):
        return False
    if account_id(claim.account) is None or keypairs.derive_classic_address(claim.public_key) != claim.account:
        return False
    key = bytes.fromhex(claim.public_key)
    scheme = ED25519 if key[0] == 0xED else SECP256K1
    content = signing_bytes(tx, claim.public_key) if single else multisigning_bytes(tx, claim.account)
    return verifies(scheme, key, content, bytes.fromhex(claim.signature))
