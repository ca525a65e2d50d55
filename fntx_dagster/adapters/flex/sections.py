"""The sections of a Flex statement: the tags that open them, the table that holds them, the attributes with a column.

Here belong the broker's names and their types; reading is in `statements`, formats are in `formats`. The broker's
misspellings occur here and nowhere else. Every attribute is stored as delivered, with or without a column; the system
reads only the columns.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import date, datetime
from decimal import Decimal
from functools import cache, cached_property, partial
from typing import NamedTuple

from fntx_dagster.adapters.flex.formats import (
    DayOrder,
    date_texts,
    moment_texts,
    number_texts,
    parse_date,
    parse_moment,
    parse_number,
    parse_text,
    plain_texts,
)

Value = str | Decimal | date | datetime | None


class Kind(NamedTuple):
    """A column's type: as PostgreSQL names it, and the readers of its text (they raise ValueError)."""

    sql: str
    parse: Callable[..., Value]
    texts: Callable[..., Sequence[str]]
    """Turns many texts into those that PostgreSQL reads as the values, empty for none."""


TEXT = Kind("text", parse_text, plain_texts)
NUMBER = Kind("numeric", parse_number, number_texts)
DATE = Kind("date", parse_date, date_texts)
MOMENT = Kind("timestamptz", parse_moment, moment_texts)


@cache
def in_order(kind: Kind, order: DayOrder | None) -> Kind:
    """The same kind in a file whose dates with slashes have this order."""
    if order is None or kind not in (DATE, MOMENT):
        return kind
    return kind._replace(parse=partial(kind.parse, order=order), texts=partial(kind.texts, order=order))


class Column(NamedTuple):
    """A typed column and the attribute it is read from."""

    name: str
    attribute: str
    kind: Kind
    misspelt: str = ""
    """Another name the broker uses for the attribute."""


class Section:
    """One section: `tags` are the elements beneath FlexStatement that hold its rows (or are its row)."""

    def __init__(self, table: str, tags: tuple[str, ...], columns: str, identified: tuple[str, ...] = ()) -> None:
        self.table = table
        self.tags = tags
        self.columns = tuple(sorted(map(_column, columns.split()), key=lambda column: column.kind.sql))
        """Grouped by kind, because columns of one kind are read together."""
        self.identified = frozenset(identified)
        """Row tags whose transactionID identifies the row."""

    @cached_property
    def known_attributes(self) -> frozenset[str]:
        names = {name for column in self.columns for name in (column.attribute, column.misspelt) if name}
        return KEPT_ATTRIBUTES | names

    def __repr__(self) -> str:
        return f"Section({self.table})"


def section_of(tag: str) -> Section:
    """The section that an element beneath FlexStatement opens; `OTHER` for an unknown tag."""
    return _BY_TAG.get(tag, OTHER)


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


_DATES = _words("expiry report_date trade_date event_date settle_date from_date to_date ex_date pay_date value_date")
_MOMENTS = _words("date_time open_date_time")
_TEXTS = _words(
    """currency symbol description conid asset_category underlying_conid underlying_symbol put_call trade_id
    transaction_id orig_trade_id orig_transaction_id transaction_type exchange ib_commission_currency buy_sell
    open_close_indicator notes order_type level_of_detail type side action_description from_currency to_currency
    direction tax_description action_id code interest_type tier_break from_acct to_acct"""
)
_ATTRIBUTES = {
    "trade_id": "tradeID",
    "transaction_id": "transactionID",
    "orig_trade_id": "origTradeID",
    "orig_transaction_id": "origTransactionID",
    "event_date": "date",
    "action_id": "actionID",
}
_MISSPELT = {"commissionsAndTax": "commisionsAndTax"}


def _column(name: str) -> Column:
    first, *rest = name.split("_")
    attribute = _ATTRIBUTES.get(name) or first + "".join(word.capitalize() for word in rest)
    kind = DATE if name in _DATES else MOMENT if name in _MOMENTS else TEXT if name in _TEXTS else NUMBER
    return Column(name, attribute, kind, _MISSPELT.get(attribute, ""))


