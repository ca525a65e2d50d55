"""The exchanges that are reached through ccxt. Importing this imports ccxt."""

from __future__ import annotations

from fntx_dagster.adapters.exchanges.binance import Binance
from fntx_dagster.adapters.exchanges.ccxt_exchange import CcxtExchange

ACCOUNTS: dict[str, type[CcxtExchange]] = {account.name: account for account in (Binance,)}
"""Name → the class of an account there."""
