"""Following every account of the settings: one follower for each among all processes that share the database."""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import Collection
from contextlib import suppress

from fntx_dagster.adapters.gateway.address import Gateway, gateway_at
from fntx_dagster.adapters.gateway.following import Follower
from fntx_dagster.adapters.gateway.telling import Patience
from fntx_dagster.errors import FntxError, masked, without_accounts
from fntx_dagster.services.live.holding import Held
from fntx_dagster.services.live.writing import EventWriter
from fntx_dagster.settings import Settings
from fntx_dagster.store.database import Database

_LOOK_SECONDS, _RETRY_SECONDS = 1.0, 5.0
_log = logging.getLogger(__name__)


class AccountFollower:
    """Follows one account, in a thread, for as long as it holds the account's lock."""

    def __init__(
        self, db: Database, gateway: Gateway, account: str, writer: EventWriter, patience: Patience | None = None
    ) -> None:
        self._gateway, self._account, self._writer, self._patience = gateway, account, writer, patience
        self._held = Held(db, f"follow {account}", f"following {masked(account)}")

    def run(self, ending: threading.Event) -> None:
        """Follow until `ending` is set."""
        while self._held.waited(ending):
            try:
                asyncio.run(self._follow(ending))
            except Exception:
                _log.exception("following %s failed", masked(self._account))
                ending.wait(_RETRY_SECONDS)
        self._held.release()

    async def _follow(self, ending: threading.Event) -> None:
        self._writer.begin(self._account)
        follower = Follower(self._gateway, self._account, self._writer.add, self._patience)
        following = asyncio.ensure_future(follower.run())
        try:
            while not ending.is_set() and await asyncio.to_thread(self._held.still):
                await asyncio.wait({following}, timeout=_LOOK_SECONDS)
                if following.done():
                    following.result()
        finally:
            following.cancel()
            with suppress(asyncio.CancelledError):
                await following


def followers(
    settings: Settings,
    db: Database,
    writer: EventWriter,
    patience: Patience | None = None,
    accounts: Collection[str] | None = None,
) -> list[AccountFollower]:
    """A follower for each account whose gateway is in the settings (of `accounts` alone, where they are named), with
    client ids of their own, whoever else follows the others."""
    found = []
    for number, (account, address) in enumerate(sorted(settings.gateway.addresses.items())):
        if accounts is not None and account not in accounts:
            continue
        try:
            client_id = settings.gateway.live_client_id + number
            gateway = gateway_at(address, client_id=client_id, timeout=settings.gateway.timeout)._replace(
                setting="FNTX_GATEWAY_LIVE_CLIENT_ID"
            )
        except FntxError as error:
            _log.warning("%s is not followed: %s", masked(account), without_accounts(str(error)))
            continue
        found.append(AccountFollower(db, gateway, account, writer, patience))
    return found
