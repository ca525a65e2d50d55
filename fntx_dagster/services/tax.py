"""A year's realised gains, lot by lot, beside the broker's figures, and as the list that a tax program reads.

What belongs here: which rows make the list, and its columns. The rules are in `accounting/tax.py`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import date, timedelta
from decimal import ROUND_HALF_EVEN, Decimal
from itertools import groupby
from typing import Any, NamedTuple

from fntx_dagster.accounting.tax import Realised, realised
from fntx_dagster.errors import Permanent
from fntx_dagster.model.data_table import DataTable, Kind
from fntx_dagster.services.accounts import accounts, chosen_account
from fntx_dagster.settings import Settings
from fntx_dagster.store.accounting import tax
from fntx_dagster.store.database import Database

FORM_8949: dict[str, Kind] = {
    "Description of property": "text",
    "Date acquired": "text",
    "Date sold or disposed of": "text",
    "Proceeds": "decimal",
    "Cost or other basis": "decimal",
    "Code(s) from instructions": "text",
    "Amount of adjustment": "decimal",
    "Gain or (loss)": "decimal",
    "Term": "text",
    "Form": "text",
    "Currency": "text",
    "Account": "text",
}
"""The columns (a) to (h) of Form 8949 in their order, and what sorts the rows."""
COLUMNS: dict[str, Kind] = {
    "account_id": "text",
    "form": "text",
    "description": "text",
    "asset_category": "text",
    "direction": "text",
    "quantity": "decimal",
    "opened": "date",
    "opened_before": "date",
    "acquired": "date",
    "sold": "date",
    "how_ended": "text",
    "term": "text",
    "currency": "text",
    "proceeds": "decimal",
    "cost_basis": "decimal",
    "folded_premium": "decimal",
    "carried_loss": "decimal",
    "disallowed_loss": "decimal",
    "gain": "decimal",
    "replaced_by": "text",
    "fill_gain": "decimal",
    "broker_gain": "decimal",
    "lot_id": "text",
    "close_fill_id": "text",
}
"""The columns of `tax_rows`."""
_CENT = Decimal("0.01")


class TaxSale(NamedTuple):
    """A sale of the year. `broker_gain` is what the broker says that its closing fill realised, `fill_gain` the sum of
    our gains (with the options' premiums, without wash sales) over the lots which that fill closed; both None where
    one of them is unknown."""

    account_id: str
    sale: Realised
    fill_gain: Decimal | None
    broker_gain: Decimal | None


def tax_sales(settings: Settings, db: Database, year: int, account: str | None = None) -> list[TaxSale]:
    """What one account, or all, sold, closed or let expire in a year, by account and day; a day is a date in New York.

    Raises Permanent where the account is not loaded or nothing is loaded.
    """
    first, last = date(year, 1, 1), date(year, 12, 31)
    sales: list[TaxSale] = []
    with db.snapshot() as snapshot:
        named = [chosen_account(snapshot, account)] if account is not None else accounts(snapshot)
        if not named:
            raise Permanent("nothing is loaded yet", "Load statements with `fntx load PATH`, or try `fntx demo`")
        for each in named:
            every = realised(
                tax.tax_lots(snapshot, each), tax.deliveries(snapshot, each), settings.options.european_underlyings
            )
            broker = tax.broker_gains(snapshot, each, first - timedelta(days=7), last + timedelta(days=7))
            own = [sale for sale in every if first <= sale.sold <= last]
            sums = _by_fill(own)
            for sale in own:
                fill = sale.lot.close_fill_id or ""
                known = sums[fill] is not None and fill in broker
                sales.append(TaxSale(each, sale, sums[fill] if known else None, broker[fill] if known else None))
    return sales


def tax_rows(sales: Sequence[TaxSale]) -> list[dict[str, Any]]:
    """The sales for programs: exact amounts in the contract's currency, days in New York."""
    return [
        {
            "account_id": each.account_id,
            "form": _form(sale),
            "description": sale.lot.description or sale.lot.symbol or sale.lot.contract_id,
            "asset_category": sale.lot.asset_category,
            "direction": sale.lot.direction,
            "quantity": sale.lot.quantity,
            "opened": None if sale.lot.opened_before else sale.lot.opened_on,
            "opened_before": sale.lot.opened_before,
            "acquired": sale.acquired,
            "sold": sale.sold,
            "how_ended": sale.lot.how_ended,
            "term": _term(sale),
            "currency": sale.lot.currency,
            "proceeds": sale.proceeds,
            "cost_basis": sale.cost,
            "folded_premium": sale.folded,
            "carried_loss": sale.carried,
            "disallowed_loss": sale.disallowed,
            "gain": sale.gain,
            "replaced_by": " ".join(sale.replaced_by) or None,
            "fill_gain": each.fill_gain,
            "broker_gain": each.broker_gain,
            "lot_id": sale.lot.lot_id,
            "close_fill_id": sale.lot.close_fill_id,
        }
        for each in sales
        for sale in [each.sale]
    ]


def form_table(sales: Sequence[TaxSale]) -> DataTable:
    """The list that a tax program reads: the columns of Form 8949, amounts to the cent, days as MM/DD/YYYY. The gain is
    that of the rounded amounts; cost and gain are empty where no statement says the cost."""
    return DataTable("tax", FORM_8949, [list(_line(each)) for each in sales])


def _line(each: TaxSale) -> Iterator[Any]:
    sale = each.sale
    proceeds, cost, adjusted = (_cents(amount) for amount in (sale.proceeds, sale.cost, sale.disallowed))
    yield f"{sale.lot.quantity.normalize():f} {sale.lot.description or sale.lot.symbol or sale.lot.contract_id}"
    yield _day(sale.acquired) if sale.acquired else "VARIOUS"
    yield _day(sale.sold)
    yield proceeds
    yield cost
    yield "W" if sale.disallowed else None
    yield adjusted or None
    yield None if proceeds is None or cost is None else proceeds - cost + (adjusted or 0)
    yield _term(sale)
    yield _form(sale)
    yield sale.lot.currency
    yield each.account_id


def _by_fill(sales: Sequence[Realised]) -> dict[str, Decimal | None]:
    """Closing fill → the sum of its lots' gains by the broker's convention; None where one is unknown."""
    sums: dict[str, Decimal | None] = {}
    ordered = sorted(sales, key=lambda sale: sale.lot.close_fill_id or "")
    for fill, members in groupby(ordered, key=lambda sale: sale.lot.close_fill_id or ""):
        gains = [sale.economic_gain for sale in members]
        sums[fill] = None if None in gains else sum((gain for gain in gains if gain is not None), Decimal(0))
    return sums


def _form(sale: Realised) -> str:
    return "6781" if sale.contract_1256 else "8949"


def _term(sale: Realised) -> str:
    return "60/40" if sale.contract_1256 else "long" if sale.long_term else "short"


def _cents(amount: Decimal | None) -> Decimal | None:
    return None if amount is None else amount.quantize(_CENT, ROUND_HALF_EVEN)


def _day(day: date) -> str:
    return f"{day:%m/%d/%Y}"
