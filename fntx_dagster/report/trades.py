"""Blocks of trades: their title, what was done, and the realised P&L or the premium with its arithmetic.

What belongs here: the paragraph of a block of kind `trades`. A block that closes something shows realised P&L, a block
that only opens shows premium; amounts are in the currency of the trade, the total also in base currency.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import date
from decimal import Decimal
from typing import NamedTuple
from zoneinfo import ZoneInfo

from fntx_dagster.model.contract import Contract
from fntx_dagster.model.day import AnyDay, Block, Event, ProvisionalDay
from fntx_dagster.report import clock, dealings, money, wording
from fntx_dagster.report.impact import Addends, impact_lines, nav_lines
from fntx_dagster.report.narrative import Line, Paragraph
from fntx_dagster.report.wording import Holding

_PHASES = {"overnight": "Overnight ", "pre_market": "Pre-Market "}
# More terms than an iron condor has legs make a sum that nobody checks by eye.
_MOST_TERMS = 4
_OPEN_PRICE_STEP = Decimal("0.0001")
_NO_COST = "no statement says what was paid or received when they were opened"
_BROKERS_OWN = " (the broker's own figure, net of what the opening cost)"


class Amounts(NamedTuple):
    """A block's amounts in one currency."""

    currency: str
    gross: Decimal
    premium: Decimal
    reversal: Decimal
    commissions: Decimal


_STOPS = ("STP", "TRAIL")
"""How the names of stop orders begin."""


def narrate_trades(
    block: Block, day: AnyDay, left_open: Sequence[Holding], received: str | None, observer: ZoneInfo
) -> Paragraph:
    """A block of trades. `left_open`: what the day still holds, right after the block, of the contracts it traded;
    `received`: assignment or exercise where that brought the stock which the block closes."""
    today = block.starts_at.astimezone(day.zone).date()
    undated = day.trading_day if block.phase not in _PHASES else None
    label, sentence = _impact(block, left_open, received)
    return Paragraph(
        kind=block.kind,
        phase=block.phase,
        title=_PHASES.get(block.phase, "") + _title(block, day),
        when=clock.both_zones(block.starts_at, block.ends_at, observer, market=day.zone, undated=undated),
        starts_at=block.starts_at,
        ends_at=block.ends_at,
        nav_after=block.nav_after,
        summary=_summary(block),
        lines=(
            Line(
                "Event" if len(block.events) == 1 else "Events",
                dealings.events_sentence(block.events, left_open, today),
            ),
            *_stop_lines(block, today),
            Line(label, sentence),
            *_amount_lines(block, day.realised_by_broker if isinstance(day, ProvisionalDay) else frozenset()),
            *impact_lines(block, day.base_currency, lambda event: _addends(block, event), "Total P&L Impact", depth=1),
            *nav_lines(block.nav_impact, block.nav_after, day.base_currency),
        ),
        source=block,
    )


def _stop_lines(block: Block, today: date) -> list[Line]:
    """What stop orders closed, by contract: the trader set them before, and the market made them trade."""
    stopped: dict[Contract, Decimal] = {}
    for event in block.events:
        if event.contract is not None and event.closing_quantity and (event.order_type or "").startswith(_STOPS):
            size = event.closing_quantity.copy_sign(event.quantity or event.closing_quantity)
            stopped[event.contract] = stopped.get(event.contract, Decimal(0)) + size
    closed = [
        f"{'buys back' if size > 0 else 'sells'} {wording.counted(contract, size, today)}"
        for contract, size in stopped.items()
    ]
    return [Line("Stop", f"Your stop triggers and {wording.capped(closed, 'positions')}.")] if closed else []


