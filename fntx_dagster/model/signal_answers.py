"""What the signal endpoints answer, field by field. Quantities and money are decimals as text, counts are integers;
money is in the currency of the instrument. Moments are RFC 3339, in UTC."""

from __future__ import annotations

from typing import Literal, NotRequired

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
