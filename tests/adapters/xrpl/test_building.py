"""Specifications into unsigned transactions of the XRP Ledger: the published bytes, and what is refused before them."""

from __future__ import annotations

import json
from contextlib import suppress
from copy import deepcopy
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fntx_dagster.adapters.xrpl.building import build
from fntx_dagster.adapters.xrpl.codec import MOST_BYTES, decoded
from fntx_dagster.adapters.xrpl.conditions import condition_of, fulfils, is_condition, new_condition
from fntx_dagster.adapters.xrpl.costs import fee, reserve, reserve_for_line
from fntx_dagster.intents.refusal import TransactionRefused
from tests.calculated import answers

VECTORS = Path(__file__).parent / "vectors"
CAP = 5_000
ISSUER, TREASURY, HOLDER = (
    "rsHYN6ndveeRbq23UJm3MjqSFv9h2ntdnh",
    "rDW8kNcrJjW6LLJpDzGyWszHYyxL3JhEaB",
    "r4pfNjiMPyXKjJ52u6Nsnmp5iP4gRTKQFx",
)
X_ADDRESS = "XVLhHMPHU98es4dbozjVtdWzVrDjtV5fdx1mHp98tDMoQXb"
CONDITION = "A02580203F402DF190AFB8111BF5BE7D535FF78B460D92C4A9A8B475A7ED457CA7934986810120"
FULFILLMENT = "A02280202E2586CBDEE43E3FE3ACD4466F063D78472618554263D6CDFD9D6B5093740D56"
BOND = {"currency": "OPTKAS.BOND", "issuer": ISSUER}


def spec(op: str, account: str = TREASURY, **params: Any) -> dict[str, Any]:
    more = {"base_fee": 10, "signers": 2, "sequence": 7, "last_ledger_sequence": 95_000_000}
    return {"ledger": "xrpl", "network_id": 1, "op": op, "account": account, "params": params, **more}


def code_of(specification: dict[str, Any]) -> str:
    with pytest.raises(TransactionRefused) as refused:
        build(specification, CAP)
    return refused.value.code


def vectors(name: str) -> list[dict[str, Any]]:
    return json.loads((VECTORS / name).read_text(encoding="utf-8"))["cases"]


def test_the_command_makes_the_published_bytes() -> None:
    cases = vectors("transactions.json")
    made = {answer["id"]: answer["result"] for answer in answers("treasury", "build", cases=cases)}
    assert made == {case["id"]: {name: case[name] for name in ("unsigned_blob", "tx_json")} for case in cases}


def test_the_command_refuses_what_must_be_refused_and_says_why() -> None:
    refused = {answer["id"]: answer["error"] for answer in answers("treasury", "build", cases=vectors("refused.json"))}
    assert {name: error["code"] for name, error in refused.items()} == {
        "self-payment": "self_payment",
        "xrp-as-iou": "bad_currency",
        "17-digits": "bad_amount",
        "rounds-to-zero": "bad_amount",
        "negative": "bad_amount",
        "zero": "bad_amount",
    }
    assert all(error["message"] for error in refused.values())