def _title(block: Block, day: AnyDay) -> str:
    contracts = [event.contract for event in block.events if event.contract is not None]
    opens = any(event.opening_quantity for event in block.events)
    only_options = all(map(wording.is_option, contracts))
    only_stocks = all(map(wording.is_stock, contracts))
    single = sum(len(dealing.sides) for dealing in dealings.dealings(block.events)) == 1
    trades = "Trade" if single else "Trades"
    if all(event.event_type == "fx_conversion" for event in block.events):
        return "Currency Conversion" if single else "Currency Conversions"
    if block.closes and opens:
        return "Day Trades"
    if block.closes:
        covers = only_stocks and all((event.quantity or 0) > 0 for event in block.events)
        return f"{'Cover' if covers else 'Closing'} {trades}"
    if only_options:
        same_day = all(contract.expiry == day.trading_day for contract in contracts)
        return f"{'0DTE' if same_day else 'Option'} {trades}"
    return f"Stock {trades}" if only_stocks else trades


def _summary(block: Block) -> str:
    if not (block.closes and any(event.opening_quantity for event in block.events)):
        return ""
    contracts = [event.contract for event in block.events if event.contract is not None]
    kind = "option " if all(map(wording.is_option, contracts)) else ""
    return f"You adjust your {kind or ('stock ' if all(map(wording.is_stock, contracts)) else '')}positions."


def _impact(block: Block, left_open: Sequence[Holding], received: str | None) -> tuple[str, str]:
    single = len(block.events) == 1
    if block.closes:
        gross = sum((event.gross_realised * event.fx_rate for event in block.events), Decimal(0))
        outcome = f"a {_outcome(gross).lower()}" if gross else "neither a gain nor a loss"
        if gross and received:
            outcome = f"the {'' if left_open else 'total '}{_outcome(gross).lower()} from the {received}"
        unknown = sum((event.unknown_quantity for event in block.events), Decimal(0))
        if unknown and not gross:
            return (
                "P&L Impact" if single else "Net P&L Impact",
                f"What {'this trade realises' if single else 'these trades realise'} is unknown: {_NO_COST}.",
            )
        if unknown:
            outcome += f", without {money.quantity(unknown)} units whose result is unknown: {_NO_COST}"
        realise = "This trade realises" if single else "These trades realise"
        return "P&L Impact" if single else "Net P&L Impact", f"{realise} {outcome}."
    premium = sum((event.premium * event.fx_rate for event in block.events), Decimal(0))
    if premium:
        return f"P&L Impact (Premium {'Received' if premium > 0 else 'Paid'})", ""
    return "P&L Impact", "Nothing is realised; only commissions count."


def _outcome(gross: Decimal) -> str:
    return "Gain" if gross > 0 else "Loss" if gross < 0 else "P&L"


def _amount_lines(block: Block, by_broker: Collection[str]) -> list[Line]:
    by_currency = _amounts(block)
    lines: list[Line] = []
    for amounts in by_currency:
        of = f" ({amounts.currency})" if len(by_currency) > 1 else ""
        own = [event for event in block.events if event.currency == amounts.currency]
        if block.closes and any(event.closing_quantity for event in own):
            # the broker's figure holds what the opening cost, so that no price can be read from it
            theirs = any(event.event_id in by_broker for event in own)
            terms, note = ("", _BROKERS_OWN) if theirs else (_realised_terms(own, amounts.gross), "")
            if sum((event.unknown_quantity for event in own), Decimal(0)) and not amounts.gross:
                lines.append(Line(f"Realised P&L{of}", "unknown", depth=1))
            else:
                lines.append(_line(f"Realised {_outcome(amounts.gross)}{of}", amounts.gross, amounts, terms, note))
        if not block.closes and amounts.premium:
            terms = _premium_terms(own, amounts.premium)
            lines.append(_line(f"Premium{of}", amounts.premium, amounts, terms))
        if amounts.reversal:
            note = " (premium already counted when it was opened)"
            lines.append(_line(f"Premium Reversal{of}", amounts.reversal, amounts, note=note))
        lines.append(_line(f"Commissions{of}", amounts.commissions, amounts))
    return lines


