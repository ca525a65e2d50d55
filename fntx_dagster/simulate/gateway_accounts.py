"""What a simulated IB Gateway shows of its accounts: contracts, positions, fills and account values.

Here are the values; the protocol that carries them is in `gateway`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from decimal import Decimal


@dataclass(frozen=True)
class GatewayContract:
    """A contract as the wire names it: `right` is C or P for an option, `expiry` is YYYYMMDD."""

    con_id: int
    symbol: str
    sec_type: str = "STK"
    currency: str = "USD"
    expiry: str = ""
    strike: Decimal = Decimal(0)
    right: str = ""
    multiplier: str = ""
    local_symbol: str = ""
    trading_class: str = ""

    def fields(self, exchange: str) -> tuple[object, ...]:
        """Its fields in a message, in the wire's order."""
        named = (self.con_id, self.symbol, self.sec_type, self.expiry, self.strike, self.right, self.multiplier)
        return (*named, exchange, self.currency, self.local_symbol or self.symbol, self.trading_class or self.symbol)


def option(con_id: int, symbol: str, expiry: date, strike: str, right: str, currency: str = "USD") -> GatewayContract:
    """An option over 100 shares: `SPY   250728P00635000`."""
    local = f"{symbol:<6}{expiry:%y%m%d}{right}{int(Decimal(strike) * 1000):08d}"
    return GatewayContract(
        con_id, symbol, "OPT", currency, f"{expiry:%Y%m%d}", Decimal(strike), right, "100", local, symbol
    )


@dataclass(frozen=True)
class GatewayPosition:
    """A holding: signed quantity, mark per unit, average cost per contract."""

    contract: GatewayContract
    quantity: Decimal
    mark: Decimal
    average_cost: Decimal = Decimal(0)

    @property
    def value(self) -> Decimal:
        return self.quantity * self.mark * Decimal(self.contract.multiplier or 1)

    def without_quantity(self) -> GatewayPosition:
        """What the gateway says of it once it is closed."""
        return replace(self, quantity=Decimal(0), average_cost=Decimal(0))


@dataclass(frozen=True)
class GatewayFill:
    """An execution: signed quantity, `commission` positive when it costs, `realised` None where it closes nothing."""

    execution_id: str
    at: datetime
    contract: GatewayContract
    quantity: Decimal
    price: Decimal
    commission: Decimal
    realised: Decimal | None = None


@dataclass(frozen=True)
class GatewayAccount:
    """One account's state. `values` are (key, value, currency) as the gateway delivers them; `account` builds them."""

    account_id: str
    values: tuple[tuple[str, str, str], ...]
    positions: tuple[GatewayPosition, ...] = ()
    fills: tuple[GatewayFill, ...] = ()

    @property
    def nav(self) -> Decimal:
        return Decimal(self._total("NetLiquidation"))

    @property
    def currency(self) -> str:
        return next(currency for key, _, currency in self.values if key == "NetLiquidation")

    def with_fill(self, fill: GatewayFill) -> GatewayAccount:
        """The account after a fill: its cash, its position, and everything that follows from them. A position has the
        mark that it had, a new one the fill's price."""
        multiplier = Decimal(fill.contract.multiplier or 1)
        known = {position.contract.con_id: position for position in self.positions}
        before = known.get(fill.contract.con_id)
        held = (before.quantity if before else Decimal(0)) + fill.quantity
        cost = before.average_cost if before and before.quantity else fill.price * multiplier
        mark = before.mark if before else fill.price
        known[fill.contract.con_id] = GatewayPosition(fill.contract, held, mark, cost)
        cash = Decimal(self._total("TotalCashValue")) - fill.quantity * fill.price * multiplier - fill.commission
        return self._again(cash, tuple(one for one in known.values() if one.quantity), (*self.fills, fill))

    def with_mark(self, con_id: int, mark: Decimal) -> GatewayAccount:
        """The account when a position's market price has moved."""
        moved = (replace(one, mark=mark) if one.contract.con_id == con_id else one for one in self.positions)
        return self._again(Decimal(self._total("TotalCashValue")), tuple(moved), self.fills)

    def _again(
        self, cash: Decimal, positions: tuple[GatewayPosition, ...], fills: tuple[GatewayFill, ...]
    ) -> GatewayAccount:
        rates = {unit: rate for key, rate, unit in self.values if key == "ExchangeRate"}
        return account(
            self.account_id,
            cash=str(cash),
            currency=self.currency,
            positions=positions,
            fills=fills,
            accrued=self._total("AccruedCash"),
            initial_margin=self._total("FullInitMarginReq"),
            maintenance_margin=self._total("FullMaintMarginReq"),
            rates={unit: rate for unit, rate in rates.items() if unit not in ("BASE", self.currency)},
        )

    def _total(self, key: str) -> str:
        return next(value for name, value, unit in self.values if name == key and unit in (self.currency, "BASE"))


