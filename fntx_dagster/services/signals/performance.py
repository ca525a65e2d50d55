"""How a strategy did, in all and for each participant: the same trades, so that the users' sum is the total."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from fractions import Fraction
from operator import itemgetter
from typing import Any, NamedTuple
from urllib.parse import urlencode

from fntx_dagster.ledger import performance as formulas
from fntx_dagster.ledger.book import Figures
from fntx_dagster.ledger.entries import moment
from fntx_dagster.ledger.exact import written
from fntx_dagster.ledger.market import mid
from fntx_dagster.services.orders.asking import not_found
from fntx_dagster.services.orders.fields import Declined, FieldFault, moment_of
from fntx_dagster.services.orders.turn import Desk
from fntx_dagster.services.signals.answers import PATH
from fntx_dagster.services.signals.trading import user_of
from fntx_dagster.signals.performance import (
    WEEKDAYS,
    ZERO,
    SignalRecord,
    SignalStep,
    SignalTrade,
    Slippage,
    excursion,
    grouped,
    record,
)
from fntx_dagster.store.database import Readable
from fntx_dagster.store.signals import reading, strategies
from fntx_dagster.store.signals.reading import Chosen, EndedExit, EndedTrade, UserSums


class AskedPerformance(NamedTuple):
    """Which figures are asked for: of a strategy, of a symbol or all, from a moment on and before another; of its
    participants one, or those behind an id, so many at most."""

    strategy_code: str
    symbol: str | None
    start: datetime | None
    end: datetime | None
    is_paper: bool
    user_id: str | None
    after: str
    limit: int


def start_of(desk: Desk, name: str, text: str | None, *, after: bool = False) -> datetime | None:
    """The moment that a query states, or the start of the trading day that it states (`after`: of the day after it).
    Raises Declined for what is neither."""
    if text is None:
        return None
    try:
        if len(text) == len("2026-03-02"):
            day = date.fromisoformat(text) + timedelta(days=after)
            return datetime.combine(day, time(), desk.zone)
        return moment_of(text)
    except (ValueError, OverflowError):
        words = "not a day (2026-03-02) and not a moment as RFC 3339 writes it, with its offset"
        raise Declined([FieldFault(name, "invalid", words)]) from None


def performance(desk: Desk, asked: AskedPerformance) -> dict[str, Any]:
    """The figures of a strategy, in the currency that it trades in. Raises Declined (404) for an unknown strategy."""
    with desk.db.snapshot() as db:
        strategy = strategies.strategy(db, asked.strategy_code)
        if strategy is None:
            raise not_found("strategy_not_found", "strategy_code", "no such strategy")
        chosen = Chosen(asked.strategy_code, asked.is_paper, asked.symbol, asked.start, asked.end)
        trades = traded(desk, db, chosen)
        counts = reading.counts(db, chosen)
        users = reading.user_sums(db, chosen, asked.user_id, asked.after, asked.limit + 1)
        participants = reading.participants(db, chosen)
    made = record(trades)
    data = {
        "strategy_code": chosen.strategy_code,
        "symbol": chosen.symbol,
        "start": chosen.start and moment(chosen.start),
        "end": chosen.end and moment(chosen.end),
        "is_paper": chosen.is_paper,
        "currency": strategy.currency,
        "signals": counts.signals,
        "executed": counts.executed,
        "failed": counts.failed,
        "open": counts.open,
        "requested_qty": written(counts.requested_qty),
        "filled_qty": written(counts.filled_qty),
        "fill_ratio": _ratio(counts.filled_qty, counts.requested_qty),
        **_figures(made, len(trades)),
        "by_symbol": [_group(*each) for each in grouped(trades, lambda trade: trade.symbol).items()],
        "by_weekday": [_group(*each) for each in grouped(trades, lambda trade: trade.weekday).items()],
        "participants": participants,
        "users": [_user(user) for user in users[: asked.limit]],
        "users_next": _next(asked, users[asked.limit - 1].user_id) if len(users) > asked.limit else None,
    }
    words = f"{len(trades)} trades of {counts.signals} signals"
    return {"success": True, "message": f"{words}: {data['net_pnl']} {strategy.currency} after fees", "data": data}


def figures_of(desk: Desk, db: Readable, chosen: Chosen) -> dict[str, Any]:
    """The figures of the trades of a strategy that ended in the time, without those that its prices on the way make."""
    trades = traded(desk, db, chosen, on_the_way=False)
    return _figures(record(trades), len(trades))


def traded(desk: Desk, db: Readable, chosen: Chosen, *, on_the_way: bool = True) -> list[SignalTrade]:
    """The trades of a strategy that ended in the time. `on_the_way`: each with what it was at most and at least worth
    until then at the prices that the strategy's book took."""
    ended = reading.trades(db, chosen)
    if not ended:
        return []
    exits = reading.exits_of(db, [trade.signal_execution_id for trade in ended])
    first = min(trade.entry_time for trade in ended)
    last = max(trade.exit_time for trade in ended)
    whose = user_of(chosen.strategy_code)
    seen = reading.quotes_seen(db, whose, chosen.is_paper, first, last) if on_the_way else {}
    marks = {market: [(at, mid(quote)) for at, quote in quotes] for market, quotes in seen.items()}
    found = []
    for trade in ended:
        steps = exits.get(trade.signal_execution_id, [])
        known = marks.get((trade.exchange, trade.market), [])
        begins = bisect_left(known, trade.entry_time, key=itemgetter(0))
        ends = bisect_right(known, trade.exit_time, key=itemgetter(0))
        sign = 1 if trade.signal_type == "BUY_ENTRY" else -1
        best_and_worst = excursion(
            sign * Fraction(trade.entry_money),
            sign * Fraction(trade.total_qty),
            [SignalStep(step.at, Fraction(step.qty), Fraction(step.pnl)) for step in steps],
            known[begins:ends],
        )
        best, worst = best_and_worst or (None, None)
        found.append(
            SignalTrade(
                trade.trade_id,
                trade.symbol,
                WEEKDAYS[desk.day(trade.entry_time).weekday()],
                trade.exit_time,
                trade.holding_time,
                Fraction(trade.total_pnl),
                Fraction(trade.fees_total),
                _slippage(trade, steps),
                best,
                worst,
            )
        )
    return found


