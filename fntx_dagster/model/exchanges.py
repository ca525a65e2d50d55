"""What an exchange is to the platform: the market's rules, an order as it is sent, what the exchange says of it.

Every adapter of an exchange is an `Exchange`; who sends orders knows nothing else of it. Amounts are exact, in the base
currency of a symbol ("BASE/QUOTE"), prices in its quote currency; moments are aware.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Literal, NamedTuple, Protocol, runtime_checkable

from fntx_dagster.model.orders import OrderFill, Quote, Side

TimeInForce = Literal["GTC", "IOC"]
ExchangeState = Literal["open", "partially_filled", "filled", "cancelled", "expired", "rejected"]


class MarketRules(NamedTuple):
    """What a market takes: amounts in steps of `amount_step` from `least_amount` on, prices in steps of `price_step`,
    and at least `least_cost` (amount × price); 0 where it has no such limit."""

    symbol: str
    amount_step: Decimal
    price_step: Decimal
    least_amount: Decimal = Decimal(0)
    least_cost: Decimal = Decimal(0)


class SentOrder(NamedTuple):
    """An order as it goes to an exchange: always a limit, one that shall take at once is IOC. `client_id`: the order's
    UUID as 32 hex digits, by which it is found again."""

    client_id: str
    symbol: str
    side: Side
    amount: Decimal
    price: Decimal
    time_in_force: TimeInForce = "GTC"


class FoundOrder(NamedTuple):
    """What an exchange says of an order. `exchange_id`: the exchange's own; `reason`: why it was rejected, in its
    words, uncleaned."""

    client_id: str
    exchange_id: str
    state: ExchangeState
    filled: Decimal
    reason: str | None = None


class FoundFill(NamedTuple):
    """A fill that an exchange reports, with the order that it belongs to; one of the two ids may be empty."""

    client_id: str
    exchange_id: str
    symbol: str
    fill: OrderFill


class OrderRefusedError(Exception):
    """The exchange refused the order, and it is certain that it was not placed. The text is the exchange's."""


class OutcomeUnknownError(Exception):
    """No answer, or one that does not say whether the order was placed: it is asked for, and never sent again."""


class Exchange(Protocol):
    """An account at an exchange. Every method may raise Transient (the exchange is away, or asks for patience) or
    Permanent (keys that do not work, a symbol that it does not have)."""

    @property
    def name(self) -> str:
        """The exchange as orders call it: lower case."""
        ...

    def rules(self, symbol: str) -> MarketRules:
        """The rules of a market, kept for a while."""
        ...

    def quote(self, symbol: str) -> Quote:
        """Best bid and ask with their sizes now; `at` is the exchange's time where it gives one."""
        ...

    def send(self, order: SentOrder) -> FoundOrder:
        """Place an order, once. Raises OrderRefusedError or OutcomeUnknownError, never Transient: a lost connection
        may have placed it."""
        ...

    def find(self, client_id: str, symbol: str, since: datetime) -> FoundOrder | None:
        """The order of a client id among open orders, closed orders and own trades since a moment; None where it is in
        none of them."""
        ...

    def cancel(self, order: FoundOrder, symbol: str) -> None:
        """Cancel what rests of an order; one that does not rest any more is no error."""
        ...

    def fills(self, symbol: str, since: datetime) -> Sequence[FoundFill]:
        """The account's fills of a symbol from a moment on, oldest first."""
        ...

    def fee_bps(self, symbol: str) -> tuple[Decimal, Decimal]:
        """The account's own maker and taker fee in basis points."""
        ...


@runtime_checkable
class ClockedExchange(Protocol):
    """An exchange that gives its time. Raises what `Exchange` raises."""

    def clock_ahead(self) -> timedelta | None:
        """How far the exchange's clock is ahead of this machine's; None where it gives no time."""
        ...
