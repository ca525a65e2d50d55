"""What the signal endpoints answer, field by field. Quantities and money are decimals as text, counts are integers;
money is in the currency of the instrument. Moments are RFC 3339, in UTC."""

from __future__ import annotations

from typing import Any, Literal, NotRequired

from typing_extensions import TypedDict

SignalStatus = Literal["PENDING", "OPEN", "CLOSING", "CLOSED", "FAILED"]


class EntryResult(TypedDict):
    """What a participant got of an entry; `reason` where he got nothing."""

    user_id: str
    requested_qty: str
    qty: str
    entry_price: str | None
    entry_fee: str
    status: Literal["ACTIVE", "FAILED", "UNFILLED"]
    reason: str | None


class EntryData(TypedDict):
    """An execution as its entry left it; the first hundred participants, and the path of the next."""

    signal_log_id: int
    signal_execution_id: int
    signal_type: str
    unique_id: str
    token: str
    strike_price_token: str
    strategy_code: str
    timestamp: str
    symbol: str
    status: SignalStatus
    entry_price: str | None
    requested_qty: str
    total_qty: str
    execution_time: str | None
    total_traders: int
    successful_entries: int
    failed_entries: int
    trader_results: list[EntryResult]
    trader_results_next: NotRequired[str]


class EntryAnswer(TypedDict):
    """An entry; `success`: whether anything was filled."""

    success: bool
    message: str
    data: EntryData


class ExitResult(TypedDict):
    """What a participant has after an exit."""

    user_id: str
    qty: str
    closed_qty: str
    entry_price: str | None
    exit_price: str | None
    pnl: str
    pnl_percent: str | None
    fees: str
    net_pnl: str
    status: Literal["ACTIVE", "CLOSED"]


class ExitData(TypedDict):
    """An execution after an exit: its figures so far, and those who were to leave."""

    signal_log_id: int
    signal_execution_id: int
    trade_id: int | None
    signal_type: str
    unique_id: str
    status: SignalStatus
    entry_price: str | None
    exit_price: str | None
    total_qty: str
    exit_qty: str
    total_pnl: str
    pnl_percent: str | None
    fees_total: str
    net_pnl: str
    holding_time: int | None
    exit_reason: str | None
    timestamp: str
    total_positions: int
    successful_exits: int
    failed_exits: int
    trader_results: list[ExitResult]
    trader_results_next: NotRequired[str]


class ExitAnswer(TypedDict):
    """An exit; `success`: whether anything was closed."""

    success: bool
    message: str
    data: ExitData


class ActivePosition(TypedDict):
    """What a participant holds of an execution; `unrealized_pnl` at the newest price, null where none is known."""

    signal_execution_id: int
    user_id: str
    symbol: str
    underlying: str | None
    qty: str
    entry_price: str
    unrealized_pnl: str | None
    entry_time: str


class PositionsAnswer(TypedDict):
    """The open positions that the caller may see, oldest first."""

    success: bool
    message: str
    data: list[ActivePosition]


class ParticipantShare(TypedDict):
    """What a participant has of an execution: from the entry, from the exits so far."""

    user_id: str
    requested_qty: str
    qty: str
    closed_qty: str
    entry_price: str | None
    exit_price: str | None
    pnl: str
    pnl_percent: str | None
    entry_fee: str
    exit_fee: str
    net_pnl: str
    status: Literal["ACTIVE", "CLOSED", "FAILED", "UNFILLED"]
    reason: str | None


class ExitStep(TypedDict):
    """An exit of an execution: what it closed; `reference_price`: the best one of the signal's market."""

    signal_log_id: int | None
    exit_reason: str
    qty: str
    exit_price: str | None
    reference_price: str | None
    pnl: str
    fees: str
    timestamp: str


class SignalTradeData(TypedDict):
    """The trade of an execution that is closed."""

    trade_id: int
    symbol: str
    underlying: str | None
    strike_price: str | None
    option_type: Literal["CE", "PE"] | None
    entry_price: str
    entry_time: str
    exit_price: str
    exit_time: str
    total_qty: str
    total_pnl: str
    pnl_percent: str | None
    fees_total: str
    net_pnl: str
    holding_time: int
    exit_reason: str


