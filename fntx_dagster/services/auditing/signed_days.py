"""Signed days in the audit log: the root of each, in the transaction that freezes it.

An event names the trader as the chain does, never the account: its proof may be given to a stranger.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from fntx_dagster.audit.event import EventSubject, NewAuditEvent
from fntx_dagster.services.auditing.log import append

if TYPE_CHECKING:
    from fntx_dagster.model.chain import SignedDay
    from fntx_dagster.settings import Settings
    from fntx_dagster.store.database import Connection


def noted_days(settings: Settings) -> Callable[[Connection, Sequence[SignedDay]], None]:
    """What writes an event for each day that is frozen."""

    def note(connection: Connection, days: Sequence[SignedDay]) -> None:
        for signed in days:
            append(settings, connection, _event(signed))

    return note


def _event(signed: SignedDay) -> NewAuditEvent:
    details = {
        "trader": signed.trader.lower(),
        "chain_id": str(signed.chain_id),
        "contract": signed.contract.lower(),
        "schema_hash": signed.schema_hash.hex(),
        "root": signed.root.hex(),
    }
    if signed.previous_root is not None:
        details |= {"previous_root": signed.previous_root.hex(), "reason": signed.reason or ""}
    subject = EventSubject("signed_day", f"{details['trader']}/{signed.trading_day}/{signed.version}")
    return NewAuditEvent("day_signed", "system:signature", subject, details)
