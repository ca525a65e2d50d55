"""The key that signs anchors of the audit log on Stellar, and nothing else: it takes a transaction whose one operation
writes a checkpoint into the account's data, and refuses any other."""

from __future__ import annotations

from base64 import b64encode

from stellar_sdk import HashMemo, Keypair
from stellar_sdk.operation import ManageData

from fntx_dagster.adapters.stellar.combining import unsigned_envelope
from fntx_dagster.audit.anchor import DATA_NAME
from fntx_dagster.errors import Permanent
from fntx_dagster.intents.refusal import TransactionRefused


class StellarAnchorKey:
    """A key in this process. Shows its address and nothing else."""

    def __init__(self, seed: str) -> None:
        """From a secret seed, `S…`. Permanent where it is none; the error does not quote it."""
        try:
            self._key = Keypair.from_secret(seed)
        except Exception:  # whatever the library raises may quote the seed
            raise Permanent("stellar.seed is no secret seed of Stellar", "It begins with S; correct it") from None
        self.address = self._key.public_key

    def __repr__(self) -> str:
        return f"StellarAnchorKey({self.address})"

    def sign(self, unsigned_xdr: str, passphrase: str, content: bytes) -> dict[str, str]:
        """The signature of an anchor that holds `content`, as signers return one. TransactionRefused for bytes that are
        anything else."""
        envelope = unsigned_envelope(unsigned_xdr, passphrase)
        transaction = envelope.transaction
        operation = transaction.operations[0] if len(transaction.operations) == 1 else None
        holds = (
            isinstance(operation, ManageData)
            and operation.source is None
            and operation.data_name == DATA_NAME
            and operation.data_value == content
            and transaction.memo == HashMemo(content[:32])
            and transaction.soroban_data is None
        )
        if not holds:
            raise TransactionRefused("not_an_anchor", "the bytes are not the checkpoint's anchor: nothing is signed")
        signature = self._key.sign(envelope.hash())
        return {"public_key": self.address, "signature": b64encode(signature).decode()}


def new_seed() -> str:
    """A new secret seed."""
    return Keypair.random().secret
