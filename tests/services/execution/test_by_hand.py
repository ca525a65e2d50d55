"""Orders of the desk that people wrote: judged as strategies are, when they are proposed and when they are sent."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import pytest

from fntx_dagster.errors import Permanent
from fntx_dagster.services.execution.judging import OrderRefused
from fntx_dagster.services.execution.switching import TradingStopped
from fntx_dagster.services.governance.proposing import propose
from fntx_dagster.services.transactions.preparing import prepare
from fntx_dagster.services.transactions.submitting import submit
from tests.services.execution.desks import DexDesk
from tests.services.execution.test_stopping import RESUMED, market
from tests.simulate.xrpl.people import address, token

KIND = "trade.order"
SALE = {"taker_gets": token("100", "issuer") | {"currency": "OPTKAS.BOND"}, "taker_pays": "480000000"}
"""Of 100 bonds at 4.8 XRP or more."""


def order(at: DexDesk, *params: dict[str, Any], op: str = "offer.create", role: str = "trading") -> dict[str, Any]:
    intents = [{"op": op, "account": address(role), "params": {**each}} for each in params]
    head = {"ledger": "xrpl", "network_id": at.town.ledger.rules.network_id}
    return head | ({"intent": intents[0]} if len(intents) == 1 else {"intents": intents})


def signed(at: DexDesk, payload: dict[str, Any]) -> UUID:
    proposal = at.decided(KIND, payload, "treasury", "trustee")
    prepare(at.settings, at.db, proposal)
    at.people_sign()
    return proposal


def test_an_order_by_hand_needs_a_desk_that_may_trade(desk: DexDesk) -> None:
    with pytest.raises(Permanent, match="may not trade live"):
        propose(desk.settings, desk.db, KIND, order(desk, SALE))
    propose(desk.settings, desk.db, KIND, order(desk, {"offer_sequence": 7}, op="offer.cancel"))
    propose(desk.settings, desk.db, KIND, order(desk, SALE, role="treasury"))  # another account is no desk
    assert len(desk.proposals("pending_approval")) == 2


def test_an_order_by_hand_is_judged_when_it_is_proposed_and_counts_from_then_on(desk: DexDesk) -> None:
    desk.lives(max_daily_volume="700", max_slippage_pct="5")
    market(desk, 5)
    with pytest.raises(OrderRefused, match="daily_volume"):
        propose(desk.settings, desk.db, KIND, order(desk, SALE, SALE))
    assert desk.proposals("pending_approval") == []
    propose(desk.settings, desk.db, KIND, order(desk, SALE))
    with pytest.raises(OrderRefused, match="daily_volume"):
        propose(desk.settings, desk.db, KIND, order(desk, SALE))
    with pytest.raises(OrderRefused, match="daily_volume"):
        desk.start(slices=1, batch=1)


def test_an_order_by_hand_that_rests_counts_until_it_is_taken_back(desk: DexDesk) -> None:
    desk.lives(max_daily_volume="700", max_slippage_pct="5")
    market(desk, 5)
    rests = signed(desk, order(desk, SALE | {"taker_pays": "600000000"}))
    submit(desk.settings, desk.db, rests)
    for _ in range(2):
        desk.close()
        desk.advance()
    [offer] = desk.town.ask("account_offers", account=address("trading"))["offers"]
    with pytest.raises(OrderRefused, match="daily_volume"):
        desk.start(slices=1, batch=1)
    back = signed(desk, order(desk, {"offer_sequence": offer["seq"]}, op="offer.cancel"))
    submit(desk.settings, desk.db, back)
    desk.close()
    desk.start(slices=1, batch=1)


def test_an_order_by_hand_is_judged_again_before_it_is_sent(desk: DexDesk) -> None:
    desk.lives(max_slippage_pct="5", breaker_pct="90", kill_pct="95", daily_loss_pct="90")
    market(desk, 5)
    proposal = signed(desk, order(desk, SALE | {"flags": ["immediate_or_cancel", "sell"]}))
    desk.lives(max_slippage_pct="5", max_single_order="100")
    with pytest.raises(OrderRefused, match="max_single_order"):
        submit(desk.settings, desk.db, proposal)
    assert [each.proposal_id for each in desk.proposals("ready")] == [proposal]
    desk.lives(max_slippage_pct="5")
    submit(desk.settings, desk.db, proposal)
    desk.close()
    assert desk.advance().entered.fills == 1


def test_people_reduce_by_hand_while_the_desk_is_halted_and_not_once_it_is_killed(desk: DexDesk) -> None:
    desk.lives()
    market(desk, 5)
    desk.advance()
    market(desk, 4)
    assert desk.advance().stand.row.state == "halted"
    bond, sale = SALE["taker_gets"], {"taker_gets": SALE["taker_gets"], "taker_pays": "400000000"}
    with pytest.raises(OrderRefused, match="halted"):  # a purchase adds to the position
        propose(desk.settings, desk.db, KIND, order(desk, {"taker_gets": "400000000", "taker_pays": bond}))
    proposal = signed(desk, order(desk, sale))
    desk.decided("trade.kill", {"reason": "prices are wrong", "desk": "xrpl"}, "compliance")
    with pytest.raises(OrderRefused, match="killed"):
        propose(desk.settings, desk.db, KIND, order(desk, sale))
    with pytest.raises(TradingStopped, match="killed"):
        submit(desk.settings, desk.db, proposal)
    desk.decided("breaker.reset", RESUMED, "treasury", "trustee")
    submit(desk.settings, desk.db, proposal)


def test_an_order_against_another_currency_cannot_be_judged(desk: DexDesk) -> None:
    desk.lives()
    other = SALE["taker_gets"] | {"currency": "EUR"}
    with pytest.raises(Permanent, match="does not trade XRP"):
        propose(desk.settings, desk.db, KIND, order(desk, SALE | {"taker_pays": other}))