def _slippage(trade: EndedTrade, steps: list[EndedExit]) -> Slippage:
    """What the fills of a trade cost more than at the best prices of its signals; a settlement has none."""
    fills = [(trade.entry_money, trade.total_qty, trade.reference_price, trade.signal_type == "BUY_ENTRY")]
    leaves = trade.signal_type != "BUY_ENTRY"
    fills += [(step.money, step.qty, step.reference_price, leaves) for step in steps if step.reason != "EXPIRY"]
    cost = reference = ZERO
    for money, quantity, best, buys in fills:
        if best is not None:
            at_best = Fraction(best) * Fraction(quantity)
            cost += Fraction(money) - at_best if buys else at_best - Fraction(money)
            reference += at_best
    return Slippage(cost, reference)


def _figures(made: SignalRecord, number: int) -> dict[str, Any]:
    sums = made.figures
    return {
        "trades": number,
        **_decided(sums),
        "profit_factor": _written(formulas.profit_factor(sums)),
        "total_pnl": written(sums.realized),
        "fees_total": written(sums.fees),
        "net_pnl": written(sums.realized - sums.fees),
        "average_pnl": _written(made.average),
        "median_pnl": _written(made.middle),
        "expectancy": _written(made.expectancy),
        "average_win": _ratio(sums.gains, sums.wins),
        "average_loss": _ratio(sums.losses, sums.losing),
        "best": _written(made.best),
        "worst": _written(made.worst),
        "average_holding_time": _written(made.holding),
        "longest_winning_streak": made.longest_winning,
        "longest_losing_streak": made.longest_losing,
        "current_streak": made.current_streak,
        "drawdown_current": written(made.drawdown_now),
        "drawdown_max": written(made.drawdown_max),
        "priced_trades": made.priced,
        "average_mfe": _written(made.mfe),
        "average_mae": _written(made.mae),
        "slippage": written(made.slippage.cost),
        "slippage_bps": _written(made.slippage.bps),
    }


def _decided(sums: Figures) -> dict[str, Any]:
    return {
        "wins": sums.wins,
        "losses": sums.losing,
        "break_evens": sums.even,
        "win_rate": _written(formulas.win_rate(sums)),
    }


def _group(name: str, sums: Figures) -> dict[str, Any]:
    net = sums.realized - sums.fees
    return {
        "name": name,
        "trades": sums.ended,
        **_decided(sums),
        "net_pnl": written(net),
        "expectancy": written(net / sums.ended),
    }


def _user(sums: UserSums) -> dict[str, Any]:
    return {
        "user_id": sums.user_id,
        "signals": sums.signals,
        "taken": sums.taken,
        "missed": sums.missed,
        "pnl": written(sums.pnl),
        "fees": written(sums.fees),
        "net_pnl": written(Fraction(sums.pnl) - Fraction(sums.fees)),
        "fee_ratio": _ratio(sums.fees, sums.pnl) if sums.pnl > 0 else None,
    }


def _next(asked: AskedPerformance, last: str) -> str:
    query = {"strategy_code": asked.strategy_code, "symbol": asked.symbol, "after": last, "limit": asked.limit}
    query |= {"from": asked.start and moment(asked.start), "to": asked.end and moment(asked.end)}
    query |= {"is_paper": "true" if asked.is_paper else "false"}
    return f"{PATH}/performance?{urlencode({name: value for name, value in query.items() if value is not None})}"


def _ratio(above: Decimal | Fraction, below: Decimal | Fraction | int) -> str | None:
    return written(Fraction(above) / Fraction(below)) if below else None


def _written(number: Fraction | None) -> str | None:
    return None if number is None else written(number)
