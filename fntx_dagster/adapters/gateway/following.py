"""One account of one IB Gateway, followed: a connection that stays, what it says passed on, and made anew when it ends.

Only reads. After each end everything is asked for anew, and what is said twice is passed on twice: who keeps it drops
what is known. What is asked and heard over one connection is in `subscribed`.
"""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import Callable

from fntx_dagster.adapters.gateway.address import Gateway
from fntx_dagster.adapters.gateway.telling import Patience, Teller
from fntx_dagster.errors import FntxError, masked
from fntx_dagster.model.live import Following, Heard

_JITTER = 0.25
_log = logging.getLogger(__name__)


class Follower:
    """Follows one account until its task is cancelled. `on_heard` is called in the loop and must not block."""

    def __init__(
        self, gateway: Gateway, account: str, on_heard: Callable[[Heard], None], patience: Patience | None = None
    ) -> None:
        self._gateway = gateway
        self._patience = patience or Patience()
        self._teller = Teller(account, on_heard)
        self._wait = self._patience.first_wait

    async def run(self) -> None:
        """Follow; when the connection ends, wait and begin anew: after 1, 2, 4 … 60 s, each up to a quarter more or
        less, and at once where the gateway has its own connection back."""
        while True:
            try:
                await self._follow()
            except FntxError as error:
                self._teller.tell(state=Following.AWAY, reason=str(error))
            except Exception as error:  # a message that ib_insync cannot take: the connection is made anew
                _log.exception("following %s failed", masked(self._teller.account))
                self._teller.tell(state=Following.AWAY, reason=type(error).__name__)
            await asyncio.sleep(self._wait * random.uniform(1 - _JITTER, 1 + _JITTER))
            self._wait = min(self._wait * 2, self._patience.longest_wait)

    async def _follow(self) -> None:
        # imported here, because the event library behind ib_insync takes the thread's loop when it is first imported
        from fntx_dagster.adapters.gateway.conversation import connected, require_account
        from fntx_dagster.adapters.gateway.subscribed import Subscribed

        async with connected(self._gateway) as conversation:
            require_account(self._gateway, conversation.ib.managedAccounts(), self._teller.account)
            subscribed = Subscribed(self._teller, conversation, self._patience)
            await subscribed.begin()
            self._wait = self._patience.first_wait
            await subscribed.listen()
