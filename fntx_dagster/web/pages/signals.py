"""`/signals`: strategies with their record, and executions; `/signals/{execution}`: how one was shared, who was left
out and why, and what proves it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from starlette.responses import Response

from fntx_dagster.model.chain import WaitingCommitment
from fntx_dagster.model.period import Period
from fntx_dagster.model.signals import SignalStrategy
from fntx_dagster.report import money
from fntx_dagster.services.dashboard.signals import (
    ListedExecution,
    SignalSearch,
    StrategyRecord,
    Subscription,
    execution_of,
    proof_of_share,
    signals_of,
)
from fntx_dagster.web import words
from fntx_dagster.web.asking import Answer, Asked, NotFound, Shown
from fntx_dagster.web.grids import Badge, Cell, Grid, Link, address_of

_YEAR = timedelta(days=365)
_LAST_PLACE = 10**9
_BAD, _GOOD = ("FAILED",), ("CLOSED",)


def show(asked: Asked) -> Answer:
    """The strategies and executions that the visitor sees."""
    today = asked.desk.day(asked.site.clock())
    period = asked.period(Period(today - _YEAR, today))
    kind, code = asked.word("book", ("paper", "live")), asked.text("strategy")
    midnight = datetime.min.time()
    search = SignalSearch(
        datetime.combine(period.first, midnight, asked.desk.zone),
        datetime.combine(min(period.last, _last_day()), midnight, asked.desk.zone) + timedelta(days=1),
        kind == "paper",
        code,
        asked.number("before"),
        asked.text("after"),
    )
    signals = signals_of(asked.desk, asked.visitor, search)
    if signals is None:
        raise NotFound
    chosen = {"strategy": code, "book": kind, "from": f"{period.first}", "to": f"{period.last}"}
    values = {
        "strategies": Grid("Strategies", _STRATEGY, [_strategy(each, chosen) for each in signals.strategies], words=4),
        "record": _record(signals.record) if signals.record else None,
        "every_strategy": address_of("/signals", **{**chosen, "strategy": None}),
        "more_strategies": address_of("/signals", **chosen, after=signals.after) if signals.after else None,
        "executions": Grid(
            "Executions",
            _EXECUTION,
            [_execution(each) for each in signals.executions],
            words=6,
            results=("Net P&L",),
        ),
        "subscriptions": Grid(
            "Your subscriptions", _SUBSCRIPTION, [_subscription(each) for each in signals.subscriptions], words=3
        ),
        "chosen": chosen,
        "period": period,
        "books": [("paper", "paper"), ("live", "live")],
        "older": address_of("/signals", **chosen, before=f"{signals.before}") if signals.before else None,
        "newest": address_of("/signals", **chosen) if search.before else None,
    }
    return Shown("signals.html.j2", "Signals", values)


_STRATEGY = ("Strategy", "Accounts", "On a chain", "Currency")
_RECORD = (
    "Strategy",
    "Accounts",
    "On a chain",
    "Trades",
    "Win rate",
    "Profit factor",
    "Expectancy",
    "Net P&L",
    "Drawdown, most",
)
_EXECUTION = (
    "No.",
    "Strategy",
    "Signal",
    "Symbol",
    "Book",
    "State",
    "Participants",
    "Asked for",
    "Entered",
    "Left",
    "Net P&L",
)
_SUBSCRIPTION = ("Strategy", "From", "Until", "Quantity", "Fee, bps", "Fee, fixed", "At most")


def _last_day() -> Any:
    return datetime.max.date() - timedelta(days=2)


def _strategy(each: SignalStrategy, chosen: Mapping[str, str | None]) -> tuple[Cell, ...]:
    return (
        Link(each.code, address_of("/signals", **{**chosen, "strategy": each.code})),
        each.accounts,
        _committed(each),
        each.currency,
    )


def _committed(strategy: SignalStrategy) -> str:
    return "each entry is committed" if strategy.commits else "no"


def _record(record: StrategyRecord) -> Grid:
    strategy, figures = record
    currency = strategy.currency
    row = (
        strategy.code,
        strategy.accounts,
        _committed(strategy),
        f"{figures['trades']:,}",
        words.in_percent(figures["win_rate"]),
        words.figure(figures["profit_factor"]),
        _priced(figures["expectancy"], currency, signed=True),
        _priced(figures["net_pnl"], currency, signed=True),
        _priced(figures["drawdown_max"], currency),
    )
    return Grid("Record", _RECORD, [row], words=3, results=("Expectancy", "Net P&L"))


def _execution(each: ListedExecution) -> tuple[Cell, ...]:
    return (
        Link(f"{each.signal_execution_id}", f"/signals/{each.signal_execution_id}"),
        each.strategy_code,
        f"{each.unique_id}, {each.signal_type.replace('_', ' ').lower()}",
        each.symbol,
        "paper" if each.is_paper else "live",
        _state(each.status),
        f"{each.participants:,}",
        money.plain(each.requested_qty),
        _side(each.total_qty, each.entry_money),
        _side(each.exit_qty, each.exit_money),
        f"{money.exactly(each.total_pnl - each.fees_total, signed=True)} {each.currency}",
    )


def _side(quantity: Decimal, worth: Decimal) -> str:
    return f"{money.plain(quantity)} at {money.exactly(worth / quantity)}" if quantity else words.NONE


def _state(state: str) -> Badge:
    return Badge(state.lower(), "bad" if state in _BAD else "good" if state in _GOOD else "")


def _priced(value: str | None, currency: str, *, signed: bool = False) -> str:
    return words.NONE if value is None else f"{words.figure(value, signed=signed)} {currency}"


def _subscription(each: Subscription) -> tuple[Cell, ...]:
    wish = each.wish
    return (
        each.strategy_code,
        words.moment(each.valid_from),
        words.moment(each.valid_to) if each.valid_to else Badge("runs", "good"),
        money.plain(wish.qty),
        money.plain(wish.fee_bps),
        money.plain(wish.fee_fixed),
        words.NONE if wish.max_notional is None else money.exactly(wish.max_notional),
    )


def one(asked: Asked) -> Answer:
    """The execution that the address names."""
    number = asked.request.path_params["execution"]
    after = asked.number("after", _LAST_PLACE)
    execution = execution_of(asked.desk, asked.visitor, number, after or 0)
    if execution is None:
        raise NotFound
    data = execution.data
    shares = data["trader_results"]
    path = f"/signals/{number}"
    values = {
        "data": data,
        "state": _state(data["status"]),
        "path": path,
        "shares": _shares([each for each in shares if Decimal(each["qty"])], execution.has_proof, path),
        "excluded": _excluded([each for each in shares if not Decimal(each["qty"])], execution.has_proof, path),
        "exits": _exits(data),
        "commitment": _commitment(execution.commitment) if execution.commitment else [],
        "has_proof": execution.has_proof,
        "older": address_of(path, after=f"{execution.after}") if execution.after else None,
        "newest": path if after else None,
    }
    return Shown("execution.html.j2", f"Execution {number} of {data['strategy_code']}", values)


def proof(asked: Asked) -> Answer:
    """The proof of a share, as a file."""
    number = asked.request.path_params["execution"]
    text = proof_of_share(asked.desk, asked.visitor, number, asked.text("user"))
    if text is None:
        raise NotFound
    headers = {"Content-Disposition": f'attachment; filename="share-{number}.json"', "Cache-Control": "no-store"}
    return Response(text, media_type="application/json", headers=headers)


def _shares(shares: list[Mapping[str, Any]], has_proof: bool, path: str) -> Grid:
    headers = ("Participant", "State", "Proof", "Asked for", "Got", "Closed", "Entry", "Exit", "P&L", "Fees", "Net P&L")
    rows = [
        (
            each["user_id"],
            each["status"].lower(),
            _proof(each["user_id"], has_proof, path),
            words.figure(each["requested_qty"]),
            words.figure(each["qty"]),
            words.figure(each["closed_qty"]),
            words.figure(each["entry_price"]),
            words.figure(each["exit_price"]),
            words.figure(each["pnl"], signed=True),
            words.figure(f"{Decimal(each['entry_fee']) + Decimal(each['exit_fee'])}"),
            words.figure(each["net_pnl"], signed=True),
        )
        for each in shares
    ]
    return Grid("Shares", headers, rows, words=3, results=("P&L", "Net P&L"))


def _excluded(shares: list[Mapping[str, Any]], has_proof: bool, path: str) -> Grid:
    rows = [
        (
            each["user_id"],
            (each["reason"] or each["status"]).replace("_", " ").lower(),
            _proof(each["user_id"], has_proof, path),
            words.figure(each["requested_qty"]),
        )
        for each in shares
    ]
    return Grid("Without a share", ("Participant", "Why", "Proof", "Asked for"), rows, words=3)


def _proof(user_id: str, has_proof: bool, path: str) -> Cell:
    return Link("JSON", address_of(f"{path}/proof", user=user_id)) if has_proof else words.NONE


def _exits(data: Mapping[str, Any]) -> Grid:
    rows = [
        (
            words.stated(each["timestamp"]),
            each["exit_reason"].replace("_", " ").lower(),
            words.figure(each["qty"]),
            words.figure(each["exit_price"]),
            words.figure(each["reference_price"]),
            words.figure(each["pnl"], signed=True),
            words.figure(each["fees"]),
        )
        for each in data["exits"]
    ]
    headers = ("Time", "Reason", "Quantity", "Price", "Price of the signal", "P&L", "Fees")
    return Grid("Exits", headers, rows, words=2, results=("P&L",))


def _commitment(each: WaitingCommitment) -> list[tuple[str, str]]:
    return [
        ("State", each.state),
        ("Commitment", f"0x{each.commitment.hex()}"),
        ("Queued", words.moment(each.queued_at)),
        ("Chain", f"{each.chain_id or words.NONE}"),
        ("Provider", each.provider or words.NONE),
        ("Number", words.NONE if each.number is None else f"{each.number}"),
        ("In a block since", words.moment(each.committed_at)),
        ("Transaction", each.tx_hash or words.NONE),
        *([("Error", each.error)] if each.error else []),
    ]
