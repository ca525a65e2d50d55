"""What is read of signals: open positions at the newest prices, an execution with a page of its participants.

A trader sees his own shares alone; a signal source, a reader and an admin see everybody's.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal
from fractions import Fraction
from typing import Any

from fntx_dagster.ledger.entries import moment
from fntx_dagster.ledger.exact import written
from fntx_dagster.ledger.market import mid
from fntx_dagster.model.orders import Quote
from fntx_dagster.model.signals import SEPARATE, SignalInstrument
from fntx_dagster.services.orders import guarding
from fntx_dagster.services.orders.access import TRADER, Caller
from fntx_dagster.services.orders.asking import not_found
from fntx_dagster.services.orders.turn import Desk
from fntx_dagster.services.signals.answers import PATH, own_price, price, totals
from fntx_dagster.services.signals.trading import user_of
from fntx_dagster.signals.amounts import ONE, exact, half_even, minor_unit
from fntx_dagster.signals.amounts import written as amount
from fntx_dagster.signals.sharing import CLOSED, Share, percent
from fntx_dagster.store.signals import executions, reading, strategies
from fntx_dagster.store.signals.executions import ExitRow, SignalExecution
from fntx_dagster.store.signals.reading import HeldShare, Market


def seen_by(caller: Caller, user_id: str | None) -> str | None:
    """Whose shares a caller sees: a trader his own, others those of the user that they ask for, or all (None).

    Raises Declined (403) where a trader asks for another user's.
    """
    return guarding.entity(caller, None, user_id).user_id if caller.role == TRADER else user_id


def active_positions(desk: Desk, code: str | None, user_id: str | None, is_paper: bool) -> dict[str, Any]:
    """What is open of a strategy, or of all; of a participant, or of all."""
    with desk.db.snapshot() as db:
        held = reading.held_shares(db, code, user_id, is_paper)
        quotes = reading.newest_quotes(db, {_market(share) for share in held}, is_paper)
    data = [_position(share, quotes.get(_market(share))) for share in held]
    return {"success": True, "message": f"{len(data)} positions are open", "data": data}


def execution(desk: Desk, caller: Caller, number: int, after: int, limit: int) -> dict[str, Any]:
    """An execution with its participants from the one at place `after` on, `limit` at most.

    Raises Declined (404) where there is none, and for a trader who has no part in it.
    """
    with desk.db.snapshot() as db:
        found = executions.execution_of_id(db, number)
        shares: list[Share] = []
        if found is not None:
            instrument = strategies.instrument_of(db, found.instrument_id)
            lot = exact(instrument.lot_size)
            with db.connect() as connection:
                if (user_id := seen_by(caller, None)) is not None:
                    shares = executions.shares_of(connection, number, [user_id], lot)
                else:
                    shares = executions.shares(connection, number, lot, after=after - 1, limit=limit + 1)
                exits, trade = executions.exits(connection, number), executions.trade_of(connection, number)
            if shares or user_id is None:
                return _execution(found, instrument, shares, limit, [_exit(each) for each in exits], _trade(trade))
    raise not_found("execution_not_found", "signal_execution_id", "no such execution")


def _market(share: HeldShare) -> Market:
    """Whose prices value a position: the strategy's book's, or of separate accounts the participant's own."""
    whose = share.user_id if share.accounts == SEPARATE else user_of(share.strategy_code)
    return whose, share.exchange, share.market


def _position(share: HeldShare, quote: Quote | None) -> dict[str, Any]:
    left = Fraction(share.qty) - Fraction(share.closed_qty)
    entry = Fraction(share.money_in) / Fraction(share.qty)
    gain = None
    if quote is not None:
        each = mid(quote) - entry if share.signal_type == "BUY_ENTRY" else entry - mid(quote)
        above, below = (each * left * ONE).as_integer_ratio()
        cent = minor_unit(share.currency)
        gain = amount(half_even(above, below * cent) * cent)
    return {
        "signal_execution_id": share.signal_execution_id,
        "user_id": share.user_id,
        "symbol": share.symbol,
        "underlying": share.underlying,
        "qty": written(left),
        "entry_price": written(entry),
        "unrealized_pnl": gain,
        "entry_time": moment(share.entry_time),
    }


