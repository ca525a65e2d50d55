"""What the simulated broker trades: shares, options on them, bonds."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from functools import cached_property

from fntx_dagster.simulate.documents import plain


@dataclass(frozen=True)
class Contract:
    """What is traded; prices are per unit, `multiplier` units to the contract."""

    conid: str
    symbol: str
    currency: str = "USD"
    multiplier: Decimal = Decimal(1)
    strike: Decimal | None = None
    expiry: date | None = None
    put_call: str = ""
    underlying: str = ""
    kind: str = ""

    def __hash__(self) -> int:
        return hash(self.conid)

    @property
    def category(self) -> str:
        return self.kind or ("OPT" if self.put_call else "STK")

    @cached_property
    def attributes(self) -> dict[str, str]:
        told = {"conid": self.conid, "symbol": self.symbol, "description": self.symbol, "currency": self.currency}
        # a bond is priced in percent, and its multiplier does not say so
        told |= {
            "assetCategory": self.category,
            "multiplier": str(self.multiplier * (100 if self.kind == "BOND" else 1)),
        }
        if self.put_call:
            told |= {"strike": str(self.strike), "expiry": plain(self.expiry), "putCall": self.put_call}
            told |= {"underlyingSymbol": self.underlying}
        return told


SPY = Contract("756733", "SPY")
TENCENT = Contract("152791", "700", currency="HKD")
SAP = Contract("14204", "SAP", currency="EUR")
AGG = Contract("43645865", "AGG")
SHARES = {contract.symbol: contract for contract in (SPY, TENCENT, SAP, AGG)}


def option(put_call: str, strike: int, expiry: str, underlying: Contract = SPY) -> Contract:
    """A contract over 100 shares that ends on `expiry`."""
    ends = date.fromisoformat(expiry)
    return Contract(
        conid=f"{underlying.conid}{ends:%m%d}{put_call}{strike}",
        symbol=f"{underlying.symbol:<6}{ends:%y%m%d}{put_call}{strike:05}000",
        currency=underlying.currency,
        multiplier=Decimal(100),
        strike=Decimal(strike),
        expiry=ends,
        put_call=put_call,
        underlying=underlying.symbol,
    )


def bond(conid: str, symbol: str, currency: str = "USD") -> Contract:
    """A bond: quantities are face value, prices in percent of it."""
    return Contract(conid, symbol, currency, multiplier=Decimal("0.01"), kind="BOND")
