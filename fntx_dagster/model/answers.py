"""What the HTTP API answers, field by field: the types of its OpenAPI document and of the client.

Amounts, prices, ratios, percentages and basis points are decimals as text, plain and without an exponent; counts are
integers. Money is in the currency that stands beside it, or in the quote currency of the symbol. Moments are RFC 3339,
in UTC.
"""

from __future__ import annotations

from typing import Literal

from typing_extensions import TypedDict  # the one that pydantic reads before Python 3.12

OrderState = Literal[
    "rejected",
    "approved",
    "submitting",
    "open",
    "partially_filled",
    "filled",
    "cancelled",
    "expired",
    "failed",
    "unknown",
]


class ExecutionSummary(TypedDict):
    """What an order is expected to earn and to cost, in basis points; null where it cannot be computed."""

    expected_edge_bps: str | None
    fee_bps: str | None
    spread_bps: str | None
    slippage_bps: str | None
    safety_margin_bps: str
    total_cost_bps: str | None
    profit_margin_bps: str | None
    min_edge_bps: str


class SubmitAnswer(TypedDict):
    """An order after the gates, and what it has got: `filled_amount` in the base currency."""

    success: bool
    order_id: str
    idempotency_key: str
    state: OrderState
    gates_passed: list[str]
    gate_failed: Literal["validation", "idempotency", "fee_coverage", "trade_limiter", "circuit_breaker"] | None
    reason_code: str | None
    rejection_reason: str | None
    execution_summary: ExecutionSummary
    filled_amount: str
    average_price: str | None
    timestamp: str


class OrderAnswer(SubmitAnswer):
    """An order as it is now: `timestamp` is its last change."""

    bot_id: str
    exchange: str
    symbol: str
    side: Literal["buy", "sell"]
    amount: str
    order_type: Literal["market", "limit"]
    price: str | None
    created_at: str


class PendingOrder(TypedDict):
    """An order that may still be filled."""

    order_id: str
    bot_id: str
    exchange: str
    symbol: str
    side: Literal["buy", "sell"]
    amount: str
    filled_amount: str
    state: OrderState
    created_at: str


class PendingAnswer(TypedDict):
    """The orders that may still be filled, newest first."""

    pending_orders: list[PendingOrder]
    count: int


class FundingAnswer(TypedDict):
    """Money that was recorded, and the number of its entry in the ledger."""

    event_id: str
    entry_no: int
    type: Literal["deposit", "withdrawal", "allocation"]
    amount: str
    currency: str
    bot_id: str | None
    is_paper: bool
    timestamp: str


class PositionAnswer(TypedDict):
    """What a bot holds of a symbol: `quantity` is negative of a short position."""

    bot_id: str
    exchange: str
    symbol: str
    quantity: str
    average_entry_price: str | None
    mark_price: str | None
    unrealized_pnl: str | None
    priced_at: str | None


class PortfolioAnswer(TypedDict):
    """What a book is worth and how it came to it, in `currency`; null where a price or rate is missing."""

    currency: str
    as_of: str
    is_paper: bool
    starting_capital: str
    equity: str | None
    realized_pnl: str | None
    unrealized_pnl: str | None
    fees_total: str | None
    fees_by_currency: dict[str, str]
    fx_translation: str | None
    net_pnl: str | None
    drawdown_current: str
    drawdown_max: str
    exposure_gross: str | None
    exposure_net: str | None
    exposure_ratio: str | None
    positions: list[PositionAnswer]
    wins: int
    losses: int
    break_evens: int
    win_rate: str | None
    profit_factor: str | None
    sharpe: str | None
    average_mfe: str | None
    average_mae: str | None
    total_fills: int
    total_volume: str | None
    daily_pnl: str | None
    day_start_equity: str
    data_source: str


class ProfitPeriod(TypedDict):
    """A day (`2026-03-02`), an ISO week (`2026-W10`) or a month (`2026-03`); `trades` counts fills."""

    date: str
    trades: int
    fees: str
    volume: str
    realized_pnl: str
    net_profit: str


class ProfitsAnswer(TypedDict):
    """Consecutive periods up to the current one, oldest first."""

    period: Literal["daily", "weekly", "monthly"]
    limit: int
    currency: str
    series: list[ProfitPeriod]


