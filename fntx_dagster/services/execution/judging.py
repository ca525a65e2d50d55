"""Whether an order of the desk may go out now, by its limits; what is asked for and not yet traded counts as traded."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, time
from fractions import Fraction

from fntx_dagster.errors import Permanent
from fntx_dagster.execution.assets import LedgerAsset, LedgerPair
from fntx_dagster.execution.risk import BUY, DeskOrder, RiskDecision, judged_order
from fntx_dagster.services.execution.asking import DeskLedger
from fntx_dagster.services.execution.watching import DeskLook
from fntx_dagster.store.database import Connection
from fntx_dagster.store.treasury.desks import moves_since
from fntx_dagster.store.treasury.strategies import SliceRow, StrategyRow, slices_asked
from fntx_dagster.store.treasury.transactions import transaction_of


def pair_of(row: StrategyRow) -> LedgerPair:
    """The market of a strategy."""
    return LedgerPair(LedgerAsset(row.base_code, row.base_issuer), LedgerAsset(row.quote_code, row.quote_issuer))


def judged_slice(
    connection: Connection,
    at: DeskLedger,
    stand: DeskLook,
    strategy: StrategyRow,
    quantity: Fraction,
    price: Fraction,
    ahead: Sequence[Fraction] = (),
    but: SliceRow | None = None,
) -> RiskDecision:
    """What the risk controller says of a slice. `price`: the worst that its offer takes, which counts where the book
    has less; `ahead`: the quantities of the same batch before it; `but`: the slice itself, where it is asked for
    already and would count twice."""
    pair = pair_of(strategy)
    if pair.quote != stand.quote:
        raise Permanent("the strategy trades against another currency than the desk counts in", "Start another one")
    book = at.book(pair)
    expected = book.expected(strategy.side, quantity)
    rests = strategy.kind == "limit"
    paid = price if expected is None or rests else expected
    order = DeskOrder(strategy.side, quantity, paid, book.mid or price)
    if rests:  # it waits at its own price, and slips from nothing
        order = order._replace(mid=price)
    asked = [
        (of, each)
        for of, each in slices_asked(connection, at.account)
        if but is None or (each.strategy_id, each.n) != (but.strategy_id, but.n)
    ]
    waiting = [(of, Fraction(max((each.asked or 0) - each.filled, 0)), Fraction(each.price or 0)) for of, each in asked]
    own = sum((left for of, left, _ in waiting if pair_of(of) == pair and of.side == strategy.side), Fraction(0))
    own += sum(ahead, Fraction(0))
    position = at.balances().get(pair.base, Fraction(0)) + (own if strategy.side == BUY else -own)
    volume = _traded_today(connection, at, stand.quote)
    volume += sum((left * at_price for _, left, at_price in waiting), Fraction(0)) + sum(ahead, Fraction(0)) * price
    resting = {each.sequence for each in at.offers()}
    unsent = sum(
        left > 0 and _turn(connection, each) not in resting
        for (_, each), (_, left, _) in zip(asked, waiting, strict=True)
    )
    return judged_order(stand.day(position, volume, len(resting) + unsent + len(ahead)), order, stand.limits)


def _turn(connection: Connection, row: SliceRow) -> int | None:
    """The sequence or the ticket of a slice's offer, which names it where it rests."""
    tx = None if row.proposal_id is None else transaction_of(connection, row.proposal_id)
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
