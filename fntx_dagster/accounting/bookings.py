"""What corporate actions and transfers did to the positions: fills that nobody traded.

Reads the values of `raw_flex.corporate_actions` and `raw_flex.transfers` for one account. A split, a merger, a change
of symbol carries cost from what it takes to what it gives, and the legs of one action are linked so that `matching.py`
can carry it; what an action gives for nothing (a spin-off, an issue) costs nothing, what it gives for cash (a
subscription) costs that, and what it takes for cash is closed at that. A position that is transferred comes or goes at
its transfer price. Sources: the broker's Reorg codes, its Transfers.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from decimal import Decimal

from fntx_dagster.accounting.calendar import Calendar
from fntx_dagster.accounting.fills import (
    CLOSES_ONLY,
    CLOSES_UNKNOWN,
    CORPORATE_ACTION,
    MERGER,
    SPIN_OFF,
    SPLIT,
    SYMBOL_CHANGE,
    TRANSFER_IN,
    TRANSFER_OUT,
    Fill,
)
from fntx_dagster.accounting.fx import PLACES, Rates
from fntx_dagster.accounting.section_rows import SectionRow, asset_category, fill_of, multiplier
from fntx_dagster.errors import Permanent
from fntx_dagster.model.session import NEW_YORK


@dataclass(frozen=True, slots=True)
class ActionRow(SectionRow):
    """One row of `raw_flex.corporate_actions`, one leg of an action, as delivered; money in `currency`."""

    SECTION = "Corporate Actions"

    proceeds: Decimal | None = None
    type: str | None = None
    action_description: str | None = None
    action_id: str | None = None
    code: str | None = None


@dataclass(frozen=True, slots=True)
class TransferRow(SectionRow):
    """One row of `raw_flex.transfers` that moves a position; `position_amount` is its value in `currency`, signed."""

    SECTION = "Transfers"

    direction: str | None = None
    transfer_price: Decimal | None = None
    position_amount: Decimal | None = None
    position_amount_in_base: Decimal | None = None


ACTION_KEY, TRANSFER_KEY = "action:", "transfer:"
"""What a fill's id begins with, before the row's key: the broker's ids are unique within a section only."""


def booked_actions(rows: Iterable[ActionRow], calendar: Calendar, rates: Rates) -> list[Fill]:
    """Fills of corporate actions, in no order; what the broker took back the same day is gone.

    Of two contracts that an action takes from and gives to, the largest legs are linked: cost goes from one to the
    other. Every other leg has no link; a leg that takes comes a moment later, so that cash for a fraction closes
    what the action gave.
    """
    actions: dict[tuple, list[ActionRow]] = defaultdict(list)
    for row in standing_actions(rows):
        actions[_action(row)].append(row)
    return [fill for legs in actions.values() for fill in _of_action(legs, calendar, rates)]


def standing_actions(rows: Iterable[ActionRow]) -> Iterator[ActionRow]:
    """Rows that move units or cash and are not taken back: a cancel (code Ca) strikes out an opposite row."""
    rows = [row for row in rows if row.quantity or row.proceeds]
    gone: set[str] = set()
    for cancel in (row for row in rows if "Ca" in re.split(r"[;, ]+", row.code or "")):
        original = next((row for row in rows if row.row_key not in gone and _takes_back(cancel, row)), None)
        if original:
            gone |= {cancel.row_key, original.row_key}
    return (row for row in rows if row.row_key not in gone)


def booked_transfers(rows: Iterable[TransferRow], calendar: Calendar, rates: Rates) -> list[Fill]:
    """Fills of transferred positions, in no order, in the session in which the broker counts them."""
    return [_of_transfer(row, calendar, rates) for row in rows if row.quantity]


# -- corporate actions


