"""Opening an account at an exchange by the exchange's name. What an exchange needs is imported when it is opened."""

from __future__ import annotations

from collections.abc import Callable

from fntx_dagster.errors import Permanent
from fntx_dagster.model.exchanges import Exchange
from fntx_dagster.settings.exchanges import ExchangeKeys

Opener = Callable[[str, ExchangeKeys | None, str | None, float], Exchange]
"""Name, keys, address and seconds that an answer may take → the account."""

_OPENERS: dict[str, Opener] = {}


def open_exchange(name: str, keys: ExchangeKeys | None, url: str | None = None, timeout: float = 10) -> Exchange:
    """The account that `keys` belong to; without keys only what is public can be asked (rules, quotes).

    `url` takes the place of the exchange's own address; an answer may take `timeout` seconds. Opening asks the exchange
    nothing. Raises Permanent for an exchange that is not known, and where a library that it needs is not installed.
    """
    if (opener := _OPENERS.get(name)) is None:
        raise Permanent(f"no exchange is called {name!r}", f"Known exchanges: {', '.join(sorted(_OPENERS))}")
    return opener(name, keys, url, timeout)
