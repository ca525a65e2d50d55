"""What the simulated broker trades: shares, options on them, bonds."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from functools import cached_property
from typing import NamedTuple

from fntx_dagster.simulate.documents import plain


class ContractTerms(NamedTuple):
    """What makes an option: C or P, the strike in the contract's currency, and its last day."""

    put_call: str
    strike: Decimal
    expiry: date


@dataclass(frozen=True)
class SimulatedContract:
    """A share, an option or a bond. Prices are per unit; a contract is `multiplier` units."""

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

    @property
    def terms(self) -> ContractTerms:
        """Of an option; of anything else an AssertionError."""
        assert self.strike is not None, f"{self.symbol} is no option"
        assert self.expiry is not None, f"{self.symbol} is no option"
        return ContractTerms(self.put_call, self.strike, self.expiry)

    @cached_property
    def attributes(self) -> dict[str, str]:
        """As rows of a statement name it."""
        named = {"conid": self.conid, "symbol": self.symbol, "description": self.symbol, "currency": self.currency}
        # A bond is priced in percent, and its multiplier in the statement does not include that.
        named |= {
            "assetCategory": self.category,
            "multiplier": str(self.multiplier * (100 if self.kind == "BOND" else 1)),
        }
        if self.put_call:
            put_call, strike, expiry = self.terms
            named |= {"strike": str(strike), "expiry": plain(expiry), "putCall": put_call}
            named |= {"underlyingSymbol": self.underlying}
        return named


SPY = SimulatedContract("756733", "SPY")
TENCENT = SimulatedContract("152791", "700", currency="HKD")
SAP = SimulatedContract("14204", "SAP", currency="EUR")
AGG = SimulatedContract("43645865", "AGG")
SHARES = {share.symbol: share for share in (SPY, TENCENT, SAP, AGG)}


def option(put_call: str, strike: int, expiry: str, underlying: SimulatedContract = SPY) -> SimulatedContract:
    """A contract over 100 shares that ends on `expiry`."""
    ends = date.fromisoformat(expiry)
    return SimulatedContract(
        conid=f"{underlying.conid}{ends:%m%d}{put_call}{strike}",
        symbol=f"{underlying.symbol:<6}{ends:%y%m%d}{put_call}{strike:05}000",
        currency=underlying.currency,
        multiplier=Decimal(100),
        strike=Decimal(strike),
        expiry=ends,
        put_call=put_call,
        underlying=underlying.symbol,
    )


def bond(conid: str, symbol: str, currency: str = "USD") -> SimulatedContract:
    """A bond: quantities are face value, prices in percent of it."""
    return SimulatedContract(conid, symbol, currency, multiplier=Decimal("0.01"), kind="BOND")
