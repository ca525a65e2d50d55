"""The desk over HTTP: strategies run dry, started once and halted, the desk halted, killed and resumed, each for its
scope alone."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from uuid import UUID, uuid4

import pytest
import requests

from fntx_dagster.services.governance.deciding import decide
from fntx_dagster.store.database import Database
from tests.api.conftest import Server
from tests.api.test_client import checked
from tests.services.execution.desks import DexDesk, dex_desk
from tests.services.execution.test_stopping import market
from tests.services.governance.treasuries import decision

STRATEGIES, DESK = "/api/treasury/strategies", "/api/treasury/desk"


@pytest.fixture
def dex(database: Database, tmp_path: Path) -> Iterator[DexDesk]:
    with dex_desk(database, tmp_path / "home") as desk:
        yield desk


@pytest.fixture
def server(dex: DexDesk) -> Iterator[Server]:
    started = Server(dex.db, dex.settings)
    yield started
    started.stop()


def said(answer: requests.Response) -> tuple[int, str]:
    return answer.status_code, answer.json()["code"]


def test_a_program_starts_a_strategy_once_and_halts_it(dex: DexDesk, server: Server) -> None:
    dex.lives(max_single_order="1000")
    market(dex, 5)
    bot = server.client("eve", "scoped", "treasury:trade")
    dry = bot.post(f"{STRATEGIES}/dry-run", strategy=dex.document())
    assert dry.status_code == 200, dry.text
    found = checked(dry.json(), "DryRunAnswer")
    assert [each["tx_json"]["TransactionType"] for each in found["transactions"]] == ["OfferCreate"] * 4
    assert bot.get(DESK)["strategies"] == []
    document, key = dex.document(), {"Idempotency-Key": "sale-1"}
    first, again = (bot.call("POST", STRATEGIES, json={"strategy": document}, headers=key) for _ in range(2))
    assert (first.status_code, again.status_code) == (201, 201), first.text
    strategy = checked(first.json(), "StrategyAnswer")
    assert again.json()["strategy_id"] == strategy["strategy_id"]
    assert (strategy["state"], len(strategy["slices"]), strategy["started_by"]) == ("running", 4, "operator:eve")
    other = bot.call("POST", STRATEGIES, json={"strategy": document | {"quantity": "90"}}, headers=key)
    assert said(other) == (422, "idempotency_key_reused")
    assert len(bot.get(DESK)["strategies"]) == 1
    large = bot.post(STRATEGIES, strategy=dex.document(quantity="900", slices=1))
    assert said(large) == (422, "risk_limit")
    assert "max_single_order" in large.text
    assert said(bot.post(STRATEGIES, strategy={"strategy": "twap"})) == (422, "refused")
    halt = f"{STRATEGIES}/{strategy['strategy_id']}/halt"
    assert bot.post(halt, reason="it was a mistake").status_code == 403
    halter = server.client("eve", "scoped", "treasury:halt")
    halted = halter.post(halt, reason="it was a mistake")
    assert checked(halted.json(), "StrategyAnswer")["state"] == "halted"
    assert said(halter.post(f"{STRATEGIES}/{uuid4()}/halt", reason="why")) == (404, "strategy_not_found")


def test_a_program_halts_the_desk_and_people_decide_on_a_kill_and_its_end(dex: DexDesk, server: Server) -> None:
    dex.lives()
    market(dex, 5)
    halter = server.client("eve", "scoped", "treasury:halt")
    assert said(halter.post(f"{DESK}/halt", reason=" ")) == (422, "validation_failed")
    halted = halter.post(f"{DESK}/halt", reason="the market is closed")
    assert checked(halted.json(), "DeskAnswer")["desk"]["state"] == "halted"
    trader = server.client("eve", "scoped", "treasury:trade")
    assert said(trader.post(STRATEGIES, strategy=dex.document())) == (409, "trading_stopped")
    kill = halter.post(f"{DESK}/kill", reason="prices are wrong")
    assert kill.status_code == 201, kill.text
    decided(dex, checked(kill.json(), "ProposalAnswer")["proposal"], "compliance")
    assert halter.get(DESK)["desk"]["state"] == "killed"
    assert halter.post(f"{DESK}/resume", reason="the loss is explained").status_code == 403
    resume = server.client("eve", "scoped", "treasury:resume").post(f"{DESK}/resume", reason="the loss is explained")
    proposal = checked(resume.json(), "ProposalAnswer")
    assert (proposal["kind"], proposal["proposed_by"]) == ("breaker.reset", "operator:eve")
    decided(dex, proposal["proposal"], "treasury", "trustee")
    assert halter.get(DESK)["desk"]["state"] == "active"


def decided(dex: DexDesk, proposal: str, *signers: str) -> None:
    for signer in signers:
        decide(dex.settings, dex.db, UUID(proposal), decision(dex.db, UUID(proposal), signer))
