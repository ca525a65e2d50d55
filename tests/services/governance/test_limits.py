"""What an operation may not do under a kind that has it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from fntx_dagster.governance.config import read_config
from fntx_dagster.intents.refusal import TransactionRefused
from fntx_dagster.services.governance.payloads import check_intent
from fntx_dagster.services.governance.proposing import propose
from fntx_dagster.services.governance.reading import list_proposals
from fntx_dagster.store.database import Database
from tests.services.governance.treasuries import PLATFORM, begun
from tests.simulate.horizon.parts import STRANGER

CONFIG = read_config(PLATFORM)
ASSET = PLATFORM["stellar"]["asset"]


def on_stellar(op: str, role: str, **params: Any) -> dict[str, Any]:
    account = PLATFORM["stellar"]["accounts"][role]["address"]
    intent = {"op": op, "account": account, "params": params}
    return {"ledger": "stellar", "network_id": PLATFORM["stellar"]["passphrase"], "intent": intent}


def flags(**change: list[str]) -> dict[str, Any]:
    return on_stellar("trustline.flags", "issuer", trustor=STRANGER.public_key, asset=ASSET, **change)


@pytest.mark.parametrize(
    ("kind", "change", "said"),
    [
        ("freeze", {"set": ["authorized"]}, "propose it as trustline.authorize"),
        ("freeze", {"set": ["authorized"], "clear": ["maintain_liabilities"]}, "propose it as trustline.authorize"),
        ("freeze", {"clear": ["clawback"]}, "does not clear 'clawback'"),
        ("freeze", {"clear": ["authorized", "clawback"]}, "does not clear 'clawback'"),
        ("trustline.authorize", {"clear": ["clawback"]}, "does not clear 'clawback'"),
        ("trustline.authorize", {"set": ["authorized"], "clear": ["clawback"]}, "does not clear 'clawback'"),
        ("trustline.authorize", {"clear": ["authorized"]}, "propose it as freeze"),
        ("trustline.authorize", {"clear": ["maintain_liabilities"]}, "sets authorized, and this does not"),
        ("trustline.authorize", {"set": ["maintain_liabilities"]}, "does not set 'maintain_liabilities'"),
    ],
)
def test_a_freeze_authorises_nobody_and_an_authorisation_freezes_nobody(
    database: Database, tmp_path: Path, kind: str, change: dict[str, list[str]], said: str
) -> None:
    settings = begun(tmp_path, database)
    with pytest.raises(TransactionRefused, match=said) as refused:
        propose(settings, database, kind, flags(**change))
    assert refused.value.code == "not_of_the_kind"
    assert list_proposals(database, "all") == []


def test_lines_are_frozen_and_authorised_by_their_own_kinds() -> None:
    check_intent(flags(clear=["authorized"]), "freeze", CONFIG)
    check_intent(flags(clear=["authorized"], set=["maintain_liabilities"]), "freeze", CONFIG)
    check_intent(flags(clear=["authorized", "maintain_liabilities"]), "freeze", CONFIG)
    check_intent(flags(set=["authorized"]), "trustline.authorize", CONFIG)
    check_intent(flags(set=["authorized"], clear=["maintain_liabilities"]), "trustline.authorize", CONFIG)


@pytest.mark.parametrize("kind", ["freeze", "trustline.authorize"])
@pytest.mark.parametrize("names", ["authorized", None, {"authorized": 1}, [["authorized"]]])
def test_flags_of_no_form_are_refused_and_no_error_of_ours(
    database: Database, tmp_path: Path, kind: str, names: Any
) -> None:
    with pytest.raises(TransactionRefused):
        propose(begun(tmp_path, database), database, kind, flags(set=names))
