"""The desk of the settings: the rules of the gates, the zone of a trading day, the reporting currency of new books, the
accounts at exchanges."""

from __future__ import annotations

from datetime import timedelta
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from fntx_dagster.errors import Permanent
from fntx_dagster.ledger.breaker import Limits
from fntx_dagster.ledger.costs import DEFAULT_FEES, ExchangeFees
from fntx_dagster.ledger.feed import FeedRules
from fntx_dagster.ledger.gates import Rules
from fntx_dagster.services.auditing.order_books import noted_books
from fntx_dagster.services.orders.accounts import ExchangeAccounts, has_accounts
from fntx_dagster.services.orders.live.reaching import Reach
from fntx_dagster.services.orders.turn import Desk
from fntx_dagster.settings import Settings
from fntx_dagster.store.database import Database

_CALLS = 4
"""How many answers of an exchange, each as late as it may be, an order is worked on for."""


def desk_of(settings: Settings, db: Database) -> Desk:
    """What every turn on a book needs. Raises Permanent for an unknown zone."""
    orders = settings.orders
    try:
        zone = ZoneInfo(orders.trading_day_zone)
    except (ZoneInfoNotFoundError, ValueError):
        raise Permanent(
            f"there is no time zone {orders.trading_day_zone}", "Give FNTX_TRADING_DAY_ZONE an IANA name, such as UTC"
        ) from None
    rules = Rules(
        fees=fees_in_use(settings),
        min_edge_bps=orders.min_edge_bps,
        slippage_bps=orders.slippage_bps,
        safety_bps=orders.safety_bps,
        bot_daily=orders.bot_daily_limit,
        user_daily=orders.user_daily_limit,
        burst=orders.burst_limit,
        breaker=Limits(orders.drawdown_limit, orders.daily_loss_limit, orders.losing_trips, orders.errors_per_hour),
        feed=FeedRules(jump=orders.price_jump),
    )
    return Desk(db, rules, orders.reporting_currency, zone, live=_reach(settings), note=noted_books(settings))


def _reach(settings: Settings) -> Reach | None:
    """How live orders reach exchanges; None where the settings have no account at any."""
    if not has_accounts(settings):
        return None

    return Reach(
        ExchangeAccounts(settings).at,
        wait=timedelta(seconds=settings.orders.submit_wait),
        band_bps=settings.exchanges.price_band_bps,
        lease=timedelta(seconds=_CALLS * settings.exchanges.timeout),
    )


def fees_in_use(settings: Settings) -> tuple[ExchangeFees, ...]:
    """The fees that orders are judged by: the settings' own, each from its day on, before the published ones."""
    own = [
        ExchangeFees(exchange, rates.maker, rates.taker, rates.since)
        for exchange, dated in settings.orders.fees.items()
        for rates in dated
    ]
    return (*own, *DEFAULT_FEES)
