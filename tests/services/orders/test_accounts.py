"""Which account a user's live orders go to."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from uuid import uuid4

import pytest
from pydantic import SecretStr

from fntx_dagster.errors import Permanent
from fntx_dagster.model.exchanges import MarketRules, SentOrder
from fntx_dagster.model.orders import Quote
from fntx_dagster.services.orders.accounts import account_at, exchange_names, has_accounts, market_at
from fntx_dagster.services.orders.inspecting import look_at_accounts
from fntx_dagster.settings import Settings
from fntx_dagster.settings.exchanges import ExchangeKeys, ExchangesSettings
from fntx_dagster.settings.groups import GatewaySettings
from fntx_dagster.simulate.exchanges.paper import PaperExchange
from fntx_dagster.simulate.exchanges.server import serve_exchange
from fntx_dagster.simulate.exchanges.valr import ValrDialect
from fntx_dagster.simulate.gateway import serve
from fntx_dagster.simulate.gateway_accounts import QUARTER_PAST_TEN, GatewayContract, july_28
from fntx_dagster.simulate.gateway_orders import GatewayListing, OrderDesk

MINE = "U1000001"
KEYS = {"ada": {"valr": ExchangeKeys(key=SecretStr("k"), secret=SecretStr("s"))}}


def settings(**gateway: object) -> Settings:
    return Settings(gateway=GatewaySettings.model_validate(gateway), exchanges=ExchangesSettings(keys=KEYS))


def test_a_users_orders_reach_the_account_at_ib_gateway_that_the_settings_name() -> None:
    quote = Quote(Decimal("630.10"), Decimal("630.12"), Decimal(400), Decimal(300), QUARTER_PAST_TEN)
    desk = OrderDesk([GatewayListing(GatewayContract(756733, "SPY", local_symbol="SPY"), Decimal("0.01"), quote)])
    with serve(july_28(), now=QUARTER_PAST_TEN, desk=desk) as gateway:
        known = settings(addresses={MINE: f"127.0.0.1:{gateway.port}"}, order_accounts={"ada": MINE})
        account = account_at(known, "ada", "ibkr")
        account.send(SentOrder(uuid4().hex, "SPY/USD", "buy", Decimal(100), Decimal("630.12")))
        assert [(order.account, order.client) for order in desk.orders] == [(MINE, 171)]
        [found] = account.fills("SPY/USD", QUARTER_PAST_TEN - timedelta(minutes=1))
        assert found.fill.at == datetime(2025, 7, 28, 14, 15, tzinfo=UTC)
        assert market_at(known, "ibkr").quote("SPY/USD") == quote
        assert [asked[2] for asked in gateway.asked if asked[0] == "71"] == ["171", "171", "172"]
        looked = {row.exchange: row for row in look_at_accounts(known)}["ibkr"]
        assert (looked.keys_work, looked.symbol, looked.problem) == (True, "SPY/USD", None)
        assert looked.clock_ahead is not None
        assert looked.clock_ahead < -86400  # the simulated gateway's clock stands in July 2025
        with pytest.raises(Permanent, match=r"bea has no account at IB Gateway.*FNTX_ORDER_ACCOUNTS"):
            account_at(known, "bea", "ibkr")


@pytest.mark.parametrize(
    ("gateway", "words"),
    [
        ({"order_accounts": {"ada": MINE}}, "no IB Gateway is known for U…0001"),
        (
            {"order_accounts": {"ada": MINE}, "addresses": {MINE: "h:1", "U2000002": "h:2"}, "order_client_id": 72},
            "client id 72 or the next is of a connection that reads",
        ),
        (
            {"order_accounts": {"ada": MINE}, "addresses": {MINE: "h:1"}, "order_client_id": 70},
            "client id 70 or the next is of a connection that reads",
        ),
    ],
)
def test_orders_need_a_gateway_and_a_client_id_of_their_own(gateway: dict[str, object], words: str) -> None:
    with pytest.raises(Permanent, match=words):
        account_at(settings(**gateway), "ada", "ibkr")


def test_valrs_prices_are_asked_for_with_keys_where_there_are_some() -> None:
    rules = MarketRules("BTC/ZAR", Decimal("0.00000001"), Decimal(1))
    paper = PaperExchange("valr", [rules], {"k": "s"})
    paper.show("BTC/ZAR", Quote(Decimal(1), Decimal(2), None, None, QUARTER_PAST_TEN))
    with serve_exchange(ValrDialect(paper)) as server:
        for keys, path in ((KEYS, "marketdata"), ({}, "public")):
            known = Settings(exchanges=ExchangesSettings(keys=keys, urls={"valr": server.url}))
            assert market_at(known, "valr").quote("BTC/ZAR").ask == 2
            assert server.requests[-1].path == f"/v1/{path}/BTCZAR/orderbook"


def test_a_user_has_accounts_where_there_are_keys_and_an_unknown_exchange_is_named() -> None:
    known = settings()
    assert has_accounts(known)
    assert has_accounts(Settings(gateway=GatewaySettings(order_accounts={"ada": MINE})))
    assert not has_accounts(Settings())
    assert account_at(known, "ada", "valr").name == "valr"
    with pytest.raises(Permanent, match="bea has no keys at valr"):
        account_at(known, "bea", "valr")
    with pytest.raises(Permanent, match="no account at IB Gateway is named"):
        market_at(known, "ibkr")
    for open_ in (lambda: account_at(known, "ada", "ovex"), lambda: market_at(known, "ovex")):
        with pytest.raises(Permanent, match=r"no exchange is called 'ovex'.*ibkr.*valr"):
            open_()
    assert {"ibkr", "valr"} <= {*exchange_names()}
