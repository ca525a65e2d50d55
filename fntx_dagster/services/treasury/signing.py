"""The file that signers get of a transaction, `fntx-signing/1`: the bytes, what they say, and what each signer signs.

The bytes are those of the intent that people approved, or there is no file. Everything else but the signers' names and
the rough end follows from the bytes; reading a file makes it anew and refuses one in which anything differs.
"""

from __future__ import annotations

import hashlib
from base64 import b64decode
from collections.abc import Mapping
from typing import Any, NamedTuple

from fntx_dagster.adapters.stellar import building as stellar
from fntx_dagster.adapters.stellar import sentences as stellar_sentences
from fntx_dagster.adapters.stellar.codec import is_address
from fntx_dagster.adapters.stellar.combining import unsigned_envelope
from fntx_dagster.adapters.xrpl import building as xrpl
from fntx_dagster.adapters.xrpl import sentences as xrpl_sentences
from fntx_dagster.adapters.xrpl.codec import account_id, multisigning_bytes
from fntx_dagster.adapters.xrpl.combining import unsigned_transaction
from fntx_dagster.audit.canonical import read_strictly
from fntx_dagster.errors import Permanent
from fntx_dagster.governance.decisions import payload_hash
from fntx_dagster.intents.fields import SpecFields, shown
from fntx_dagster.intents.preparing import prepared
from fntx_dagster.intents.refusal import TransactionRefused
from fntx_dagster.intents.wording import moment

FORMAT = "fntx-signing/1"
SINGLE = "single"
"""How a transaction of the XRP Ledger is signed by the key of its account alone, not by the signers of a list."""
MOST_BYTES = 1_000_000
_NO_CAP = 10**9  # what the signers are to pay is in the bytes, and was judged when they were made


class NamedSigner(NamedTuple):
    """Who is asked to sign: the name that the treasury calls him by, and his account or key on the ledger."""

    id: str
    address: str


def xrpl_file(
    network_id: int,
    unsigned_blob: str,
    signers: list[NamedSigner],
    payload: Mapping[str, Any],
    ends_about: str,
    *,
    single: bool = False,
) -> dict[str, Any]:
    """The file of a transaction of the XRP Ledger. `ends_about`: the time by which its last ledger is expected, in
    words. `single`: one key signs alone, and the file says so; what it signs has the key in it, which its tool adds."""
    tx = unsigned_transaction(unsigned_blob)
    fills = {"base_fee": 1, "signers": 0, "sequence": 1, "last_ledger_sequence": 1}
    intended = xrpl.build(prepared(payload, fills), _NO_CAP).unsigned_blob
    _require_intent(payload["network_id"] == network_id, xrpl.decided(intended) == xrpl.decided(unsigned_blob))
    for signer in signers:
        if account_id(signer.address) is None:
            raise TransactionRefused("bad_account", f"{shown(signer.address)} is no classic address")
    return {
        "format": FORMAT,
        "ledger": "xrpl",
        **({"signing": SINGLE} if single else {}),
        "network_id": network_id,
        "unsigned_blob": unsigned_blob,
        "sha256": hashlib.sha256(bytes.fromhex(unsigned_blob)).hexdigest(),
        "tx_json": tx,
        "sentences": xrpl_sentences.sentences(unsigned_blob),
        "fee": tx.get("Fee"),
        "last_ledger_sequence": tx.get("LastLedgerSequence"),
        "ends_about": ends_about,
        "signers": [
            {"id": signer.id, "account": signer.address}
            | ({} if single else {"payload": multisigning_bytes(tx, signer.address).hex().upper()})
            for signer in signers
        ],
        "intent": dict(payload),
        "intent_hash": payload_hash(payload),
    }


def stellar_file(
    passphrase: str, unsigned_xdr: str, signers: list[NamedSigner], payload: Mapping[str, Any]
) -> dict[str, Any]:
    """The file of a transaction of Stellar."""
    envelope = unsigned_envelope(unsigned_xdr, passphrase)
    fills = {"base_fee": 100, "sequence": 0, "time_bounds": {"min": 0, "max": 1}}
    intended = stellar.decided(stellar.build(prepared(payload, fills)).unsigned_xdr, passphrase)
    _require_intent(payload["network_id"] == passphrase, intended == stellar.decided(unsigned_xdr, passphrase))
    for signer in signers:
        if not is_address(signer.address):
            raise TransactionRefused("bad_account", f"{shown(signer.address)} is no address G…")
    conditions = envelope.transaction.preconditions
    bounds = conditions.time_bounds if conditions else None
    digest = envelope.hash_hex()
    return {
        "format": FORMAT,
        "ledger": "stellar",
        "network_id": passphrase,
        "unsigned_xdr": unsigned_xdr,
        "sha256": hashlib.sha256(b64decode(unsigned_xdr)).hexdigest(),
        "hash": digest,
        "sentences": stellar_sentences.sentences(unsigned_xdr, passphrase),
        "fee": str(envelope.transaction.fee),
        "time_bounds": {"min": bounds.min_time, "max": bounds.max_time} if bounds else None,
        "ends_about": moment(bounds.max_time) if bounds and bounds.max_time else "never",
        "signers": [{"id": signer.id, "public_key": signer.address, "payload": digest} for signer in signers],
        "intent": dict(payload),
        "intent_hash": payload_hash(payload),
    }


def _require_intent(*holds: bool) -> None:
    if not all(holds):
        raise TransactionRefused("other_intent", "the bytes are not those of the intent: do not sign them")


def read_signing_file(content: bytes) -> dict[str, Any]:
    """The file of these bytes of JSON. TransactionRefused for another format, and for one of which any part is not what
    its bytes say: a sentence, a hash, what a signer is asked to sign."""
    if len(content) > MOST_BYTES:
        raise TransactionRefused("malformed", f"a file for signers has at most {MOST_BYTES} bytes")
    try:
        fields = SpecFields(document := read_strictly(content, "any"))
    except TransactionRefused:
        raise
    except Permanent as error:
        raise TransactionRefused("malformed", error.message) from None
    fields.one_of("format", [FORMAT])
    again = _made_again(fields, fields.one_of("ledger", ["xrpl", "stellar"]))
    for name in [*again, *document]:
        if again.get(name) != document.get(name) or name not in document or name not in again:
            raise TransactionRefused("altered", f"{shown(name)} of the file is not what its bytes say")
    return document


def _made_again(fields: SpecFields, ledger: str) -> dict[str, Any]:
    payload = fields.raw("intent")
    if not isinstance(payload, dict):
        raise TransactionRefused("malformed", "intent is not an object")
    key = "account" if ledger == "xrpl" else "public_key"
    signers = [NamedSigner(each.text("id"), each.text(key)) for each in fields.inners("signers")]
    if ledger == "stellar":
        return stellar_file(fields.text("network_id"), fields.text("unsigned_xdr"), signers, payload)
    network, ends = fields.whole("network_id", 0, 2**32 - 1), fields.text("ends_about")
    single = fields.has("signing") and fields.one_of("signing", [SINGLE]) == SINGLE
    return xrpl_file(network, fields.text("unsigned_blob"), signers, payload, ends, single=single)
