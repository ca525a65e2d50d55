"""Specifications into unsigned transactions of Stellar: the published bytes, and what is refused before them."""

from __future__ import annotations

import base64
import json
from contextlib import suppress
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from stellar_sdk import Payment

from fntx_dagster.adapters.stellar.building import build
from fntx_dagster.adapters.stellar.codec import MOST_BYTES, envelope_of, from_base64
from fntx_dagster.adapters.stellar.costs import reserve
from fntx_dagster.intents.refusal import TransactionRefused
from tests.calculated import answers

VECTORS = Path(__file__).parent / "vectors"
TESTNET = "Test SDF Network ; September 2015"
ISSUER, HOLDER, SIGNER = (
    "GDTKF4UWZSE6XYMTX5C62AXLFYA7SL6MCM7MQQ3GDAU4XJF553XVXVVC",
    "GAJOU2UQ7ZMHYDDS2UWOZ25HCLPHQOVBGFDTWLCOD2SO6F7SW5ZV5B6C",
    "GC6WVZ4ILR7PRX76572NG5CRM26NSD45YHHY6ZFGLIP7VKNUCKDL4XQA",
)
MUXED = "MA7QYNF7SOWQ3GLR2BGMZEHXAVIRZA4KVWLTJJFC7MGXUA74P7UJUAAAAAAAAAAAACJUQ"
USD = {"code": "OPTKASUSD", "issuer": ISSUER}
ROOT = "d0b6b951d313294318002dfa2c33f529a0d58113d36dc35e0a83bb1e0f8638ec"
ANCHOR = {"root": ROOT, "size": 1, "origin": "fntx.audit/00"}


def spec(*operations: dict[str, Any], source: str = ISSUER, memo: dict[str, Any] | None = None) -> dict[str, Any]:
    return {
        "ledger": "stellar",
        "passphrase": TESTNET,
        "source": source,
        "sequence": "4294967296001",
        "base_fee": 100,
        "time_bounds": {"min": 0, "max": 1798761600},
        "memo": memo or {"type": "none"},
        "operations": list(operations),
    }


def op(kind: str, /, **params: Any) -> dict[str, Any]:
    return {"op": kind, "params": params}


PAY = op("payment", destination=HOLDER, asset=USD, amount="1")


def code_of(specification: dict[str, Any]) -> str:
    with pytest.raises(TransactionRefused) as refused:
        build(specification)
    return refused.value.code


def vectors(name: str) -> list[dict[str, Any]]:
    return json.loads((VECTORS / name).read_text(encoding="utf-8"))["cases"]


def test_the_command_makes_the_published_bytes() -> None:
    cases = vectors("transactions.json")
    made = {answer["id"]: answer["result"] for answer in answers("treasury", "build", cases=cases)}
    assert made == {case["id"]: {name: case[name] for name in ("unsigned_xdr", "hash")} for case in cases}


def test_the_command_refuses_what_must_be_refused_and_says_why() -> None:
    refused = {answer["id"]: answer["error"] for answer in answers("treasury", "build", cases=vectors("refused.json"))}
    assert {name: error["code"] for name, error in refused.items()} == {
        "asset-hyphen": "bad_asset",
        "eight-decimals": "bad_amount",
        "negative": "bad_amount",
    }
    assert all(error["message"] for error in refused.values())


