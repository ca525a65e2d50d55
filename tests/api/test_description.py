"""The OpenAPI document, and the code that reads requests: both know the same."""

from __future__ import annotations

from typing import Any

import pytest

from fntx_dagster.api import description, treasury_description
from fntx_dagster.api.app import make_app
from fntx_dagster.services.bonds import programs as bonds
from fntx_dagster.services.distributions import programs as distributions
from fntx_dagster.services.escrows import programs as escrows
from fntx_dagster.services.execution import programs as execution
from fntx_dagster.services.orders import fields, requests
from fntx_dagster.services.orders.turn import Desk
from fntx_dagster.services.signals import requests as signals
from fntx_dagster.store.database import Database


def document() -> dict[str, Any]:
    return make_app(Desk(Database("postgresql://nowhere"))).openapi()


@pytest.mark.parametrize(
    ("described", "read"),
    [
        (description.SUBMIT, lambda body: requests.submission(body, None)),
        (description.FUNDING, lambda body: requests.funding(body, None)),
        (description.GUARDING, requests.guarding),
        (description.SIGNAL_ENTRY, signals.entry),
        (description.SIGNAL_EXIT, signals.leaving),
        (treasury_description.ESCROW, escrows.asked_escrow),
        (treasury_description.DOCUMENT, escrows.attested),
        (treasury_description.STRATEGY, lambda body: execution.asked_start(body, None)),
        (treasury_description.DRY_RUN, execution.asked_dry_run),
        (treasury_description.BOND_TERMS, bonds.asked_terms),
        (treasury_description.BOND_STRUCTURE, bonds.asked_structure),
        (treasury_description.BOND_TRANSFER, bonds.asked_transfer),
        (treasury_description.BOND_TRANSITION, bonds.asked_transition),
        (treasury_description.BOND_RECEIPT, distributions.asked_receipt),
        (treasury_description.ASIDE, distributions.asked_aside),
        (treasury_description.RELEASE, distributions.asked_release),
        (treasury_description.BOND_REASON, distributions.reason_of),
    ],
)
def test_the_fields_that_are_described_are_those_that_are_read(
    described: dict[str, Any], read: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    taken: set[str] = set()
    take = fields.Fields.take

    def noting(self: fields.Fields, name: str) -> Any:
        taken.add(name)
        return take(self, name)

    monkeypatch.setattr(fields.Fields, "take", noting)
    with pytest.raises(requests.Declined) as nothing:
        read(b"{}")
    body = described["requestBody"]["content"]["application/json"]["schema"]
    assert taken == set(body["properties"])
    missing = {fault.field for fault in nothing.value.faults if fault.code == "missing"}
    assert missing in (set(body["required"]), {"bot_id"}), "a breaker is a bot's or a user's"


_WITHOUT_A_BODY = (
    "/api/orders/{order_id}/cancel",
    "/api/audit/checkpoint",
    *(f"/api/treasury/proposals/{{proposal_id}}/{step}" for step in ("screen", "prepare", "submit", "confirm")),
    *(f"/api/treasury/escrows/{{escrow_id}}/{step}" for step in ("create", "finish")),
    "/api/treasury/bonds/{bond_id}/submit",
)


def test_every_endpoint_says_what_it_does_asks_for_a_token_and_lists_its_problems() -> None:
    paths = document()["paths"]
    assert len(paths) == 94
    for path, methods in paths.items():
        for method, operation in methods.items():
            assert operation["description"], path
            assert operation["security"] == [{"HTTPBearer": []}], path
            assert {"401", "422", "429", "503"} <= set(operation["responses"]), path
            assert ("requestBody" in operation) == (method == "post" and path not in _WITHOUT_A_BODY), path