KEPT_ATTRIBUTES = _words(
    """accountId acctAlias model securityID securityIDType cusip isin figi sedol listingExchange
    underlyingSecurityID underlyingListingExchange underlyingCategory subCategory issuer issuerCountryCode
    principalAdjustFactor relatedTradeID origTradePrice origTradeDate origOrderID relatedTransactionID rtn
    clearingFirmID ibExecID ibOrderID brokerageOrderID orderReference volatilityOrderLink exchOrderId extExecID
    orderTime openDateTime holdingPeriodDateTime whenRealized whenReopened changeInPrice changeInQuantity
    traderID isAPIOrder accruedInt initialInvestment positionActionID serialNumber deliveryType commodityType
    fineness weight tradeID transactionID multiplier strike expiry putCall description conid symbol currency
    assetCategory underlyingConid underlyingSymbol code notes reportDate date settleDateTarget settleDate
    availableForTradingDate exDate clientReference actionID dateTime cusipIsin levelOfDetail fxRateToBase
    quantity tradePrice tradeDate tradeTime taxes netCashInBase cashLong cashShort brokerCashComponent
    brokerCashComponentLong brokerCashComponentShort fdicInsuredBankSweepAccountCashComponent
    insuredBankDepositRedemptionCashComponent slbCashCollateral slbDirectSecuritiesBorrowed
    slbDirectSecuritiesLent stockLong stockShort optionsLong optionsShort bondsLong bondsShort fundsLong
    fundsShort notesLong notesShort commodities commoditiesLong commoditiesShort forexCfdUnrealizedPl
    cfdUnrealizedPl ipoSubscription physDel crypto interestAccrualsLong interestAccrualsShort
    interestAccrualsComponent dividendAccrualsLong dividendAccrualsShort softDollars softDollarsLong
    softDollarsShort totalLong totalShort marginFinancingChargeAccruals eventContractInterestAccruals
    percentOfNAV originatingOrderID originatingTransactionID vestingDate accruedInterest fifoPnlRealized
    capitalGainsPnl fxPnl mtmPnl realizedPnl cost costBasis tradeMoney origTransactionID origTradeID company
    prevClosePrice prevCloseQuantity closePrice closeQuantity priorOpenMtm corpActionMtm dividends other
    otherWithAccruals total totalWithAccruals costAdj realizedSTProfit realizedSTLoss realizedLTProfit
    realizedLTLoss unrealizedProfit unrealizedLoss unrealizedSTProfit unrealizedSTLoss unrealizedLTProfit
    unrealizedLTLoss totalUnrealizedPnl totalFifoPnl totalRealizedCapitalGainsPnl
    totalUnrealizedCapitalGainsPnl totalUnrealizedFxPnl totalCapitalGainsPnl
    totalFxPnl transferredPnl transferredCapitalGainsPnl transferredFxPnl
    deliveringBroker account accountName transferPrice"""
)
"""Attributes the broker is known to deliver that need no column; any other is reported as unknown."""


DAYS = ("reportDate", "date", "toDate", "tradeDate", "dateTime")
"""Attributes that say which day a row reports; the first inside the statement's period decides."""

OTHER = Section("other_sections", (), "")

