"""The accounts of users at exchanges, as the settings give them."""

from __future__ import annotations

from fntx_dagster.adapters.exchanges.opening import open_exchange
from fntx_dagster.errors import Permanent
from fntx_dagster.model.exchanges import Exchange
from fntx_dagster.settings import Settings


def account_at(settings: Settings, user_id: str, exchange: str) -> Exchange:
    """A user's account at an exchange. Raises Permanent where the settings have no keys of it, and what
    `open_exchange` raises."""
    keys = settings.exchanges.keys_of(user_id, exchange)
    if keys is None:
        raise Permanent(f"{user_id} has no keys at {exchange}", "Set them in FNTX_EXCHANGE_KEYS (docs/settings.md)")
    return open_exchange(exchange, keys, settings.exchanges.urls.get(exchange), settings.exchanges.timeout)


def market_at(settings: Settings, exchange: str) -> Exchange:
    """An exchange without an account: its rules and quotes. Raises what `open_exchange` raises."""
    return open_exchange(exchange, None, settings.exchanges.urls.get(exchange), settings.exchanges.timeout)
