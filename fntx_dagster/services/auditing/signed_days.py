"""Signed days in the audit log: the root of each, in the transaction that freezes it, and where a chain holds it, in
the transaction in which its receipt becomes final.

An event names the trader as the chain does, never the account: its proof may be given to a stranger.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from fntx_dagster.audit.event import EventSubject, LedgerPlace, NewAuditEvent, is_count
from fntx_dagster.metrics.catalogue import EXTENSION
from fntx_dagster.services.auditing.log import append

if TYPE_CHECKING:
    from fntx_dagster.model.chain import PostedDay, SignedDay
    from fntx_dagster.settings import Settings
    from fntx_dagster.store.database import Connection


def noted_days(settings: Settings) -> Callable[[Connection, Sequence[SignedDay]], None]:
    """What writes an event for each day that is frozen."""

    def note(connection: Connection, days: Sequence[SignedDay]) -> None:
        for signed in days:
            append(settings, connection, _event(signed))

    return note


def noted_posts(settings: Settings) -> Callable[[Connection, Sequence[PostedDay]], None]:
    """What writes an event for each receipt that becomes final."""

    def note(connection: Connection, posted: Sequence[PostedDay]) -> None:
        for day in posted:
            network = day.chain_id if is_count(day.chain_id) else str(day.chain_id)
            place = LedgerPlace("evm", network, day.tx_hash.lower(), day.block_number)
            details = _details(day) | {"block_hash": day.block_hash.lower()}
            append(settings, connection, NewAuditEvent("day_posted", "system:posting", _subject(day), details, place))

    return note


def _event(signed: SignedDay) -> NewAuditEvent:
    details = _details(signed) | _ledger_head(signed)
    if signed.previous_root is not None:
        details |= {"previous_root": signed.previous_root.hex(), "reason": signed.reason or ""}
    return NewAuditEvent("day_signed", "system:signature", _subject(signed), details)


def _ledger_head(signed: SignedDay) -> dict[str, str]:
    """The head of the account's book at the day's close, and how many entries lead to it; nothing without a book."""
    values = signed.extension.values if signed.extension else {}
    texts = {name: EXTENSION.by_name[name].text_of(values.get(name)) for name in ("ledger_entries", "ledger_head")}
    return {name: text for name, text in texts.items() if text is not None}


def _subject(day: SignedDay | PostedDay) -> EventSubject:
    return EventSubject("signed_day", f"{day.trader.lower()}/{day.trading_day}/{day.version}")


def _details(day: SignedDay | PostedDay) -> dict[str, str]:
    return {
        "trader": day.trader.lower(),
        "chain_id": str(day.chain_id),
        "contract": day.contract.lower(),
        "schema_hash": day.schema_hash.hex(),
        "root": day.root.hex(),
    }
