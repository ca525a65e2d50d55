"""The two schemes: what people sign with public tools verifies, and nothing else does."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from xrpl.core import keypairs

from fntx_dagster.governance.signatures import ED25519, SECP256K1, is_public_key, verifies
from tests.governance.keys import KEYS, signed

N = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141
MESSAGE = b"FNTX-GOVERNANCE-V1\n{}"
BOTH = pytest.mark.parametrize("signer", ["treasury", "compliance"])


def der(r: int, s: int) -> bytes:
    """Two whole numbers as DER."""

    def number(value: int) -> bytes:
        digits = value.to_bytes(value.bit_length() // 8 + 1, "big")
        return b"\x02" + bytes([len(digits)]) + digits

    body = number(r) + number(s)
    return b"\x30" + bytes([len(body)]) + body


def parts(signature: bytes) -> tuple[int, int]:
    """r and s of a signature in DER."""
    end = 4 + signature[3]
    return int.from_bytes(signature[4:end], "big"), int.from_bytes(signature[end + 2 :], "big")


@BOTH
@given(message=st.binary(max_size=200))
def test_a_signature_by_public_tools_verifies(signer: str, message: bytes) -> None:
    key = KEYS[signer]
    assert verifies(key.scheme, key.public, message, signed(signer, message))


@BOTH
@given(data=st.data())
def test_a_changed_byte_of_message_key_or_signature_does_not_verify(signer: str, data: st.DataObject) -> None:
    key = KEYS[signer]
    parts = [MESSAGE, key.public, signed(signer, MESSAGE)]
    which = data.draw(st.integers(0, 2))
    place = data.draw(st.integers(0, len(parts[which]) - 1))
    flipped = parts[which][place] ^ data.draw(st.integers(1, 255))
    parts[which] = parts[which][:place] + bytes([flipped]) + parts[which][place + 1 :]
    message, public, signature = parts
    assert not verifies(key.scheme, public, message, signature)


@BOTH
@given(signature=st.binary(max_size=80))
def test_what_is_no_signature_does_not_verify(signer: str, signature: bytes) -> None:
    key = KEYS[signer]
    assert not verifies(key.scheme, key.public, MESSAGE, signature)


@BOTH
def test_a_signature_verifies_under_its_own_scheme_alone(signer: str) -> None:
    key = KEYS[signer]
    for scheme in {ED25519, SECP256K1, "rsa", ""} - {key.scheme}:
        assert not verifies(scheme, key.public, MESSAGE, signed(signer, MESSAGE))
        assert not is_public_key(scheme, key.public)
    assert is_public_key(key.scheme, key.public)


def test_the_high_s_is_refused_which_xrpl_py_accepts() -> None:
    key, signature = KEYS["compliance"], signed("compliance", MESSAGE)
    r, s = parts(signature)
    assert der(r, s) == signature
    high = der(r, N - s)
    assert keypairs.is_valid_message(MESSAGE, high, key.public.hex().upper())
    assert not verifies(key.scheme, key.public, MESSAGE, high)


def test_every_other_way_to_write_the_same_numbers_is_refused() -> None:
    key, signature = KEYS["compliance"], signed("compliance", MESSAGE)
    r, s = parts(signature)
    end = 4 + signature[3]
    first, second = signature[4:end], signature[end + 2 :]

    def written(first: bytes, second: bytes) -> bytes:
        body = b"\x02" + bytes([len(first)]) + first + b"\x02" + bytes([len(second)]) + second
        return b"\x30" + bytes([len(body)]) + body

    assert written(first, second) == signature
    others = [
        written(b"\0" + first, second),
        written(first, b"\0" + second),
        signature + b"\0",
        b"\x30\x81" + signature[1:],
        b"\x31" + signature[1:],
        der(r + N, s),
        der(0, s),
        der(r, 0),
        written(b"", second),
        r.to_bytes(32, "big") + s.to_bytes(32, "big"),
    ]
    assert [verifies(key.scheme, key.public, MESSAGE, other) for other in others] == [False] * len(others)


def test_keys_that_anybody_can_sign_for_are_no_keys() -> None:
    """Under the neutral element, the signature R = the neutral element, s = 0 verifies for some messages."""
    p = 2**255 - 19
    for y in (0, 1, p - 1, p, p + 1, 0x7A03AC9277FDC74EC6CC392CFA53202A0F67100D760B3CBA4FD83D3D706A17C7):
        for sign in (0, 1 << 255):
            weak = b"\xed" + ((y | sign) % 2**256).to_bytes(32, "little")
            assert not is_public_key(ED25519, weak)
            assert not verifies(ED25519, weak, MESSAGE, (1).to_bytes(32, "little") + bytes(32))


@pytest.mark.parametrize("key", [b"", b"\x02" + bytes(32), b"\x04" + bytes(64), b"\x02" + b"\xff" * 32, b"\xee" * 33])
def test_what_is_no_point_of_the_curve_is_no_key(key: bytes) -> None:
    assert not is_public_key(SECP256K1, key)
    assert not verifies(SECP256K1, key, MESSAGE, signed("compliance", MESSAGE))
