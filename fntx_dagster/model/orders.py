"""What an order asks for, the market it meets, and what it gets: values of the ledger, the exchanges and the API."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import Literal, NamedTuple

Side = Literal["buy", "sell"]
OrderType = Literal["market", "limit"]
Liquidity = Literal["maker", "taker"]

RESTING = ("open", "partially_filled")
"""The states of an order that waits in a market."""


class Quote(NamedTuple):
    """The best bid and ask of a symbol, in its quote currency; a size of None is unlimited. `at`: aware."""

    bid: Decimal
    ask: Decimal
    bid_size: Decimal | None
    ask_size: Decimal | None
    at: datetime


class OrderRequest(NamedTuple):
    """One order as a bot asks for it. `amount` in the base currency of `symbol` ("BASE/QUOTE"), above 0; `price` is the
    limit, None for a market order; `expected_edge_bps`: what the bot expects to earn, in basis points of the price."""

    bot_id: str
    exchange: str
    symbol: str
    side: Side
    amount: Decimal
    order_type: OrderType = "market"
    price: Decimal | None = None
    expected_edge_bps: Decimal | None = None
    reduce_only: bool = False

    @property
    def base(self) -> str:
        """The currency that is bought or sold."""
        return self.symbol.partition("/")[0]

    @property
    def currency(self) -> str:
        """The currency of the price: the symbol's quote currency."""
        return self.symbol.partition("/")[2]


class OrderFill(NamedTuple):
    """One fill as an exchange reports it: `quantity` in the base currency, above 0; `fee` in
    `fee_currency`, below 0 where the exchange pays for the fill; `trade_id` is the exchange's, one per fill."""

    trade_id: str
    side: Side
    quantity: Decimal
    price: Decimal
    fee: Decimal
    fee_currency: str
    liquidity: Liquidity
    at: datetime

    @property
    def signed(self) -> Decimal:
        """The quantity, negative of a sale; exact, where a minus sign would round to 28 digits."""
        return self.quantity if self.side == "buy" else self.quantity.copy_negate()