def _line(label: str, amount: Decimal, amounts: Amounts, terms: str = "", note: str = "") -> Line:
    result = f"{money.display(amount)} {amounts.currency}"
    text = f"{terms} = {result}" if terms else result
    return Line(label, text, note=note, depth=1, amount=amount, currency=amounts.currency)


def _amounts(block: Block) -> list[Amounts]:
    by_currency: dict[str, Amounts] = {}
    for event in block.events:
        sums = by_currency.get(event.currency, Amounts(event.currency, *[Decimal(0)] * 4))
        by_currency[event.currency] = Amounts(
            event.currency,
            sums.gross + event.gross_realised,
            sums.premium + event.premium,
            sums.reversal + event.premium_reversal,
            sums.commissions + event.commission,
        )
    return list(by_currency.values())


def _addends(block: Block, event: Event) -> Addends:
    counted = event.gross_realised if block.closes else event.premium
    return (counted, event.premium_reversal, event.commission)


def _premium_terms(events: Sequence[Event], premium: Decimal) -> str:
    """`(0.37 + 0.40) × 100`; empty where the fills are many or their multipliers differ."""
    options = [event for event in events if event.contract is not None and wording.is_option(event.contract)]
    multipliers = {event.contract.multiplier for event in options if event.contract is not None}
    terms = _price_terms(options)
    if len(multipliers) != 1 or not 0 < len(terms) <= _MOST_TERMS:
        return ""
    multiplier = multipliers.pop()
    if sum((price * size for price, size in terms), Decimal(0)) * multiplier != premium:
        return ""
    first, *others = terms
    sums = _term(*first) + "".join(f" {'-' if size < 0 else '+'} {_term(price, abs(size))}" for price, size in others)
    return f"{f'({sums})' if others else sums} × {money.quantity(multiplier)}"


def _price_terms(options: Sequence[Event]) -> list[tuple[Decimal, Decimal]]:
    """Price and quantity sold (negative: bought) per contract and price, ordered as the events line: sales first."""
    sold: dict[tuple[bool, tuple[object, ...], Decimal], Decimal] = {}
    for event in options:
        if event.contract is not None and event.quantity and event.price is not None:
            key = (event.quantity > 0, wording.calls_first(event.contract), event.price)
            sold[key] = sold.get(key, Decimal(0)) - event.quantity
    return [(price, size) for (_, _, price), size in sorted(sold.items())]


def _term(price: Decimal, size: Decimal) -> str:
    sign = "-" if size < 0 else ""
    return f"{sign}{'' if abs(size) == 1 else f'{money.quantity(abs(size))} × '}{money.price(price)}"


def _realised_terms(events: Sequence[Event], gross: Decimal) -> str:
    """`(628.00 - 629.45) × 100 shares`; empty unless one contract is closed, on one side and at one price.

    The opening price is not in the fill: the realised P&L implies it, and it is shown only where that is a price.
    """
    closing = [event for event in events if event.closing_quantity]
    deals = {(event.contract, event.price, (event.quantity or 0) > 0) for event in closing}
    if len(deals) != 1 or any(event.unknown_quantity for event in closing):
        return ""
    contract, price, buys = deals.pop()
    if contract is None or price is None:
        return ""
    size = sum((event.closing_quantity for event in closing), Decimal(0))
    per_unit = gross / (size * contract.multiplier)
    opened = (price + per_unit if buys else price - per_unit).quantize(_OPEN_PRICE_STEP)
    first, second = (opened, price) if buys else (price, opened)
    if (first - second) * size * contract.multiplier != gross:
        return ""
    times = _shares(size) if wording.is_stock(contract) else _factors(size, contract.multiplier)
    return f"({money.price(first)} - {money.price(second)}) × {times}"


def _shares(size: Decimal) -> str:
    return f"{money.quantity(size)} share{'' if size == 1 else 's'}"


def _factors(size: Decimal, multiplier: Decimal) -> str:
    """`2 × 100`, without idle ones."""
    return " × ".join(money.quantity(factor) for factor in (size, multiplier) if factor != 1) or "1"
