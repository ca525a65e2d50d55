"""Which events of the business a confirmed transaction is."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest

from fntx_dagster.services.transactions.business_events import business_events
from fntx_dagster.store.treasury.proposals import ProposalRow
from fntx_dagster.store.treasury.transactions import LedgerTxRow

NOW = datetime(2026, 11, 30, tzinfo=UTC)
ID = UUID(int=7)
TX = LedgerTxRow(
    *(ID, ID, "xrpl", "1", "rISSUER", "00", "ab" * 32, 5, None, Decimal(10), 99, {"rA": 1}, 1, 3, NOW, "confirmed"),
    hash="AB" * 32,
    outcome_ledger=12,
)


def said(kind: str, op: str, params: dict[str, Any]) -> list[tuple[str, dict[str, Any]]]:
    payload = json.dumps(
        {"ledger": "xrpl", "network_id": 1, "intent": {"op": op, "account": "rISSUER", "params": params}}
    )
    row = ProposalRow(ID, 1, kind, payload, "cd" * 32, [], 1, 2, NOW, "operator:terminal", NOW, "confirmed", "")
    return [(each.type, dict(each.details)) for each in business_events(row, TX, "system:confirmation")]


AMOUNT = {"currency": "OPTKAS.BOND", "issuer": "rISSUER", "value": "12.5"}


def test_an_issue_says_what_was_issued_to_whom() -> None:
    [(name, details)] = said("iou.issue", "payment", {"destination": "rTREASURY", "amount": AMOUNT})
    assert name == "iou_issued"
    assert details == {
        "proposal": str(ID),
        "payload_hash": "cd" * 32,
        "op": "payment",
        "account": "rISSUER",
        "destination": "rTREASURY",
        **AMOUNT,
    }


@pytest.mark.parametrize(
    ("kind", "op", "params", "name"),
    [
        ("freeze", "trustline.freeze", {"holder": "rA", "currency": "OPTKAS.BOND"}, "iou_frozen"),
        ("freeze", "account.flag", {"set": "global_freeze"}, "iou_frozen"),
        ("freeze", "trustline.flags", {"trustor": "GA", "clear": ["authorized"]}, "iou_frozen"),
        ("freeze", "trustline.unfreeze", {"holder": "rA", "currency": "OPTKAS.BOND"}, None),
        ("freeze", "account.flag", {"clear": "global_freeze"}, None),
        ("freeze", "trustline.flags", {"trustor": "GA", "set": ["authorized"]}, None),
        ("escrow.create", "escrow.create", {"destination": "rA", "amount": "10"}, "escrow_created"),
        ("escrow.finish", "escrow.finish", {"owner": "rA"}, "escrow_released"),
        ("escrow.cancel", "escrow.cancel", {"owner": "rA"}, "escrow_cancelled"),
        ("account.configure", "signers.set", {"quorum": 2}, "config_changed"),
        ("trade.order", "offer.cancel", {"offer_sequence": 3}, "trade_cancelled"),
        ("trade.order", "offer.create", {}, None),
        ("trustline.set", "trustline.set", {}, None),
        ("iou.redeem", "payment", {"destination": "rISSUER", "amount": AMOUNT}, None),
    ],
)
def test_each_kind_has_its_own_event_or_none(kind: str, op: str, params: dict[str, Any], name: str | None) -> None:
    assert [each for each, _ in said(kind, op, params)] == ([name] if name else [])