def account(
    account_id: str,
    *,
    cash: str,
    currency: str = "USD",
    positions: tuple[GatewayPosition, ...] = (),
    fills: tuple[GatewayFill, ...] = (),
    accrued: str = "0",
    initial_margin: str = "0",
    maintenance_margin: str = "0",
    rates: Mapping[str, str] | None = None,
) -> GatewayAccount:
    """An account whose values add up: the NAV is cash, accruals and positions at their marks; `rates` are those of
    other currencies into `currency`."""
    worth = {"STK": Decimal(0), "OPT": Decimal(0)}
    for position in positions:
        rate = Decimal((rates or {}).get(position.contract.currency, "1"))
        worth[position.contract.sec_type] += position.value * rate
    nav = Decimal(cash) + Decimal(accrued) + sum(worth.values())
    excess = nav - Decimal(maintenance_margin)
    total = {
        "NetLiquidation": str(nav),
        "TotalCashValue": cash,
        "GrossPositionValue": str(sum(map(abs, worth.values()))),
        "FullInitMarginReq": initial_margin,
        "FullMaintMarginReq": maintenance_margin,
        "FullExcessLiquidity": str(excess),
        "BuyingPower": str(max(nav - Decimal(initial_margin), Decimal(0)) * 4),
    }
    ledger = {
        "CashBalance": cash,
        "TotalCashBalance": cash,
        "AccruedCash": accrued,
        "StockMarketValue": str(worth["STK"]),
        "OptionMarketValue": str(worth["OPT"]),
        "NetLiquidationByCurrency": str(nav),
        "ExchangeRate": "1.00",
    }
    values = [("AccountCode", account_id, ""), ("AccountReady", "true", ""), ("AccountType", "INDIVIDUAL", "")]
    values += [("Cushion", f"{excess / nav:.6f}" if nav else "0", "")]
    values += [(key, value, currency) for key, value in total.items()]
    values += [(key, value, unit) for key, value in ledger.items() for unit in ("BASE", currency)]
    values += [("ExchangeRate", rate, other) for other, rate in (rates or {}).items()]
    return GatewayAccount(account_id, tuple(values), positions, fills)


ACCOUNT = "U1000001"
JULY_28 = date(2025, 7, 28)
PUT_635 = option(800000635, "SPY", JULY_28, "635", "P")
CALL_638 = option(800000638, "SPY", JULY_28, "638", "C")
QUARTER_PAST_TEN = datetime(2025, 7, 28, 14, 15, tzinfo=UTC)


def july_28(account_id: str = ACCOUNT) -> GatewayAccount:
    """28 July 2025 at 10:15 in New York: 3 SPY 635 puts sold at 0.12 and 3 SPY 638 calls sold at 0.09, both expiring
    that day, in an account worth 25,520.41 USD."""
    sold, three = Decimal("-3"), Decimal("2.59932")
    return account(
        account_id,
        cash="25568.41",
        positions=(
            GatewayPosition(PUT_635, sold, Decimal("0.09"), Decimal("11.13356")),
            GatewayPosition(CALL_638, sold, Decimal("0.07"), Decimal("8.13356")),
        ),
        fills=(
            GatewayFill("0000e0d5.688722f1.01.01", _at(14, 2, 11), PUT_635, sold, Decimal("0.12"), three),
            GatewayFill("0000e0d5.688722f2.01.01", _at(14, 2, 38), CALL_638, sold, Decimal("0.09"), three),
        ),
        initial_margin="6350",
        maintenance_margin="6350",
    )


def _at(hour: int, minute: int, second: int) -> datetime:
    return datetime(2025, 7, 28, hour, minute, second, tzinfo=UTC)
