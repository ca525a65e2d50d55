"""Live orders at VALR and at IB Gateway: the live path, the adapter, the protocol and the ledger together."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from pydantic import SecretStr

from fntx_dagster.adapters.exchanges.opening import open_exchange
from fntx_dagster.adapters.gateway.address import Gateway
from fntx_dagster.adapters.gateway.orders import BrokerAccount
from fntx_dagster.ledger.costs import ExchangeFees
from fntx_dagster.ledger.gates import Rules
from fntx_dagster.model.exchanges import Exchange, MarketRules
from fntx_dagster.model.orders import Quote
from fntx_dagster.services.orders import requests
from fntx_dagster.services.orders.asking import order_status
from fntx_dagster.services.orders.live.following import follow
from fntx_dagster.services.orders.live.reaching import Reach
from fntx_dagster.services.orders.live.sweeping import sweep
from fntx_dagster.services.orders.money import fund
from fntx_dagster.services.orders.portfolio import summary
from fntx_dagster.services.orders.submitting import submit
from fntx_dagster.services.orders.turn import Desk
from fntx_dagster.services.orders.verifying import verify
from fntx_dagster.settings.exchanges import ExchangeKeys
from fntx_dagster.simulate.exchanges.paper import PaperExchange
from fntx_dagster.simulate.exchanges.server import serve_exchange
from fntx_dagster.simulate.exchanges.valr import ValrDialect
from fntx_dagster.simulate.gateway import Faults, serve
from fntx_dagster.simulate.gateway_accounts import QUARTER_PAST_TEN, july_28
from fntx_dagster.simulate.gateway_orders import PLACE_ORDER, OrderDesk
from fntx_dagster.store.database import Database
from tests.adapters.gateway.test_orders import CALL, CALL_QUOTE, CLIENT_ID, MINE, SPY_CALL, listings


class _Trading:
    """Ada's live book, at a time that the test moves."""

    def __init__(self, db: Database, account: Exchange, currency: str, now: datetime) -> None:
        self.now, self.account = now, account
        rules = Rules(fees=(ExchangeFees(account.name, Decimal(1), Decimal(1)),))
        reach = Reach(lambda user, exchange: account)
        self.desk = Desk(db, rules, currency, clock=lambda: self.now, live=reach)
        asked = {"amount": "100000", "currency": currency, "is_paper": False}
        fund(self.desk, "ada", requests.funding(json.dumps(asked).encode(), None), now)

    def order(self, key: str, symbol: str, amount: str, **more: Any) -> Any:
        body = {"bot_id": "bot", "exchange": self.account.name, "symbol": symbol, "side": "buy", "amount": amount}
        asked = json.dumps(body | {"expected_edge_bps": "400", "is_paper": False} | more).encode()
        return json.loads(submit(self.desk, "ada", requests.submission(asked, key), self.now).body)

    def state(self, answer: Any) -> str:
        return order_status(self.desk, "ada", answer["order_id"])["state"]

    def fills(self) -> list[tuple[Decimal, Decimal, Decimal, str]]:
        query = "select qty, price, fee, fee_currency from ledger.fills order by executed_at, exchange_trade_id"
        with self.desk.db.connect() as connection:
            return connection.execute(query).fetchall()


def test_an_option_costs_what_its_shares_times_the_premium_are_and_a_lost_answer_is_found(database: Database) -> None:
    with serve(july_28(), now=QUARTER_PAST_TEN, desk=OrderDesk(listings())) as gateway:
        account = BrokerAccount(Gateway(gateway.host, gateway.port, CLIENT_ID, 10), MINE)
        trading = _Trading(database, account, "USD", QUARTER_PAST_TEN)
        bought = trading.order("a", CALL, "399")
        assert (bought["state"], bought["filled_amount"]) == ("filled", "300")  # whole contracts
        assert trading.fills() == [(300, Decimal("5.15"), Decimal("1.95"), "USD")]
        shown = summary(trading.desk, "ada", False, trading.now)
        assert Decimal(shown["equity"]) == 100_000 - 300 * Decimal("5.15") - Decimal("1.95") + 300 * Decimal("5.125")
        gateway.faults = Faults(loses_answer_at=PLACE_ORDER)
        lost = trading.order("b", CALL, "200", order_type="limit", price="5.12")
        assert lost["state"] == "open"  # asked for at once, and found by its reference
        gateway.faults = Faults()
        trading.now = gateway.now = QUARTER_PAST_TEN + timedelta(minutes=1)
        gateway.desk.show(SPY_CALL.con_id, CALL_QUOTE._replace(bid=Decimal("5.00"), ask=Decimal("5.12")), gateway.now)
        follow(trading.desk)
        assert trading.state(lost) == "filled"
        assert trading.fills()[1] == (200, Decimal("5.12"), Decimal("1.30"), "USD")
        assert len(gateway.desk.orders) == 2
        assert [book.faults for book in verify(trading.desk)] == [()]


def test_an_order_at_valr_pays_its_fee_in_what_it_receives_and_one_that_valr_lost_has_failed(
    database: Database,
) -> None:
    rules = MarketRules("BTC/ZAR", Decimal("0.00000001"), Decimal(1), Decimal("0.00001"), Decimal(10))
    now = datetime.now(UTC)
    paper = PaperExchange("valr", [rules], {"key": "secret"}, client_ids="among_open", clock=lambda: now)
    paper.show("BTC/ZAR", Quote(Decimal(1_000_000), Decimal(1_000_100), None, Decimal("0.003"), now))
    with serve_exchange(ValrDialect(paper)) as server:
        keys = ExchangeKeys(key=SecretStr("key"), secret=SecretStr("secret"))
        trading = _Trading(database, open_exchange("valr", keys, server.url, 2), "ZAR", now)
        taken = trading.order("a", "BTC/ZAR", "0.004000009")
        assert (taken["state"], taken["filled_amount"]) == ("cancelled", "0.003")
        assert trading.fills() == [(Decimal("0.003"), 1_000_100, Decimal("0.0000045"), "BTC")]
        waits = trading.order("b", "BTC/ZAR", "0.01", order_type="limit", price="999000")
        server.fail("disconnect", accepted=False)
        lost = trading.order("c", "BTC/ZAR", "0.01", order_type="limit", price="999000")
        assert (waits["state"], lost["state"]) == ("open", "unknown")
        paper.show("BTC/ZAR", Quote(Decimal(998_000), Decimal(999_000), None, None, now))
        follow(trading.desk)
        assert trading.state(waits) == "filled"
        assert trading.fills()[1] == (Decimal("0.01"), 999_000, Decimal("14.985"), "ZAR")
        for seconds in (1, 62):  # absent for longer than an exchange takes to show an order
            trading.now = now + timedelta(seconds=seconds)
            sweep(trading.desk)
        assert trading.state(lost) == "failed"
        assert len(paper.orders) == 2
        assert [book.faults for book in verify(trading.desk)] == [()]
    assert server.problems == []
