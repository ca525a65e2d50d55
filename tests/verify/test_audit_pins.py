"""The constants of AuditAnchor in audit.py, in the page and in the package, which `tests.verify.pins` writes."""

from __future__ import annotations

from hashlib import sha256

from fntx_dagster.adapters.evm.artifacts import AUDIT_ANCHOR_CODES, artifact
from fntx_dagster.proof.keccak import keccak256
from tests.verify import pins
from tests.verify.pins import AUDIT, audit_with_pins
from verify import audit as script


def test_its_constants_are_those_of_the_contract():
    text = AUDIT.read_text(encoding="utf-8")
    assert audit_with_pins(text) == text, "run python -m tests.verify.pins"
    assert script.CODES == AUDIT_ANCHOR_CODES
    assert f"0x{keccak256(b'Anchored(address,bytes32,uint64,bytes32)').hex()}" == script.ANCHORED
    assert f"0x{keccak256(b'headOf(address,bytes32)')[:4].hex()}" == script.HEAD_OF


def test_a_code_that_is_compiled_anew_is_added_and_a_constant_that_was_edited_is_put_right(monkeypatch):
    text, page = AUDIT.read_text(encoding="utf-8"), pins.PAGE.read_text(encoding="utf-8")
    for name in (script.ANCHORED, script.HEAD_OF):
        assert audit_with_pins(text.replace(name, "0x12")) == text
        assert pins.page_with_pins(page.replace(name, "0x12")) == page
    assert pins.page_with_pins(page.replace(next(iter(script.CODES)), "12")) == page
    first = artifact("AuditAnchor")
    monkeypatch.setattr(pins, "artifact", lambda name: first | {"deployedBytecode": "0x6001"})
    later = sha256(bytes.fromhex("6001")).hexdigest()
    codes = {**AUDIT_ANCHOR_CODES, later: 2}
    assert pins.anchor_codes() == codes
    assert f'"{later}": 2,' in audit_with_pins(text)
    assert f'"{later}": 2,' in pins.package_with_pins(pins.PACKAGE.read_text(encoding="utf-8"))
    assert f'new Set(["{next(iter(AUDIT_ANCHOR_CODES))}", "{later}"])' in pins.page_with_pins(page)
