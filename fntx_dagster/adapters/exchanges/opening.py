"""Opening an account at an exchange by the exchange's name. What an exchange needs is imported when it is opened."""

from __future__ import annotations

from collections.abc import Callable

from fntx_dagster.errors import Permanent
from fntx_dagster.model.exchanges import Exchange
from fntx_dagster.settings.exchanges import ExchangeKeys

Opener = Callable[[str, ExchangeKeys | None, str | None, float], Exchange]
"""Name, keys, address and seconds that an answer may take → the account."""


def open_exchange(name: str, keys: ExchangeKeys | None, url: str | None = None, timeout: float = 10) -> Exchange:
    """The account that `keys` belong to; without keys only what is public can be asked (rules, quotes).

    `url` takes the place of the exchange's own address; an answer may take `timeout` seconds. Opening asks the exchange
    nothing. Raises Permanent for an exchange that is not known, and where a library that it needs is not installed.
    """
    if (opener := _OPENERS.get(name)) is None:
        raise Permanent(f"no exchange is called {name!r}", f"Known exchanges: {', '.join(known_exchanges())}")
    return opener(name, keys, url, timeout)


def known_exchanges() -> list[str]:
    """The names that `open_exchange` knows."""
    return sorted(_OPENERS)


def _through_ccxt(name: str, keys: ExchangeKeys | None, url: str | None, timeout: float) -> Exchange:
    try:
        from fntx_dagster.adapters.exchanges.through_ccxt import ACCOUNTS  # ccxt's import takes two seconds
    except ModuleNotFoundError as error:
        if error.name != "ccxt":
            raise
        raise Permanent(
            f"{name} is reached through ccxt, which is not installed", "Run `pip install 'fntx-dagster[exchanges]'`"
        ) from None
    return ACCOUNTS[name](keys, url, timeout)


def _valr(name: str, keys: ExchangeKeys | None, url: str | None, timeout: float) -> Exchange:
    from fntx_dagster.adapters.exchanges.valr import Valr

    return Valr(name, keys, url, timeout)


_OPENERS: dict[str, Opener] = {
    **dict.fromkeys(("binance", "kucoin", "kraken", "luno"), _through_ccxt),
    "valr": _valr,
}
