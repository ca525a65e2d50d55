"""The two schemes that decisions are signed with, in the forms of the XRP Ledger: keys and signatures as bytes.

`ed25519`: RFC 8032 over the bytes; the key has 0xED in front. `secp256k1`: ECDSA over the first half of the SHA-512 of
the bytes; DER without a spare byte, and the lower of the two values of s, so that nobody can make a second signature
of a first. Only verifying is here: this program never sees a private key.
"""

from __future__ import annotations

import hashlib
from functools import lru_cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePublicKey
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

ED25519, SECP256K1 = SCHEMES = ("ed25519", "secp256k1")

_N = 0xFFFFFFFF_FFFFFFFF_FFFFFFFF_FFFFFFFE_BAAEDCE6_AF48A03B_BFD25E8C_D0364141
"""The order of secp256k1's group."""
_P = 2**255 - 19
_SMALL_ORDER = frozenset(
    {
        0,
        1,
        _P - 1,
        0x7A03AC9277FDC74EC6CC392CFA53202A0F67100D760B3CBA4FD83D3D706A17C7,
        0x05FC536D880238B13933C6D305ACDFD5F098EFF289F4C345B027B2C28F95E826,
    }
)
"""The y of the eight points of edwards25519 whose order divides 8: under such a key anybody can sign."""


def is_public_key(scheme: str, public_key: bytes) -> bool:
    """Whether these are the 33 bytes of a key of the scheme: a point of the curve, and none that anybody can sign
    for."""
    return _ed25519(public_key) is not None if scheme == ED25519 else _secp256k1(scheme, public_key) is not None


def verifies(scheme: str, public_key: bytes, message: bytes, signature: bytes) -> bool:
    """Whether a signature of a message is that of a key; False for whatever does not have its form."""
    from cryptography.exceptions import InvalidSignature

    try:
        if scheme == ED25519 and (key := _ed25519(public_key)) is not None and len(signature) == 64:
            key.verify(signature, message)
            return True
        if (key := _secp256k1(scheme, public_key)) is not None and _is_strict(signature):
            _verify_secp256k1(key, message, signature)
            return True
    except InvalidSignature:
        pass
    return False


@lru_cache(256)
def _ed25519(public_key: bytes) -> Ed25519PublicKey | None:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

    if len(public_key) != 33 or public_key[0] != 0xED:
        return None
    y = int.from_bytes(public_key[1:], "little") & (2**255 - 1)
    if y >= _P or y in _SMALL_ORDER:
        return None
    return Ed25519PublicKey.from_public_bytes(public_key[1:])


@lru_cache(256)
def _secp256k1(scheme: str, public_key: bytes) -> EllipticCurvePublicKey | None:
    from cryptography.hazmat.primitives.asymmetric.ec import SECP256K1 as Curve
    from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePublicKey

    if scheme != SECP256K1 or len(public_key) != 33 or public_key[0] not in (2, 3):
        return None
    try:
        return EllipticCurvePublicKey.from_encoded_point(Curve(), public_key)
    except ValueError:
        return None


def _verify_secp256k1(key: EllipticCurvePublicKey, message: bytes, signature: bytes) -> None:
    from cryptography.hazmat.primitives.asymmetric.ec import ECDSA
    from cryptography.hazmat.primitives.asymmetric.utils import Prehashed
    from cryptography.hazmat.primitives.hashes import SHA256

    digest = hashlib.sha512(message).digest()[:32]
    key.verify(signature, digest, ECDSA(Prehashed(SHA256())))  # of the prehash only the length counts


def _is_strict(signature: bytes) -> bool:
    """Whether this is DER of two positive whole numbers below the order, each as short as it can be, the second in the
    lower half."""
    if not 8 <= len(signature) <= 72 or signature[0] != 0x30 or signature[1] != len(signature) - 2:
        return False
    r, after = _number(signature, 2)
    s, end = _number(signature, after)
    return end == len(signature) and 0 < r < _N and 0 < s <= _N // 2


def _number(signature: bytes, at: int) -> tuple[int, int]:
    """A whole number of DER and where it ends; 0, which no signature has, where it is not written in the one way."""
    if len(signature) < at + 3 or signature[at] != 0x02:
        return 0, 0
    end = at + 2 + signature[at + 1]
    digits = signature[at + 2 : end]
    spare = len(digits) > 1 and digits[0] == 0 and digits[1] < 0x80
    if not digits or len(signature) < end or digits[0] >= 0x80 or spare:
        return 0, 0
    return int.from_bytes(digits, "big"), end