@pytest.mark.parametrize(
    ("code", "operation"),
    [
        ("self_payment", op("payment", destination=ISSUER, asset=USD, amount="1")),
        ("bad_account", op("payment", destination=MUXED, asset=USD, amount="1")),
        ("bad_account", op("payment", destination="G" * 1_000_000, asset=USD, amount="1")),
        ("bad_asset", op("payment", destination=HOLDER, asset={"code": "A" * 13, "issuer": ISSUER}, amount="1")),
        ("bad_asset", op("payment", destination=HOLDER, asset={"code": "", "issuer": ISSUER}, amount="1")),
        ("malformed", op("payment", destination=HOLDER, asset="XLM", amount="1")),
        ("bad_amount", op("payment", destination=HOLDER, asset="native", amount="0")),
        ("bad_amount", op("payment", destination=HOLDER, asset="native", amount="922337203685.4775808")),
        ("bad_amount", op("payment", destination=HOLDER, asset="native", amount="1e-8")),
        ("bad_amount", op("payment", destination=HOLDER, asset="native", amount="1e9999")),
        ("bad_amount", op("payment", destination=HOLDER, asset="native", amount=1)),
        ("unknown_field", op("payment", destination=HOLDER, asset="native", amount="1", memo="x")),
        ("self_trust", op("trustline.set", asset=USD, limit="1")),
        ("bad_amount", op("trustline.set", asset=USD | {"issuer": HOLDER}, limit="-1")),
        ("contradiction", op("account.options", set_flags=["auth_clawback_enabled"])),
        ("contradiction", op("account.options", set_flags=["auth_required"], clear_flags=["auth_required"])),
        ("twice", op("account.options", set_flags=["auth_required", "auth_required"])),
        ("unknown_value", op("account.options", set_flags=["required"])),
        ("bad_signers", op("account.options", signer={"key": ISSUER, "weight": 1})),
        ("out_of_range", op("account.options", signer={"key": SIGNER, "weight": 256})),
        ("out_of_range", op("account.options", high=256)),
        ("malformed", op("account.options", home_domain="x" * 33)),
        ("nothing", op("account.options")),
        ("contradiction", op("trustline.flags", trustor=HOLDER, asset=USD, set=["authorized", "maintain_liabilities"])),
        ("contradiction", op("trustline.flags", trustor=HOLDER, asset=USD, set=["clawback"])),
        ("not_the_issuer", op("trustline.flags", trustor=HOLDER, asset=USD | {"issuer": SIGNER}, set=["authorized"])),
        ("self_trust", op("trustline.flags", trustor=ISSUER, asset=USD, set=["authorized"])),
        ("nothing", op("trustline.flags", trustor=HOLDER, asset=USD)),
        ("bad_data", op("data.set", name="a" * 65, value=None)),
        ("bad_data", op("data.set", name="", value=None)),
        ("bad_data", op("data.set", name="a", value=base64.b64encode(bytes(65)).decode())),
        ("bad_data", op("data.set", name="a", value="not base64")),
        ("bad_data", op("data.set", name="a", value="AB==")),  # bits that the bytes do not hold
        ("not_the_issuer", op("clawback", **{"from": HOLDER}, asset=USD | {"issuer": SIGNER}, amount="1")),
        ("bad_amount", op("clawback", **{"from": HOLDER}, asset=USD, amount="0")),
        ("bad_amount", op("account.create", destination=HOLDER, amount="0")),
        ("bad_memo", op("anchor", **ANCHOR)),
        ("unknown_value", op("inflation")),
        ("malformed", {"op": "payment", "params": None} | {"params": "x"}),
        ("unknown_field", PAY | {"comment": "x"}),
    ],
)
def test_what_no_ledger_would_apply_is_refused(code: str, operation: dict[str, Any]) -> None:
    assert code_of(spec(operation)) == code


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"operations": []}, "no_operation"),
        ({"operations": [PAY] * 101}, "no_operation"),
        ({"time_bounds": {"min": 0, "max": 0}}, "no_expiry"),
        ({"time_bounds": None}, "no_expiry"),
        ({"time_bounds": {"min": 5, "max": 5}}, "bad_time"),
        ({"memo": {"type": "text", "value": "ä" * 15}}, "bad_memo"),
        ({"memo": {"type": "none", "value": "x"}}, "bad_memo"),
        ({"memo": {"type": "id", "value": 2**64}}, "out_of_range"),
        ({"memo": {"type": "hash", "value": "00"}}, "malformed"),
        ({"memo": {"type": "return", "value": ROOT}}, "unknown_value"),
        ({"base_fee": 99}, "out_of_range"),
        ({"base_fee": 10**9, "operations": [PAY] * 5}, "fee_above_cap"),
        ({"sequence": 2**63 - 1}, "out_of_range"),
        ({"passphrase": " "}, "malformed"),
        ({"source": MUXED}, "bad_account"),
        ({"ticket": 1}, "unknown_field"),
    ],
)
def test_what_every_transaction_needs_is_asked_for(change: dict[str, Any], code: str) -> None:
    build(spec(PAY))
    assert code_of(spec(PAY) | change) == code


def test_the_operations_that_no_vector_has_are_built_and_may_name_their_own_account() -> None:
    made = build(
        spec(
            op("data.set", name="note", value=None),
            op("clawback", **{"from": HOLDER}, asset=USD, amount="0.0000001"),
            op("account.create", destination=SIGNER, amount="2"),
            op("payment", destination=ISSUER, asset="native", amount="3") | {"source": HOLDER},
            op("trustline.flags", trustor=HOLDER, asset=USD, set=["maintain_liabilities"], clear=["authorized"]),
            op("trustline.set", asset=USD, limit="0") | {"source": HOLDER},
            op("account.options", home_domain="optkas.example", clear_flags=["auth_required"]),
            memo={"type": "id", "value": "18446744073709551615"},
        )
    )
    transaction = envelope_of(made.unsigned_xdr, TESTNET).transaction
    assert [type(operation).__name__ for operation in transaction.operations] == [
        "ManageData",
        "Clawback",
        "CreateAccount",
        "Payment",
        "SetTrustLineFlags",
        "ChangeTrust",
        "SetOptions",
    ]
    assert (transaction.fee, transaction.sequence) == (700, 4294967296002)
    assert [operation.source and operation.source.account_id for operation in transaction.operations][2:6] == [
        None,
        HOLDER,
        None,
        HOLDER,
    ]


def test_an_operation_of_another_account_is_judged_by_that_account() -> None:
    assert code_of(spec(op("payment", destination=HOLDER, asset="native", amount="3") | {"source": HOLDER})) == (
        "self_payment"
    )


@given(st.integers(1, 2**63 - 1), st.sampled_from(["{:f}", "{:e}", "{:f}0"]))
def test_every_amount_that_the_ledger_can_hold_is_in_the_bytes_exactly(stroops: int, form: str) -> None:
    value = Decimal(stroops).scaleb(-7)
    made = build(spec(PAY | {"params": {"destination": HOLDER, "asset": USD, "amount": form.format(value)}}))
    payment = envelope_of(made.unsigned_xdr, TESTNET).transaction.operations[0]
    assert isinstance(payment, Payment)
    assert Decimal(payment.amount) == value


def test_the_reserve_grows_with_what_an_account_has() -> None:
    assert reserve(3, 5_000_000) == 25_000_000


@given(st.binary(max_size=300))
def test_no_bytes_whatever_raise_anything_but_a_refusal(content: bytes) -> None:
    with suppress(TransactionRefused):
        envelope_of(base64.b64encode(content).decode(), TESTNET)


@pytest.mark.parametrize("xdr", ["", "AAAA", "ä", "A" * 4 * MOST_BYTES])
def test_text_that_is_no_transaction_is_refused(xdr: str) -> None:
    with pytest.raises(TransactionRefused):
        envelope_of(xdr, TESTNET)


@pytest.mark.parametrize("text", ["AB==", "AA==\n", " AAAA", "AAA", "AAAA====", "ÄÄÄÄ"])
def test_base64_is_strict(text: str) -> None:
    assert from_base64(text) is None