@pytest.mark.parametrize(
    ("code", "specification"),
    [
        ("bad_currency", spec("trustline.set", currency="US", issuer=ISSUER, limit="1")),
        ("bad_currency", spec("trustline.set", currency="U D", issuer=ISSUER, limit="1")),
        ("bad_currency", spec("trustline.set", currency="A" * 21, issuer=ISSUER, limit="1")),
        ("bad_currency", spec("trustline.set", currency="EURÖ", issuer=ISSUER, limit="1")),
        ("bad_currency", spec("trustline.set", currency="4F50544B41532E424F4E44" + "0" * 18, issuer=ISSUER, limit="1")),
        ("self_trust", spec("trustline.set", account=ISSUER, limit="1", **BOND)),
        ("self_trust", spec("trustline.authorize", account=ISSUER, currency="USD", holder=ISSUER)),
        ("self_trust", spec("trustline.freeze", account=ISSUER, currency="USD", holder=ISSUER)),
        ("unknown_value", spec("trustline.set", limit="1", flags=["no_ripple"], **BOND)),
        ("contradiction", spec("trustline.set", limit="1", flags=["set_no_ripple", "clear_no_ripple"], **BOND)),
        ("bad_account", spec("payment", destination=X_ADDRESS, amount="1")),
        ("bad_account", spec("payment", destination=HOLDER[:-1] + "y", amount="1")),
        ("bad_account", spec("payment", destination="r" * 1_000_000, amount="1")),
        ("bad_amount", spec("payment", destination=HOLDER, amount="1.5")),
        ("bad_amount", spec("payment", destination=HOLDER, amount="100000000000000001")),
        ("bad_amount", spec("payment", destination=HOLDER, amount="1" * 100_000)),
        ("malformed", spec("payment", destination=HOLDER, amount=5)),
        ("bad_amount", spec("payment", destination=HOLDER, amount=BOND | {"value": 1.5})),
        ("bad_amount", spec("payment", destination=HOLDER, amount=BOND | {"value": "NaN"})),
        ("bad_amount", spec("payment", destination=HOLDER, amount=BOND | {"value": "0.0"})),
        ("bad_amount", spec("payment", destination=HOLDER, amount=BOND | {"value": "9.99e-82"})),
        ("bad_amount", spec("payment", destination=HOLDER, amount=BOND | {"value": "1e96"})),
        ("bad_amount", spec("payment", destination=HOLDER, amount=BOND | {"value": "٣"})),
        ("missing_field", spec("payment", destination=HOLDER, amount=BOND)),
        ("unknown_field", spec("payment", destination=HOLDER, amount="1", destinationtag=5)),
        ("unknown_field", spec("payment", destination=HOLDER, amount=BOND | {"value": "1", "Value": "2"})),
        ("out_of_range", spec("payment", destination=HOLDER, amount="1", destination_tag=2**32)),
        ("out_of_range", spec("payment", destination=HOLDER, amount="1", destination_tag=True)),
        ("contradiction", spec("payment", destination=HOLDER, amount="1", send_max="2")),
        ("malformed", spec("payment", destination=HOLDER, amount="1", invoice_id="ab")),
        ("nothing", spec("account.flag")),
        ("unknown_value", spec("account.flag", set="require_authorization")),
        ("contradiction", spec("account.flag", set="require_auth", clear="require_auth")),
        ("bad_signers", spec("signers.set", quorum=1, signers=[{"account": TREASURY, "weight": 1}])),
        ("bad_signers", spec("signers.set", quorum=2, signers=[{"account": HOLDER, "weight": 1}] * 2)),
        ("bad_signers", spec("signers.set", quorum=2, signers=[{"account": HOLDER, "weight": 1}])),
        ("bad_signers", spec("signers.set", quorum=0, signers=[{"account": HOLDER, "weight": 1}])),
        ("bad_signers", spec("signers.set", quorum=1, signers=[])),
        ("out_of_range", spec("signers.set", quorum=1, signers=[{"account": HOLDER, "weight": 0}])),
        ("bad_escrow", spec("escrow.create", destination=HOLDER, amount="1", condition=CONDITION)),
        ("bad_escrow", spec("escrow.create", destination=HOLDER, amount="1", cancel_after="2027-01-01T00:00:00Z")),
        ("bad_condition", spec("escrow.finish", owner=HOLDER, offer_sequence=1, condition=CONDITION)),
        ("bad_condition", spec("escrow.finish", owner=HOLDER, offer_sequence=1, fulfillment=FULFILLMENT)),
        ("out_of_range", spec("escrow.cancel", owner=HOLDER, offer_sequence=0)),
        ("same_asset", spec("offer.create", taker_gets="1", taker_pays="2")),
        ("same_asset", spec("offer.create", taker_gets=BOND | {"value": "1"}, taker_pays=BOND | {"value": "2"})),
        (
            "contradiction",
            spec(
                "offer.create",
                taker_gets="1",
                taker_pays=BOND | {"value": "2"},
                flags=["immediate_or_cancel", "fill_or_kill"],
            ),
        ),
        ("out_of_range", spec("tickets.create", count=251)),
        ("self_payment", spec("anchor", destination=TREASURY, root="00" * 32, size=1, origin="fntx.audit/00")),
        ("malformed", spec("anchor", destination=HOLDER, root="00" * 31, size=1, origin="fntx.audit/00")),
        ("unknown_value", spec("payment.mint")),
    ],
)
def test_what_no_ledger_would_apply_is_refused(code: str, specification: dict[str, Any]) -> None:
    assert code_of(specification) == code


