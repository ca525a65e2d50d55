"""Whether those who signed a transaction did: every signature over the transaction's real bytes, in canonical form."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

from xrpl.core import keypairs
from xrpl.core.binarycodec import encode_for_multisigning, encode_for_signing

from fntx_dagster.simulate.xrpl.entries import account_id

_ORDER = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141
_MOST_SIGNERS = 32


def signature_fault(tx: dict[str, Any]) -> str | None:
    """Why the signatures do not hold, whoever may sign: a code, None where each of them verifies."""
    signers = tx.get("Signers")
    if signers is None:
        if not tx["SigningPubKey"] or not _holds(tx["SigningPubKey"], tx.get("TxnSignature", ""), _payload(tx)):
            return "temBAD_SIGNATURE"
        return None
    if tx["SigningPubKey"] or "TxnSignature" in tx:
        return "temBAD_SIGNATURE"
    each = [entry["Signer"] for entry in signers]
    accounts = [account_id(signer["Account"]) for signer in each]
    if not 1 <= len(each) <= _MOST_SIGNERS or accounts != sorted({*accounts}):
        return "temBAD_SIGNATURE"  # too many, out of order, or one of them twice
    if account_id(tx["Account"]) in accounts:
        return "temBAD_SIGNATURE"
    for signer in each:
        payload = bytes.fromhex(encode_for_multisigning(tx, signer["Account"]))
        if not _holds(signer["SigningPubKey"], signer["TxnSignature"], payload):
            return "temBAD_SIGNATURE"
    return None


def key_account(public_key: str) -> str:
    """The account whose master key this is."""
    return keypairs.derive_classic_address(public_key)


def _payload(tx: dict[str, Any]) -> bytes:
    return bytes.fromhex(encode_for_signing(tx))


@lru_cache(4096)
def _holds(public_key: str, signature: str, payload: bytes) -> bool:
    """Whether a signature verifies and is in its one canonical form. The same bytes come again and again: a transaction
    is submitted twice, tried, and closed into a ledger."""
    content = bytes.fromhex(signature)
    if len(public_key) != 66 or public_key[:2] not in ("ED", "02", "03"):
        return False
    if public_key.startswith("ED"):
        if len(content) != 64:
            return False
    elif not _is_low_der(content):
        return False
    try:
        return bool(keypairs.is_valid_message(payload, content, public_key))
    except Exception:  # a point that is not on the curve raises errors of several kinds
        return False


def _is_low_der(content: bytes) -> bool:
    """Whether these are two numbers of DER as short as they can be, the second in the lower half of the order."""
    if not 8 <= len(content) <= 72 or content[0] != 0x30 or content[1] != len(content) - 2:
        return False
    at, numbers = 2, []
    for _ in range(2):
        if at + 2 > len(content) or content[at] != 0x02:
            return False
        number = content[at + 2 : at + 2 + content[at + 1]]
        if len(number) != content[at + 1] or not number or number[0] & 0x80:
            return False
        if number[0] == 0 and (len(number) == 1 or not number[1] & 0x80):
            return False
        numbers.append(int.from_bytes(number, "big"))
        at += 2 + len(number)
    r, s = numbers
    return at == len(content) and 0 < r < _ORDER and 0 < s <= _ORDER // 2