class CountdownAnswer(TypedDict):
    """How far a target is, and in how many days it is reached; null where it is not at this pace."""

    current_equity: str | None
    target: str
    remaining: str | None
    progress_pct: str | None
    avg_daily_profit_30d: str | None
    days_to_target_linear: int | None
    days_to_target_compound: int | None
    currency: str


class FillAnswer(TypedDict):
    """A fill: `qty` in the base currency, `realized_pnl` gross in the quote currency."""

    fill_id: str
    order_id: str | None
    bot_id: str
    exchange: str
    symbol: str
    side: Literal["buy", "sell"]
    qty: str
    price: str
    fee: str
    fee_currency: str
    liquidity: Literal["maker", "taker"]
    timestamp: str
    realized_pnl: str
    exchange_trade_id: str
    is_paper: bool


class FillsAnswer(TypedDict):
    """Fills, newest first; `next_cursor` asks for the page after this."""

    fills: list[FillAnswer]
    count: int
    next_cursor: str | None


class LedgerHead(TypedDict):
    """The last entry of a book: its number, and its hash in hex."""

    entry_no: int
    hash: str


class AuditTrailAnswer(TypedDict):
    """Entries of the ledger, newest first; each has the fields of its kind, `prev_hash` and `hash`."""

    audit_trail: list[dict[str, str | int | bool | dict[str, str | int | None] | None]]
    count: int
    head: LedgerHead


class MarketAnswer(TypedDict):
    """The newest price of a symbol that the live book needs: `fresh` for an order of now, `old`, `held back` because a
    later price jumped, or `missing`; `age_seconds` in whole seconds."""

    exchange: str
    symbol: str
    state: Literal["fresh", "old", "held back", "missing"]
    bid: str | None
    ask: str | None
    priced_at: str | None
    age_seconds: int | None


class UnknownOrderAnswer(TypedDict):
    """An order of which nobody knows whether the exchange has it."""

    order_id: str
    since: str


class WatcherTask(TypedDict):
    """A task of the watcher: how many seconds ago it last worked, and last succeeded."""

    task: str
    age_seconds: int
    succeeded_seconds_ago: int | None


class LedgerStatusAnswer(TypedDict):
    """How a live book is served. `watcher` is empty where none ever ran."""

    as_of: str
    prices: list[MarketAnswer]
    unknown_orders: list[UnknownOrderAnswer]
    watcher: list[WatcherTask]


class BreakerTrip(TypedDict):
    """Why a breaker tripped; null where it did not. `metrics_at_trip`: the figures that it judged."""

    entity_type: Literal["bot", "user"]
    entity_id: str
    trigger_type: str | None
    trigger_reason: str | None
    tripped_at: str | None
    metrics_at_trip: dict[str, str | int | None] | None


class BreakerAnswer(BreakerTrip):
    """Whether a breaker is tripped, whether this token may reset it, and the figures that it judges now."""

    tripped: bool
    can_reset: bool
    metrics: dict[str, str | int | None]


class TripOfHistory(BreakerTrip):
    """A trip, with its reset where there was one."""

    reset_at: str | None
    reset_by_user_id: str | None
    reset_reason: str | None


class TripsAnswer(TypedDict):
    """The trips of a book, newest first."""

    history: list[TripOfHistory]
    count: int


class ResetAnswer(TypedDict):
    """A breaker that was reset."""

    success: bool
    entity_type: Literal["bot", "user"]
    entity_id: str
    reset_by: str
    reason: str
    timestamp: str


class LimitUsed(TypedDict):
    """Approved orders of a day: `percentage` of the limit as a decimal."""

    used: int
    limit: int
    remaining: int
    percentage: str


class BurstUsed(TypedDict):
    """Approved orders of the last seconds at one exchange."""

    used: int


class BurstLimit(TypedDict):
    """How many orders may be approved within the window, at each exchange."""

    limit: int
    window_seconds: int
    exchanges: dict[str, BurstUsed]


class LimitsDay(TypedDict):
    """The trading day of now: the zone that it ends in, and its start."""

    zone: str
    starts_at: str


class LimitsAnswer(TypedDict):
    """How much of the limits is used; `bot_daily` is null where no bot was asked for."""

    user_daily: LimitUsed
    bot_daily: LimitUsed | None
    burst_limit: BurstLimit
    day: LimitsDay