_KINDS = {
    SPLIT: ("FS", "FI", "RS", "SD", "CS", "CC"),
    MERGER: ("TC", "TO", "TI", "OR", "BC", "CI"),
    SPIN_OFF: ("SO", "CO", "DI", "RI", "HI", "HD", "CH", "PI"),
    SYMBOL_CHANGE: ("IC",),
}
_KIND_OF = {code: kind for kind, codes in _KINDS.items() for code in codes}
_ISSUE = "FI"
"""A forward split that gives the new shares under a number of their own."""
_ENDINGS = frozenset({"BM", "CT", "DW", "ED"})
"""Maturity, termination, delisting, expiry of a right: whichever way their rows go, they only end what is held."""
_WORDS = (
    (re.compile(r"\bSPLIT\b|STOCK DIVIDEND", re.I), SPLIT),
    (re.compile(r"\bMERGED?\b|\bTENDER", re.I), MERGER),
    (re.compile(r"SPIN-?\s?OFF", re.I), SPIN_OFF),
    (re.compile(r"(CUSIP|ISIN|SYMBOL|NAME).*CHANGE", re.I), SYMBOL_CHANGE),
)
_RATIO = re.compile(r"\bSPLIT (\d[\d,]*(?:\.\d+)?) FOR (\d[\d,]*(?:\.\d+)?)", re.I)


def _takes_back(cancel: ActionRow, row: ActionRow) -> bool:
    return (
        row.row_key != cancel.row_key
        and (_action(row)[0], _contract(row)) == (_action(cancel)[0], _contract(cancel))
        and (row.quantity or 0) == -(cancel.quantity or 0)
        and (row.proceeds or 0) == -(cancel.proceeds or 0)
    )


def _action(row: ActionRow) -> tuple:
    """What the legs of one action share: the broker's id of it, else the security it begins with, and the moment."""
    name = (row.action_description or row.description or row.symbol or "").partition("(")[0].strip()
    return (row.reported_on, row.action_id or name, row.date_time if not row.action_id else None)


def _of_action(legs: Sequence[ActionRow], calendar: Calendar, rates: Rates) -> Iterator[Fill]:
    linked = _linked(legs)
    scaled = len({_contract(leg) for leg in legs}) == 1
    for leg in legs:
        kind = _kind(leg)
        other = next((second for second in linked if leg in linked and second is not leg), None)
        splits = kind == SPLIT and scaled and not leg.proceeds
        fill = _fill(leg, ACTION_KEY, kind, calendar, rates, leg.proceeds or Decimal(0))
        if other:
            yield fill._replace(linked_fill_id=ACTION_KEY + other.row_key)
        elif splits:
            closes = CLOSES_UNKNOWN if _code(leg) == _ISSUE else CLOSES_ONLY
            yield fill._replace(linked_fill_id=fill.fill_id, ratio=_ratio(leg), closes=closes)
        else:
            at = fill.executed_at + timedelta(seconds=1 if _takes(leg, legs) else 0)
            yield fill._replace(closes=_closes(leg, kind), executed_at=at)


def _linked(legs: Sequence[ActionRow]) -> tuple[ActionRow, ...]:
    """The leg that takes and the one that gives, where an action exchanges one contract for another."""
    largest = sorted((leg for leg in legs if leg.quantity), key=lambda leg: (-abs(_quantity(leg)), leg.row_key))
    if not largest or _kind(largest[0]) == SPIN_OFF:
        return ()
    for first in largest:
        for second in largest:
            different = _contract(first) != _contract(second)
            if different and (_quantity(first) > 0) != (_quantity(second) > 0):
                return (first, second)
    return ()


def _takes(leg: ActionRow, legs: Sequence[ActionRow]) -> bool:
    """Whether a leg takes from what the others leave: for cash, or against a larger one of the same contract."""
    quantity = _quantity(leg)
    return (len(legs) > 1 and bool(leg.proceeds)) or any(
        _contract(other) == _contract(leg) and _quantity(other) * quantity < 0 and abs(_quantity(other)) > abs(quantity)
        for other in legs
    )


def _closes(leg: ActionRow, kind: str) -> str:
    """What an action takes, for cash or for nothing, opens no position the other way round; what it brings opens."""
    brings = _quantity(leg) > 0 and kind in (SPIN_OFF, CORPORATE_ACTION) and _code(leg) not in _ENDINGS
    return CLOSES_ONLY if not brings and (leg.proceeds or kind == CORPORATE_ACTION) else CLOSES_UNKNOWN


def _code(row: ActionRow) -> str:
    return (row.type or "").upper()


def _kind(row: ActionRow) -> str:
    if row.type:
        return _KIND_OF.get(_code(row), CORPORATE_ACTION)
    text = f"{row.action_description or ''} {row.description or ''}"
    return next((kind for words, kind in _WORDS if words.search(text)), CORPORATE_ACTION)


