"""What the audit trail of a strategy's book holds of a signal: the rule and the wishes before the order leaves, the
shares after each step. Roots bind what everybody wished and got; nobody's name or figures are in the trail."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

from fntx_dagster.ledger.kinds import SIGNAL_RULE, SIGNAL_SHARES
from fntx_dagster.model.signals import OMNIBUS
from fntx_dagster.services.orders.turn import Turn
from fntx_dagster.signals.amounts import exact, written
from fntx_dagster.signals.proving import shares_root, wishes_root
from fntx_dagster.signals.shares import RULE
from fntx_dagster.signals.sharing import Got, ShareTexts


def record_rule(
    at: Turn, execution: Mapping[str, Any], shares: Sequence[ShareTexts], lot: int, salt: bytes
) -> dict[str, Any]:
    """The entry that states, before the order leaves, by which rule and for which wishes it will be shared."""
    return at.event(
        SIGNAL_RULE,
        signal=_signal(execution),
        signal_type=execution["signal_type"],
        symbol=execution["market"],
        currency=execution["currency"],
        rule=RULE,
        lot_size=written(lot),
        participants=len(shares),
        requested_qty=execution["requested_qty"],
        wishes_root=wishes_root(shares, salt).hex(),
    )


def record_shares(
    at: Turn,
    execution: Mapping[str, Any],
    shares: Sequence[ShareTexts],
    lot: int,
    got: Got,
    *,
    exit_steps: int,
) -> dict[str, Any]:
    """The entry that states what the shares add up to after a step; its postings give the participants what the step
    got. `exit_steps`: 0 for the entry's step, else the number of exits so far."""
    buys = (execution["signal_type"] == "BUY_ENTRY") != bool(exit_steps)
    quantity = got.lots * lot if buys else -got.lots * lot
    money = -got.money if buys else got.money
    return at.event(
        SIGNAL_SHARES,
        signal=_signal(execution),
        symbol=execution["market"],
        currency=execution["currency"],
        same_price=execution["accounts"] == OMNIBUS,
        entry_steps=execution["entry_steps"],
        exit_steps=exit_steps,
        participants=len(shares),
        shared_qty=written(quantity),
        shared_money=written(money),
        qty=_text(execution, "total_qty"),
        entry_money=_text(execution, "entry_money"),
        closed_qty=_text(execution, "exit_qty"),
        exit_money=_text(execution, "exit_money"),
        total_pnl=_text(execution, "total_pnl"),
        fees_total=_text(execution, "fees_total"),
        shares_root=shares_root(shares, execution["salt"]).hex(),
    )


def _signal(execution: Mapping[str, Any]) -> dict[str, str]:
    return {name: execution[name] for name in ("strategy_code", "unique_id")}


def _text(execution: Mapping[str, Any], name: str) -> str:
    return written(exact(Decimal(execution.get(name, 0))))