SECTIONS = (
    Section(
        "trades",
        ("Trades",),
        """currency symbol description conid asset_category underlying_conid underlying_symbol multiplier strike expiry
        put_call trade_id transaction_id orig_trade_id orig_transaction_id report_date trade_date date_time
        transaction_type exchange quantity trade_price trade_money proceeds ib_commission ib_commission_currency taxes
        net_cash close_price cost fifo_pnl_realized mtm_pnl fx_rate_to_base buy_sell open_close_indicator notes
        order_type level_of_detail""",
        identified=("Trade",),
    ),
    Section(
        "option_eae",
        ("OptionEAE",),
        """currency symbol conid asset_category underlying_conid underlying_symbol multiplier strike expiry put_call
        event_date transaction_type quantity trade_price mark_price proceeds commissions_and_tax realized_pnl mtm_pnl
        trade_id fx_rate_to_base""",
    ),
    Section(
        "cash_transactions",
        ("CashTransactions",),
        """currency symbol conid fx_rate_to_base date_time settle_date report_date amount type description
        transaction_id trade_id""",
        identified=("CashTransaction",),
    ),
    Section(
        "change_in_nav",
        ("ChangeInNAV",),
        """currency from_date to_date starting_value ending_value mtm realized change_in_unrealized cost_adjustments
        transferred_pnl_adjustments deposits_withdrawals internal_cash_transfers asset_transfers debit_card_activity
        bill_pay dividends withholding_tax withholding871m withholding_tax_collected change_in_dividend_accruals
        interest change_in_interest_accruals advisor_fees broker_fees change_in_broker_fee_accruals client_fees
        other_fees fees_receivables commissions commission_receivables forex_commissions transaction_tax
        tax_receivables sales_tax billable_sales_tax soft_dollars net_fx_trading fx_translation linking_adjustments
        corporate_action_proceeds commission_credits_redemption grant_activity excess_fund_sweep paxos_transfers
        other_income other twr""",
    ),
    Section(
        "equity_summary",
        ("EquitySummaryInBase",),
        """currency report_date cash stock options bonds funds interest_accruals dividend_accruals
        broker_fees_accruals_component total""",
    ),
    Section(
        "interest_accruals",
        ("InterestAccruals",),
        """currency from_date to_date starting_accrual_balance interest_accrued accrual_reversal fx_translation
        ending_accrual_balance""",
    ),
    Section(
        "open_positions",
        ("OpenPositions",),
        """currency symbol description conid asset_category underlying_conid underlying_symbol multiplier strike expiry
        put_call report_date position mark_price position_value open_price cost_basis_price cost_basis_money
        fifo_pnl_unrealized side level_of_detail open_date_time fx_rate_to_base""",
    ),
    Section(
        "corporate_actions",
        ("CorporateActions",),
        """currency symbol description conid asset_category underlying_symbol multiplier strike expiry put_call
        report_date date_time action_description type amount proceeds value quantity fifo_pnl_realized mtm_pnl
        transaction_id action_id code fx_rate_to_base""",
        identified=("CorporateAction",),
    ),
    Section("conversion_rates", ("ConversionRates",), "report_date from_currency to_currency rate"),
    Section(
        "transfers",
        ("Transfers",),
        """currency symbol description conid asset_category underlying_symbol multiplier strike expiry put_call
        report_date date_time type direction quantity transfer_price position_amount position_amount_in_base
        cash_transfer transaction_id fx_rate_to_base""",
        identified=("Transfer",),
    ),
    Section(
        "cash_report",
        ("CashReport",),
        """currency from_date to_date starting_cash ending_cash deposits withdrawals commissions broker_interest
        broker_fees other_fees""",
    ),
    Section(
        "transaction_taxes",
        ("TransactionTaxes",),
        """currency symbol conid report_date date_time tax_description tax_amount quantity trade_id transaction_id
        fx_rate_to_base""",
        identified=("TransactionTax",),
    ),
    Section(
        "dividend_accruals",
        ("ChangeInDividendAccruals", "OpenDividendAccruals"),
        """currency symbol conid asset_category report_date event_date ex_date pay_date quantity gross_rate gross_amount
        tax fee net_amount code fx_rate_to_base""",
    ),
    Section(
        "tier_interest",
        ("TierInterestDetails",),
        """currency report_date value_date interest_type tier_break balance_threshold total_principal rate
        total_interest code from_acct to_acct fx_rate_to_base""",
    ),
    Section(
        "mtm_performance",
        ("MTMPerformanceSummaryInBase",),
        "symbol conid asset_category report_date transaction_mtm commissions",
    ),
    Section(
        "fifo_performance",
        ("FIFOPerformanceSummaryInBase",),
        "symbol conid asset_category report_date total_realized_pnl total_realized_fx_pnl",
    ),
    Section("pending_exercises", ("PendingExcercises", "PendingExercises"), "currency symbol conid"),
    OTHER,
)

_BY_TAG = {tag: section for section in SECTIONS for tag in section.tags}
