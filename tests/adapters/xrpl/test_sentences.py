"""What signers read of a transaction of the XRP Ledger: made of its bytes, complete, harmless."""

from __future__ import annotations

import json
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fntx_dagster.adapters.xrpl.building import build
from fntx_dagster.adapters.xrpl.codec import decoded, encoded
from fntx_dagster.adapters.xrpl.sentences import sentences
from fntx_dagster.foreign import cleaned
from fntx_dagster.intents.refusal import TransactionRefused
from tests.adapters.xrpl.test_building import BOND, CAP, HOLDER, ISSUER, TREASURY, spec

VECTORS = Path(__file__).parent / "vectors"
UNSIGNED = build(
    spec("payment", account=ISSUER, destination=HOLDER, amount=BOND | {"value": "1000"}), CAP
).unsigned_blob


def with_fields(**fields: Any) -> list[str]:
    return sentences(encoded(decoded(UNSIGNED) | fields))


def leaves(value: Any) -> list[str]:
    """Every address and every text of hex in a transaction."""
    if isinstance(value, dict):
        return [each for inner in value.values() for each in leaves(inner)]
    if isinstance(value, list):
        return [each for inner in value for each in leaves(inner)]
    return [value] if isinstance(value, str) and len(value) > 24 else []


def test_a_payment_is_told_in_a_sentence() -> None:
    assert sentences(UNSIGNED) == [
        f"Pays 1,000 OPTKAS.BOND (issued by {ISSUER}) from {ISSUER} to {HOLDER}, newly issued.",
        "Costs 30 drops.",
        "Uses sequence 7.",
        "Cannot be applied after ledger 95,000,000.",
    ]


def test_every_operation_is_explained_and_every_address_and_secret_of_it_is_shown() -> None:
    for case in json.loads((VECTORS / "transactions.json").read_text(encoding="utf-8"))["cases"]:
        text = " ".join(sentences(case["unsigned_blob"]))
        assert "not explained" not in text, case["id"]
        assert "Also has" not in text, case["id"]
        tx = case["tx_json"]
        shown = [each for each in leaves({k: v for k, v in tx.items() if k != "Memos"}) if not each.startswith("4F50")]
        assert [each for each in shown if each not in text] == [], case["id"]


def test_what_is_dangerous_is_said() -> None:
    assert "a partial payment: less may arrive" in with_fields(Flags=0x20000)[0]
    assert "canonical signatures" in with_fields(Flags=0x80000000)[0]
    assert "unknown flags 0x1000000" in with_fields(Flags=0x1000000)[0]
    assert "Never expires." in sentences(
        encoded({name: value for name, value in decoded(UNSIGNED).items() if name != "LastLedgerSequence"})
    )
    assert "Spends at most 5 XRP." in with_fields(SendMax="5000000")
    frozen = build(spec("trustline.freeze", account=ISSUER, currency="USD", holder=HOLDER), CAP)
    assert sentences(frozen.unsigned_blob)[0] == f"{ISSUER} freezes the USD of {HOLDER}."
    back = build(spec("payment", destination=ISSUER, amount=BOND | {"value": "1"}), CAP)
    assert "back to its issuer" in sentences(back.unsigned_blob)[0]


def test_a_field_and_a_kind_that_nobody_explains_are_named() -> None:
    assert "Also has the field SourceTag: 9." in with_fields(SourceTag=9)
    assert any(said.startswith("Also has the field Paths: ") for said in with_fields(Paths=[[{"account": TREASURY}]]))
    whole = {
        "TransactionType": "AccountDelete",
        "Account": ISSUER,
        "Destination": HOLDER,
        "Fee": "200000",
        "Sequence": 1,
    }
    said = sentences(encoded(whole))
    assert said[0] == f"Is a AccountDelete of {ISSUER}, not explained here."
    assert f'Also has the field Destination: "{HOLDER}".' in said


@pytest.mark.parametrize(
    ("currency", "shown"),
    [
        ("58525000" + "00" * 16, "currency 58525000"),  # looks like XRP
        ("4F50544B41532E424F4E4420" + "00" * 8, "currency 4F50544B"),  # a blank behind the code
        ("E2808E55534400" + "00" * 13, "currency E2808E55"),  # an invisible sign in front of USD
    ],
)
def test_a_currency_that_looks_like_another_is_shown_as_its_bytes(currency: str, shown: str) -> None:
    said = with_fields(Amount={"currency": currency, "issuer": ISSUER, "value": "1"})[0]
    assert shown in said


@given(st.text(min_size=1, max_size=100).map(lambda text: text.encode("utf-8", "replace")))
def test_no_memo_steers_a_terminal_or_begins_a_sentence_of_its_own(content: bytes) -> None:
    said = with_fields(Memos=[{"Memo": {"MemoData": content.hex().upper()}}])
    assert len(said) == 5
    assert all(cleaned(sentence) == sentence for sentence in said)


@given(st.data())
def test_whatever_bits_are_changed_there_are_sentences_or_a_refusal(data: st.DataObject) -> None:
    cases = json.loads((VECTORS / "transactions.json").read_text(encoding="utf-8"))["cases"]
    content = bytearray.fromhex(data.draw(st.sampled_from([case["signed_blob"] for case in cases])))
    for at in data.draw(st.lists(st.integers(0, len(content) - 1), min_size=1, max_size=3)):
        content[at] ^= 1 << data.draw(st.integers(0, 7))
    with suppress(TransactionRefused):
        assert sentences(content.hex())


@given(st.data())
def test_two_different_transactions_never_read_the_same(data: st.DataObject) -> None:
    """A signer who reads the sentences has read everything that the bytes do."""
    content = bytearray.fromhex(UNSIGNED)
    content[data.draw(st.integers(0, len(content) - 1))] ^= 1 << data.draw(st.integers(0, 7))
    with suppress(TransactionRefused):
        assert sentences(content.hex()) != sentences(UNSIGNED)
