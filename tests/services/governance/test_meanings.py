"""Operations that are another kind's by what they do: proposed under a name that asks for other people."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from fntx_dagster.governance.config import TreasuryConfig, read_config
from fntx_dagster.intents.refusal import TransactionRefused
from fntx_dagster.services.governance.payloads import check_intent
from fntx_dagster.services.governance.proposing import propose
from fntx_dagster.services.governance.reading import list_proposals
from fntx_dagster.store.database import Database
from tests.services.governance.test_limits import ASSET, on_stellar
from tests.services.governance.treasuries import PLATFORM, begun
from tests.simulate.horizon.parts import STRANGER
from tests.simulate.xrpl.people import address

CONFIG = read_config(PLATFORM)
ISSUER, TREASURY, ATTESTATION = (CONFIG.xrpl_accounts[role] for role in ("issuer", "treasury", "attestation"))
ELSEWHERE = address("stranger")
"""An account of nobody here, that issues tokens of its own."""


def bond(value: str = "5", issuer: str = ISSUER, code: str = "OPTKAS.BOND") -> dict[str, str]:
    return {"currency": code, "issuer": issuer, "value": value}


def on_xrpl(op: str, account: str = ISSUER, **params: Any) -> dict[str, Any]:
    intent = {"op": op, "account": account, "params": params}
    return {"ledger": "xrpl", "network_id": CONFIG.network_id, "intent": intent}


def code(kind: str, payload: dict[str, Any], config: TreasuryConfig = CONFIG) -> str:
    try:
        check_intent(payload, kind, config)
    except TransactionRefused as refusal:
        return refusal.code
    return ""


def test_an_issuer_does_not_issue_by_an_offer(database: Database, tmp_path: Path) -> None:
    sold = on_xrpl("offer.create", taker_gets=bond(), taker_pays="1000000")
    with pytest.raises(TransactionRefused, match=r"iou\.issue") as refused:
        propose(begun(tmp_path, database), database, "trade.order", sold)
    assert (refused.value.code, list_proposals(database, "all")) == ("not_of_the_kind", [])


def test_offers_of_others_tokens_and_of_coins_stay_orders() -> None:
    assert code("trade.order", on_xrpl("offer.create", taker_gets="1000000", taker_pays=bond())) == ""
    assert code("trade.order", on_xrpl("offer.create", TREASURY, taker_gets=bond(), taker_pays="1000000")) == ""


def test_what_holders_cannot_pass_on_is_not_sold() -> None:
    ways = [{"kind": "iou.issue", "from": "issuer", "to": ["treasury"]}]
    token = {"code": "OPTKAS.BOND", "ledger": "xrpl", "issuer": "issuer", "limit": "100", "flow": ways}
    sold = on_xrpl("offer.create", TREASURY, taker_gets=bond(), taker_pays="1000000")
    for transferable, said in ((False, "not_transferable"), (True, "")):
        config = read_config({**PLATFORM, "tokens": [{**token, "transferable": transferable}]})
        assert code("trade.order", sold, config) == said


@pytest.mark.parametrize("kind", ["iou.issue", "iou.redeem", "distribution.pay"])
def test_what_is_sent_is_what_arrives(kind: str) -> None:
    account, to = {"iou.issue": (ISSUER, TREASURY), "iou.redeem": (TREASURY, ISSUER)}.get(kind, (TREASURY, ELSEWHERE))
    for strange in ("1000000", bond(code="EUR"), bond(issuer=ELSEWHERE)):
        sent = on_xrpl("payment", account, destination=to, amount=bond(), send_max=strange)
        assert code(kind, sent) == "other_token"
    for_coins = on_xrpl("payment", account, destination=to, amount="5", send_max=bond())
    assert code(kind, for_coins) == "other_token"
    assert code(kind, on_xrpl("payment", account, destination=to, amount=bond(), send_max=bond("5.01"))) == ""


def test_an_issue_is_no_distribution_and_only_an_issuer_of_ours_issues() -> None:
    own = on_xrpl("payment", destination=TREASURY, amount=bond())
    assert [code(kind, own) for kind in ("iou.issue", "distribution.pay")] == ["", "not_of_the_kind"]
    minted = on_xrpl("payment", TREASURY, destination=ELSEWHERE, amount=bond(issuer=TREASURY, code="USD"))
    assert [code(kind, minted) for kind in ("iou.issue", "distribution.pay")] == ["no_issue", "not_of_the_kind"]
    dollars = on_stellar("payment", "issuer", destination=STRANGER.public_key, asset=ASSET, amount="1")
    assert [code(kind, dollars) for kind in ("iou.issue", "distribution.pay")] == ["", "not_of_the_kind"]


def test_the_token_of_a_stranger_is_not_ours_to_redeem() -> None:
    back = on_xrpl("payment", TREASURY, destination=ELSEWHERE, amount=bond(issuer=ELSEWHERE))
    assert [code(kind, back) for kind in ("iou.redeem", "distribution.pay")] == ["no_redemption", ""]
    asset = {"code": "EURC", "issuer": STRANGER.public_key}
    dollars = on_stellar("payment", "distribution", destination=STRANGER.public_key, asset=asset, amount="1")
    assert code("iou.redeem", dollars) == "no_redemption"


def test_lumens_begin_no_account_of_a_stranger_where_nobody_is_screened() -> None:
    gift = {"op": "account.create", "params": {"destination": STRANGER.public_key, "amount": "1000"}}
    ours = {"op": "account.create", "params": {"destination": CONFIG.stellar_anchor, "amount": "10"}}
    assert code("account.configure", on_stellar("account.create", "issuer", **gift["params"])) == "not_ours"
    assert code("account.configure", on_stellar("batch", "issuer", operations=[ours, gift])) == "not_ours"
    assert code("account.configure", on_stellar("account.create", "issuer", **ours["params"])) == ""


def test_one_key_signs_alone_for_the_attestation_account_and_for_no_other() -> None:
    for role, account in CONFIG.xrpl_accounts.items():
        given = code("account.configure", on_xrpl("account.key", account, key=ELSEWHERE))
        assert given == ("" if role == "attestation" else "single_key")
        assert code("account.configure", on_xrpl("account.key", account)) == ""


def test_a_cancelled_escrow_pays_us_or_is_not_ours_to_cancel() -> None:
    for owner, said in ((ELSEWHERE, "not_ours"), (TREASURY, "")):
        assert code("escrow.cancel", on_xrpl("escrow.cancel", owner=owner, offer_sequence=3)) == said
