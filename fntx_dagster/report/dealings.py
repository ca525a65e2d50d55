"""The sentence that says what was traded: fills of a contract gathered into dealings, dealings into clauses.

What belongs here: the words of a block's events line. `You sell 2 and buy back 1 SPY 628 Call, and sell 1 SPY 626
Put.` A block may hold a thousand fills: fills are gathered by contract, and what is still too long is capped.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import date
from decimal import Decimal
from typing import NamedTuple

from fntx_dagster.model.contract import Contract
from fntx_dagster.model.day import Event
from fntx_dagster.report import money, wording
from fntx_dagster.report.wording import Holding

_AVERAGE_DECIMALS = Decimal("0.0001")


class Side(NamedTuple):
    """All buying, or all selling, of one contract within a block. Quantities are absolute."""

    buys: bool
    quantity: Decimal
    opening: Decimal
    closing: Decimal
    prices: tuple[Decimal, ...]
    money: Decimal


class Dealing(NamedTuple):
    """What was done in one contract within a block: its sides in the order in which they began."""

    contract: Contract
    currency: str
    sides: tuple[Side, ...]


def dealings(events: Iterable[Event]) -> list[Dealing]:
    """The trades among the events, gathered by contract and side; stock first, calls before puts."""
    fills: dict[str, dict[bool, list[Event]]] = {}
    named: dict[str, tuple[Contract, str]] = {}
    for event in events:
        if event.contract is not None and event.quantity:
            contract_id = event.contract.contract_id
            named.setdefault(contract_id, (event.contract, event.currency))
            fills.setdefault(contract_id, {}).setdefault(event.quantity > 0, []).append(event)
    gathered = [
        Dealing(*named[contract_id], tuple(_side(buys, same) for buys, same in sides.items()))
        for contract_id, sides in fills.items()
    ]
    return sorted(gathered, key=lambda dealing: wording.calls_first(dealing.contract))


def events_sentence(events: Sequence[Event], left_open: Sequence[Holding], today: date) -> str:
    """What the trader did, and what it leaves open where the block also closed something."""
    dealt = dealings(events)
    sentence = _one_stock_closed(dealt, left_open, today) or f"{_count(events, dealt)}{_clauses(dealt, today)}"
    if left_open and any(side.closing for dealing in dealt for side in dealing.sides):
        held = [wording.held(holding, today) for holding in wording.ladder(left_open)]
        sentence += f", leaving {wording.capped(held, 'positions')} open"
    return f"{sentence}."


def _side(buys: bool, fills: Sequence[Event]) -> Side:
    sizes = [abs(fill.quantity or Decimal(0)) for fill in fills]
    return Side(
        buys=buys,
        quantity=sum(sizes, Decimal(0)),
        opening=sum((fill.opening_quantity for fill in fills), Decimal(0)),
        closing=sum((fill.closing_quantity for fill in fills), Decimal(0)),
        prices=tuple(sorted({fill.price for fill in fills if fill.price is not None})),
        money=sum((size * (fill.price or 0) for size, fill in zip(sizes, fills, strict=True)), Decimal(0)),
    )


def _count(events: Sequence[Event], dealt: Sequence[Dealing]) -> str:
    """A block that is too long to name in full first says how long it is."""
    if len(dealt) <= wording.MOST_NAMED:
        return ""
    return f"{len(events):,} fills in {len(dealt):,} contracts: "


def _clauses(dealt: Sequence[Dealing], today: date) -> str:
    named = dealt if len(dealt) <= wording.MOST_NAMED else dealt[: wording.MOST_NAMED - 1]
    one_sided: dict[str, list[str]] = {}
    clauses: list[str] = []
    for dealing in named:
        side, *others = dealing.sides
        if others:
            clauses.append(_two_sided(dealing, today))
        else:
            one_sided.setdefault(_verb(dealing.contract, side), []).append(_object(dealing, side, today))
    sales_first = sorted(one_sided.items(), key=lambda clause: not clause[0].startswith("sell"))
    clauses += [f"{verb} {wording.listed(objects)}" for verb, objects in sales_first]
    if len(named) < len(dealt):
        clauses.append(f"trade {len(dealt) - len(named):,} more contracts")
    you = "you" if len(named) < len(dealt) else "You"
    return f"{you} {', and '.join(part for part in (', '.join(clauses[:-1]), *clauses[-1:]) if part)}"


def _verb(contract: Contract, side: Side) -> str:
    if side.buys:
        return "buy back" if side.closing == side.quantity else "buy"
    return "sell short" if wording.is_stock(contract) and side.opening == side.quantity else "sell"


def _object(dealing: Dealing, side: Side, today: date) -> str:
    """`1 SPY 628 Call`; a stock's with its price, which no other line of the block gives."""
    price = "" if wording.is_option(dealing.contract) else f" {_at_price(dealing, side)}"
    return f"{wording.counted(dealing.contract, side.quantity, today)}{price}"


def _two_sided(dealing: Dealing, today: date) -> str:
    first, second = dealing.sides
    do, undo = _verb(dealing.contract, first), _verb(dealing.contract, second)
    if not wording.is_option(dealing.contract):
        again = f"{undo} {money.quantity(second.quantity)} {_at_price(dealing, second)}"
        return f"{do} {_object(dealing, first, today)} and {again}"
    size = "" if first.quantity == second.quantity else f" {money.quantity(first.quantity)}"
    return f"{do}{size} and {undo} {wording.counted(dealing.contract, second.quantity, today)}"


def _at_price(dealing: Dealing, side: Side) -> str:
    if len(side.prices) == 1:
        return f"at {_priced(dealing, side.prices[0])}"
    return f"at an average of {_priced(dealing, (side.money / side.quantity).quantize(_AVERAGE_DECIMALS))}"


def _priced(dealing: Dealing, price: Decimal) -> str:
    """The price of a currency pair is a rate, that of everything else an amount."""
    if dealing.contract.asset_category == "CASH":
        return money.rate(price)
    return money.priced(price, dealing.currency)


def _one_stock_closed(dealt: Sequence[Dealing], left_open: Sequence[Holding], today: date) -> str:
    """`You cover the short stock position by buying 100 shares of SPY at $629.45`; empty for any other block."""
    if len(dealt) != 1 or len(dealt[0].sides) != 1 or not wording.is_stock(dealt[0].contract):
        return ""
    side = dealt[0].sides[0]
    if side.closing != side.quantity:
        return ""
    done, by, direction = ("cover", "buying", "short") if side.buys else ("close", "selling", "long")
    part = "part of " if left_open else ""
    return f"You {done} {part}the {direction} stock position by {by} {_object(dealt[0], side, today)}"
