"""Lots that no statement of trades opened: held before the first of them, or since a gap between two. What Open
Positions says of them.

What belongs here: how many units the fills do not account for, and the lots that they are. A lot's price is the
broker's cost basis, which includes the commission of its opening; where a row says when it was opened, that is its
moment, else it was opened before the record begins. `matching.py` closes these lots like all others. Source: the
broker's Flex reference, section Open Positions.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from decimal import Decimal
from typing import NamedTuple
from zoneinfo import ZoneInfo

from fntx_dagster.accounting.fx import PLACES
from fntx_dagster.accounting.lots import HELD, LONG, SHORT, Lot
from fntx_dagster.accounting.section_rows import SectionRow, asset_category, multiplier
from fntx_dagster.errors import Permanent
from fntx_dagster.model.contract import OPTIONS
from fntx_dagster.model.session import NEW_YORK


@dataclass(frozen=True, slots=True)
class HeldRow(SectionRow):
    """One row of `raw_flex.open_positions`; `quantity` is its position, prices and money are in `currency`. `opened` is
    the moment that its openDateTime says; the texts are what the row says of it where it has no such moment."""

    SECTION = "Open Positions"

    level_of_detail: str | None = None
    cost_basis_price: Decimal | None = None
    cost_basis_money: Decimal | None = None
    open_price: Decimal | None = None
    mark_price: Decimal | None = None
    position_value: Decimal | None = None
    opened: datetime | None = None
    opened_text: str | None = None
    holding_text: str | None = None

    @property
    def contract_id(self) -> str:
        """The contract, as fills name it."""
        return self.conid or self.symbol or ""


class RecordStart(NamedTuple):
    """Where an account's fills begin: the session whose close (UTC) comes before them, and the first day of fills;
    `zone` is that of the account's days."""

    session: date
    close: datetime
    first_day: date
    zone: ZoneInfo = NEW_YORK


class Gap(NamedTuple):
    """Sessions without a statement of trades between two with one: `since` is the close (UTC) of the last before them,
    `end` where the fills go on. Open Positions of the day `reported` say what is held then."""

    since: datetime
    end: RecordStart
    reported: date


class Moved(NamedTuple):
    """What the fills of one contract did up to a day: units bought and sold, both 0 or more; `is_changed`: a corporate
    action was among them."""

    bought: Decimal = Decimal(0)
    sold: Decimal = Decimal(0)
    is_changed: bool = False

    def and_also(self, quantity: Decimal, is_changed: bool) -> Moved:
        """With one more fill, or the sum of several that went the same way."""
        bought, sold = (quantity, Decimal(0)) if quantity > 0 else (Decimal(0), -quantity)
        return Moved(self.bought + bought, self.sold + sold, self.is_changed or is_changed)


class HeldLot(NamedTuple):
    """A lot from before the first statement, and the row that says so, for the contract's terms."""

    row: HeldRow
    lot: Lot


def held_before(
    rows: Iterable[HeldRow], moved: Mapping[str, Moved], beginning: RecordStart, base: str
) -> list[HeldLot]:
    """The lots of an account at its beginning, in no order; `base` is its base currency.

    `rows`: Open Positions of one day; `moved`: contract → what its fills did up to that day, so that what is held then
    is what these lots and the fills give. Of several lots the oldest were closed first. What is no longer among the
    rows has no known cost, nor has a part of a row that sums what the fills opened, or a corporate action changed. A
    future without a multiplier, and an option without its terms, is left out.
    """
    return [
        HeldLot(row, lot)
        for contract_id, held in _by_contract(rows).items()
        for row, lot in _of_contract(_detailed(held), moved.get(contract_id, Moved()), beginning, base)
    ]


