"""What happens at expiry: official settlement prices, and the exits of what is open then.

An execution that is open after its instrument's expiry is settled at the official price as soon as that is known. Until
then it is an alert from the day after the expiry on.
"""

from __future__ import annotations

import json
from datetime import date, datetime
from decimal import Decimal
from typing import NamedTuple

from fntx_dagster.errors import Permanent
from fntx_dagster.ledger.exact import written
from fntx_dagster.model.finding import Finding, Observed
from fntx_dagster.services.orders.fields import Declined, Fields
from fntx_dagster.services.orders.turn import Desk
from fntx_dagster.services.signals.unasked import Cause, OpenSignal, close
from fntx_dagster.store.database import Readable
from fntx_dagster.store.signals import master, overview, strategies
from fntx_dagster.store.signals.overview import ExpiredExecution

SOURCE = "settlement"
"""Whose the exits at expiry are in the log."""
UNSETTLED = "ledger/settlements"
"""The source of the alerts of executions that nobody settled."""
_LONGEST_SOURCE = 500


class SettledExecution(NamedTuple):
    """What became of an execution whose instrument has expired: its message, or None where its price is not known."""

    signal_execution_id: int
    strategy_code: str
    unique_id: str
    symbol: str
    expiry: date
    price: Decimal | None
    message: str | None


def keep_settlement(desk: Desk, token: str, expiry: date, price: Decimal, source: str) -> None:
    """Keep the official settlement price of an instrument. `source`: in words, who published it.

    Raises Permanent for a price that is none, an instrument that nobody knows, and another price than the one that is
    kept: settlements were made with it.
    """
    fields = Fields({"price": f"{price:f}"})
    if fields.price("price", 9) is None:
        raise Permanent(f"{price} is no settlement price", "Give a number of at least 0, 9 decimal places at most")
    if not source.strip() or len(source) > _LONGEST_SOURCE:
        raise Permanent("the source of a settlement price is missing", "Say in words who published it")
    if not any(listed.instrument.expiry == expiry for listed in master.instruments(desk.db, token)):
        words = f"no instrument with the token {token[:64]!a} expires on {expiry}"
        raise Permanent(words, "`fntx signals instruments --token TOKEN` shows what it names")
    kept = strategies.add_settlement(desk.db, token, expiry, price, source)
    if kept != price:
        words = f"the settlement price of {token[:64]!a} on {expiry} is {written(kept)} already"
        raise Permanent(words, "A settlement is final; an execution that it closed wrongly needs a manual correction")


def settle(desk: Desk) -> list[SettledExecution]:
    """Settle all that has expired and whose price is known; each once, however often and by whomever it is called.
    What has no price is named from the day after its expiry on."""
    now = desk.clock()
    today = desk.day(now)
    done = []
    for found in overview.expired(desk.db, today):
        if found.price is None and found.expiry == today:
            continue
        message = None if found.price is None else _settled(desk, found, found.price, now)
        named = (found.signal_execution_id, found.strategy_code, found.unique_id, found.symbol, found.expiry)
        done.append(SettledExecution(*named, found.price, message))
    return done


def due(desk: Desk) -> int:
    """How many executions can be settled now."""
    return sum(found.price is not None for found in overview.expired(desk.db, desk.day(desk.clock())))


def unsettled(desk: Desk, db: Readable, now: datetime) -> Observed:
    """The executions that are open past their expiry, because nobody has said the settlement price."""
    findings = [
        Finding(
            f"execution {found.signal_execution_id}",
            f"execution {found.signal_execution_id} of {found.strategy_code}: {found.symbol} expired on {found.expiry} "
            f"and has no settlement price: `fntx signals settlement {found.strike_price_token} {found.expiry} PRICE`",
        )
        for found in overview.expired(db, desk.day(now))
        if found.price is None and found.expiry < desk.day(now)
    ]
    return Observed("settlement", UNSETTLED, findings)


def _settled(desk: Desk, found: ExpiredExecution, price: Decimal, now: datetime) -> str:
    try:
        return json.loads(close(desk, OpenSignal(*found[1:6]), Cause("EXPIRY", SOURCE, price), now).body)["message"]
    except Declined as declined:  # another message closed it, or its orders are under way
        return f"{declined}"
