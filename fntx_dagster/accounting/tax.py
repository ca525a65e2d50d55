"""Realised gains for a tax return: each closed lot with the basis that an option gives to shares, and wash sales.

Pure, and exact. The premium of an option that was assigned or exercised goes into the shares that it brought or took
(IRS Publication 550, Options), as at the broker. A loss is a wash sale as far as the same is acquired within 30 days
before or after the sale (Publication 550, Wash Sales). What the flag does not decide stands in docs/tax.md. Money is in
the contract's currency; a day is a date in New York.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import NamedTuple

from fntx_dagster.accounting.lots import LONG
from fntx_dagster.model.contract import OPTIONS
from fntx_dagster.model.session import NEW_YORK

WASH_DAYS = timedelta(days=30)
_ENDS_AS_A_SALE = ("traded", "expired", "delivered")
"""An option that was assigned or exercised is none: its premium is in the shares. A split, a merger, a renaming and a
transfer carry their lots on."""
_FOLDED = ("assigned", "exercised")
_ACQUIRES = ("trade", "assignment", "exercise")
_FUTURES = ("FUT", "FOP")
_ZERO = Decimal(0)


class TaxLot(NamedTuple):
    """A row of `position_lots`: what is needed of it. The closing side is None while the lot is open."""

    lot_id: str
    contract_id: str
    symbol: str | None
    description: str | None
    asset_category: str
    underlying_symbol: str | None
    put_call: str | None
    currency: str
    direction: str
    quantity: Decimal
    multiplier: Decimal
    open_fill_id: str
    opened_at: datetime
    opened_before: date | None
    open_price: Decimal | None
    open_fee: Decimal
    how_opened: str
    origin_fill_id: str | None
    close_fill_id: str | None
    closed_at: datetime | None
    close_price: Decimal | None
    close_fee: Decimal | None
    gross_pnl: Decimal | None
    how_ended: str | None

    @property
    def opened_on(self) -> date:
        return self.opened_at.astimezone(NEW_YORK).date()


class DeliveredOption(NamedTuple):
    """Which option brought or took how many shares: `fill_id` moved `shares`, `option_fill_id` ended the option."""

    fill_id: str
    option_fill_id: str
    shares: Decimal


class Realised(NamedTuple):
    """A lot that was sold, closed or expired. `acquired` is None where no statement says when (`lot.opened_before` then
    limits it); of a short position, the day on which it was closed. `proceeds` and `cost` hold fees, the option's
    premium (`folded`, a gain of the shares) and the losses of earlier wash sales (`carried`); `disallowed` (0 or more)
    is the part of a loss that a wash sale does not allow. Amounts are None where the cost is unknown."""

    lot: TaxLot
    acquired: date | None
    sold: date
    long_term: bool
    contract_1256: bool
    proceeds: Decimal | None
    cost: Decimal | None
    folded: Decimal
    carried: Decimal
    disallowed: Decimal
    replaced_by: tuple[str, ...]

    @property
    def gain(self) -> Decimal | None:
        """Proceeds less cost, with what is disallowed added back."""
        if self.proceeds is None or self.cost is None:
            return None
        return self.proceeds - self.cost + self.disallowed

    @property
    def economic_gain(self) -> Decimal | None:
        """The gain by the broker's convention: with the option's premium, without any wash sale."""
        if self.proceeds is None or self.cost is None:
            return None
        return self.proceeds - self.cost + self.carried


def realised(
    lots: Sequence[TaxLot], deliveries: Iterable[DeliveredOption], index_underlyings: Collection[str] = ()
) -> list[Realised]:
    """Every sale among all lots of one account, oldest first. Options on `index_underlyings`, futures and their options
    are Section 1256 contracts: they have no wash sales."""
    premiums = _premiums(lots, deliveries)
    opened = {lot.open_fill_id: lot for lot in lots}
    replacements = _Replacements(lots)
    sales: list[Realised] = []
    for lot in sorted(filter(_is_sale, lots), key=lambda lot: (lot.closed_at, lot.lot_id)):
        sale = _sale(lot, opened, premiums, index_underlyings)
        carried = replacements.carried_into(lot)
        if sale.proceeds is not None and sale.cost is not None:
            changed = {"cost": sale.cost + carried} if lot.direction == LONG else {"proceeds": sale.proceeds - carried}
            sale = sale._replace(carried=carried, **changed)
            if (loss := -(sale.gain or _ZERO)) > 0 and not sale.contract_1256:
                disallowed, fills = replacements.take(sale, loss)
                sale = sale._replace(disallowed=disallowed, replaced_by=fills)
        sales.append(sale)
    return sales


def _is_sale(lot: TaxLot) -> bool:
    return lot.closed_at is not None and lot.how_ended in _ENDS_AS_A_SALE


def _premiums(lots: Iterable[TaxLot], deliveries: Iterable[DeliveredOption]) -> dict[str, Decimal]:
    """DeliveredOption → the net gain of the options that it ended, per share."""
    made: dict[str | None, Decimal] = defaultdict(Decimal)
    for lot in lots:
        if lot.how_ended in _FOLDED:
            made[lot.close_fill_id] += (lot.gross_pnl or _ZERO) + lot.open_fee + (lot.close_fee or _ZERO)
    folded: dict[str, Decimal] = defaultdict(Decimal)
    for delivery in {*deliveries}:
        folded[delivery.fill_id] += made[delivery.option_fill_id] / delivery.shares
    return folded


def _sale(
    lot: TaxLot, opened: Mapping[str, TaxLot], premiums: Mapping[str, Decimal], index_underlyings: Collection[str]
) -> Realised:
    is_long = lot.direction == LONG
    sold = lot.closed_at.astimezone(NEW_YORK).date() if lot.closed_at else date.max
    begun = opened.get(lot.origin_fill_id or "", lot) if lot.how_opened not in _ACQUIRES else lot
    acquired = (None if begun.opened_before else begun.opened_on) if is_long else sold
    units = lot.quantity * lot.multiplier
    closing = units * (lot.close_price or _ZERO)
    came = lot.quantity * premiums.get(lot.open_fill_id, _ZERO)
    went = lot.quantity * premiums.get(lot.close_fill_id or "", _ZERO)
    if is_long:
        proceeds: Decimal | None = closing + (lot.close_fee or _ZERO) + went
        cost = None if lot.open_price is None else units * lot.open_price - lot.open_fee - came
        if cost is None and lot.gross_pnl is not None:
            cost = closing - lot.gross_pnl - lot.open_fee - came
    else:
        cost = closing - (lot.close_fee or _ZERO) - went
        proceeds = None if lot.open_price is None else units * lot.open_price + lot.open_fee + came
        if proceeds is None and lot.gross_pnl is not None:
            proceeds = closing + lot.gross_pnl + lot.open_fee + came
    return Realised(
        lot,
        acquired,
        sold,
        is_long and _over_a_year(acquired or begun.opened_before, sold),
        lot.asset_category in _FUTURES or (_is_option(lot) and lot.underlying_symbol in index_underlyings),
        proceeds,
        cost,
        came + went,
        _ZERO,
        _ZERO,
        (),
    )


def _over_a_year(acquired: date | None, sold: date) -> bool:
    """Whether it was held for more than a year: the day after the acquisition begins the period."""
    if acquired is None:
        return False
    try:
        anniversary = acquired.replace(year=acquired.year + 1)
    except ValueError:  # 29 February
        anniversary = date(acquired.year + 1, 3, 1)
    return sold > anniversary


def _is_option(lot: TaxLot) -> bool:
    return lot.asset_category in OPTIONS


class _Acquired:
    """What one fill opened: its whole quantity, how much of it is no replacement yet, when it was closed, and the
    losses that go into what it opened."""

    def __init__(self, lot: TaxLot) -> None:
        self.lot = lot
        self.total = self.left = _ZERO
        self.closings: list[tuple[datetime, Decimal]] = []
        self.losses: list[tuple[Decimal, Decimal]] = []  # quantity, loss


class _Replacements:
    """The acquisitions of one account, each of which replaces what was sold at a loss once."""

    def __init__(self, lots: Iterable[TaxLot]) -> None:
        by_fill: dict[str, _Acquired] = {}
        for lot in lots:
            if lot.how_opened in _ACQUIRES:
                acquired = by_fill.setdefault(lot.open_fill_id, _Acquired(lot))
                acquired.total += lot.quantity
                acquired.left = acquired.total
                if lot.closed_at is not None:
                    acquired.closings.append((lot.closed_at, lot.quantity))
        self._by_fill = by_fill
        self._by_contract: dict[tuple[str, str], list[_Acquired]] = defaultdict(list)
        self._calls: dict[str | None, list[_Acquired]] = defaultdict(list)
        for acquired in sorted(by_fill.values(), key=lambda each: (each.lot.opened_at, each.lot.open_fill_id)):
            lot = acquired.lot
            self._by_contract[lot.contract_id, lot.direction].append(acquired)
            if _is_option(lot) and lot.put_call == "C" and lot.direction == LONG:
                self._calls[lot.underlying_symbol].append(acquired)

    def carried_into(self, lot: TaxLot) -> Decimal:
        """The losses of wash sales that a lot carries: those of the quantity of its fill that is closed first."""
        acquired, wanted, carried = self._by_fill.get(lot.open_fill_id), lot.quantity, _ZERO
        while acquired and wanted and acquired.losses:
            quantity, loss = acquired.losses.pop(0)
            part = min(quantity, wanted)
            carried += loss * part / quantity
            if quantity > part:
                acquired.losses.insert(0, (quantity - part, loss - loss * part / quantity))
            wanted -= part
        return carried

    def take(self, sale: Realised, loss: Decimal) -> tuple[Decimal, tuple[str, ...]]:
        """What of a loss is disallowed, and the fills that acquired the same within 30 days, the earliest first."""
        lot, disallowed, fills = sale.lot, _ZERO, []
        wanted = lot.quantity
        for acquired, units in self._candidates(lot):
            if not wanted:
                break
            if abs(acquired.lot.opened_on - sale.sold) > WASH_DAYS or acquired.lot.open_fill_id == lot.open_fill_id:
                continue
            gone = sum((each for at, each in acquired.closings if lot.closed_at and at <= lot.closed_at), _ZERO)
            free = min(acquired.left, acquired.total - gone)
            part = min(free * units, wanted)
            if part > 0:
                amount = loss * part / lot.quantity
                acquired.left -= part / units
                acquired.losses.append((part / units, amount))
                disallowed, wanted = disallowed + amount, wanted - part
                fills.append(acquired.lot.open_fill_id)
        return disallowed, tuple(fills)

    def _candidates(self, lot: TaxLot) -> list[tuple[_Acquired, Decimal]]:
        """What is taken for substantially identical, with how much of the sold a unit of it replaces: the same
        contract in the same direction, and of shares a call on them. A written option has none."""
        if _is_option(lot) and lot.direction != LONG:
            return []
        same = [(acquired, Decimal(1)) for acquired in self._by_contract[lot.contract_id, lot.direction]]
        if _is_option(lot) or lot.direction != LONG:
            return same
        calls = [(acquired, acquired.lot.multiplier) for acquired in self._calls[lot.symbol]]
        return sorted([*same, *calls], key=lambda each: (each[0].lot.opened_at, each[0].lot.open_fill_id))
