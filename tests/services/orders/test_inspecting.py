"""The accounts of the settings: opened once, and looked at before the first order without a key being shown."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pytest
from typer.testing import CliRunner

from fntx_dagster.cli import app
from fntx_dagster.errors import Permanent
from fntx_dagster.ledger.costs import ExchangeFees, fees_of
from fntx_dagster.services.orders.accounts import ExchangeAccounts, market_at
from fntx_dagster.services.orders.desk import fees_in_use
from fntx_dagster.services.orders.inspecting import look_at_accounts
from fntx_dagster.settings import Settings
from fntx_dagster.settings.exchanges import ExchangeKeys, ExchangesSettings
from fntx_dagster.simulate.exchanges.binance import BinanceDialect
from fntx_dagster.simulate.exchanges.paper import PaperExchange
from fntx_dagster.simulate.exchanges.server import serve_exchange
from tests.adapters.exchanges.conftest import KEY, KEYS, MARKETS, SECRET, SYMBOL

WRONG = KEYS.model_copy(update={"key": KEYS.secret})


def settings(url: str) -> Settings:
    keys = {"ada": {"binance": KEYS}, "bob": {"binance": WRONG, "ovex": KEYS}}
    return Settings(exchanges=ExchangesSettings(keys=keys, urls={"binance": url}, timeout=20))


def _plain(keys: ExchangeKeys) -> dict[str, str]:
    return {"key": keys.key.get_secret_value(), "secret": keys.secret.get_secret_value()}


def test_an_account_is_opened_once_whoever_asks_at_the_same_time() -> None:
    accounts = ExchangeAccounts(settings("http://127.0.0.1:9"))
    with ThreadPoolExecutor(8) as pool:
        opened = [*pool.map(lambda _: accounts.at("ada", "binance"), range(8))]
    assert len({id(one) for one in opened}) == 1
    assert accounts.at("bob", "binance") is not opened[0]


def test_a_user_without_keys_at_an_exchange_is_told_where_they_belong() -> None:
    with pytest.raises(Permanent, match=r"ada has no keys at kraken\. Set them in FNTX_EXCHANGE_KEYS"):
        ExchangeAccounts(settings("http://127.0.0.1:9")).at("ada", "kraken")


def test_a_market_can_be_asked_without_an_account() -> None:
    with serve_exchange(BinanceDialect(PaperExchange("binance", MARKETS, {}))) as server:
        assert market_at(settings(server.url), "binance").rules(SYMBOL) == MARKETS[0]


def test_each_account_says_whether_its_keys_work_its_fees_and_the_clock(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    exchange = PaperExchange("binance", MARKETS, {KEY: SECRET}, clock=lambda: datetime.now(UTC) + timedelta(minutes=5))
    with serve_exchange(BinanceDialect(exchange)) as server:
        own = settings(server.url)
        ada, bob, unknown = look_at_accounts(own)
        keys = {user: {name: _plain(one) for name, one in held.items()} for user, held in own.exchanges.keys.items()}
        monkeypatch.setenv("FNTX_HOME", str(tmp_path))
        monkeypatch.setenv("FNTX_EXCHANGE_KEYS", json.dumps(keys))
        monkeypatch.setenv("FNTX_EXCHANGE_URLS", json.dumps(own.exchanges.urls))
        shown, told = (CliRunner().invoke(app, ["api", "exchanges", *more]) for more in ([], ["--json"]))
    assert (ada.keys_work, ada.symbol, ada.maker_bps, ada.taker_bps, ada.problem) == (True, SYMBOL, "7.5", "10", None)
    assert ada.clock_ahead == pytest.approx(300, abs=5)
    assert (bob.keys_work, bob.maker_bps) == (False, None)
    assert "does not accept the keys" in str(bob.problem)
    assert "no exchange is called 'ovex'" in str(unknown.problem)
    assert (shown.exit_code, told.exit_code) == (1, 1)
    assert [row["keys_work"] for row in json.loads(told.stdout)] == [True, False, False]
    assert "do not work" in shown.output
    for text in (shown.output, told.output, repr(own)):
        assert not [secret for secret in (KEY, SECRET) if secret in text]


def test_an_exchange_that_is_away_leaves_open_whether_the_keys_work() -> None:
    [ada, *_] = look_at_accounts(settings("http://127.0.0.1:9"))
    assert ada.keys_work is None
    assert "gives no answer now" in str(ada.problem)


def test_an_account_that_pays_other_fees_than_its_orders_are_judged_by_is_named_with_the_setting(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    exchange = PaperExchange("binance", MARKETS, {KEY: SECRET})
    exchange.fees = ExchangeFees("binance", Decimal(3), Decimal(6))
    with serve_exchange(BinanceDialect(exchange)) as server:
        own = settings(server.url)
        monkeypatch.setenv("FNTX_HOME", str(tmp_path))
        monkeypatch.setenv("FNTX_EXCHANGE_KEYS", json.dumps({"ada": {"binance": {"key": KEY, "secret": SECRET}}}))
        monkeypatch.setenv("FNTX_EXCHANGE_URLS", json.dumps(own.exchanges.urls))
        shown = CliRunner().invoke(app, ["api", "exchanges"]).stderr
        assert "ada at binance pays 3/6 bps, and orders are judged by 7.5/10" in " ".join(shown.split())
        _, _, setting = shown.replace("\n", " ").partition("FNTX_EXCHANGE_FEES='")
        monkeypatch.setenv("FNTX_EXCHANGE_FEES", setting.partition("'")[0])
        assert CliRunner().invoke(app, ["api", "exchanges"]).stderr == ""


def test_fees_of_the_settings_count_from_their_day_on_and_the_published_ones_before() -> None:
    dated = [{"maker": "5", "taker": "8"}, {"maker": "-1", "taker": "7", "since": date(2026, 4, 1)}]
    table = fees_in_use(Settings(orders={"fees": {"luno": dated[1], "kraken": dated}}))
    takers = {
        exchange: [
            fees.taker_bps for day in (31, 1) if (fees := fees_of(table, exchange, date(2026, 3 + (day == 1), day)))
        ]
        for exchange in ("luno", "kraken", "binance")
    }
    assert takers == {"luno": [25, 7], "kraken": [8, 7], "binance": [10, 10]}
    with pytest.raises(ValueError, match="taker"):
        Settings(orders={"fees": {"luno": {"maker": "5"}}})
