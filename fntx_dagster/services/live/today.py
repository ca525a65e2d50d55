"""An account now, as the stream has it: the newest states, the fills of the day, and the number to follow from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from decimal import Decimal
from typing import Any, NamedTuple

from fntx_dagster.model import live
from fntx_dagster.model.live import LiveEvent
from fntx_dagster.model.snapshot import execution_id
from fntx_dagster.services.live.holding import UNATTENDED_SECONDS
from fntx_dagster.store.database import Database
from fntx_dagster.store.live.events import ends, facts_of
from fntx_dagster.store.live.states import StateRow, heartbeats, states

_FIGURES = (live.NAV, live.PNL, live.MARGIN, live.POSITION)
NOT_FOLLOWED = "not_followed"
"""In place of the gateway's state, where no process follows the account."""


class LiveFill(NamedTuple):
    """A fill of the day, at its price in `currency`; `commission` and `realised`, both in `commission_currency`, are
    None until they are known, `realised` also where it closed nothing."""

    execution_id: str
    at: datetime
    heard_at: datetime
    symbol: str
    description: str
    quantity: Decimal
    price: Decimal
    currency: str
    commission: Decimal | None
    commission_currency: str
    realised: Decimal | None


class LivePosition(NamedTuple):
    """A position now."""

    contract_id: str
    symbol: str
    description: str
    quantity: Decimal
    mark: Decimal
    market_value: Decimal
    average_cost: Decimal
    currency: str


class AccountToday(NamedTuple):
    """An account now. `event_id`: what is shown is the stream up to here. `day`: the session; None before anything was
    heard. `as_of`: when the newest figure was so. `state`: how its gateway is followed, and `reason` why. `nav`, `pnl`,
    `margin`: the bodies of their newest events; `told`: whether the day is built from its statement."""

    event_id: int
    day: date | None
    as_of: datetime | None
    state: str
    reason: str
    nav: Mapping[str, Any]
    pnl: Mapping[str, Any]
    margin: Mapping[str, Any]
    positions: list[LivePosition]
    fills: list[LiveFill]
    told: bool


def account_today(db: Database, account: str) -> AccountToday:
    """Read all of it from one snapshot: following from `event_id` continues it without a gap."""
    with db.snapshot() as snapshot:
        newest = ends(snapshot).newest
        rows = states(snapshot, account)
        days = [row.trading_day for row in rows if row.kind in (live.NAV, live.PNL)]
        day = max(days, default=None)
        facts = facts_of(snapshot, account, day, (live.FILL, live.COMMISSION, live.TOLD)) if day else []
        beat = heartbeats(snapshot).get(f"follow {account}")
    single = {row.kind: row for row in rows if not row.key}
    gateway = single[live.GATEWAY].body if live.GATEWAY in single else {}
    is_attended = beat is not None and beat.age <= UNATTENDED_SECONDS
    charged = {event.body["execution_id"]: event.body for event in facts if event.kind == live.COMMISSION}
    return AccountToday(
        event_id=newest,
        day=day,
        as_of=max((row.as_of for row in rows if row.kind in _FIGURES), default=None),
        state=gateway.get("state", NOT_FOLLOWED) if is_attended else NOT_FOLLOWED,
        reason=gateway.get("reason", "") if is_attended else "",
        nav=_body(single.get(live.NAV)),
        pnl=_body(single.get(live.PNL)),
        margin=_body(single.get(live.MARGIN)),
        positions=[_position(row) for row in rows if row.kind == live.POSITION and Decimal(row.body["quantity"])],
        fills=[_fill(event, charged.get(event.body["execution_id"])) for event in _as_corrected(facts)],
        told=any(event.kind == live.TOLD for event in facts),
    )


def _as_corrected(facts: Sequence[LiveEvent]) -> list[LiveEvent]:
    """The fills, of a corrected one its last version, in the place of the first."""
    newest: dict[str, LiveEvent] = {}
    for event in facts:
        if event.kind == live.FILL and "execution_id" in event.body:
            root, version = execution_id(event.body["execution_id"])
            if root not in newest or execution_id(newest[root].body["execution_id"]).version < version:
                newest[root] = event
    return [*newest.values()]


def _body(row: StateRow | None) -> Mapping[str, Any]:
    """The body of a state, its amounts as Decimals."""
    if row is None:
        return {}
    return {name: value if value is None or name == "currency" else Decimal(value) for name, value in row.body.items()}


def _position(row: StateRow) -> LivePosition:
    body, contract = row.body, row.body["contract"]
    amounts = {name: Decimal(body[name]) for name in ("quantity", "mark", "market_value", "average_cost")}
    return LivePosition(row.key, contract["symbol"], contract["description"], currency=body["currency"], **amounts)


def _fill(event: LiveEvent, charged: Mapping[str, Any] | None) -> LiveFill:
    body = event.body
    realised = charged["realised"] if charged else None
    return LiveFill(
        body["execution_id"],
        event.as_of,
        event.heard_at,
        body["contract"]["symbol"],
        body["contract"]["description"],
        Decimal(body["quantity"]),
        Decimal(body["price"]),
        body["currency"],
        Decimal(charged["commission"]) if charged else None,
        charged["currency"] if charged else "",
        None if realised is None else Decimal(realised),
    )
