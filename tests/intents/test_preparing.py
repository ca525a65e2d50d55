"""From an approved intent to a specification: nothing that people approved is changed by preparing."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fntx_dagster.adapters.stellar.building import build as build_stellar
from fntx_dagster.adapters.stellar.codec import envelope_of
from fntx_dagster.adapters.xrpl.building import FILLED
from fntx_dagster.adapters.xrpl.building import build as build_xrpl
from fntx_dagster.intents.preparing import prepared
from fntx_dagster.intents.refusal import TransactionRefused
from tests.adapters.stellar.test_building import ANCHOR, HOLDER, ISSUER, ROOT, TESTNET, USD

XRPL_CASES = json.loads(
    (Path(__file__).parents[1] / "adapters" / "xrpl" / "vectors" / "transactions.json").read_text(encoding="utf-8")
)["cases"]
CAP = 10**9


def xrpl_payload(spec: dict[str, Any]) -> dict[str, Any]:
    intent = {name: spec[name] for name in ("op", "account", "params")}
    return {"ledger": "xrpl", "network_id": spec["network_id"], "intent": intent}


@given(
    st.sampled_from(XRPL_CASES),
    st.integers(1, 10_000),
    st.integers(0, 32),
    st.booleans(),
    st.integers(1, 2**32 - 1),
    st.integers(1, 2**32 - 1),
)
def test_preparing_on_the_xrp_ledger_fills_in_turn_fee_and_end_alone(
    case: dict[str, Any], base_fee: int, signers: int, by_ticket: bool, turn: int, last: int
) -> None:
    fills = {"base_fee": base_fee, "signers": signers, "last_ledger_sequence": last}
    fills["ticket" if by_ticket else "sequence"] = turn
    made = build_xrpl(prepared(xrpl_payload(case["spec"]), fills), CAP).tx_json
    approved = {name: value for name, value in case["tx_json"].items() if name not in FILLED}
    assert {name: value for name, value in made.items() if name not in FILLED} == approved


@given(st.integers(0, 2**62), st.integers(100, 10_000), st.integers(1, 2**33))
def test_preparing_on_stellar_fills_in_turn_fee_and_time_alone(sequence: int, base_fee: int, latest: int) -> None:
    params = {"destination": HOLDER, "asset": USD, "amount": "12.5"}
    intent = {"op": "payment", "account": ISSUER, "params": params, "memo": {"type": "text", "value": "series A"}}
    payload = {"ledger": "stellar", "network_id": TESTNET, "intent": intent}
    fills = {"sequence": sequence, "base_fee": base_fee, "time_bounds": {"min": 0, "max": latest}}
    made = envelope_of(build_stellar(prepared(payload, fills)).unsigned_xdr, TESTNET).transaction
    first = {"sequence": 0, "base_fee": 100, "time_bounds": {"min": 0, "max": 1}}
    same = envelope_of(build_stellar(prepared(payload, first)).unsigned_xdr, TESTNET).transaction
    assert (made.source, made.operations, made.memo) == (same.source, same.operations, same.memo)
    assert (made.sequence, made.fee) == (sequence + 1, base_fee)


def test_a_batch_on_stellar_is_one_transaction_of_several_operations() -> None:
    operations = [{"op": "data.set", "params": {"name": name, "value": None}} for name in ("a", "b")]
    payload: dict[str, Any] = {"ledger": "stellar", "network_id": TESTNET}
    payload["intent"] = {"op": "batch", "account": ISSUER, "params": {"operations": operations}}
    assert prepared(payload, {})["operations"] == operations
    payload["intent"]["params"]["memo"] = "x"
    with pytest.raises(TransactionRefused, match="memo"):
        prepared(payload, {})


def test_the_memo_of_an_anchor_on_stellar_is_its_root() -> None:
    payload: dict[str, Any] = {"ledger": "stellar", "network_id": TESTNET}
    payload["intent"] = {"op": "anchor", "account": ISSUER, "params": ANCHOR}
    assert prepared(payload, {})["memo"] == {"type": "hash", "value": ROOT}


@pytest.mark.parametrize("fill", ["params", "account", "op", "network_id", "destination", "memo", "ledger"])
def test_preparing_cannot_change_what_people_approved(fill: str) -> None:
    with pytest.raises(TransactionRefused, match="the intent decides it"):
        prepared(xrpl_payload(XRPL_CASES[0]["spec"]), {fill: "x"})


@pytest.mark.parametrize(
    "change", [{"ledger": "evm"}, {"intent": {}}, {"intent": "x"}, {"note": 1}, {"network_id": None}]
)
def test_a_payload_that_is_no_intent_of_a_transaction_is_refused(change: dict[str, Any]) -> None:
    with pytest.raises(TransactionRefused):
        prepared(xrpl_payload(XRPL_CASES[0]["spec"]) | change, {})
