"""What the rows of a statement's sections have in common: the contract that they name, their day, and the fill of it.

What belongs here: the fields that Trades, Corporate Actions and Transfers share, and what a missing one of them means.
Source: the broker's Flex reference.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import ClassVar, TypeVar

from fntx_dagster.accounting.calendar import Calendar
from fntx_dagster.accounting.fills import Fill
from fntx_dagster.accounting.fx import Rates
from fntx_dagster.errors import Permanent
from fntx_dagster.model.contract import OPTIONS, expiry_in_symbol

_Value = TypeVar("_Value")


@dataclass(frozen=True, slots=True)
class SectionRow:
    """One row that names a contract, as delivered: `row_key` within its section, `row_date` the day of its statement.

    `quantity` is in units of the contract, `fx_rate_to_base` one unit of `currency` in the account's base currency.
    """

    SECTION: ClassVar[str]

    row_key: str
    row_date: date
    currency: str | None = None
    symbol: str | None = None
    description: str | None = None
    conid: str | None = None
    asset_category: str | None = None
    underlying_symbol: str | None = None
    multiplier: Decimal | None = None
    strike: Decimal | None = None
    expiry: date | None = None
    put_call: str | None = None
    report_date: date | None = None
    date_time: datetime | None = None
    transaction_id: str | None = None
    fx_rate_to_base: Decimal | None = None
    quantity: Decimal | None = None

    @classmethod
    def names(cls) -> list[str]:
        """The fields, in the order in which the row is made of them: the columns of the section's table."""
        return [field.name for field in fields(cls)]

    @property
    def reported_on(self) -> date:
        """The date on which the broker reports the row; where the field is not delivered, the day of its statement."""
        return self.report_date or self.row_date


def asset_category(row: SectionRow) -> str:
    """The broker's category; where the field is not delivered, what the contract's own terms say."""
    if row.asset_category:
        return row.asset_category
    if row.put_call or row.strike or expiry_in_symbol(row.symbol or ""):
        return "OPT"
    if row.expiry:
        return "FUT"
    is_pair = len(parts := (row.symbol or "").split(".")) == 2 and all(len(part) == 3 for part in parts)
    return "CASH" if is_pair else "STK"


def multiplier(row: SectionRow, category: str) -> Decimal:
    """Units of the price to one of the quantity; a bond is priced in percent. Permanent where the row of an option or a
    future does not say it: most options are on 100 shares, and some are not."""
    if category in _PRICED_IN_PERCENT:
        return (row.multiplier or Decimal(1)) / 100
    if row.multiplier:
        return row.multiplier
    if category in (*OPTIONS, "FUT"):
        needed(row, row.multiplier, "multiplier")
    return Decimal(1)


_LATEST = timedelta(days=10)
"""How long after the day of its statement a row's time may be: a closure, and zones."""
_PRICED_IN_PERCENT = frozenset({"BOND", "BILL"})


def needed(row: SectionRow, value: _Value | None, attribute: str) -> _Value:
    """A field that a fill cannot do without; Permanent names row and field where it was not delivered."""
    if value is None or value == "":
        raise Permanent(
            f"row {row.row_key} of {row.row_date} in {row.SECTION} has no {attribute}",
            f"Add the field {attribute} to the section {row.SECTION} of the Flex query and load the statement again",
        )
    return value


def time_of(row: SectionRow) -> datetime:
    """When a row happened; Permanent where the statement gives no time, or a date alone: it is not put at midnight."""
    if row.date_time is None:
        raise Permanent(
            f"row {row.row_key} of {row.row_date} in {row.SECTION} has no dateTime with a time of day",
            f"Add the field dateTime to the section {row.SECTION} of the Flex query, set the query's time format to"
            " HHmmss, and load the statement again",
        )
    return row.date_time


def fill_of(
    row: SectionRow,
    calendar: Calendar,
    rates: Rates,
    *,
    fill_id: str,
    contract_id: str,
    executed_at: datetime,
    quantity: Decimal,
    currency: str,
    stated_rate: Decimal | None,
) -> Fill:
    """The fill of a row as far as every section says it: contract, session, phase and rate; price and fees are 0.

    `stated_rate` is the row's own rate to the base currency, where it gives one.
    """
    category = asset_category(row)
    if category in OPTIONS:
        for attribute, value in (("strike", row.strike), ("expiry", row.expiry), ("putCall", row.put_call)):
            needed(row, value, attribute)
        if row.put_call not in ("C", "P"):
            raise Permanent(
                f"row {row.row_key} of {row.row_date} in {row.SECTION} has the putCall {row.put_call}",
                "It is C or P: run the Flex query again, and load the statement again",
            )
    if executed_at.date() > row.row_date + _LATEST:
        raise Permanent(
            f"row {row.row_key} of {row.row_date} in {row.SECTION} has the dateTime {executed_at:%Y-%m-%d}, long after"
            " its statement's day",
            "Look at the row in the file: run the Flex query again, and load the statement again",
        )
    session = calendar.at(executed_at)
    rate = rates.of_row(currency, row.reported_on, stated_rate)
    return Fill(
        fill_id=fill_id,
        contract_id=contract_id,
        executed_at=executed_at,
        session=session.day,
        quantity=quantity,
        price=Decimal(0),
        multiplier=multiplier(row, category),
        commission=Decimal(0),
        fx_rate_to_base=rate.rate,
        symbol=row.symbol,
        description=row.description,
        asset_category=category,
        underlying_symbol=row.underlying_symbol,
        strike=row.strike,
        expiry=row.expiry,
        put_call=row.put_call,
        currency=currency,
        base_currency=rates.base_currency,
        phase=session.phase(executed_at),
        report_date=row.reported_on,
        report_session=calendar.on_or_after(row.reported_on).day,
        fx_source=rate.source,
        source_transaction_id=row.transaction_id,
    )
