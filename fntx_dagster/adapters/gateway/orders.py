"""An account at IB Gateway as an `Exchange`: stocks and options, by limit orders.

Here belongs what every request about orders has: a connection of its own, with the client id of orders, one at a time.
The connection that reads accounts has another client id and stays read-only. What is asked is in `ordering`.
"""

from __future__ import annotations

import asyncio
import threading
import time
from collections import defaultdict
from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, TypeVar

from fntx_dagster.adapters.gateway.address import Gateway
from fntx_dagster.adapters.gateway.states import CLIENT_ID_IN_USE, State, Unavailable
from fntx_dagster.errors import Permanent, Transient
from fntx_dagster.model.exchanges import FoundFill, FoundOrder, MarketRules, OrderRefusedError, SentOrder
from fntx_dagster.model.orders import Quote

if TYPE_CHECKING:
    from fntx_dagster.adapters.gateway.ordering import GatewayMarket, Ordering

IBKR = "ibkr"
_T = TypeVar("_T")
_PAUSE = 0.1
"""Seconds before the next try, while another process uses the client id."""
_MARKETS_KEPT = 6 * 3600
"""Seconds."""

_turns: defaultdict[tuple[str, int, int], threading.Lock] = defaultdict(threading.Lock)
"""Host, port and client id → whose turn it is: the gateway refuses a second connection with the same id."""


class BrokerAccount:
    """An account behind an IB Gateway. What is known of its markets is kept for some hours: an option's contract may
    change with a corporate action."""

    def __init__(self, gateway: Gateway, account: str) -> None:
        self._gateway = gateway
        self._account = account
        self._markets: dict[str, GatewayMarket] = {}
        self._markets_since = time.monotonic()

    @property
    def name(self) -> str:
        return IBKR

    def rules(self, symbol: str) -> MarketRules:
        """As the port says. Amounts are in shares, of an option too; IBKR has no least cost."""
        known = self._known().get(symbol) or self._asked(lambda ordering: ordering.market(symbol))
        return known.rules

    def quote(self, symbol: str) -> Quote:
        return self._asked(lambda ordering: ordering.quote(symbol))

    def send(self, order: SentOrder) -> FoundOrder:
        try:
            return self._asked(lambda ordering: ordering.place(order))
        except (Transient, Permanent) as error:
            raise OrderRefusedError(f"{error.message.rstrip('.')}: the order was not sent") from None

    def find(self, client_id: str, symbol: str, since: datetime) -> FoundOrder | None:
        return self._asked(lambda ordering: ordering.find(client_id, symbol, since))

    def cancel(self, order: FoundOrder, symbol: str) -> None:
        self._asked(lambda ordering: ordering.cancel(order))

    def fills(self, symbol: str, since: datetime) -> Sequence[FoundFill]:
        return self._asked(lambda ordering: ordering.fills(symbol, since))

    def fee_bps(self, symbol: str) -> tuple[Decimal, Decimal]:
        """Raises Permanent: the broker charges by share and contract, with a minimum."""
        raise Permanent("IBKR has no fees in basis points", "Set what they come to as `ibkr` in FNTX_EXCHANGE_FEES")

    def clock_ahead(self) -> timedelta:
        """How far the gateway's clock is ahead of this machine's, to the second."""
        return self._asked(lambda ordering: ordering.now()) - datetime.now(UTC)

    def _known(self) -> dict[str, GatewayMarket]:
        if time.monotonic() - self._markets_since > _MARKETS_KEPT:
            self._markets, self._markets_since = {}, time.monotonic()
        return self._markets

    def _asked(self, ask: Callable[[Ordering], Awaitable[_T]]) -> _T:
        """The answer over a connection of its own, within the gateway's timeout, the wait for a turn included. Raises
        Transient and Permanent, and what `ask` raises."""
        gateway = self._gateway
        end = time.monotonic() + gateway.timeout
        turn = _turns[gateway.host, gateway.port, gateway.client_id]
        while True:
            if not turn.acquire(timeout=max(end - time.monotonic(), 0)):
                words = f"IB Gateway at {gateway.address} is busy with other requests about orders"
                raise Unavailable(State.SLOW, words, "Ask again in a minute")
            try:
                left = max(end - time.monotonic(), _PAUSE)
                return asyncio.run(self._connected(gateway._replace(timeout=left), ask))
            except Unavailable as error:
                if error.refusal != CLIENT_ID_IN_USE or time.monotonic() > end:
                    raise
            finally:
                turn.release()
            time.sleep(_PAUSE)

    async def _connected(self, gateway: Gateway, ask: Callable[[Ordering], Awaitable[_T]]) -> _T:
        # imported here, because the event library behind ib_insync takes the thread's loop when it is first imported
        from fntx_dagster.adapters.gateway.conversation import connected, require_account
        from fntx_dagster.adapters.gateway.ordering import Ordering

        async with connected(gateway) as conversation:
            require_account(gateway, conversation.ib.managedAccounts(), self._account)
            return await ask(Ordering(conversation, self._account, self._known()))
