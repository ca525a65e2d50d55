"""A message of a signal as it arrives: read, then carried out or refused, and in the log either way; then the stops and
targets of the strategy that its prices reach.
"""

from __future__ import annotations

import hashlib
from datetime import datetime

from fntx_dagster.services.orders.fields import Declined
from fntx_dagster.services.orders.replies import Reply
from fntx_dagster.services.orders.turn import Desk
from fntx_dagster.services.signals import requests, stops
from fntx_dagster.services.signals.entering import carry_in
from fntx_dagster.services.signals.exiting import carry_out
from fntx_dagster.services.signals.requests import EntrySignal, ExitSignal
from fntx_dagster.store.signals import executions
from fntx_dagster.store.signals.executions import Arrival


def enter_signal(desk: Desk, source: str, body: bytes, now: datetime) -> Reply:
    """Carry out an entry, once for its strategy and unique id. `source`: whose token sent it.

    Raises Declined: 422 for what is not valid or another message of the same id, 404 for an unknown instrument.
    """
    arrived = Arrival("entry", source, now, hashlib.sha256(body).digest(), body)
    try:
        asked = requests.entry(body)
        arrived = _named(arrived, asked)
        reply = carry_in(desk, asked, arrived, now)
    except Declined as declined:
        executions.log_refused(desk.db, arrived, declined.code)
        raise
    return _then_stops(desk, asked, reply, now)


def leave_signal(desk: Desk, source: str, body: bytes, now: datetime) -> Reply:
    """Carry out an exit. `source`: whose token sent it.

    Raises Declined: 422 for what is not valid; 409 `no_entry`, `wrong_side`, `no_allocation`, `not_expired`.
    """
    arrived = Arrival("exit", source, now, hashlib.sha256(body).digest(), body)
    try:
        asked = requests.leaving(body)
        arrived = _named(arrived, asked)
        reply = carry_out(desk, asked, arrived, now)
    except Declined as declined:
        executions.log_refused(desk.db, arrived, declined.code)
        raise
    return _then_stops(desk, asked, reply, now)


def _named(arrived: Arrival, asked: EntrySignal | ExitSignal) -> Arrival:
    return arrived._replace(
        fingerprint=asked.fingerprint,
        strategy_code=asked.strategy_code,
        unique_id=asked.unique_id,
        signal_type=asked.signal_type,
    )


def _then_stops(desk: Desk, asked: EntrySignal | ExitSignal, reply: Reply, now: datetime) -> Reply:
    """The answer, after the stops that the message's prices reach; a message that was answered before has none."""
    if asked.market is not None and not reply.replayed:
        stops.look_at_quote(desk, asked, asked.market, now)
    return reply
