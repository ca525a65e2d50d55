"""Bytes that are no event, sealed as events are."""

from __future__ import annotations

import pytest

from fntx_dagster.audit.sealing import seal_secret, unsealed_secret
from fntx_dagster.errors import Permanent

KEY, NONCE, SECRET = bytes(range(32)), bytes(12), b"32 bytes that nobody has to know"


def test_what_is_sealed_opens_with_its_key_at_its_place_alone() -> None:
    content = seal_secret(SECRET, KEY, NONCE, "escrow|1")
    assert SECRET not in content
    assert unsealed_secret(content, KEY, NONCE, "escrow|1") == SECRET
    others = (
        (content, bytes(32), NONCE, "escrow|1"),
        (content, KEY, b"1" * 12, "escrow|1"),
        (content, KEY, NONCE, "escrow|2"),
        (bytes([content[0] ^ 1]) + content[1:], KEY, NONCE, "escrow|1"),
    )
    for other in others:
        with pytest.raises(Permanent, match="does not open") as refused:
            unsealed_secret(*other)
        assert SECRET.decode() not in str(refused.value)
