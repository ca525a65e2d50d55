"""Whether an order of the desk may go out now, by its limits; what is asked for and not yet traded counts as traded,
whether a strategy asked for it or people did."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, time
from fractions import Fraction
from typing import NamedTuple
from uuid import UUID

from fntx_dagster.errors import Permanent
from fntx_dagster.execution.assets import LedgerAsset, LedgerPair
from fntx_dagster.execution.risk import BUY, RiskDecision, judged_order
from fntx_dagster.execution.wishes import OrderWish, expected_order, wish_of_amounts, wish_of_offer
from fntx_dagster.governance.kinds import TRADE
from fntx_dagster.services.execution.asking import DeskLedger
from fntx_dagster.services.execution.watching import DeskLook
from fntx_dagster.services.governance.payloads import orders_asked
from fntx_dagster.store.database import Connection
from fntx_dagster.store.treasury.desks import moves_since
from fntx_dagster.store.treasury.proposals import covered, proposals
from fntx_dagster.store.treasury.strategies import (
    SliceRow,
    StrategyRow,
    is_of_strategy,
    slice_of_turn,
    slices_asked,
)
from fntx_dagster.store.treasury.transactions import transaction_of

UNDECIDED = ("draft", "screening", "blocked", "pending_approval", "approved")
UNDER_WAY = ("prepared", "signing", "ready", "submitted")


class OrderRefused(Permanent):
    """The risk controller refuses an order. `decision`: why."""

    def __init__(self, decision: RiskDecision) -> None:
        self.decision = decision
        super().__init__(
            f"the risk controller refuses it: {', '.join(decision.reasons)}",
            "`fntx strategy status` shows the limits and how the desk stands",
        )


class _Reserved(NamedTuple):
    """What an order may still trade; `turn`: the sequence or the ticket of its offer, once it has one."""

    wish: OrderWish
    turn: int | None


def pair_of(row: StrategyRow) -> LedgerPair:
    """The market of a strategy."""
    return LedgerPair(LedgerAsset(row.base_code, row.base_issuer), LedgerAsset(row.quote_code, row.quote_issuer))


def wish_of_slice(strategy: StrategyRow, quantity: Fraction, price: Fraction) -> OrderWish:
    """A slice as an order. `price`: the worst that its offer takes, which counts where the book has less."""
    return OrderWish(pair_of(strategy), strategy.side, quantity, price, strategy.kind == "limit")


def judged_wish(
    connection: Connection,
    at: DeskLedger,
    stand: DeskLook,
    wish: OrderWish,
    ahead: Sequence[OrderWish] = (),
    but: SliceRow | UUID | None = None,
) -> RiskDecision:
    """What the risk controller says of an order. `ahead`: those of the same batch before it; `but`: its own slice or
    proposal, where it is asked for already and would count twice."""
    if wish.pair.quote != stand.quote:
        raise Permanent("the strategy trades against another currency than the desk counts in", "Start another one")
    order = expected_order(wish, at.book(wish.pair))
    reserved = [*_slices(connection, at, but), *_by_hand(connection, at, stand.quote, but)]
    turns = {each.turn for each in reserved}
    offers = at.offers()
    for each in offers:
        if each.sequence not in turns and slice_of_turn(connection, at.account, each.sequence) is None:
            rests = wish_of_amounts(stand.quote, each.gets_asset, each.gets, each.pays_asset, each.pays, waits=True)
            reserved += [_Reserved(rests, each.sequence)] if rests else []
    waiting = [*(each.wish for each in reserved), *ahead]
    own = sum((each.quantity for each in waiting if each[:2] == wish[:2]), Fraction(0))
    position = at.balances().get(wish.pair.base, Fraction(0)) + (own if wish.side == BUY else -own)
    volume = _traded_today(connection, at, stand.quote) + sum((each.value for each in waiting), Fraction(0))
    resting = {each.sequence for each in offers}
    unsent = sum(each.wish.quantity > 0 and each.turn not in resting for each in reserved)
    return judged_order(stand.day(position, volume, len(resting) + unsent + len(ahead)), order, stand.limits)


def _slices(connection: Connection, at: DeskLedger, but: SliceRow | UUID | None) -> Iterator[_Reserved]:
    """What slices may still trade."""
    own = (but.strategy_id, but.n) if isinstance(but, SliceRow) else None
    for of, each in slices_asked(connection, at.account):
        if (each.strategy_id, each.n) != own:
            left = Fraction(max((each.asked or 0) - each.filled, 0))
            wish = wish_of_slice(of, left, Fraction(each.price or 0))
            yield _Reserved(wish, None if each.proposal_id is None else _turn(connection, each.proposal_id))


def _by_hand(
    connection: Connection, at: DeskLedger, quote: LedgerAsset, but: SliceRow | UUID | None
) -> Iterator[_Reserved]:
    """What people's own orders may trade, until their transactions are final: from then on their offers count as far
    as they rest."""
    for row in proposals(connection, (*UNDECIDED, *UNDER_WAY)):
        is_counted = row.kind == TRADE and row.proposal_id != but and not is_of_strategy(connection, row.proposal_id)
        if not is_counted or covered(connection, row.proposal_id):
            continue  # of a batch that is covered its orders count, each by its own proposal
        for payload in orders_asked(row.kind, json.loads(row.payload)):
            intent = payload["intent"]
            if payload["ledger"] == "xrpl" and intent["account"] == at.account and intent["op"] == "offer.create":
                wish = wish_of_offer(intent["params"], quote)
                if wish:
                    yield _Reserved(wish, _turn(connection, row.proposal_id))


def _turn(connection: Connection, proposal_id: UUID) -> int | None:
    """The sequence or the ticket of an offer, which names it where it rests."""
    tx = transaction_of(connection, proposal_id)
    return None if tx is None else tx.ticket or tx.sequence


def _traded_today(connection: Connection, at: DeskLedger, quote: LedgerAsset) -> Fraction:
    """What the desk traded on this day of the ledger's time, in its currency."""
    midnight = datetime.combine(at.now.date(), time(), UTC)
    traded = Fraction(0)
    for row in moves_since(connection, at.account, midnight, ["fill"]):
        for code, issuer, value in (
            (row.got_code, row.got_issuer, row.got),
            (row.gave_code, row.gave_issuer, row.gave),
        ):
            if (code, issuer) == (quote.code, quote.issuer) and value is not None:
                traded += Fraction(value)
    return traded