ESCROW = spec(
    "escrow.create",
    destination=HOLDER,
    amount=BOND | {"value": "1"},
    finish_after="2026-12-02T12:00:00Z",
    cancel_after="2027-01-01T00:00:00Z",
)


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"cancel_after": "2026-12-02T12:00:00Z"}, "bad_escrow"),
        ({"cancel_after": None}, "bad_escrow"),
        ({"amount": {"currency": "OPTKAS.BOND", "issuer": TREASURY, "value": "1"}}, "bad_escrow"),
        ({"condition": CONDITION.replace("A0258020", "A1258020")}, "bad_condition"),
        ({"condition": CONDITION + "00"}, "bad_condition"),
        ({"finish_after": "2026-12-02"}, "bad_time"),
        ({"finish_after": "1999-12-02T12:00:00Z"}, "bad_time"),
        ({"finish_after": "2026-02-30T12:00:00Z"}, "bad_time"),
    ],
)
def test_an_escrow_that_could_not_be_ended_is_refused(change: dict[str, Any], code: str) -> None:
    build(ESCROW, CAP)
    wrong = deepcopy(ESCROW)
    wrong["params"] |= change
    assert code_of(wrong) == code


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"last_ledger_sequence": None}, "no_expiry"),
        ({"ticket": 8}, "bad_sequence"),
        ({"sequence": None}, "bad_sequence"),
        ({"sequence": 0}, "out_of_range"),
        ({"network_id": None}, "missing_field"),
        ({"signers": 33}, "out_of_range"),
        ({"base_fee": 1_667}, "fee_above_cap"),
        ({"note": "x"}, "unknown_field"),
        ({"params": []}, "malformed"),
        ({"account": "\ud800"}, "malformed"),
    ],
)
def test_what_every_transaction_needs_is_asked_for(change: dict[str, Any], code: str) -> None:
    assert code_of(spec("payment", destination=HOLDER, amount="1") | change) == code


def test_networks_above_1024_are_named_and_the_others_are_not() -> None:
    known, own = (
        build(spec("tickets.create", count=1) | {"network_id": number}, CAP).tx_json for number in (1024, 1025)
    )
    assert "NetworkID" not in known
    assert own["NetworkID"] == 1025


def test_an_issuer_clears_no_ripple_of_its_side_and_a_holder_gives_a_line_up_with_a_limit_of_zero() -> None:
    made = build(spec("trustline.set", limit="0", flags=["clear_no_ripple"], currency="USD", issuer=HOLDER), CAP)
    assert (made.tx_json["LimitAmount"]["value"], made.tx_json["Flags"]) == ("0", 0x40000)


def test_a_quorum_of_zero_deletes_the_list() -> None:
    assert "SignerEntries" not in build(spec("signers.set", quorum=0), CAP).tx_json


