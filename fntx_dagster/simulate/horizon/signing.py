"""Who signed a Stellar transaction, and whether that is enough, as stellar-core judges it.

Signatures are looked at in the envelope's order; as soon as the weight that is needed is there, the rest is left
alone; what no check used makes the transaction invalid.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache

from stellar_sdk import Keypair
from stellar_sdk.decorated_signature import DecoratedSignature
from stellar_sdk.exceptions import BadSignatureError


class SignatureCheck:
    """The signatures of one envelope over its hash, and which of them were used."""

    def __init__(self, digest: bytes, signatures: Sequence[DecoratedSignature]) -> None:
        self._digest = digest
        self._signatures = signatures
        self._used: set[int] = set()

    def weighs(self, weights: Mapping[str, int], needed: int) -> bool:
        """Whether signers of these weights signed with at least the weight `needed`, and at least one did."""
        left = dict(weights)
        weight = 0
        for index, signature in enumerate(self._signatures):
            for key in left:
                if signature.signature_hint == Keypair.from_public_key(key).signature_hint() and _verifies(
                    key, self._digest, signature.signature
                ):
                    self._used.add(index)
                    weight += min(left.pop(key), 255)
                    if weight >= needed:
                        return True
                    break
        return False

    def all_used(self) -> bool:
        """Whether every signature was needed."""
        return len(self._used) == len(self._signatures)


@lru_cache(4096)
def _verifies(key: str, digest: bytes, signature: bytes) -> bool:
    """A transaction is judged when it comes and when its ledger closes: the second time costs nothing."""
    try:
        Keypair.from_public_key(key).verify(digest, signature)
    except BadSignatureError:
        return False
    return True
