"""The key that signs anchors of the audit log on the XRP Ledger, and nothing else: it takes a transaction that pays one
drop with the memo of a checkpoint, and refuses any other."""

from __future__ import annotations

from xrpl import CryptoAlgorithm
from xrpl.core import addresscodec, keypairs

from fntx_dagster.adapters.xrpl.codec import signing_bytes
from fntx_dagster.adapters.xrpl.combining import unsigned_transaction
from fntx_dagster.audit.anchor import MEMO_FORMAT, MEMO_TYPE
from fntx_dagster.errors import Permanent
from fntx_dagster.intents.refusal import TransactionRefused

ALGORITHMS = {"ed25519": CryptoAlgorithm.ED25519, "secp256k1": CryptoAlgorithm.SECP256K1}
_FIELDS = frozenset(
    {"TransactionType", "Flags", "Account", "Destination", "Amount", "Memos", "Fee", "SigningPubKey", "NetworkID"}
) | {"Sequence", "TicketSequence", "LastLedgerSequence"}


class XrplAnchorKey:
    """A key in this process. Shows its address and nothing else."""

    def __init__(self, seed: str, algorithm: str) -> None:
        """From a seed, `s…`. Permanent where it is none of that algorithm; the error does not quote it."""
        try:
            _, kind = addresscodec.decode_seed(seed)
            self.public_key, self._private = keypairs.derive_keypair(seed)
        except Exception:  # whatever the library raises may quote the seed
            raise Permanent("xrpl.seed is no seed of the XRP Ledger", "It begins with s; correct it") from None
        if kind is not ALGORITHMS[algorithm]:
            raise Permanent(f"xrpl.seed is no seed of {algorithm}", "Name the algorithm that it was made for")
        self.address = keypairs.derive_classic_address(self.public_key)

    def __repr__(self) -> str:
        return f"XrplAnchorKey({self.address})"

    def sign(self, unsigned_blob: str, content: bytes) -> dict[str, str]:
        """The signature of an anchor that holds `content`, as signers return one. TransactionRefused for bytes that are
        anything else."""
        tx = unsigned_transaction(unsigned_blob)
        memo = {
            "MemoType": MEMO_TYPE.encode("ascii").hex().upper(),
            "MemoData": content.hex().upper(),
            "MemoFormat": MEMO_FORMAT.encode("ascii").hex().upper(),
        }
        expected = {"TransactionType": "Payment", "Flags": 0, "Amount": "1", "Memos": [{"Memo": memo}]}
        if not {*tx} <= _FIELDS or any(tx.get(name) != value for name, value in expected.items()):
            raise TransactionRefused("not_an_anchor", "the bytes are not the checkpoint's anchor: nothing is signed")
        signature = keypairs.sign(signing_bytes(tx, self.public_key), self._private)
        return {"account": self.address, "public_key": self.public_key, "signature": signature}


def new_seed() -> str:
    """A new seed for an Ed25519 key."""
    return keypairs.generate_seed(algorithm=CryptoAlgorithm.ED25519)
