"""The day that still runs: from IB Gateway into the tables, and from there into the report.

Joins the rooms and holds no rule of its own: the conversation is `gateway`'s, the arithmetic `report.today`'s, the
memory `store.marts.current`'s. What the gateway told is provisional and is never signed.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple

from fntx_dagster.accounting.provisional import session_at, today
from fntx_dagster.adapters.gateway.client import gateway_at, snapshot
from fntx_dagster.errors import FntxError, Permanent, masked
from fntx_dagster.model.day import ProvisionalDay
from fntx_dagster.model.period import Period
from fntx_dagster.model.snapshot import Snapshot
from fntx_dagster.settings import Settings
from fntx_dagster.store.database import Database, Readable
from fntx_dagster.store.marts import current
from fntx_dagster.store.marts.current import Provisional


class Asked(NamedTuple):
    """What one account's gateway said: a snapshot, which is kept, or why there is none that can be told."""

    account_id: str
    snapshot: Snapshot | None
    error: FntxError | None

    def __str__(self) -> str:
        return f"{masked(self.account_id)}: {self.error or 'answered'}"


def refresh(settings: Settings, db: Database, account: str | None = None) -> list[Asked]:
    """Ask the gateway of every account (or of one) side by side, and keep what they say. An account whose day cannot be
    told from it (the settings lack its rate) is like one whose gateway does not answer: what was kept before stays."""
    accounts = [account] if account else sorted(settings.gateway.addresses)
    if not accounts:
        raise Permanent("no IB Gateway is in the settings", "Name one for each account in FNTX_GATEWAYS")
    if account and account not in settings.gateway.addresses:
        raise Permanent(f"account {masked(account)} has no IB Gateway in the settings", "Name it in FNTX_GATEWAYS")
    with ThreadPoolExecutor(max_workers=len(accounts)) as pool:
        asked = list(pool.map(lambda one: _ask(settings, one), accounts))
    return [_kept(settings, db, one) for one in asked]


def provisional_days(
    settings: Settings,
    db: Readable,
    period: Period,
    account: str | None = None,
    untold: Callable[[str], None] | None = None,
) -> list[ProvisionalDay]:
    """The days of a range that only the gateway has told, by account and day, at the real-time rates of the settings.
    Before any statement has named it, the gateway's currency is taken for the base.

    Where a day cannot be told, such as for want of a rate, `untold` gets the reason, with its account masked, and the
    others are told; without it the reason is raised, Permanent or Transient.
    """
    days = []
    for found in current.provisional(db, period, account):
        try:
            days.append(_day(settings, found))
        except FntxError as error:
            if untold is None:
                raise
            untold(f"{masked(found.snapshot.account_id)} {session_at(found.snapshot.as_of).day}: {error}")
    return days


def _ask(settings: Settings, account: str) -> Asked:
    try:
        gateway = gateway_at(
            settings.gateway.addresses[account],
            # a gateway that serves several accounts refuses a client id that is in use
            client_id=settings.gateway.client_id + sorted(settings.gateway.addresses).index(account),
            timeout=settings.gateway.timeout,
        )
        return Asked(account, snapshot(gateway, account), None)
    except FntxError as error:
        return Asked(account, None, error)


def _kept(settings: Settings, db: Database, asked: Asked) -> Asked:
    """Tells the day before it is kept: one that cannot be told would take the place of one that can."""
    if asked.snapshot is None:
        return asked
    try:
        if found := current.beside_statements(db, asked.snapshot):
            _day(settings, found)
    except FntxError as error:
        return Asked(asked.account_id, None, error)
    current.keep(db, asked.snapshot)
    return asked


def _day(settings: Settings, found: Provisional) -> ProvisionalDay:
    return today(
        found.snapshot,
        base_currency=found.base_currency or found.snapshot.currency,
        opening_nav_official=found.opening_nav,
        rates=settings.accounting.realtime_rates,
    )
