"""Where the money is made: outcomes of trades, summed by kind, by underlying, and by what was known at the entry.

Pure. Classes are those of docs/strategies.md. A trade whose property the statements do not give is in the class
`unknown`, so that the classes of each property sum to all trades.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from decimal import Decimal
from operator import attrgetter

from fntx_dagster.model.session import NEW_YORK
from fntx_dagster.model.strategies import ENTRIES, OPTIONS_TRADED, EdgeTable, OptionTrade, Outcomes, Strategy

UNKNOWN = "unknown"
_DAYS_OF_THE_WEEK = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
_ZERO = Decimal(0)


def outcomes(name: str, net_pnls: Iterable[Decimal]) -> Outcomes:
    """How many trades there are, how many were won and lost, and what they made."""
    known = list(net_pnls)
    won, lost = sum(net > 0 for net in known), sum(net < 0 for net in known)
    total = sum(known, _ZERO)
    return Outcomes(
        name,
        number=len(known),
        won=won,
        lost=lost,
        win_rate=won * 100 / (won + lost) if won or lost else None,
        net_pnl=total,
        average=total / len(known) if known else None,
    )


def by_kind(strategies: Iterable[Strategy]) -> tuple[Outcomes, ...]:
    """Outcomes of strategies that ended by kind; the kind with the most of them first."""
    return _summed(strategies, attrgetter("kind"))


def by_underlying(strategies: Iterable[Strategy]) -> tuple[Outcomes, ...]:
    """Outcomes of strategies that ended by underlying; the underlying with the most of them first."""
    return _summed(strategies, attrgetter("underlying"))


def edge_tables(trades: Sequence[OptionTrade]) -> tuple[EdgeTable, ...]:
    """Outcomes of trades by each property of their entry."""
    return tuple(
        EdgeTable(title, tuple(_classes(trades, classify, order))) for title, (classify, order) in _PROPERTIES.items()
    )


def _summed(strategies: Iterable[Strategy], key: Callable[[Strategy], str]) -> tuple[Outcomes, ...]:
    members: dict[str, list[Strategy]] = defaultdict(list)
    for strategy in strategies:
        members[key(strategy)].append(strategy)
    rows = []
    for name, own in members.items():
        made = outcomes(name, (strategy.net_pnl for strategy in own))
        premium = sum((strategy.premium for strategy in own if strategy.premium > 0), _ZERO)
        sold = sum((strategy.net_pnl for strategy in own if strategy.premium > 0), _ZERO)
        days = [strategy.days for strategy in own if strategy.days is not None]
        rows.append(
            made._replace(
                premium=premium,
                captured=float(sold / premium * 100) if premium else None,
                days=sum(days) / len(days) if days else None,
            )
        )
    return tuple(sorted(rows, key=lambda row: (-row.number, row.name)))


def _classes(
    trades: Sequence[OptionTrade], classify: Callable[[OptionTrade], str], order: Sequence[str]
) -> Iterable[Outcomes]:
    members: dict[str, list[Decimal]] = {name: [] for name in (*order, UNKNOWN)}
    for trade in trades:
        members[classify(trade)].append(trade.net_pnl)
    return (outcomes(name, own) for name, own in members.items() if own)


class _Steps:
    """Classes by bounds, each of which is the first value of the class above it."""

    def __init__(self, value: Callable[[OptionTrade], float | None], below: str, *steps: tuple[float, str]) -> None:
        self.value, self.below, self.steps = value, below, steps
        self.names = (below, *(name for _, name in steps))

    def __call__(self, trade: OptionTrade) -> str:
        value = self.value(trade)
        if value is None:
            return UNKNOWN
        return next((name for bound, name in reversed(self.steps) if value >= bound), self.below)


def _absolute_delta(trade: OptionTrade) -> float | None:
    return None if trade.delta is None else abs(trade.delta)


def _moved(trade: OptionTrade) -> float | None:
    """The realised move in units of the implied one."""
    if trade.implied_move is None or trade.realised_move is None or not trade.implied_move:
        return None
    return trade.realised_move / trade.implied_move


def _option(trade: OptionTrade) -> str:
    return trade.option or UNKNOWN


def _hour(trade: OptionTrade) -> str:
    return f"{trade.opened_at.astimezone(NEW_YORK):%H}:00" if trade.opened_at else UNKNOWN


def _priced_by(trade: OptionTrade) -> str:
    return trade.priced_by or UNKNOWN


def _weekday(trade: OptionTrade) -> str:
    return _DAYS_OF_THE_WEEK[trade.opened_at.astimezone(NEW_YORK).weekday()] if trade.opened_at else UNKNOWN


_EXPIRY = _Steps(
    attrgetter("days_to_expiry"),
    "0 days",
    (1, "1 day"),
    (2, "2 to 7"),
    (8, "8 to 21"),
    (22, "22 to 45"),
    (46, "over 45"),
)
_DELTA = _Steps(
    _absolute_delta,
    "below 0.05",
    (0.05, "0.05 to 0.10"),
    (0.10, "0.10 to 0.20"),
    (0.20, "0.20 to 0.30"),
    (0.30, "0.30 to 0.50"),
    (0.50, "0.50 and more"),
)
_DISTANCE = _Steps(
    attrgetter("strike_distance"),
    "in the money",
    (0, "0 % to 0.5 %"),
    (0.005, "0.5 % to 1 %"),
    (0.01, "1 % to 2 %"),
    (0.02, "2 % to 5 %"),
    (0.05, "5 % and more"),
)
_HELD = _Steps(
    attrgetter("hours_held"),
    "below 1 hour",
    (1, "1 to 4 hours"),
    (4, "4 to 24 hours"),
    (24, "1 to 7 days"),
    (7 * 24, "7 to 30 days"),
    (30 * 24, "30 days and more"),
)
_VOLATILITY = _Steps(
    attrgetter("volatility"),
    "below 10 %",
    (0.10, "10 % to 15 %"),
    (0.15, "15 % to 20 %"),
    (0.20, "20 % to 30 %"),
    (0.30, "30 % to 50 %"),
    (0.50, "50 % and more"),
)
_MOVE = _Steps(_moved, "less than half", (0.5, "half to all of it"), (1, "more than implied"), (2, "more than twice"))

_PROPERTIES: dict[str, tuple[Callable[[OptionTrade], str], Sequence[str]]] = {
    "Option": (_option, OPTIONS_TRADED),
    "Days to expiry": (_EXPIRY, _EXPIRY.names),
    "Delta at entry": (_DELTA, _DELTA.names),
    "Strike distance": (_DISTANCE, _DISTANCE.names),
    "Implied volatility at entry": (_VOLATILITY, _VOLATILITY.names),
    "Entry priced by": (_priced_by, ENTRIES),
    "Entry hour, New York": (_hour, [f"{hour:02}:00" for hour in range(24)]),
    "Weekday": (_weekday, _DAYS_OF_THE_WEEK),
    "Holding time": (_HELD, _HELD.names),
    "Realised against implied move": (_MOVE, _MOVE.names),
}
