"""The desk and its strategies as people and programs read them, from the database alone."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from fractions import Fraction
from typing import Any
from uuid import UUID

from fntx_dagster.errors import Permanent
from fntx_dagster.execution.rolling import committed
from fntx_dagster.governance.config import read_config
from fntx_dagster.ledger.exact import decimal
from fntx_dagster.services.execution.batches import progress
from fntx_dagster.services.execution.calculator import percent
from fntx_dagster.services.execution.switching import DESK
from fntx_dagster.services.execution.watching import last_loss
from fntx_dagster.services.governance.configuration import active_set, document_of
from fntx_dagster.store.database import Connection, Database
from fntx_dagster.store.treasury.desks import DeskRow, desk, desk_events
from fntx_dagster.store.treasury.strategies import SliceRow, StrategyRow, slices_of, strategies, strategy

_EVENTS = 20


class NoSuchStrategy(Permanent):
    """There is no strategy with an id."""

    def __init__(self, strategy_id: UUID) -> None:
        super().__init__(f"there is no strategy {strategy_id}", "`fntx strategy list` lists all")


def desk_document(db: Database) -> dict[str, Any]:
    """How the desk stands, what it went through, and its strategies; `desk` is null before anybody approved that it
    trades."""
    with db.snapshot() as snapshot, snapshot.connect() as connection:
        config = read_config(document_of(active_set(connection).config.encode()))
        account = config.xrpl_accounts[DESK]
        row = desk(connection, account)
        return {
            "account": account,
            "desk": None if row is None else _desk(connection, row),
            "events": desk_events(connection, account, _EVENTS),
            "strategies": [_strategy(connection, each) for each in strategies(connection, account)],
        }


def strategy_document(db: Database, strategy_id: UUID) -> dict[str, Any]:
    """A strategy with its slices. Raises Permanent where there is none of that id."""
    with db.snapshot() as snapshot, snapshot.connect() as connection:
        row = strategy(connection, strategy_id)
        if row is None:
            raise NoSuchStrategy(strategy_id)
        slices = slices_of(connection, strategy_id)
        return _strategy(connection, row) | {"slices": [_slice(each) for each in slices]}


def _desk(connection: Connection, row: DeskRow) -> dict[str, Any]:
    lost = last_loss(connection, row)
    return {
        "state": row.state,
        "reason": row.reason,
        "quote": _asset(row.quote_code, row.quote_issuer),
        "limits": row.limits,
        "day": row.day,
        "equity_start": row.equity_start,
        "equity": row.equity,
        "loss_pct": None if lost is None else percent(lost),
        "read_to": row.read_to,
        "live_proposal": row.live_proposal,
    }


def _strategy(connection: Connection, row: StrategyRow) -> dict[str, Any]:
    slices = slices_of(connection, row.strategy_id)
    filled = sum((each.filled for each in slices), Decimal(0))
    paid = sum((each.paid for each in slices), Decimal(0))
    return {
        "strategy_id": row.strategy_id,
        "strategy": row.kind,
        "state": row.state,
        "reason": row.reason,
        "side": row.side,
        "base": _asset(row.base_code, row.base_issuer),
        "quote": _asset(row.quote_code, row.quote_issuer),
        "quantity": row.quantity,
        "filled": filled,
        "committed": _decimal(committed([progress(each) for each in slices])),
        "average_price": _decimal(Fraction(paid) / Fraction(filled)) if filled else None,
        "limit_price": row.limit_price,
        "start": row.starts_at,
        "end": row.ends_at,
        "batch": row.batch,
        "profile": row.profile_hash,
        "started_by": row.started_by,
    }


def _slice(row: SliceRow) -> dict[str, Any]:
    shown: Mapping[str, Any] = row._asdict()
    return {name: value for name, value in shown.items() if name != "strategy_id"}


def _asset(code: str, issuer: str) -> dict[str, str]:
    return {"currency": code} | ({"issuer": issuer} if issuer else {})


def _decimal(value: Fraction) -> Decimal:
    return decimal(value, 12)
