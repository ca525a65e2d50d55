"""Strategies of signals with their record, and executions with their shares, as a visitor may see them.

An owner and an auditor see all. A source sees the strategies that it sent signals of, with everybody's shares. The
others see the strategies that they are in, and of an execution their own share.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any, NamedTuple
from urllib.parse import parse_qs, urlsplit

from fntx_dagster.model.chain import WaitingCommitment
from fntx_dagster.model.signals import SignalStrategy
from fntx_dagster.services.dashboard.books import caller_of
from fntx_dagster.services.orders.access import TRADER
from fntx_dagster.services.orders.fields import Declined
from fntx_dagster.services.orders.turn import Desk
from fntx_dagster.services.signals import proving, reading
from fntx_dagster.services.signals.performance import figures_of
from fntx_dagster.services.visitors.visitor import SOURCE, Visitor
from fntx_dagster.store.database import Readable
from fntx_dagster.store.outbox import commitments
from fntx_dagster.store.signals import executions, seen, strategies
from fntx_dagster.store.signals.overview import ListedExecution
from fntx_dagster.store.signals.reading import Chosen
from fntx_dagster.store.signals.seen import ExecutionsWanted
from fntx_dagster.store.signals.strategies import Subscription

__all__ = [
    "ExecutionShown",
    "ListedExecution",
    "SignalSearch",
    "SignalsShown",
    "StrategyRecord",
    "Subscription",
    "execution_of",
    "proof_of_share",
    "signals_of",
]

_STRATEGIES, _EXECUTIONS, _SUBSCRIPTIONS, _SHARES = 50, 50, 50, 100


class SignalSearch(NamedTuple):
    """The record of a strategy's trades that ended from `start` on and before `end`, in paper or live books, and its
    executions below the number `before`; without a strategy, those behind the code `after`, and the executions of
    all."""

    start: datetime
    end: datetime
    is_paper: bool
    strategy: str | None
    before: int | None
    after: str | None = None


class StrategyRecord(NamedTuple):
    """A strategy, and the figures of its trades as the API answers them; money in its currency."""

    strategy: SignalStrategy
    figures: dict[str, Any]


class SignalsShown(NamedTuple):
    """Strategies by code, fifty at most, `after`: behind which code more are; `record`: that of the strategy that was
    looked for; executions newest first, `before`: behind which number older ones are; the visitor's own
    subscriptions."""

    strategies: list[SignalStrategy]
    after: str | None
    record: StrategyRecord | None
    executions: list[ListedExecution]
    before: int | None
    subscriptions: list[Subscription]


class ExecutionShown(NamedTuple):
    """An execution as the API answers it, with a page of shares; `after`: the place of the first of the next page.
    `has_proof`: whether a rule was stated for it, so that shares can be proved."""

    data: dict[str, Any]
    after: int | None
    has_proof: bool
    commitment: WaitingCommitment | None


def signals_of(desk: Desk, visitor: Visitor, search: SignalSearch) -> SignalsShown | None:
    """What a visitor sees of signals; None where he looks for a strategy that he does not see."""
    with desk.db.snapshot() as db:
        codes = _codes(db, visitor)
        record, listed = None, []
        if search.strategy is None:
            listed = strategies.strategies_behind(db, codes, search.after or "", _STRATEGIES + 1)
        else:
            chosen = strategies.strategy(db, search.strategy)
            if chosen is None or (codes is not None and chosen.code not in codes):
                return None
            of_trades = Chosen(chosen.code, search.is_paper, None, search.start, search.end)
            record = StrategyRecord(chosen, figures_of(desk, db, of_trades))
        shown = listed[:_STRATEGIES]
        own = visitor.user_id if _sees_own_alone(visitor) else None
        wanted = ExecutionsWanted([search.strategy] if search.strategy else codes, own, search.before, _EXECUTIONS + 1)
        newest = seen.executions(db, wanted)
        page = newest[:_EXECUTIONS]
        following = page[-1].signal_execution_id if len(newest) > len(page) else None
        after = shown[-1].code if len(listed) > len(shown) else None
        return SignalsShown(
            shown, after, record, page, following, seen.subscriptions_of(db, visitor.user_id, _SUBSCRIPTIONS)
        )


def execution_of(desk: Desk, visitor: Visitor, number: int, after: int) -> ExecutionShown | None:
    """An execution with its shares from the place `after` on; None where there is none that the visitor sees."""
    with desk.db.snapshot() as db:
        found = executions.execution_of_id(db, number)
        if found is None or not _sees(db, visitor, found.strategy_code):
            return None
        committed = commitments.commitment_of(db, number)
    try:
        data = reading.execution(desk, caller_of(visitor), number, after, _SHARES)["data"]
    except Declined:
        return None
    following = data["trader_results_next"]
    place = int(parse_qs(urlsplit(following).query)["after"][0]) if following else None
    return ExecutionShown(data, place, found.shares_entry is not None, committed)


def proof_of_share(desk: Desk, visitor: Visitor, number: int, user_id: str | None) -> str | None:
    """The proof of a participant's share (None: the visitor's own) as a file; None where there is none that the visitor
    sees."""
    user_id = user_id or visitor.user_id
    if _sees_own_alone(visitor) and user_id != visitor.user_id:
        return None
    with desk.db.snapshot() as db:
        found = executions.execution_of_id(db, number)
        if found is None or not _sees(db, visitor, found.strategy_code):
            return None
    try:
        return proving.written_proof(proving.prove(desk.db, number, user_id))
    except Declined:
        return None


def _sees_own_alone(visitor: Visitor) -> bool:
    """Whether of an execution he sees his own share and no other."""
    return caller_of(visitor).role == TRADER


def _codes(db: Readable, visitor: Visitor) -> list[str] | None:
    """The strategies that a visitor sees; None: all."""
    if visitor.sees_every_book:
        return None
    return seen.provided(db, visitor.user_id) if visitor.role == SOURCE else seen.followed(db, visitor.user_id)


def _sees(db: Readable, visitor: Visitor, code: str) -> bool:
    """Whether executions of a strategy are his to see; of a participant the execution itself decides."""
    return visitor.role != SOURCE or code in seen.provided(db, visitor.user_id)
