"""The rows of a statement day: what the broker's books say, in the words of its sections.

Here belongs how things are told; what happened and what it is worth is in `broker`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import date
from decimal import Decimal
from typing import TYPE_CHECKING

from fntx_dagster.simulate.documents import plain, stamp

if TYPE_CHECKING:
    from fntx_dagster.simulate.broker import Conversion, Day, Execution

ZERO = Decimal(0)


def rows_of(day: Day, name: str) -> Iterable[tuple[str, dict[str, str]]]:
    """Tag and attributes of each row that a closed day has in a section."""
    return _SECTIONS[name](day)


def _trades(day: Day) -> Iterable[tuple[str, dict[str, str]]]:
    for category in sorted({done.contract.category for done in day.executions}):
        group = [done for done in day.executions if done.contract.category == category]
        proceeds = sum((done.proceeds * day.row_rate(done) for done in group), ZERO)
        sizes = sum((abs(done.quantity) for done in group), ZERO)
        told = {"assetCategory": category, "reportDate": plain(day.date)}
        yield "AssetSummary", told | {"quantity": str(sizes), "proceeds": str(proceeds)}
    for done in day.executions:
        yield "Trade", _trade(day, done)
    for done in day.conversions:
        yield "Trade", _conversion(day, done)


def _trade(day: Day, done: Execution) -> dict[str, str]:
    buys = (done.quantity > 0) != (done.cancels is not None)
    told = {
        "transactionID": str(3_000_000_000 + done.number),
        "tradeID": "" if done.cancels else str(700_000_000 + done.number),
        "reportDate": plain(day.date),
        "dateTime": stamp(done.at),
        "transactionType": done.kind,
        "quantity": str(done.quantity),
        "tradePrice": str(done.price),
        "proceeds": str(done.proceeds),
        "ibCommission": str(done.commission),
        "taxes": str(done.taxes),
        "closePrice": str(day.close_price(done)),
        "mtmPnl": str(day.mtm(done)),
        "buySell": f"{'BUY' if buys else 'SELL'}{' (Ca.)' if done.cancels else ''}",
        "fxRateToBase": str(day.row_rate(done)),
        "openCloseIndicator": done.open_close,
        "orderType": done.order_type if done.kind == "ExchTrade" else "",
    }
    if done.cancels:
        told["origTransactionID"] = str(3_000_000_000 + done.cancels.number)
    return done.contract.attributes | told


def _conversion(day: Day, done: Conversion) -> dict[str, str]:
    return {
        "symbol": f"{done.currency}.{day.account.base}",
        "assetCategory": "CASH",
        "currency": day.account.base,
        "transactionID": str(3_000_000_000 + done.number),
        "tradeID": str(700_000_000 + done.number),
        "reportDate": plain(day.date),
        "dateTime": stamp(done.at),
        "transactionType": "ExchTrade",
        "quantity": str(done.quantity),
        "tradePrice": str(done.price),
        "proceeds": str(-done.quantity * done.price),
        "ibCommission": str(done.commission),
        "ibCommissionCurrency": day.account.base,
        "mtmPnl": str(done.quantity * (day.rates[done.currency] - done.price)),
        "buySell": "BUY" if done.quantity > 0 else "SELL",
        "fxRateToBase": "1",
    }


def _exercises(day: Day) -> Iterable[tuple[str, dict[str, str]]]:
    for done in day.executions:
        if done.label:
            told = {"date": plain(done.at.date()), "transactionType": done.label, "quantity": str(done.quantity)}
            yield "OptionEAE", done.contract.attributes | told | {"tradeID": str(700_000_000 + done.number)}


def _cash_transactions(day: Day) -> Iterable[tuple[str, dict[str, str]]]:
    for moved in day.cash:
        yield (
            "CashTransaction",
            {
                "transactionID": str(3_000_000_000 + moved.number),
                "type": moved.kind,
                "currency": moved.currency,
                "amount": str(moved.amount),
                "description": moved.told,
                "reportDate": plain(day.date),
                "dateTime": stamp(moved.at) if moved.at else plain(day.date),
                "fxRateToBase": str(moved.rate or day.rates[moved.currency]),
            },
        )


def _equity(day: Day) -> Iterable[tuple[str, dict[str, str]]]:
    yield _summary(day, day.date, day.equity)


def _equity_before(day: Day) -> Iterable[tuple[str, dict[str, str]]]:
    """A statement tells the day before it, too."""
    yield _summary(day, day.before, day.opening.equity)


def _summary(day: Day, of: date, equity: Mapping[str, Decimal]) -> tuple[str, dict[str, str]]:
    told = {name: str(amount) for name, amount in equity.items()}
    told = {"currency": day.account.base, "reportDate": plain(of)} | told
    return "EquitySummaryByReportDateInBase", told


def _positions(day: Day) -> Iterable[tuple[str, dict[str, str]]]:
    for contract, held in day.open.items():
        told = {
            "reportDate": plain(day.date),
            "position": str(held),
            "markPrice": str(day.marks[contract]),
            "fxRateToBase": str(day.rates[contract.currency]),
        }
        yield "OpenPosition", contract.attributes | told


def _actions(day: Day) -> Iterable[tuple[str, dict[str, str]]]:
    for leg in day.legs:
        told = {
            "transactionID": str(3_000_000_000 + leg.number),
            "actionID": str(leg.action),
            "reportDate": plain(day.date),
            "dateTime": stamp(leg.at),
            "type": leg.kind,
            "actionDescription": leg.told,
            "quantity": str(leg.quantity),
            "proceeds": str(leg.proceeds),
            "amount": str(-leg.proceeds),
            "value": str(leg.quantity * leg.contract.multiplier * day.marks[leg.contract]),
            "mtmPnl": "0",
            "fxRateToBase": str(day.rates[leg.contract.currency]),
        }
        yield "CorporateAction", leg.contract.attributes | told


def _transfers(day: Day) -> Iterable[tuple[str, dict[str, str]]]:
    for transfer in day.transfers:
        told = {"currency": transfer.currency} if transfer.contract is None else transfer.contract.attributes
        rate = day.rates[transfer.currency]
        position = transfer.value if transfer.contract else ZERO
        yield (
            "Transfer",
            told
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


def _conversion_rates(day: Day) -> Iterable[tuple[str, dict[str, str]]]:
    for currency, rate in day.rates.items():
        if currency != day.account.base:
            told = {"fromCurrency": currency, "toCurrency": day.account.base, "rate": str(rate)}
            yield "ConversionRate", {"reportDate": plain(day.date)} | told


_SECTIONS = {
    "Trades": _trades,
    "OptionEAE": _exercises,
    "CorporateActions": _actions,
    "Transfers": _transfers,
    "CashTransactions": _cash_transactions,
    "EquitySummaryInBase": _equity,
    "DayBefore": _equity_before,
    "OpenPositions": _positions,
    "ConversionRates": _conversion_rates,
}
