"""What an exchange reports of an order: the order and its fills, asked for outside any transaction."""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from fractions import Fraction
from typing import NamedTuple, TypeVar

from fntx_dagster.errors import FntxError, Permanent, Transient, without_accounts
from fntx_dagster.foreign import cleaned
from fntx_dagster.model.exchanges import Exchange, FoundFill, FoundOrder, OrderRefusedError, OutcomeUnknownError
from fntx_dagster.services.orders.live.reaching import Reach
from fntx_dagster.services.orders.turn import Desk
from fntx_dagster.store.ledger.live import FollowedMarket, LiveOrder

_log = logging.getLogger(__name__)
_LONGEST_REASON = 300
_PROBLEMS_SHOWN = 3
_IN_A_ROW = 3
_Place = TypeVar("_Place", LiveOrder, FollowedMarket)


class Report(NamedTuple):
    """An order as its exchange has it, and those of its fills that the exchange reports."""

    found: FoundOrder
    fills: Sequence[FoundFill] = ()

    @property
    def is_whole(self) -> bool:
        """Whether the order has ended and each part that was filled is among the fills."""
        delivered = sum((Fraction(fill.fill.quantity) for fill in self.fills), Fraction(0))
        return self.found.state not in ("open", "partially_filled") and delivered >= Fraction(self.found.filled)


def reach_of(desk: Desk) -> Reach:
    """How the desk reaches exchanges. Raises Permanent where it does not."""
    if desk.live is None:
        raise Permanent("live orders are not connected to exchanges", "Set FNTX_EXCHANGE_KEYS (docs/settings.md)")
    return desk.live


def ask(exchange: Exchange, order: LiveOrder, reach: Reach) -> Report | None:
    """The order by its client id, with its fills; None where the exchange does not show it. Raises what the exchange
    raises."""
    found = exchange.find(order.client_id, order.symbol, order.created_at - reach.overlap)
    return None if found is None else with_fills(exchange, order, found, reach)


def with_fills(exchange: Exchange, order: LiveOrder, found: FoundOrder, reach: Reach) -> Report:
    """The order with its fills. Where they cannot be had now, with none: they are read again later."""
    if not found.filled:
        return Report(found)
    try:
        delivered = exchange.fills(order.symbol, order.created_at - reach.overlap)
    except FntxError as error:
        note(order.exchange, error)
        return Report(found)
    own = {order.client_id, found.exchange_id} - {""}
    return Report(found, [each for each in delivered if own & {each.client_id, each.exchange_id}])


def for_each(places: Iterable[_Place], work: Callable[[_Place], bool]) -> int:
    """Do the work for each order or market: for how many it said True. What fails at one keeps no other waiting, and no
    exchange waits for another.

    Raises Transient, after all of them, that says what failed; whoever calls again tries it again.
    """
    groups: dict[str, list[_Place]] = {}
    for place in places:
        groups.setdefault(place.exchange, []).append(place)
    if not groups:
        return 0
    problems: dict[str, None] = {}
    with ThreadPoolExecutor(len(groups)) as threads:
        done = sum(threads.map(lambda group: _at_one(group, work, problems), groups.values()))
    if problems:
        more = len(problems) - _PROBLEMS_SHOWN
        shown = "; ".join([*problems][:_PROBLEMS_SHOWN]) + (f"; and {more} more" if more > 0 else "")
        raise Transient(shown, "It is tried again")
    return done


def _at_one(places: list[_Place], work: Callable[[_Place], bool], problems: dict[str, None]) -> int:
    """The work at one exchange. Where three in a row fail it goes on from the other end, and ends when three fail
    there: the exchange is away."""
    left, done, backwards = deque(places), 0, False
    failed = 0
    while left:
        place = left.pop() if backwards else left.popleft()
        try:
            done += work(place)
            failed = 0
            continue
        except (FntxError, OrderRefusedError, OutcomeUnknownError) as error:
            problems[f"{place.exchange}: {words_of(error)}"] = None
        except Exception as error:  # a fault of this program: the others must not suffer from it
            _log.exception("%s: %s", place.exchange, place.symbol)
            problems[f"{place.exchange}: {type(error).__name__}"] = None
        failed += 1
        if failed == _IN_A_ROW:
            if backwards:
                break
            backwards, failed = True, 0
    return done


def note(exchange: str, error: Exception) -> None:
    """Log what an exchange did not answer; whoever asked goes on with the next order."""
    _log.warning("%s: %s", exchange, words_of(error))


def words_of(error: Exception) -> str:
    """An exchange's words as they may be shown and stored."""
    return without_accounts(cleaned(str(error), _LONGEST_REASON)) or type(error).__name__
