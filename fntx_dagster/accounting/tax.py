"""Realised gains for a tax return: each closed lot with the basis that an option gives to shares, and wash sales.

Pure, and exact. The premium of an option that was assigned or exercised goes into the shares that it brought or took
(IRS Publication 550, Options), as at the broker. A loss is a wash sale as far as the same is acquired within 30 days
before or after the sale (`wash_sales.py`). Money is in the contract's currency; a day is a date in New York.
"""

from __future__ import annotations

from calendar import monthrange
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import date
from decimal import Decimal
from typing import NamedTuple

from fntx_dagster.accounting.lots import LONG
from fntx_dagster.accounting.tax_lots import Lineage, TaxLot
from fntx_dagster.accounting.wash_sales import Replacements
from fntx_dagster.model.session import NEW_YORK

_FOLDED = ("assigned", "exercised")
"""How an option ends whose premium goes into shares."""
_LEAVES = "transferred"
_FUTURES = ("FUT", "FOP")
_ZERO = Decimal(0)


class DeliveredOption(NamedTuple):
    """An option that brought or took shares: `fill_id` moved them, `option_fill_id` ended the option. `shares` are all
    that were moved together: several fills may deliver what one option ends with, and one what several do."""

    fill_id: str
    option_fill_id: str
    shares: Decimal


class Realised(NamedTuple):
    """A lot that was sold, closed or expired. `acquired` is None where no statement says when (`lot.opened_before` then
    limits it); of a short position, the day on which it was closed. `proceeds` and `cost` hold fees, the option's
    premium (`folded`, a gain of the shares) and the losses of earlier wash sales (`carried`); `disallowed` (0 or more)
    is the part of a loss that a wash sale does not allow. Amounts are None where the cost is unknown, of the lot or of
    the option."""

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
    deliveries = {*deliveries}
    premiums, lineage = _premiums(lots, deliveries), Lineage(lots)
    folded = {delivery.option_fill_id for delivery in deliveries}
    opened = {lot.open_fill_id: lot for lot in lots}
    replacements = Replacements(lots, lineage)
    sales: list[Realised] = []
    closed = [lot for lot in lots if _is_sale(lot, lineage, folded)]
    for lot in sorted(closed, key=lambda lot: (lot.closed_at, lot.lot_id)):
        sale = _sale(lot, opened.get(lot.root, lot), lineage, premiums, index_underlyings)
        carried = replacements.carried_into(lot)
        if sale.proceeds is not None and sale.cost is not None:
            changed = {"cost": sale.cost + carried} if lot.direction == LONG else {"proceeds": sale.proceeds - carried}
            sale = sale._replace(carried=carried, **changed)
            if (loss := -(sale.gain or _ZERO)) > 0 and not sale.contract_1256:
                disallowed, fills = replacements.take(lot, sale.sold, loss)
                sale = sale._replace(disallowed=disallowed, replaced_by=fills)
        sales.append(sale)
    return sales


def _is_sale(lot: TaxLot, lineage: Lineage, folded: Collection[str]) -> bool:
    """What an action takes for cash, or for nothing, is sold; what it carries on in another lot is not. An option whose
    assignment or exercise moved no shares was settled in cash."""
    if lot.closed_at is None or lot.how_ended == _LEAVES or lot.lot_id in lineage.goes_on:
        return False
    return lot.how_ended not in _FOLDED or lot.close_fill_id not in folded


def _premiums(lots: Iterable[TaxLot], deliveries: Iterable[DeliveredOption]) -> dict[str, Decimal | None]:
    """Delivery → the net gain of the options that it ended, per share; None where one of unknown cost is among them."""
    made: dict[str | None, Decimal] = defaultdict(Decimal)
    unknown: set[str | None] = set()
    for lot in lots:
        if lot.how_ended in _FOLDED:
            made[lot.close_fill_id] += (lot.gross_pnl or _ZERO) + lot.open_fee + (lot.close_fee or _ZERO)
            unknown |= {lot.close_fill_id} if lot.gross_pnl is None else set()
    folded: dict[str, Decimal | None] = {}
    for fill_id, option_fill_id, shares in deliveries:
        so_far = folded.get(fill_id, _ZERO)
        if so_far is not None:
            folded[fill_id] = None if option_fill_id in unknown else so_far + made[option_fill_id] / shares
    return folded


def _sale(
    lot: TaxLot,
    begun: TaxLot,
    lineage: Lineage,
    premiums: Mapping[str, Decimal | None],
    index_underlyings: Collection[str],
) -> Realised:
    """`begun` is the lot as it was acquired, before the corporate actions that carried it on."""
    is_long = lot.direction == LONG
    sold = lot.closed_at.astimezone(NEW_YORK).date() if lot.closed_at else date.max
    acquired = (None if begun.opened_before else begun.opened_on) if is_long else sold
    units = lot.quantity * lot.multiplier
    closing = units * (lot.close_price or _ZERO)
    brought, taken = premiums.get(begun.open_fill_id, _ZERO), premiums.get(lot.close_fill_id or "", _ZERO)
    came = lot.quantity * lineage.units[lot.lot_id] * (brought or _ZERO)
    went = lot.quantity * (taken or _ZERO)
    open_fee, close_fee = lot.open_fee + lineage.fees[lot.lot_id], lot.close_fee or _ZERO
    opening = None if lot.open_price is None else units * lot.open_price
    if opening is None and lot.gross_pnl is not None:
        opening = closing - lot.gross_pnl if is_long else closing + lot.gross_pnl
    if is_long:
        proceeds, cost = closing + close_fee + went, None if opening is None else opening - open_fee - came
    else:
        proceeds, cost = None if opening is None else opening + open_fee + came, closing - close_fee - went
    if brought is None:
        proceeds, cost = (proceeds, None) if is_long else (None, cost)
    if taken is None:
        proceeds, cost = (None, cost) if is_long else (proceeds, None)
    return Realised(
        lot,
        acquired,
        sold,
        is_long and _over_a_year(acquired or begun.opened_before, sold),
        lot.asset_category in _FUTURES or (lot.is_option and lot.underlying_symbol in index_underlyings),
        proceeds,
        cost,
        came + went,
        _ZERO,
        _ZERO,
        (),
    )


def _over_a_year(acquired: date | None, sold: date) -> bool:
    """Whether it was held for more than a year: the day after the acquisition begins the period. What was acquired on
    the last day of a month is held so long on the first day of the thirteenth month after (Revenue Ruling 66-7)."""
    if acquired is None:
        return False
    lengths = [monthrange(year, acquired.month)[1] for year in (acquired.year, acquired.year + 1)]
    day = lengths[1] if acquired.day == lengths[0] else acquired.day
    return sold > acquired.replace(year=acquired.year + 1, day=day)
