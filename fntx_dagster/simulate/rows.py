"""The rows of a statement: what the broker's books hold for some days, as the attributes of its sections.

What happened is in `daybook`, what it is worth in `day`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import date
from decimal import Decimal

from fntx_dagster.simulate.bookings import COMPONENTS, ZERO, Conversion, SimulatedFill
from fntx_dagster.simulate.contracts import SimulatedContract
from fntx_dagster.simulate.day import SimulatedDay
from fntx_dagster.simulate.documents import plain, stamp

Rows = Iterable[tuple[str, dict[str, str]]]
"""Tag and attributes of each."""


def rows_of(days: Sequence[SimulatedDay], name: str) -> Rows:
    """The rows that consecutive closed days have in a section of one statement."""
    if name in _OF_A_PERIOD:
        yield from _OF_A_PERIOD[name](days)
        return
    if name == "EquitySummaryInBase":
        yield _summary(days[0], days[0].before, days[0].opening.equity)  # a statement reports the day before it, too
    for day in days:
        yield from _OF_A_DAY[name](day)


def _trades(day: SimulatedDay) -> Rows:
    for category in sorted({fill.contract.category for fill in day.fills}):
        group = [fill for fill in day.fills if fill.contract.category == category]
        proceeds = sum((fill.proceeds * day.row_rate(fill) for fill in group), ZERO)
        commission = sum((fill.commission * day.row_rate(fill) for fill in group), ZERO)
        sizes = sum((abs(fill.quantity) for fill in group), ZERO)
        attributes = {"assetCategory": category, "reportDate": plain(day.date)}
        yield (
            "AssetSummary",
            attributes
            | {
                "quantity": str(sizes),
                "proceeds": str(proceeds),
                "ibCommission": str(commission),
            },
        )
    for fill in day.fills:
        yield "Trade", _trade(day, fill)
    for conversion in day.conversions:
        yield "Trade", _conversion(day, conversion)


def _trade(day: SimulatedDay, fill: SimulatedFill) -> dict[str, str]:
    buys = (fill.quantity > 0) != (fill.cancels is not None)
    attributes = {
        "transactionID": str(3_000_000_000 + fill.number),
        "tradeID": "" if fill.cancels else str(700_000_000 + fill.number),
        "reportDate": plain(day.date),
        "dateTime": stamp(fill.at),
        "transactionType": fill.kind,
        "quantity": str(fill.quantity),
        "tradePrice": str(fill.price),
        "proceeds": str(fill.proceeds),
        "ibCommission": str(fill.commission),
        "taxes": str(fill.taxes),
        "closePrice": str(day.close_price(fill)),
        "mtmPnl": str(day.mtm(fill)),
        "buySell": f"{'BUY' if buys else 'SELL'}{' (Ca.)' if fill.cancels else ''}",
        "fxRateToBase": str(day.row_rate(fill)),
        "openCloseIndicator": fill.open_close,
        "orderType": fill.order_type if fill.kind == "ExchTrade" else "",
    }
    if fill.cancels:
        attributes["origTransactionID"] = str(3_000_000_000 + fill.cancels.number)
    return fill.contract.attributes | attributes


def _conversion(day: SimulatedDay, conversion: Conversion) -> dict[str, str]:
    return {
        "symbol": f"{conversion.currency}.{day.books.base}",
        "assetCategory": "CASH",
        "currency": day.books.base,
        "transactionID": str(3_000_000_000 + conversion.number),
        "tradeID": str(700_000_000 + conversion.number),
        "reportDate": plain(day.date),
        "dateTime": stamp(conversion.at),
        "transactionType": "ExchTrade",
        "quantity": str(conversion.quantity),
        "tradePrice": str(conversion.price),
        "proceeds": str(-conversion.quantity * conversion.price),
        "ibCommission": str(conversion.commission),
        "ibCommissionCurrency": day.books.base,
        "mtmPnl": str(conversion.quantity * (day.rates[conversion.currency] - conversion.price)),
        "buySell": "BUY" if conversion.quantity > 0 else "SELL",
        "fxRateToBase": "1",
    }


def _exercises(day: SimulatedDay) -> Rows:
    for fill in day.fills:
        if fill.label:
            attributes = {"date": plain(fill.at.date()), "transactionType": fill.label, "quantity": str(fill.quantity)}
            yield "OptionEAE", fill.contract.attributes | attributes | {"tradeID": str(700_000_000 + fill.number)}


def _cash_transactions(day: SimulatedDay) -> Rows:
    for movement in day.cash:
        yield (
            "CashTransaction",
            {
                "transactionID": str(3_000_000_000 + movement.number),
                "type": movement.kind,
                "currency": movement.currency,
                "amount": str(movement.amount),
                "description": movement.description,
                "reportDate": plain(day.date),
                "dateTime": stamp(movement.at) if movement.at else plain(day.date),
                "fxRateToBase": str(movement.rate or day.rates[movement.currency]),
            },
        )


def _equity(day: SimulatedDay) -> Rows:
    yield _summary(day, day.date, day.equity)


def _summary(day: SimulatedDay, of: date, equity: Mapping[str, Decimal]) -> tuple[str, dict[str, str]]:
    attributes = {name: str(amount) for name, amount in equity.items()}
    attributes = {"currency": day.books.base, "reportDate": plain(of)} | attributes
    return "EquitySummaryByReportDateInBase", attributes


def _positions(day: SimulatedDay) -> Rows:
    for contract, held in day.open.items():
        attributes = {
            "reportDate": plain(day.date),
            "position": str(held),
            "markPrice": str(day.marks[contract]),
            "fxRateToBase": str(day.rates[contract.currency]),
        }
        yield "OpenPosition", contract.attributes | attributes


def _actions(day: SimulatedDay) -> Rows:
    for leg in day.legs:
        attributes = {
            "transactionID": str(3_000_000_000 + leg.number),
            "actionID": str(leg.action),
            "reportDate": plain(day.date),
            "dateTime": stamp(leg.at),
            "type": leg.kind,
            "actionDescription": leg.description,
            "quantity": str(leg.quantity),
            "proceeds": str(leg.proceeds),
            "amount": str(-leg.proceeds),
            "value": str(leg.quantity * leg.contract.multiplier * day.marks[leg.contract]),
            "mtmPnl": "0",
            "fxRateToBase": str(day.rates[leg.contract.currency]),
        }
        yield "CorporateAction", leg.contract.attributes | attributes


def _transfers(day: SimulatedDay) -> Rows:
    for transfer in day.transfers:
        attributes = {"currency": transfer.currency} if transfer.contract is None else transfer.contract.attributes
        rate = day.rates[transfer.currency]
        position = transfer.value if transfer.contract else ZERO
        yield (
            "Transfer",
            attributes
            | {
                "transactionID": str(3_000_000_000 + transfer.number),
                "reportDate": plain(day.date),
                "dateTime": stamp(transfer.at),
                "type": transfer.way,
                "direction": "OUT" if transfer.value < 0 else "IN",
                "quantity": str(transfer.quantity),
                "transferPrice": str(transfer.price),
                "positionAmount": str(position),
                "positionAmountInBase": str(position * rate),
                "cashTransfer": str(transfer.cash),
                "fxRateToBase": str(rate),
            },
        )


def _conversion_rates(day: SimulatedDay) -> Rows:
    for currency, rate in day.rates.items():
        if currency != day.books.base:
            attributes = {"fromCurrency": currency, "toCurrency": day.books.base, "rate": str(rate)}
            yield "ConversionRate", {"reportDate": plain(day.date)} | attributes


def _nights(day: SimulatedDay) -> Rows:
    for night in day.nights:
        yield (
            "TierInterestDetail",
            {
                "currency": night.currency,
                "reportDate": plain(day.date),
                "valueDate": plain(day.date),
                "interestType": "Debit Interest" if night.principal < 0 else "Credit Interest",
                "tierBreak": "I",
                "balanceThreshold": "0",
                "totalPrincipal": str(night.principal),
                "rate": str(night.rate),
                "totalInterest": str(night.interest),
                "fxRateToBase": str(day.rates[night.currency]),
            },
        )


def _dividends(day: SimulatedDay) -> Rows:
    for accrual in day.dividends:
        sign = -1 if accrual.is_paid else 1
        yield (
            "ChangeInDividendAccrual",
            {
                **{
                    name: accrual.contract.attributes[name] for name in ("conid", "symbol", "currency", "assetCategory")
                },
                "date": plain(day.date),
                "exDate": plain(accrual.ex_date),
                "payDate": plain(accrual.pay_date),
                "quantity": str(accrual.quantity),
                "grossRate": str(accrual.rate),
                "grossAmount": str(sign * accrual.gross),
                "tax": str(sign * accrual.tax),
                "fee": "0",
                "netAmount": str(sign * (accrual.gross - accrual.tax)),
                "code": "Re" if accrual.is_paid else "Po",
                "fxRateToBase": str(accrual.fx_rate),
            },
        )


_OF_A_DAY: Mapping[str, Callable[[SimulatedDay], Rows]] = {
    "Trades": _trades,
    "OptionEAE": _exercises,
    "CorporateActions": _actions,
    "Transfers": _transfers,
    "CashTransactions": _cash_transactions,
    "EquitySummaryInBase": _equity,
    "OpenPositions": _positions,
    "ConversionRates": _conversion_rates,
    "TierInterestDetails": _nights,
    "ChangeInDividendAccruals": _dividends,
}


def _cash_report(days: Sequence[SimulatedDay]) -> Rows:
    """One row per currency that the account has held, and the broker's sum of them all."""
    period = {"fromDate": plain(days[0].date), "toDate": plain(days[-1].date)}
    starts, ends = days[0].opening, days[-1].closing
    for currency in ends.cash:
        cash = {"startingCash": str(starts.cash.get(currency, ZERO)), "endingCash": str(ends.cash[currency])}
        yield "CashReportCurrency", {"currency": currency} | period | cash
    cash = {"startingCash": str(starts.cash_in_base), "endingCash": str(ends.cash_in_base)}
    yield "CashReportCurrency", {"currency": "BASE_SUMMARY"} | period | cash