def appeared(
    rows: Iterable[HeldRow], known: Mapping[str, Decimal], moved: Mapping[str, Moved], gap: Gap, base: str
) -> list[HeldLot]:
    """The lots that appeared in a gap, in no order; `base` is the account's base currency.

    `rows`: Open Positions of the reported day; `known`: contract → what the lots from before the gap hold at its end,
    signed; `moved`: what the fills did since then, up to the reported day. Lots that the rows date within the gap have
    their cost, and so have all of a contract of which nothing else is known; the cost of the rest is unknown. What
    became less, or changed sides, is no lot of this kind: it stays as it was known.
    """
    return [
        HeldLot(row, lot)
        for contract_id, held in _by_contract(rows).items()
        for row, lot in _of_gap(
            _detailed(held), known.get(contract_id, Decimal(0)), moved.get(contract_id, Moved()), gap, base
        )
    ]


# -- private --------------------------------------------------------------------------------------------------------

_MOMENT = re.compile(r"\s*(\d{4})-?(\d\d)-?(\d\d)(?:[;, T]+(\d\d):?(\d\d):?(\d\d))?")
_CLOSE = time(16)
"""What has a date without a time counts at the close, as cash does."""


def _by_contract(rows: Iterable[HeldRow]) -> dict[str, list[HeldRow]]:
    """The rows of each contract that say what is held, and in which currency."""
    by_contract: dict[str, list[HeldRow]] = defaultdict(list)
    for row in rows:
        if row.quantity and row.currency and row.contract_id:
            by_contract[row.contract_id].append(row)
    return by_contract


def _detailed(rows: Sequence[HeldRow]) -> list[HeldRow]:
    """The lots where they make up the sum beside them, else the sum; a query may deliver either alone."""
    sums = [row for row in rows if (row.level_of_detail or "").lower() == "summary"]
    lots = [row for row in rows if row not in sums]
    if sums and sum(_quantity(row) for row in lots) != sum(_quantity(row) for row in sums):
        return sums
    return lots or sums


def _of_contract(
    rows: Sequence[HeldRow], moved: Moved, beginning: RecordStart, base: str
) -> Iterator[tuple[HeldRow, Lot]]:
    units = _multiplier(rows[0])
    held = sum((_quantity(row) for row in rows), Decimal(0))
    wanted = held - moved.bought + moved.sold
    if not wanted or units is None or (rows[0].expiry or date.max) < beginning.first_day:
        return
    left, old = abs(wanted), list[tuple[datetime, HeldRow]]()
    if (wanted > 0) == (held > 0):
        dated = [(_opened(row) or beginning.close, row) for row in rows]
        old = sorted((pair for pair in dated if pair[0] <= beginning.close), key=lambda pair: pair[0])
    sizes, added = [], moved.bought if held > 0 else moved.sold
    for _, row in reversed(old):
        newer = Decimal(0) if _opened(row) else min(added, abs(_quantity(row)))  # what fills of the record opened
        sizes.append(min(left, abs(_quantity(row)) - newer))
        left, added = left - sizes[-1], added - newer
    if left:  # the oldest of all: closed before the day of the rows
        moment = old[0][0] if old else beginning.close
        yield rows[0], _lot(rows[0], wanted, left, units, None, moment, 0, beginning, base)
    for number, ((moment, row), size) in enumerate(zip(old, reversed(sizes), strict=True), start=1):
        if size:
            is_mixed = _opened(row) is None and bool(moved.bought if held > 0 else moved.sold)
            price = None if is_mixed or moved.is_changed else _cost(row, units)
            yield row, _lot(row, wanted, size, units, price, moment, number, beginning, base)