def test_the_operations_that_no_vector_has_become_their_transactions() -> None:
    frozen = build(spec("trustline.freeze", account=ISSUER, currency="USD", holder=HOLDER), CAP).tx_json
    assert (frozen["TransactionType"], frozen["Flags"]) == ("TrustSet", 0x100000)
    cancelled = build(spec("escrow.cancel", owner=HOLDER, offer_sequence=9), CAP).tx_json
    assert (cancelled["TransactionType"], cancelled["OfferSequence"]) == ("EscrowCancel", 9)
    offer = spec("offer.create", taker_gets="1", taker_pays=BOND | {"value": "2"}, flags=["sell", "passive"], replace=4)
    offer["params"]["expiration"] = "2000-01-01T00:00:10Z"
    replaced = build(offer, CAP).tx_json
    assert (replaced["Flags"], replaced["OfferSequence"], replaced["Expiration"]) == (0x90000, 4, 10)
    assert build(spec("offer.cancel", offer_sequence=4), CAP).tx_json["TransactionType"] == "OfferCancel"


@given(
    st.integers(1, 10**16 - 1),
    st.integers(-96, 80),
    st.sampled_from(["{}e{}", "{}0e{}", "{:f}"]),
)
def test_every_value_that_the_ledger_can_hold_is_in_the_bytes_exactly(digits: int, exponent: int, form: str) -> None:
    value = Decimal(digits).scaleb(exponent)
    text = form.format(value) if form == "{:f}" else form.format(digits, exponent)
    if value < Decimal("1e-81") or len(text) > 100:
        return
    specification = spec("payment", account=ISSUER, destination=HOLDER, amount=BOND | {"value": text})
    exact = Decimal(text)
    if exact > Decimal("9999999999999999e80"):
        assert code_of(specification) == "bad_amount"
        return
    made = build(specification, CAP)
    assert Decimal(decoded(made.unsigned_blob)["Amount"]["value"]) == exact
    assert made.tx_json["Amount"]["value"] == text


@given(st.binary(max_size=127), st.binary(max_size=127))
def test_a_condition_is_fulfilled_by_its_own_preimage_alone(preimage: bytes, other: bytes) -> None:
    made = condition_of(preimage)
    assert is_condition(made.condition)
    assert fulfils(made.condition, made.fulfillment)
    assert fulfils(made.condition, condition_of(other).fulfillment) == (preimage == other)


@given(st.data())
def test_no_changed_bit_of_a_fulfillment_fulfils(data: st.DataObject) -> None:
    made = new_condition()
    content = bytearray.fromhex(made.fulfillment)
    content[data.draw(st.integers(0, len(content) - 1))] ^= 1 << data.draw(st.integers(0, 7))
    assert not fulfils(made.condition, content.hex())
    assert not fulfils(made.condition, made.fulfillment + "00")
    assert not fulfils(made.condition, "")


def test_a_preimage_that_does_not_fit_is_refused() -> None:
    with pytest.raises(ValueError, match="127"):
        condition_of(bytes(128))


def test_fees_count_signers_and_the_bytes_of_a_fulfillment() -> None:
    assert fee(10, 2, None, CAP) == 30
    assert fee(10, 2, 36, CAP) == 370  # counted in characters it would be 395
    assert fee(10, 0, None, CAP) == 10
    assert fee(10, 499, None, CAP) == CAP
    with pytest.raises(TransactionRefused, match="FNTX_XRPL_FEE_CAP"):
        fee(10, 500, None, CAP)


def test_the_reserve_grows_with_what_an_account_owns_and_the_first_two_lines_are_free() -> None:
    assert reserve(3, 1_000_000, 200_000) == 1_600_000
    assert [reserve_for_line(count, 1_000_000, 200_000) for count in (0, 1, 2)] == [0, 0, 1_600_000]


@pytest.mark.parametrize("blob", ["", "0", "zz", "12", "FF" * 20, "00" * (MOST_BYTES + 1), "E1", "EA" * 20_000])
def test_bytes_that_are_no_transaction_are_refused(blob: str) -> None:
    with pytest.raises(TransactionRefused):
        decoded(blob)


@given(st.binary(max_size=300))
def test_no_bytes_whatever_raise_anything_but_a_refusal(content: bytes) -> None:
    with suppress(TransactionRefused):
        decoded(content.hex())
