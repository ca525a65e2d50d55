"""Signatures into a signed transaction of Stellar: the published hashes, exactly enough signatures, every attack."""

from __future__ import annotations

import base64
import hashlib
import json
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from stellar_sdk import Keypair, TransactionBuilder, TransactionEnvelope
from stellar_sdk.decorated_signature import DecoratedSignature

from fntx_dagster.adapters.stellar.building import build
from fntx_dagster.adapters.stellar.codec import envelope_of
from fntx_dagster.adapters.stellar.combining import SignedStellar, combine
from fntx_dagster.intents.fields import SpecFields
from fntx_dagster.intents.refusal import TransactionRefused
from tests.adapters.stellar.test_building import HOLDER, PAY, TESTNET, USD, op, spec
from tests.calculated import answers

VECTORS = Path(__file__).parent / "vectors"
PUBLIC = "Public Global Stellar Network ; September 2015"
Part = dict[str, str]

UNSIGNED = build(spec(PAY)).unsigned_xdr
OTHER = build(spec(op("payment", destination=HOLDER, asset=USD, amount="2"))).unsigned_xdr


@cache
def keypair(number: int) -> Keypair:
    """Keys of public numbers: never fund them."""
    return Keypair.from_raw_ed25519_seed(hashlib.sha256(f"signer {number}".encode()).digest())


def key(number: int) -> str:
    return keypair(number).public_key


def part(number: int, xdr: str = UNSIGNED, passphrase: str = TESTNET) -> Part:
    digest = envelope_of(xdr, passphrase).hash()
    return {"public_key": key(number), "signature": base64.b64encode(keypair(number).sign(digest)).decode()}


def signed_xdr(*numbers: int, xdr: str = UNSIGNED) -> Part:
    """What a signer's tool gives back."""
    envelope = envelope_of(xdr, TESTNET)
    for number in numbers:
        envelope.sign(keypair(number))
    return {"xdr": envelope.to_xdr()}


def combined(parts: list[Part], needed: int = 2, weights: dict[int, int] | None = None) -> SignedStellar:
    signers = [
        {"key": key(number), "weight": weight} for number, weight in (weights or dict.fromkeys((1, 2, 3), 1)).items()
    ]
    case = {"unsigned_xdr": UNSIGNED, "passphrase": TESTNET, "threshold": {"needed": needed, "signers": signers}}
    return combine(SpecFields(case | {"parts": parts}))


def code_of(parts: list[Part], **how: Any) -> str:
    with pytest.raises(TransactionRefused) as refused:
        combined(parts, **how)
    return refused.value.code


def test_the_command_gives_the_published_answers() -> None:
    cases = json.loads((VECTORS / "combine.json").read_text(encoding="utf-8"))["cases"]
    for case, answer in zip(cases, answers("treasury", "combine", cases=cases), strict=True):
        assert {name: answer["result"][name] for name in case["expected"]} == case["expected"], case["id"]
        signed = TransactionEnvelope.from_xdr(answer["result"]["signed_xdr"], case["passphrase"])
        assert len(signed.signatures) == case["threshold"]["needed"]


def test_what_was_built_and_signed_in_the_vectors_is_combined_to_the_same_signatures() -> None:
    for case in json.loads((VECTORS / "transactions.json").read_text(encoding="utf-8"))["cases"]:
        signers = [{"key": each["public_key"], "weight": 1} for each in case["signatures"]]
        threshold = {"needed": len(signers), "signers": signers}
        asked = {"unsigned_xdr": case["unsigned_xdr"], "passphrase": case["spec"]["passphrase"]}
        made = combine(SpecFields(asked | {"threshold": threshold, "parts": case["signatures"]}))
        ours, theirs = (envelope_of(xdr, TESTNET) for xdr in (made.signed_xdr, case["signed_xdr"]))
        assert ours.transaction == theirs.transaction, case["id"]
        assert sorted(map(repr, ours.signatures)) == sorted(map(repr, theirs.signatures)), case["id"]


@given(st.permutations([1, 2, 3]), st.lists(st.booleans(), min_size=3, max_size=3), st.integers(1, 3))
@settings(deadline=None)
def test_neither_order_nor_form_of_parts_changes_a_byte_and_exactly_enough_are_in_it(
    order: list[int], as_xdr: list[bool], needed: int
) -> None:
    parts = [signed_xdr(number) if whole else part(number) for number, whole in zip(order, as_xdr, strict=True)]
    made = combined(parts, needed)
    assert made == combined([part(1), part(2), part(3)], needed)
    assert made.signed_by == sorted(map(key, (1, 2, 3)))[:needed]
    assert len(envelope_of(made.signed_xdr, TESTNET).signatures) == needed


@given(st.dictionaries(st.integers(1, 6), st.integers(1, 255), min_size=1), st.integers(1, 255))
@settings(deadline=None)
def test_a_ledger_that_counts_in_the_order_of_the_envelope_uses_every_signature(
    weights: dict[int, int], needed: int
) -> None:
    parts = [part(number) for number in weights]
    if sum(weights.values()) < needed:
        assert code_of(parts, needed=needed, weights=weights) == "below_quorum"
        return
    made = combined(parts, needed, weights)
    by_key = {key(number): weight for number, weight in weights.items()}
    assert sum(by_key[name] for name in made.signed_by) >= needed
    assert sum(by_key[name] for name in made.signed_by[:-1]) < needed