def _execution(
    found: SignalExecution,
    instrument: SignalInstrument,
    shares: Sequence[Share],
    limit: int,
    exits: list[dict[str, Any]],
    trade: dict[str, Any] | None,
) -> dict[str, Any]:
    lot, following = exact(instrument.lot_size), None
    if len(shares) > limit:
        following = f"{PATH}/executions/{found.signal_execution_id}?after={shares[limit].place}&limit={limit}"
    own = ("signal_execution_id", "signal_log_id", "strategy_code", "unique_id", "signal_type", "token")
    same = ("strike_price_token", "currency", "is_paper", "accounts", "status", "reason", "description", "rule_entry")
    data = {name: getattr(found, name) for name in (*own, *same, "shares_entry")}
    data |= totals(found, closed=found.status == CLOSED)
    data |= {name: _written(getattr(found, name)) for name in ("reference_price", "stop_loss", "target")}
    data |= {
        "symbol": instrument.symbol,
        "underlying": instrument.underlying,
        "strike_price": _written(instrument.strike),
        "option_type": instrument.option_type,
        "expiry": instrument.expiry and instrument.expiry.isoformat(),
        "requested_qty": written(found.requested_qty),
        "entry_time": found.entry_time and moment(found.entry_time),
        "exit_time": found.exit_time and moment(found.exit_time),
        "total_traders": found.participants,
        "trader_results": [_participant(share, lot, found) for share in shares[:limit]],
        "trader_results_next": following,
        "exits": exits,
        "trade": trade,
    }
    words = f"{data['exit_qty']} of {data['total_qty']} closed"
    return {"success": True, "message": f"{found.status}: {words}", "data": data}


def _participant(share: Share, lot: int, of: SignalExecution) -> dict[str, Any]:
    part = percent(share.pnl, share.money_in, share.closed, share.lots)
    return {
        "user_id": share.user_id,
        "requested_qty": amount(share.requested),
        "qty": amount(share.lots * lot),
        "closed_qty": amount(share.closed * lot),
        "entry_price": own_price(share.money_in, share.lots * lot, of.entry_money, of.total_qty),
        "exit_price": own_price(share.money_out, share.closed * lot, of.exit_money, of.exit_qty),
        "pnl": amount(share.pnl),
        "pnl_percent": None if part is None else written(Fraction(part, 10_000)),
        "entry_fee": amount(share.entry_fee),
        "exit_fee": amount(share.exit_fee),
        "net_pnl": amount(share.pnl - share.entry_fee - share.exit_fee),
        "status": share.status,
        "reason": share.reason,
    }


def _exit(row: ExitRow) -> dict[str, Any]:
    return {
        "signal_log_id": row.signal_log_id,
        "exit_reason": row.reason,
        "qty": written(Decimal(row.qty)),
        "exit_price": price(Decimal(row.money), Decimal(row.qty)),
        "reference_price": None if row.reference_price is None else written(Decimal(row.reference_price)),
        "pnl": written(Decimal(row.pnl)),
        "fees": written(Decimal(row.fees)),
        "timestamp": moment(row.at),
    }


def _trade(row: Mapping[str, Any] | None) -> dict[str, Any] | None:
    if row is None:
        return None
    same = ("trade_id", "symbol", "underlying", "option_type", "holding_time", "exit_reason")
    numbers = ("strike_price", "entry_price", "exit_price", "total_qty", "total_pnl", "pnl_percent", "fees_total")
    return (
        {name: row[name] for name in same}
        | {name: _written(row[name]) for name in (*numbers, "net_pnl")}
        | {name: moment(row[name]) for name in ("entry_time", "exit_time")}
    )


def _written(number: Decimal | None) -> str | None:
    return None if number is None else written(number)
