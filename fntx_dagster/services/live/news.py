"""What of that which a gateway said is new: events of the facts that were not known, and of the states that changed.

A gateway says everything again after each reconnect, and a writer that was killed begins knowing what the tables hold:
so an event is made only of a difference.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import asdict
from datetime import date, datetime, timedelta
from typing import Any

from fntx_dagster.accounting.calendar import session_at
from fntx_dagster.errors import without_accounts
from fntx_dagster.foreign import cleaned
from fntx_dagster.model import live
from fntx_dagster.model.live import Heard
from fntx_dagster.model.snapshot import execution_id, plain
from fntx_dagster.store.database import Readable
from fntx_dagster.store.live.events import NewEvent
from fntx_dagster.store.live.states import known_facts, states

_REMEMBERED = timedelta(days=7)
_LONGEST_REASON = 300
Body = Mapping[str, Any]


class KnownAccount:
    """What is known of one account: its facts of the last days by kind and key, its states by kind and key."""

    def __init__(self, account: str, facts: set[tuple[str, str]], newest: dict[tuple[str, str], Body]) -> None:
        self.account = account
        self.facts = facts
        self.states = newest

    @classmethod
    def read(cls, db: Readable, account: str, today: date) -> KnownAccount:
        """What the tables hold."""
        facts = known_facts(db, account, today - _REMEMBERED)
        return cls(account, facts, {(row.kind, row.key): row.body for row in states(db, account)})

    def news(self, heard: Heard) -> Iterator[NewEvent]:
        """The events of what is new, facts first; they are known from then on."""
        yield from self._state(heard)
        for fill in heard.fills:
            root, version = execution_id(fill.execution_id)
            body = {
                "execution_id": fill.execution_id,
                "contract": asdict(fill.contract),
                "quantity": fill.quantity,
                "price": fill.price,
                "currency": fill.currency,
                "corrects": f"{root}.{version - 1:02d}" if version > 1 else None,
            }
            yield from self._fact(live.FILL, fill.execution_id, fill.at, heard, body)
        for charged in heard.commissions:
            body = charged._asdict()
            del body["at"]
            key = f"{charged.execution_id} {charged.commission:f} {charged.realised}"
            yield from self._fact(live.COMMISSION, key, charged.at, heard, body)
        yield from self._positions(heard)
        if heard.values:
            values = heard.values._asdict()
            nav = {name: values.pop(name) for name in ("nav", "cash")}
            yield from self._newest(live.NAV, "", heard, {**nav, "currency": heard.values.currency})
            yield from self._newest(live.MARGIN, "", heard, values)
        if heard.pnl:
            yield from self._newest(live.PNL, "", heard, heard.pnl._asdict())

    def _state(self, heard: Heard) -> Iterator[NewEvent]:
        if heard.state is not None:
            reason = cleaned(without_accounts(heard.reason), _LONGEST_REASON)
            yield from self._newest(live.GATEWAY, "", heard, {"state": str(heard.state), "reason": reason})

    def _positions(self, heard: Heard) -> Iterator[NewEvent]:
        held = {position.contract.contract_id for position in heard.positions}
        for position in heard.positions:
            yield from self._newest(live.POSITION, position.contract.contract_id, heard, asdict(position))
        if heard.whole:
            for (kind, key), body in list(self.states.items()):
                if kind == live.POSITION and key not in held and body["quantity"] != "0":
                    yield from self._newest(live.POSITION, key, heard, {**body, "quantity": "0", "market_value": "0"})

    def _fact(self, kind: str, key: str, at: datetime, heard: Heard, body: Body) -> Iterator[NewEvent]:
        if (kind, key) not in self.facts:
            self.facts.add((kind, key))
            day = session_at(at).day
            yield NewEvent(self.account, day, kind, key, at, heard.heard_at, False, True, plain({**body}))

    def _newest(self, kind: str, key: str, heard: Heard, body: Body) -> Iterator[NewEvent]:
        stated = plain({**body})
        if self.states.get((kind, key)) != stated:
            self.states[kind, key] = stated
            day = session_at(heard.as_of).day
            yield NewEvent(self.account, day, kind, key, heard.as_of, heard.heard_at, True, True, stated)
