"""What signals are answered with."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from fractions import Fraction
from typing import Any

from fntx_dagster.ledger.entries import moment
from fntx_dagster.ledger.exact import written
from fntx_dagster.services.orders.replies import Reply
from fntx_dagster.signals.amounts import exact
from fntx_dagster.signals.amounts import written as amount
from fntx_dagster.signals.sharing import ACTIVE, FAILED, UNFILLED, Share, percent
from fntx_dagster.store.signals.executions import SignalExecution

PATH = "/db/signals/v2"
PAGE = 100
"""Participants in one answer."""
_LAST_PLACES = 1000
"""By how many 10^-18 a participant's money may differ from the average of all, after some hundred steps."""


def price(money: Decimal | int, quantity: Decimal | int) -> str | None:
    """An average price, in the currency of the money; None where nothing was traded."""
    return written(Fraction(money) / Fraction(quantity)) if quantity else None


def own_price(money: int, quantity: int, money_of_all: Decimal, quantity_of_all: Decimal) -> str | None:
    """A participant's average price. Each step shares its money to the last place; who traded at the price of all has
    that price, exactly, whoever got the last places."""
    paid, traded = exact(money_of_all), exact(quantity_of_all)
    is_of_all = quantity and abs(money * traded - paid * quantity) <= _LAST_PLACES * traded
    return price(paid, traded) if is_of_all else price(money, quantity)


def entry_result(share: Share, lot: int, average: str | None) -> dict[str, Any]:
    """What a participant got of an entry. `average`: the price of all; None: his own."""
    return {
        "user_id": share.user_id,
        "requested_qty": amount(share.requested),
        "qty": amount(share.lots * lot),
        "entry_price": (average or price(share.money_in, share.lots * lot)) if share.lots else None,
        "entry_fee": amount(share.entry_fee),
        "status": share.status if share.status in (FAILED, UNFILLED) else ACTIVE,
        "reason": share.reason,
    }


def exit_result(share: Share, lot: int, execution: SignalExecution) -> dict[str, Any]:
    """What a participant has after an exit; `execution`: as it is then."""
    fees, part = share.entry_fee + share.exit_fee, percent(share.pnl, share.money_in, share.closed, share.lots)
    return {
        "user_id": share.user_id,
        "qty": amount(share.lots * lot),
        "closed_qty": amount(share.closed * lot),
        "entry_price": own_price(share.money_in, share.lots * lot, execution.entry_money, execution.total_qty),
        "exit_price": own_price(share.money_out, share.closed * lot, execution.exit_money, execution.exit_qty),
        "pnl": amount(share.pnl),
        "pnl_percent": None if part is None else written(Fraction(part, 10_000)),
        "fees": amount(fees),
        "net_pnl": amount(share.pnl - fees),
        "status": share.status,
    }


def paged(
    shares: Sequence[Share], result: Callable[[Share], dict[str, Any]], signal_execution_id: int
) -> dict[str, Any]:
    """The first participants, and where the others are: from the place of the first of them on."""
    shown: dict[str, Any] = {"trader_results": [result(share) for share in shares[:PAGE]]}
    if len(shares) > PAGE:
        shown["trader_results_next"] = f"{PATH}/executions/{signal_execution_id}?after={shares[PAGE].place}"
    return shown


def answered(success: bool, message: str, data: Mapping[str, Any], status: int = 201) -> Reply:
    """The answer to a signal."""
    shown = {"success": success, "message": message, "data": data}
    return Reply(status, json.dumps(shown, ensure_ascii=False, separators=(",", ":")).encode())


def holding_minutes(entered: datetime | None, left: datetime | None) -> int | None:
    """Whole minutes from the first fill of the entry to the last of the exits."""
    return None if entered is None or left is None else int((left - entered).total_seconds() // 60)


def totals(execution: SignalExecution, *, closed: bool) -> dict[str, Any]:
    """An execution's figures, as an exit shows them."""
    paid = Fraction(execution.entry_money) * Fraction(execution.exit_qty)
    gain = Fraction(execution.total_pnl) * Fraction(execution.total_qty)
    return {
        "entry_price": price(execution.entry_money, execution.total_qty),
        "exit_price": price(execution.exit_money, execution.exit_qty),
        "total_qty": written(execution.total_qty),
        "exit_qty": written(execution.exit_qty),
        "total_pnl": written(execution.total_pnl),
        "pnl_percent": written(100 * gain / paid, 4) if paid else None,
        "fees_total": written(execution.fees_total),
        "net_pnl": written(Fraction(execution.total_pnl) - Fraction(execution.fees_total)),
        "holding_time": holding_minutes(execution.entry_time, execution.exit_time) if closed else None,
        "exit_reason": execution.exit_reason,
        "timestamp": moment(execution.changed_at),
    }
