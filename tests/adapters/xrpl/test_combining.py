"""Signatures into a signed transaction of the XRP Ledger: the published bytes, and every attack on them."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from xrpl import CryptoAlgorithm
from xrpl.core import binarycodec, keypairs
from xrpl.models import Transaction
from xrpl.transaction import sign
from xrpl.wallet import Wallet

from fntx_dagster.adapters.xrpl.building import build
from fntx_dagster.adapters.xrpl.codec import account_id, decoded, encoded, multisigning_bytes
from fntx_dagster.adapters.xrpl.combining import SignedXrpl, combine
from fntx_dagster.intents.fields import SpecFields
from fntx_dagster.intents.refusal import TransactionRefused
from tests.adapters.xrpl.test_building import CAP, HOLDER, spec
from tests.calculated import answers

VECTORS = Path(__file__).parent / "vectors"
ORDER = 0xFFFFFFFF_FFFFFFFF_FFFFFFFF_FFFFFFFE_BAAEDCE6_AF48A03B_BFD25E8C_D0364141
Part = dict[str, str]


class Signer(NamedTuple):
    account: str
    public_key: str
    private_key: str


@cache
def signer(number: int) -> Signer:
    """Keys of public numbers, of both kinds in turn, sorted nowhere: never fund them."""
    kind = CryptoAlgorithm.SECP256K1 if number % 2 else CryptoAlgorithm.ED25519
    public, private = keypairs.derive_keypair(keypairs.generate_seed(f"{number:032X}", kind))
    return Signer(keypairs.derive_classic_address(public), public, private)


UNSIGNED = build(spec("payment", destination=HOLDER, amount="25000000"), CAP).unsigned_blob
OTHER = build(spec("payment", destination=HOLDER, amount="25000001"), CAP).unsigned_blob


@cache
def signature(number: int, blob: str = UNSIGNED) -> str:
    by = signer(number)
    return keypairs.sign(multisigning_bytes(decoded(blob), by.account), by.private_key)


def part(number: int, blob: str = UNSIGNED) -> Part:
    by = signer(number)
    return {"account": by.account, "public_key": by.public_key, "signature": signature(number, blob)}


def signed_blob(*numbers: int, blob: str = UNSIGNED) -> Part:
    """What a signer's tool gives back: the transaction with the entries of its signers."""
    entries = [
        {"Account": each["account"], "SigningPubKey": each["public_key"], "TxnSignature": each["signature"]}
        for each in (part(number, blob) for number in numbers)
    ]
    return {"blob": encoded(decoded(blob) | {"Signers": [{"Signer": entry} for entry in entries]})}


def combined(parts: list[Part], quorum: int = 2, weights: dict[int, int] | None = None) -> SignedXrpl:
    signers = [
        {"account": signer(number).account, "weight": weight}
        for number, weight in (weights or dict.fromkeys((1, 2, 3), 1)).items()
    ]
    case: dict[str, Any] = {
        "unsigned_blob": UNSIGNED,
        "signer_list": {"quorum": quorum, "signers": signers},
        "parts": parts,
    }
    return combine(SpecFields(case))


def code_of(parts: list[Part], **how: Any) -> str:
    with pytest.raises(TransactionRefused) as refused:
        combined(parts, **how)
    return refused.value.code


def test_the_command_gives_the_published_answers() -> None:
    cases = json.loads((VECTORS / "combine.json").read_text(encoding="utf-8"))["cases"]
    for case, answer in zip(cases, answers("treasury", "combine", cases=cases), strict=True):
        said = answer["result"] if "result" in answer else {"error": answer["error"]["code"]}
        assert {name: said.get(name) for name in case["expected"]} == case["expected"], case["id"]


def test_what_was_built_and_signed_in_the_vectors_is_combined_to_their_bytes() -> None:
    for case in json.loads((VECTORS / "transactions.json").read_text(encoding="utf-8"))["cases"]:
        signers = [{"account": each["account"], "weight": 1} for each in case["signatures"]]
        parts = [{name: each[name] for name in ("account", "public_key", "signature")} for each in case["signatures"]]
        signer_list = {"quorum": len(parts), "signers": signers}
        made = combine(SpecFields({"unsigned_blob": case["unsigned_blob"], "signer_list": signer_list, "parts": parts}))
        assert (made.signed_blob, made.hash) == (case["signed_blob"], case["hash"]), case["id"]
        for each in case["signatures"]:
            assert multisigning_bytes(decoded(case["unsigned_blob"]), each["account"]).hex().upper() == each["payload"]


@given(st.permutations([1, 2, 3]), st.lists(st.booleans(), min_size=3, max_size=3))
@settings(deadline=None)
def test_neither_the_order_nor_the_form_of_parts_changes_a_byte(order: list[int], as_blobs: list[bool]) -> None:
    parts = [signed_blob(number) if as_blob else part(number) for number, as_blob in zip(order, as_blobs, strict=True)]
    assert combined(parts, quorum=3) == combined([part(1), part(2), part(3)], quorum=3)