def _accruals(days: Sequence[SimulatedDay]) -> Rows:
    yield (
        "InterestAccrualsCurrency",
        {
            "currency": "BASE_SUMMARY",
            "fromDate": plain(days[0].date),
            "toDate": plain(days[-1].date),
            "startingAccrualBalance": str(days[0].opening.interest),
            "interestAccrued": str(sum((day.accrued_interest - day.reversed_interest for day in days), ZERO)),
            "accrualReversal": str(sum((day.reversed_interest for day in days), ZERO)),
            "fxTranslation": str(sum((day.translated_accruals for day in days), ZERO)),
            "endingAccrualBalance": str(days[-1].equity["interestAccruals"]),
        },
    )


def _change_in_nav(days: Sequence[SimulatedDay]) -> Rows:
    change = {
        "currency": days[0].books.base,
        "fromDate": plain(days[0].date),
        "toDate": plain(days[-1].date),
        "startingValue": str(days[0].opening.nav),
        "endingValue": str(days[-1].nav),
    }
    components = {name: str(sum((day.components[name] for day in days), ZERO)) for name in COMPONENTS}
    yield "ChangeInNAV", change | components


def _performance(days: Sequence[SimulatedDay]) -> Rows:
    """What trading each contract made by the closes of its days, and cost, in base currency; bookings are elsewhere."""
    figures: dict[SimulatedContract, list[Decimal]] = {}
    for day in days:
        for fill in day.fills:
            made = ZERO if fill.kind == "BookTrade" else day.mtm(fill)
            of_contract = figures.setdefault(fill.contract, [ZERO, ZERO])
            of_contract[0] += made * day.row_rate(fill)
            of_contract[1] += fill.commission * day.row_rate(fill)
    for contract, (mtm, commissions) in figures.items():
        yield (
            "MTMPerformanceSummaryUnderlying",
            {name: contract.attributes[name] for name in ("assetCategory", "symbol", "conid")}
            | {"reportDate": plain(days[-1].date), "transactionMtm": str(mtm), "commissions": str(commissions)},
        )


_OF_A_PERIOD: Mapping[str, Callable[[Sequence[SimulatedDay]], Rows]] = {
    "CashReport": _cash_report,
    "InterestAccruals": _accruals,
    "ChangeInNAV": _change_in_nav,
    "MTMPerformanceSummaryInBase": _performance,
}