def _ratio(row: ActionRow) -> tuple[Decimal, Decimal] | None:
    """`SPLIT 4 FOR 1`: four of each."""
    words = _RATIO.search(f"{row.action_description or ''} {row.description or ''}")
    new, old = (Decimal(text.replace(",", "")) for text in words.groups()) if words else (None, None)
    return (new, old) if new and old else None


# -- transfers


def _of_transfer(row: TransferRow, calendar: Calendar, rates: Rates) -> Fill:
    value = _value(row)
    # where the broker writes `-`, only the sign shows the direction; where it writes IN, what is negative is short
    out = row.direction.upper() == "OUT" if row.direction else _quantity(row) < 0
    fill = _fill(row, TRANSFER_KEY, TRANSFER_OUT if out else TRANSFER_IN, calendar, rates, -value)
    session = calendar.on_or_after(row.reported_on)
    dated_only = row.date_time is None or row.date_time.astimezone(calendar.zone).time() == time()
    if dated_only or fill.session != session.day:
        # like cash: what comes is there before the open, what goes is there until the close
        morning = session.morning
        at, phase = (session.closes_at, "at_close") if out else (morning, session.phase(morning))
        fill = fill._replace(session=session.day, executed_at=at, phase=phase)
    if row.transfer_price:
        fill = fill._replace(price=row.transfer_price)
    return fill._replace(closes=CLOSES_ONLY if out else CLOSES_UNKNOWN)


def _value(row: TransferRow) -> Decimal:
    """In the row's currency, signed. A transfer may have the price 0 and say what it is worth by the amount alone."""
    if row.position_amount is not None:
        return row.position_amount
    if not row.transfer_price:
        raise Permanent(
            f"row {row.row_key} of {row.row_date} in Transfers has no positionAmount, and its transferPrice is "
            f"{'missing' if row.transfer_price is None else row.transfer_price}: what it moves would be worth nothing",
            "Add the fields positionAmount and transferPrice to the section Transfers of the Flex query and load the"
            " statement again",
        )
    return _quantity(row) * multiplier(row, asset_category(row)) * row.transfer_price


# -- both


def _contract(row: ActionRow | TransferRow) -> str | None:
    """The contract's id, by which contracts are distinguished."""
    return row.conid or row.symbol


def _quantity(row: ActionRow | TransferRow) -> Decimal:
    return row.quantity or Decimal(0)


def _fill(
    row: ActionRow | TransferRow, prefix: str, kind: str, calendar: Calendar, rates: Rates, booked: Decimal
) -> Fill:
    contract_id = _contract(row)
    if not row.currency or not contract_id:
        raise Permanent(
            f"row {row.row_key} of {row.row_date} in {row.SECTION} has no currency or no contract",
            f"Add the fields currency, conid and symbol to the section {row.SECTION} of the Flex query and load the"
            " statement again",
        )
    fill = fill_of(
        row,
        calendar,
        rates,
        fill_id=prefix + row.row_key,
        contract_id=contract_id,
        executed_at=row.date_time or datetime.combine(row.reported_on, time(), tzinfo=NEW_YORK),
        quantity=_quantity(row),
        currency=row.currency,
        stated_rate=row.fx_rate_to_base or _said_by_amounts(row),
    )
    return fill._replace(
        price=_per_unit(-booked, fill.quantity * fill.multiplier),
        event_type=kind,
        label_source="corporate_action" if prefix == ACTION_KEY else "transfer",
        booked=booked,
    )


def _said_by_amounts(row: ActionRow | TransferRow) -> Decimal | None:
    """The rate of a transfer whose value is given in both currencies."""
    if isinstance(row, TransferRow) and row.position_amount and row.position_amount_in_base:
        return (row.position_amount_in_base / row.position_amount).quantize(PLACES)
    return None


def _per_unit(amount: Decimal, units: Decimal) -> Decimal:
    """A price where it is exact; else to the places that everything derived is kept to."""
    if not units:
        return Decimal(0)
    price = amount / units
    rounded = price.quantize(PLACES)
    return price if price * units == amount and price == rounded else rounded