class ExecutionData(TypedDict):
    """An execution as it is now, a page of its participants, its exits, and its trade once it is closed. The entries
    `rule_entry` and `shares_entry` of the strategy's book hold the rule and the shares."""

    signal_execution_id: int
    signal_log_id: int | None
    strategy_code: str
    unique_id: str
    signal_type: str
    token: str
    strike_price_token: str
    symbol: str
    underlying: str | None
    strike_price: str | None
    option_type: Literal["CE", "PE"] | None
    expiry: str | None
    currency: str
    is_paper: bool
    accounts: Literal["omnibus", "separate"]
    status: SignalStatus
    reason: str | None
    requested_qty: str
    total_qty: str
    exit_qty: str
    entry_price: str | None
    exit_price: str | None
    reference_price: str | None
    entry_time: str | None
    exit_time: str | None
    total_pnl: str
    pnl_percent: str | None
    fees_total: str
    net_pnl: str
    holding_time: int | None
    exit_reason: str | None
    stop_loss: str | None
    target: str | None
    description: str | None
    rule_entry: int | None
    shares_entry: int | None
    timestamp: str
    total_traders: int
    trader_results: list[ParticipantShare]
    trader_results_next: str | None
    exits: list[ExitStep]
    trade: SignalTradeData | None


class ExecutionAnswer(TypedDict):
    """An execution."""

    success: bool
    message: str
    data: ExecutionData


class TradeGroup(TypedDict):
    """The trades of a symbol, or of signals that were entered on a weekday; P&L after fees."""

    name: str
    trades: int
    wins: int
    losses: int
    break_evens: int
    win_rate: str | None
    net_pnl: str
    expectancy: str


class UserPerformance(TypedDict):
    """What a participant has of a strategy's signals; `missed`: reason → how often he got nothing for it."""

    user_id: str
    signals: int
    taken: int
    missed: dict[str, int]
    pnl: str
    fees: str
    net_pnl: str
    fee_ratio: str | None


class PerformanceData(TypedDict):
    """The figures of a strategy (docs/metrics.md): signals by when they were entered, trades by when they ended."""

    strategy_code: str
    symbol: str | None
    start: str | None
    end: str | None
    is_paper: bool
    currency: str
    signals: int
    executed: int
    failed: int
    open: int
    requested_qty: str
    filled_qty: str
    fill_ratio: str | None
    trades: int
    wins: int
    losses: int
    break_evens: int
    win_rate: str | None
    profit_factor: str | None
    total_pnl: str
    fees_total: str
    net_pnl: str
    average_pnl: str | None
    median_pnl: str | None
    expectancy: str | None
    average_win: str | None
    average_loss: str | None
    best: str | None
    worst: str | None
    average_holding_time: str | None
    longest_winning_streak: int
    longest_losing_streak: int
    current_streak: int
    drawdown_current: str
    drawdown_max: str
    priced_trades: int
    average_mfe: str | None
    average_mae: str | None
    slippage: str
    slippage_bps: str | None
    by_symbol: list[TradeGroup]
    by_weekday: list[TradeGroup]
    participants: int
    users: list[UserPerformance]
    users_next: str | None


class PerformanceAnswer(TypedDict):
    """How a strategy did."""

    success: bool
    message: str
    data: PerformanceData


class ShareLeaf(TypedDict):
    """A leaf, its place in the tree of so many, and the hashes that lead to the root, in hex."""

    leaf: dict[str, str | None]
    index: int
    size: int
    path: list[str]


class ShareProof(TypedDict):
    """The proof of a share: the ledger's entries that state the rule and the shares, and the participant's leaves."""

    format: str
    rule_entry: dict[str, Any]
    shares_entry: dict[str, Any]
    wish: ShareLeaf
    share: ShareLeaf
