"""The strategies of signals for Dagster: their executions and figures as rows, what does not add up, and what expires.

Executions are named by their numbers: no row, finding or text names a participant.
"""

from __future__ import annotations

from collections.abc import Iterable

from fntx_dagster.model.finding import Finding
from fntx_dagster.services.alerting import record
from fntx_dagster.services.building.ledger import LedgerRows
from fntx_dagster.services.orders.desk import desk_of
from fntx_dagster.services.signals import settling
from fntx_dagster.services.signals.performance import AskedPerformance, performance
from fntx_dagster.settings import Settings
from fntx_dagster.store.database import Database
from fntx_dagster.store.signals import checking, strategies
from fntx_dagster.store.signals.checking import SignalFault

EXECUTIONS = ("signals", "executed", "failed", "open", "participants", "requested_qty", "filled_qty")
PERFORMANCE = ("currency", "trades", "win_rate", "profit_factor", "expectancy", "drawdown_max", "net_pnl")
"""Of the figures that the API answers, what each asset shows, after the strategy and its book."""


def signal_rows(settings: Settings, db: Database, names: Iterable[str]) -> LedgerRows:
    """A row for each strategy and book that has signals: the strategy, `paper` or `live`, and these figures."""
    desk, names = desk_of(settings, db), list(names)
    rows = []
    for strategy in strategies.strategies(db):
        for is_paper in (True, False):
            asked = AskedPerformance(strategy.code, None, None, None, is_paper, None, "", 0)
            figures = performance(desk, asked)["data"]
            if figures["signals"]:
                values = ("" if figures[name] is None else f"{figures[name]}" for name in names)
                rows.append((strategy.code, "paper" if is_paper else "live", *values))
    return LedgerRows(len(rows), rows)


def unsummed_executions(db: Database) -> list[Finding]:
    """The executions whose allocations do not add up to them."""
    return _findings(checking.unsummed(db))


def untraded_executions(db: Database) -> list[Finding]:
    """The closed executions without a trade, and trades of executions that are not closed."""
    return _findings(checking.untraded(db))


def differing_trades(db: Database) -> list[Finding]:
    """The trades that are not what their execution and its exits came to."""
    return _findings(checking.differing_trades(db))


def overdue_executions(settings: Settings, db: Database) -> list[Finding]:
    """The executions that are open although their instrument has expired."""
    desk = desk_of(settings, db)
    return _findings(checking.overdue(db, desk.day(desk.clock())))


def settlements_due(settings: Settings, db: Database) -> tuple[int, list[Finding]]:
    """How many executions can be settled, and those that wait for a price since their expiry; each of these becomes an
    alert."""
    desk = desk_of(settings, db)
    seen = settling.unsettled(desk, db, desk.clock())
    record(db, [seen])
    return settling.due(desk), seen.findings


def settle_signals(settings: Settings, db: Database) -> LedgerRows:
    """Settle what has expired: the execution, symbol, expiry, price, and what came of it."""
    done = [each for each in settling.settle(desk_of(settings, db)) if each.message is not None]
    rows = [
        (f"{each.signal_execution_id}", each.symbol, f"{each.expiry}", f"{each.price:f}", f"{each.message}")
        for each in done
    ]
    return LedgerRows(len(rows), rows)


def _findings(faults: Iterable[SignalFault]) -> list[Finding]:
    return [
        Finding(
            f"execution {fault.signal_execution_id}",
            f"execution {fault.signal_execution_id} of {fault.strategy_code}: {fault.words}",
        )
        for fault in faults
    ]
