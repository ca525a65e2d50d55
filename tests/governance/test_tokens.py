"""The tokens of a configuration: read strictly, and where they may go."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

import pytest

from fntx_dagster.errors import Permanent
from fntx_dagster.governance.config import read_config
from fntx_dagster.intents.refusal import TransactionRefused
from fntx_dagster.services.governance.payloads import read_standing
from fntx_dagster.services.governance.tokens import check_token
from tests.governance.documented import documented_tokens

PLATFORM = json.loads((Path(__file__).parent / "vectors" / "platform.json").read_text(encoding="utf-8"))
TOKENS: list[dict[str, Any]] = documented_tokens()


def config(tokens: list[dict[str, Any]] = TOKENS) -> Any:
    return read_config({**PLATFORM, "tokens": tokens})


def payload(op: str, source: str, to: str, code: str = "OPTKAS.BOND") -> dict[str, Any]:
    accounts = PLATFORM["xrpl"]["accounts"]
    amount = {"currency": code, "issuer": accounts["issuer"]["address"], "value": "1"}
    destination = accounts[to]["address"] if to in accounts else to
    params = {"destination": destination, "amount": amount}
    intent = {"op": op, "account": accounts[source]["address"], "params": params}
    return {"ledger": "xrpl", "network_id": 1, "intent": intent}


def test_the_four_tokens_of_the_documentation_are_a_configuration() -> None:
    assert [token.code for token in config().tokens] == ["OPTKAS.BOND", "OPTKAS.ESCROW", "OPTKAS.ATTEST", "OPTKASUSD"]
    assert [token.transferable for token in config().tokens] == [False, False, False, True]
    assert config().hash != read_config(PLATFORM).hash


@pytest.mark.parametrize("tokens", [TOKENS, None])
def test_what_is_no_issue_and_no_redemption_is_not_proposed_as_one(tokens: list[dict[str, Any]] | None) -> None:
    known = config(tokens) if tokens else read_config(PLATFORM)
    coins = payload("payment", "treasury", "rStranger")
    coins["intent"]["params"]["amount"] = "1000000"
    for wrong, kind, code in (
        (payload("payment", "treasury", "rStranger"), "iou.redeem", "no_redemption"),
        (payload("payment", "treasury", "rStranger"), "iou.issue", "no_issue"),
        (coins, "iou.redeem", "no_redemption"),
        (coins, "iou.issue", "no_issue"),
    ):
        with pytest.raises(TransactionRefused) as refused:
            check_token(wrong, kind, known)
        assert refused.value.code == code


def test_without_tokens_those_of_the_lines_and_of_the_asset_go_anywhere() -> None:
    plain = read_config(PLATFORM)
    assert [token.code for token in plain.tokens] == ["OPTKAS.BOND", "OPTKAS.ESCROW", "OPTKASUSD"]
    check_token(payload("payment", "issuer", "amm"), "iou.issue", plain)


def test_a_token_goes_its_own_way_and_no_other() -> None:
    check_token(payload("payment", "issuer", "treasury"), "iou.issue", config())
    check_token(payload("payment", "treasury", "rStranger"), "distribution.pay", config())
    check_token(payload("payment", "amm", "issuer"), "iou.redeem", config())
    for wrong, kind, code in (
        (payload("payment", "issuer", "amm"), "iou.issue", "not_in_flow"),
        (payload("payment", "issuer", "rStranger"), "iou.issue", "not_in_flow"),
        (payload("payment", "amm", "rStranger"), "distribution.pay", "not_in_flow"),
        (payload("payment", "issuer", "treasury", "OPTKAS.OTHER"), "iou.issue", "unknown_token"),
    ):
        with pytest.raises(TransactionRefused) as refused:
            check_token(wrong, kind, config())
        assert refused.value.code == code


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"ledger": "bitcoin"}, "ledger"),
        ({"code": "XRP"}, "code"),
        ({"code": "X"}, "code"),
        ({"issuer": "bank"}, "issuer"),
        ({"transferable": "no"}, "transferable"),
        ({"limit": 1}, "limit"),
        ({"color": "red"}, "color is no field"),
        ({"flow": [{"kind": "iou.issue", "from": "treasury", "to": ["amm"]}]}, "not issued by treasury"),
        ({"flow": [{"kind": "iou.issue", "from": "issuer", "to": ["bank"]}]}, "lead to"),
        ({"flow": [{"kind": "iou.issue", "from": "issuer", "to": []}]}, "lead to"),
        ({"flow": [{"kind": "anchor", "from": "issuer", "to": ["treasury"]}]}, "kind"),
        ({"flow": [{"kind": "freeze", "from": "issuer", "to": ["amm"]}]}, "kind"),
    ],
)
def test_a_slip_in_a_token_is_named(change: dict[str, Any], said: str) -> None:
    wrong = copy.deepcopy(TOKENS)
    wrong[0] |= change
    with pytest.raises(Permanent, match=said):
        config(wrong)


def test_a_token_stands_once() -> None:
    with pytest.raises(Permanent, match="twice"):
        config([TOKENS[0], TOKENS[0]])


def test_no_key_anchors_alone_from_an_account_that_issues_any_token() -> None:
    accounts = PLATFORM["xrpl"]["accounts"]
    account = accounts["attestation"]["address"]
    intent = {"op": "anchor", "account": account, "params": {"destination": accounts["treasury"]["address"]}}
    template = {"ledger": "xrpl", "network_id": 1, "intent": intent}
    terms = {"template": template, "per_day": 1, "fee_cap": "10", "days": 1, "key": account}
    assert read_standing(terms, config()).key == account
    issuing = copy.deepcopy(TOKENS)
    flow = [{"kind": "iou.issue", "from": "attestation", "to": ["treasury"]}]
    issuing[2] |= {"issuer": "attestation", "flow": flow}
    assert account in config(issuing).issuers
    with pytest.raises(Permanent, match="is an issuer"):
        read_standing(terms, config(issuing))