@given(st.data())
@settings(deadline=None, max_examples=150)
def test_every_changed_bit_of_a_part_is_refused(data: st.DataObject) -> None:
    number = data.draw(st.sampled_from([1, 2, 3]))
    name, text = data.draw(st.sampled_from([("signature", part(number)["signature"]), *signed_xdr(number).items()]))
    content = bytearray(base64.b64decode(text))
    content[data.draw(st.integers(0, len(content) - 1))] ^= 1 << data.draw(st.integers(0, 7))
    changed = base64.b64encode(content).decode()
    wrong = {"xdr": changed} if name == "xdr" else part(number) | {name: changed}
    rest = [part(other) for other in (1, 2, 3) if other != number]
    with pytest.raises(TransactionRefused):
        combined([wrong, *rest])


def test_signatures_of_something_else_are_refused() -> None:
    assert code_of([part(1, OTHER), part(2)]) == "bad_signature"
    assert code_of([signed_xdr(1, xdr=OTHER), part(2)]) == "other_transaction"
    assert code_of([part(1, passphrase=PUBLIC), part(2)]) == "bad_signature"
    assert code_of([part(1) | {"public_key": key(2)}]) == "bad_signature"


def test_a_fee_bump_around_the_transaction_is_another_transaction() -> None:
    inner = envelope_of(UNSIGNED, TESTNET)
    inner.sign(keypair(1))
    outer = TransactionBuilder.build_fee_bump_transaction(keypair(2), 200, inner, TESTNET)
    outer.sign(keypair(2))
    assert code_of([{"xdr": outer.to_xdr()}]) == "other_transaction"


def test_strangers_the_removed_and_the_repeated_are_refused() -> None:
    assert code_of([part(4), part(1), part(2)]) == "unknown_signer"
    assert code_of([signed_xdr(4)]) == "unknown_signer"
    assert code_of([part(1), part(2)], weights={2: 1, 3: 1}) == "unknown_signer"
    assert code_of([part(1), part(2)], weights={1: 0, 2: 1, 3: 1}) == "unknown_signer"
    assert code_of([part(1), part(1)]) == "duplicate_signer"
    assert code_of([part(1), signed_xdr(1)]) == "duplicate_signer"
    assert code_of([signed_xdr(1, 2), part(2)]) == "duplicate_signer"


def test_a_signature_under_the_hint_of_another_signer_is_refused() -> None:
    envelope = envelope_of(UNSIGNED, TESTNET)
    forged = keypair(4).sign(envelope.hash())
    envelope.signatures = [DecoratedSignature(keypair(1).signature_hint(), forged)]
    assert code_of([{"xdr": envelope.to_xdr()}]) == "bad_signature"


def test_the_first_wrong_part_decides_and_of_one_part_the_first_reason() -> None:
    assert code_of([signed_xdr(4, xdr=OTHER)]) == "other_transaction"
    assert code_of([part(4) | {"signature": "AA=="}]) == "unknown_signer"
    assert code_of([part(1), part(1) | {"signature": "AA=="}]) == "duplicate_signer"
    assert code_of([part(1) | {"signature": "AA=="}, signed_xdr(1, xdr=OTHER)]) == "bad_signature"
    assert code_of([part(1)]) == code_of([]) == "below_quorum"


@pytest.mark.parametrize(
    ("wrong", "code"),
    [
        ({"signature": ""}, "bad_signature"),
        ({"signature": "!"}, "bad_signature"),
        ({"signature": "A" * 4_000_000}, "bad_signature"),
        ({"public_key": "G" * 1_000_000}, "unknown_signer"),
        ({"signature": None}, "missing_field"),
        ({"note": "x"}, "unknown_field"),
        ({"xdr": ""}, "other_transaction"),
        ({"xdr": "ä"}, "other_transaction"),
        ({"xdr": "AAAA" * 1_000_000}, "other_transaction"),
        ({"xdr": UNSIGNED[:-4]}, "other_transaction"),
        ({"xdr": UNSIGNED}, "bad_signature"),
        ({"xdr": 5}, "malformed"),
    ],
)
def test_parts_that_are_none_are_refused(wrong: dict[str, Any], code: str) -> None:
    sent = {"xdr": wrong["xdr"]} if "xdr" in wrong else part(1) | wrong
    assert code_of([sent, part(2)]) == code


@pytest.mark.parametrize(
    "change",
    [
        {"unsigned_xdr": signed_xdr(1)["xdr"]},
        {"unsigned_xdr": UNSIGNED[:-4]},
        {"threshold": {"needed": 0, "signers": []}},
        {"threshold": {"needed": 256, "signers": []}},
        {"threshold": {"needed": 1, "signers": [{"key": key(1), "weight": 256}]}},
        {"passphrase": 5},
    ],
)
def test_a_case_that_nobody_gave_out_is_refused(change: dict[str, Any]) -> None:
    case = {"unsigned_xdr": UNSIGNED, "passphrase": TESTNET, "threshold": {"needed": 1, "signers": []}, "parts": []}
    with pytest.raises(TransactionRefused):
        combine(SpecFields(case | change))