def _of_gap(
    rows: Sequence[HeldRow], known: Decimal, moved: Moved, gap: Gap, base: str
) -> Iterator[tuple[HeldRow, Lot]]:
    units, end = _multiplier(rows[0]), gap.end
    at_end = sum((_quantity(row) for row in rows), Decimal(0)) - moved.bought + moved.sold
    more = at_end - known
    if units is None or more * at_end <= 0 or known * at_end < 0 or (rows[0].expiry or date.max) < end.first_day:
        return
    moments = [_opened(row) for row in rows]
    dated = [(at, row) for at, row in zip(moments, rows, strict=True) if at and gap.since < at <= end.close]
    undated = [(end.close, row) for at, row in zip(moments, rows, strict=True) if not at]
    is_all = not known and moved == Moved() and len(dated) + len(undated) == len(rows)
    left, sized = abs(more), []
    for moment, row in (*sorted(dated, key=lambda pair: pair[0]), *undated):
        sized.append((moment, row, min(left, abs(_quantity(row)))))
        left -= sized[-1][2]
    if left:  # the oldest of all: closed before the statement's day
        yield rows[0], _in_gap(_lot(rows[0], more, left, units, None, end.close, 0, end, base), rows[0], end)
    for number, (moment, row, size) in enumerate(sized, start=1):
        if size:
            price = _cost(row, units) if _opened(row) or is_all else None
            yield row, _in_gap(_lot(row, more, size, units, price, moment, number, end, base), row, end)


def _in_gap(lot: Lot, row: HeldRow, end: RecordStart) -> Lot:
    """The same lot under names that no lot from before the first statement has."""
    number = lot.open_fill_id.rpartition(":")[2]
    return lot._replace(
        open_fill_id=f"{HELD}:{row.contract_id}@{end.first_day}:{number}",
        round_trip_id=f"{HELD}:{row.contract_id}@{end.first_day}",
    )


def _lot(
    row: HeldRow,
    wanted: Decimal,
    quantity: Decimal,
    units: Decimal,
    price: Decimal | None,
    opened: datetime,
    number: int,
    beginning: RecordStart,
    base: str,
) -> Lot:
    dated = number > 0 and _opened(row) is not None
    return Lot(
        direction=LONG if wanted > 0 else SHORT,
        quantity=quantity,
        multiplier=units,
        open_fill_id=f"{HELD}:{row.contract_id}:{number:04}",
        opened_at=opened,
        opened_session=min(opened.astimezone(beginning.zone).date(), beginning.session) if dated else beginning.session,
        open_price=price,
        open_fee=Decimal(0),
        open_fx_rate=_rate(row, base),
        how_opened=HELD,
        origin_fill_id=f"open_positions:{row.row_date}:{row.row_key}",
        round_trip_id=f"{HELD}:{row.contract_id}",
        opened_before=None if dated else beginning.first_day,
    )


def _quantity(row: HeldRow) -> Decimal:
    return row.quantity or Decimal(0)


def _opened(row: HeldRow) -> datetime | None:
    return row.opened or _moment(row.opened_text) or _moment(row.holding_text)


def _moment(text: str | None) -> datetime | None:
    """A moment in New York, of a text whose order of day and month is certain."""
    written = _MOMENT.match(text or "")
    if not written:
        return None
    year, month, day, hour, minute, second = (int(part) if part else None for part in written.groups())
    try:
        at = _CLOSE if hour is None else time(hour, minute or 0, second or 0)
        return datetime.combine(date(year or 0, month or 0, day or 0), at, tzinfo=NEW_YORK).astimezone(UTC)
    except ValueError:
        return None


def _cost(row: HeldRow, units: Decimal) -> Decimal | None:
    """Per unit of the price, the opening's commission included where the broker gives the cost basis."""
    if row.cost_basis_price is not None:
        return row.cost_basis_price
    if row.cost_basis_money is not None:
        return (row.cost_basis_money / (_quantity(row) * units)).quantize(PLACES)
    return row.open_price


def _multiplier(row: HeldRow) -> Decimal | None:
    """As the row says it, or as its value implies it; that of an option without either is 100."""
    category = asset_category(row)
    if category in OPTIONS and None in (row.strike, row.expiry, row.put_call):
        return None
    try:
        return multiplier(row, category)
    except Permanent:
        worth = _quantity(row) * (row.mark_price or Decimal(0))
        if worth and row.position_value:
            return round(row.position_value / worth).__trunc__() * Decimal(1) or None
        return Decimal(100) if category == "OPT" else None


def _rate(row: HeldRow, base: str) -> Decimal | None:
    """As the row says it. Nothing is converted by it: the fee of the opening is in the cost."""
    return Decimal(1) if row.currency == base else row.fx_rate_to_base
