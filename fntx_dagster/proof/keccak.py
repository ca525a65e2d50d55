"""Keccak-256 as Ethereum uses it, which is not the SHA3-256 of `hashlib` (other padding).

pycryptodome, because it has wheels for every platform: 3 µs a hash, 0.6 ms a record of 64 slots. safe-pysha3 is four
times faster and has to be compiled where it has no wheel.
"""

from __future__ import annotations

from Crypto.Hash import keccak


def keccak256(data: bytes) -> bytes:
    """The 32-byte digest of `data`."""
    return keccak.new(data=data, digest_bits=256).digest()
