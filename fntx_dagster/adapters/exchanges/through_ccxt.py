"""The exchanges that are reached through ccxt. Importing this imports ccxt."""

from __future__ import annotations

from fntx_dagster.adapters.exchanges.binance import Binance
from fntx_dagster.adapters.exchanges.ccxt_exchange import CcxtExchange
from fntx_dagster.adapters.exchanges.kraken import Kraken
from fntx_dagster.adapters.exchanges.kucoin import KuCoin
from fntx_dagster.adapters.exchanges.luno import Luno

ACCOUNTS: dict[str, type[CcxtExchange]] = {account.name: account for account in (Binance, KuCoin, Kraken, Luno)}
"""Name → the class of an account there."""
