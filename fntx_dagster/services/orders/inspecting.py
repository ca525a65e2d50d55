"""What can be said of the accounts at exchanges before the first order: keys, fees, clocks. Nothing is placed."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import NamedTuple

from fntx_dagster.adapters.gateway.orders import IBKR
from fntx_dagster.errors import FntxError, Permanent
from fntx_dagster.ledger.costs import fees_of
from fntx_dagster.ledger.exact import written
from fntx_dagster.model.exchanges import ClockedExchange, Exchange
from fntx_dagster.services.orders.accounts import account_at
from fntx_dagster.services.orders.desk import fees_in_use
from fntx_dagster.settings import Settings

_USUAL = ("BTC/USDT", "BTC/ZAR", "SPY/USD")
"""The first of these that an exchange has is asked about where no symbol is named."""


class ExchangeAccount(NamedTuple):
    """What came of looking at an account. `keys_work`: None where that could not be found out; fees in basis points, of
    `symbol`; `judged_…`: the fees that its orders are judged by; `clock_ahead`: seconds that the exchange's clock is
    ahead; `problem`: what does not work, in words."""

    user_id: str
    exchange: str
    url: str | None
    keys_work: bool | None = None
    symbol: str | None = None
    maker_bps: str | None = None
    taker_bps: str | None = None
    clock_ahead: float | None = None
    problem: str | None = None
    judged_maker_bps: str | None = None
    judged_taker_bps: str | None = None

    @property
    def is_judged_by_its_fees(self) -> bool:
        """Whether gate 2 counts what the account pays, as far as that is known."""
        return self.maker_bps is None or (self.maker_bps, self.taker_bps) == (
            self.judged_maker_bps,
            self.judged_taker_bps,
        )


def look_at_accounts(settings: Settings, symbol: str | None = None) -> list[ExchangeAccount]:
    """Every account that orders may go to: whether its keys work, its fees for a symbol, and the exchange's clock."""
    places = [(user_id, name) for user_id, names in settings.exchanges.keys.items() for name in names]
    places += [(user_id, IBKR) for user_id in settings.gateway.order_accounts]
    return [_looked_at(settings, *place, symbol) for place in sorted(places)]


def _looked_at(settings: Settings, user_id: str, exchange: str, symbol: str | None) -> ExchangeAccount:
    state = ExchangeAccount(user_id, exchange, settings.exchanges.urls.get(exchange))
    if judged := fees_of(fees_in_use(settings), exchange, datetime.now(UTC).date()):
        state = state._replace(judged_maker_bps=written(judged.maker_bps), judged_taker_bps=written(judged.taker_bps))
    try:
        account = account_at(settings, user_id, exchange)
        if isinstance(account, ClockedExchange) and (ahead := account.clock_ahead()) is not None:
            state = state._replace(clock_ahead=round(ahead.total_seconds(), 3))
        symbol = symbol or _usual(account)
        state = state._replace(symbol=symbol)
        account.fills(symbol, datetime.now(UTC) - timedelta(hours=1))
        state = state._replace(keys_work=True)
        if exchange != IBKR:  # it charges by share and contract
            maker, taker = account.fee_bps(symbol)
            state = state._replace(maker_bps=written(maker), taker_bps=written(taker))
    except Permanent as error:
        return state._replace(keys_work=state.keys_work or False, problem=f"{error}")
    except FntxError as error:
        return state._replace(problem=f"{error}")
    return state


def _usual(account: Exchange) -> str:
    problems = []
    for symbol in _USUAL:
        try:
            account.rules(symbol)
        except Permanent as error:
            problems.append(error)
        else:
            return symbol
    raise problems[0]
