"""The accounts of users at exchanges and at IB Gateway, as the settings give them."""

from __future__ import annotations

import threading

from fntx_dagster.adapters.exchanges.opening import known_exchanges, open_exchange
from fntx_dagster.adapters.gateway.address import Gateway, gateway_at
from fntx_dagster.adapters.gateway.orders import IBKR, BrokerAccount
from fntx_dagster.errors import Permanent, masked
from fntx_dagster.model.exchanges import Exchange
from fntx_dagster.settings import Settings
from fntx_dagster.settings.exchanges import ExchangeKeys

_SETTING = "FNTX_ORDER_CLIENT_ID"
_ASKED_WITH_KEYS = ("valr",)
"""Exchanges that answer few requests without keys: VALR 30 a minute."""


def has_accounts(settings: Settings) -> bool:
    """Whether a user has an account anywhere that orders may go to."""
    return bool(settings.exchanges.keys or settings.gateway.order_accounts)


def exchange_names() -> list[str]:
    """Every exchange that an account can be at."""
    return sorted([*known_exchanges(), IBKR])


def account_at(settings: Settings, user_id: str, exchange: str) -> Exchange:
    """A user's account at an exchange. Raises Permanent where the settings have none, for an exchange that is not
    known, and where a library that it needs is not installed."""
    if exchange == IBKR:
        account = settings.gateway.order_accounts.get(user_id)
        if account is None:
            raise Permanent(f"{user_id} has no account at IB Gateway", "Name it in FNTX_ORDER_ACCOUNTS")
        return BrokerAccount(_gateway(settings, account), account)
    keys = settings.exchanges.keys_of(user_id, exchange)
    if keys is None and exchange in known_exchanges():
        raise Permanent(f"{user_id} has no keys at {exchange}", "Set them in FNTX_EXCHANGE_KEYS (docs/settings.md)")
    return _opened(settings, exchange, keys)


class ExchangeAccounts:
    """The accounts of the settings, each opened once, when it is first asked for: two of the same keys would overtake
    each other's signatures. Threads may ask at the same time."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._opened: dict[tuple[str, str], Exchange] = {}
        self._lock = threading.Lock()

    def at(self, user_id: str, exchange: str) -> Exchange:
        """A user's account at an exchange. Raises what `account_at` raises."""
        with self._lock:
            if (user_id, exchange) not in self._opened:
                self._opened[user_id, exchange] = account_at(self._settings, user_id, exchange)
            return self._opened[user_id, exchange]


def market_at(settings: Settings, exchange: str) -> Exchange:
    """An exchange for its rules and quotes alone; at IB Gateway through the first account that orders go to, by a
    client id that keeps no order waiting. Raises what `account_at` raises."""
    if exchange == IBKR:
        for account in sorted(settings.gateway.order_accounts.values()):
            gateway = _gateway(settings, account)
            return BrokerAccount(gateway._replace(client_id=gateway.client_id + 1), account)
        raise Permanent("no account at IB Gateway is named for orders", "Name one in FNTX_ORDER_ACCOUNTS")
    accounts = [keys[exchange] for _, keys in sorted(settings.exchanges.keys.items()) if exchange in keys]
    return _opened(settings, exchange, accounts[0] if accounts and exchange in _ASKED_WITH_KEYS else None)


def _opened(settings: Settings, exchange: str, keys: ExchangeKeys | None) -> Exchange:
    if exchange not in known_exchanges():
        raise Permanent(f"no exchange is called {exchange!r}", f"Known exchanges: {', '.join(exchange_names())}")
    return open_exchange(exchange, keys, settings.exchanges.urls.get(exchange), settings.exchanges.timeout)


def _gateway(settings: Settings, account: str) -> Gateway:
    """The gateway of an account, for orders. Raises Permanent where its address is not known, or its client id, or the
    one after it, is of a connection that reads accounts: those are read-only, and the gateway takes an id once."""
    gateway = settings.gateway
    if account not in gateway.addresses:
        raise Permanent(f"no IB Gateway is known for {masked(account)}", "Give its address in FNTX_GATEWAYS")
    reading = range(gateway.client_id, gateway.client_id + len(gateway.addresses))
    if gateway.order_client_id in reading or gateway.order_client_id + 1 in reading:
        taken = f"client id {gateway.order_client_id} or the next is of a connection that reads"
        raise Permanent(taken, f"Set another {_SETTING}")
    address = gateway_at(
        gateway.addresses[account], client_id=gateway.order_client_id, timeout=settings.exchanges.timeout
    )
    return address._replace(setting=_SETTING)