def test_the_signers_stand_by_account_id_and_the_surplus_is_left_out() -> None:
    made = combined([part(3), part(2), part(1)])
    lowest = sorted((signer(number).account for number in (1, 2, 3)), key=lambda account: account_id(account) or b"")[
        :2
    ]
    assert made.signed_by == lowest
    assert [entry["Signer"]["Account"] for entry in decoded(made.signed_blob)["Signers"]] == lowest
    assert made.weight == 2


def test_weights_are_counted_and_not_heads() -> None:
    weights = {1: 1, 2: 3, 3: 1}
    assert combined([part(2)], quorum=3, weights=weights).weight == 3
    assert code_of([part(1), part(3)], quorum=3, weights=weights) == "below_quorum"


def test_a_blob_with_several_signers_counts_each_of_them() -> None:
    assert combined([signed_blob(2, 1)]).signed_by == combined([part(1), part(2)]).signed_by


@given(st.data())
@settings(deadline=None, max_examples=150)
def test_every_changed_bit_of_a_part_is_refused(data: st.DataObject) -> None:
    number = data.draw(st.sampled_from([1, 2, 3]))
    name, text = data.draw(st.sampled_from(sorted((part(number) | signed_blob(number)).items())))
    if name == "account":
        text = (account_id(text) or b"").hex()
    content = bytearray.fromhex(text)
    content[data.draw(st.integers(0, len(content) - 1))] ^= 1 << data.draw(st.integers(0, 7))
    changed = content.hex().upper()
    wrong = {"blob": changed} if name == "blob" else part(number) | {name: changed}
    rest = [part(other) for other in (1, 2, 3) if other != number]
    with pytest.raises(TransactionRefused):
        combined([wrong, *rest], quorum=2)


def high_s(text: str) -> str:
    """The second form of a signature of secp256k1, which its maths also accept: s becomes the order less s."""
    content = bytes.fromhex(text)
    r = content[4 : 4 + content[3]]
    s = ORDER - int.from_bytes(content[6 + content[3] :], "big")
    tail = s.to_bytes(33 if s >> 255 else 32, "big")
    body = b"\x02" + bytes([len(r)]) + r + b"\x02" + bytes([len(tail)]) + tail
    return (b"\x30" + bytes([len(body)]) + body).hex().upper()


def test_the_second_form_of_a_valid_signature_is_refused_though_the_library_takes_it() -> None:
    by, second = signer(1), high_s(signature(1))
    message = multisigning_bytes(decoded(UNSIGNED), by.account)
    assert keypairs.is_valid_message(message, bytes.fromhex(second), by.public_key)
    assert code_of([part(1) | {"signature": second}, part(2)]) == "bad_signature"


def test_signatures_of_something_else_are_refused() -> None:
    assert code_of([part(1, OTHER), part(2)]) == "bad_signature"
    assert code_of([signed_blob(1, blob=OTHER), part(2)]) == "other_transaction"
    single = keypairs.sign(bytes.fromhex(binarycodec.encode_for_signing(decoded(UNSIGNED))), signer(1).private_key)
    assert code_of([part(1) | {"signature": single}, part(2)]) == "bad_signature"  # the account's own, not a signer's
    assert code_of([part(1) | {"signature": signature(3)}, part(2)]) == "bad_signature"
    assert code_of([part(1) | {"public_key": signer(3).public_key, "signature": signature(3)}]) == "bad_signature"


def test_a_blob_that_its_tool_signed_as_the_account_itself_is_another_transaction() -> None:
    own = decoded(UNSIGNED) | {"SigningPubKey": signer(1).public_key, "TxnSignature": signature(1)}
    assert code_of([{"blob": encoded(own)}]) == "other_transaction"
    assert code_of([{"blob": UNSIGNED}]) == "bad_signature"


def test_strangers_the_removed_and_the_repeated_are_refused() -> None:
    assert code_of([part(4), part(1), part(2)]) == "unknown_signer"
    assert code_of([part(1), part(2)], weights={2: 1, 3: 1}) == "unknown_signer"
    assert code_of([part(1), part(2)], weights={1: 0, 2: 1, 3: 1}) == "unknown_signer"
    assert code_of([part(1), part(1)]) == "duplicate_signer"
    assert code_of([part(1), signed_blob(1)]) == "duplicate_signer"
    assert code_of([signed_blob(1, 2), part(2)]) == "duplicate_signer"


def test_the_first_wrong_part_decides_and_of_one_part_the_first_reason() -> None:
    assert code_of([signed_blob(4, blob=OTHER)]) == "other_transaction"
    assert code_of([part(4) | {"signature": "00"}]) == "unknown_signer"
    assert code_of([part(1), part(1) | {"signature": "00"}]) == "duplicate_signer"
    assert code_of([part(1) | {"signature": "00"}, signed_blob(1, blob=OTHER)]) == "bad_signature"
    assert code_of([part(1)]) == code_of([]) == "below_quorum"


@pytest.mark.parametrize(
    ("wrong", "code"),
    [
        ({"signature": ""}, "bad_signature"),
        ({"signature": "zz"}, "bad_signature"),
        ({"signature": "30" * 1_000_000}, "bad_signature"),
        ({"public_key": ""}, "bad_signature"),
        ({"public_key": "04" + "00" * 64}, "bad_signature"),
        ({"public_key": "ED" + "00" * 32}, "bad_signature"),
        ({"account": "r" * 1_000_000}, "unknown_signer"),
        ({"signature": None}, "missing_field"),
        ({"note": "x"}, "unknown_field"),
        ({"blob": ""}, "other_transaction"),
        ({"blob": "zz"}, "other_transaction"),
        ({"blob": "00" * 1_000_000}, "other_transaction"),
        ({"blob": UNSIGNED[:-2]}, "other_transaction"),
        ({"blob": 5}, "malformed"),
    ],
)
def test_parts_that_are_none_are_refused(wrong: dict[str, Any], code: str) -> None:
    assert code_of([part(1) | wrong, part(2)]) == code


@pytest.mark.parametrize(
    "change",
    [
        {"unsigned_blob": signed_blob(1)["blob"]},
        {"unsigned_blob": encoded(decoded(UNSIGNED) | {"SigningPubKey": signer(1).public_key})},
        {"unsigned_blob": UNSIGNED[:-2]},
        {"signer_list": {"quorum": 0, "signers": []}},
        {"signer_list": {"quorum": 1, "signers": [{"account": HOLDER, "weight": 1}] * 2}},
        {"signer_list": {"quorum": 1, "signers": [{"account": f"r{at}", "weight": 1} for at in range(33)]}},
        {"parts": {}},
    ],
)
def test_a_case_that_nobody_gave_out_is_refused(change: dict[str, Any]) -> None:
    case = {"unsigned_blob": UNSIGNED, "signer_list": {"quorum": 1, "signers": []}, "parts": []}
    with pytest.raises(TransactionRefused):
        combine(SpecFields(case | change))


def alone(parts: list[dict[str, Any]], account: str | None = None, **more: Any) -> SignedXrpl:
    """Combined for the one key of an account, by default that of the tests' first signer."""
    signers = [{"account": account or OWNER.address, "weight": 1}]
    return combine(
        SpecFields(
            {
                "unsigned_blob": OWN,
                "signing": "single",
                "signer_list": {"quorum": 1, "signers": signers},
                "parts": parts,
            }
            | more
        )
    )


OWNER = Wallet.create()
OWN = build(
    spec("payment", destination=HOLDER, amount="25") | {"account": OWNER.address, "signers": 0}, CAP
).unsigned_blob


def test_the_own_key_of_an_account_signs_alone_what_the_public_library_signs() -> None:
    signed = sign(Transaction.from_blob(OWN), OWNER)
    made = alone([{"blob": signed.blob()}])
    assert (made.signed_blob, made.hash) == (signed.blob(), signed.get_hash())
    part = {"account": OWNER.address, "public_key": OWNER.public_key, "signature": str(signed.txn_signature)}
    assert alone([part]) == made


def test_what_is_not_signed_by_that_key_alone_is_refused() -> None:
    several = sign(Transaction.from_blob(OWN), OWNER, multisign=True).blob()
    stranger = sign(Transaction.from_blob(OWN), Wallet.create()).blob()
    own = sign(Transaction.from_blob(OWN), OWNER).blob()
    other = sign(
        Transaction.from_blob(
            build(
                spec("payment", destination=HOLDER, amount="26") | {"account": OWNER.address, "signers": 0}, CAP
            ).unsigned_blob
        ),
        OWNER,
    ).blob()
    flipped = decoded(own)
    flipped["TxnSignature"] = flipped["TxnSignature"][:-1] + ("0" if flipped["TxnSignature"][-1] != "0" else "1")
    for parts, code in (
        ([several], "bad_signature"),
        ([stranger], "unknown_signer"),
        ([other], "other_transaction"),
        ([OWN], "unknown_signer"),
        ([encoded(flipped)], "bad_signature"),
        ([own, own], "duplicate_signer"),
        ([], "below_quorum"),
    ):
        with pytest.raises(TransactionRefused) as refused:
            alone([{"blob": blob} for blob in parts])
        assert refused.value.code == code
    listed = {"quorum": 1, "signers": [{"account": each, "weight": 1} for each in (OWNER.address, HOLDER)]}
    with pytest.raises(TransactionRefused, match="signs alone"):
        alone([{"blob": own}], signer_list=listed)
    with pytest.raises(TransactionRefused) as refused:
        alone([{"blob": own}], signing="list")
    assert refused.value.code == "other_transaction"
