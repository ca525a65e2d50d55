"""What people call a metric: its name in words, beside the name that programs know.

A signed metric of a window is named after the metric and the window: `win_rate_30d`.
"""

from __future__ import annotations

WINDOWS = {
    "30d": "30 days",
    "30obs": "30 sessions",
    "mtd": "Month",
    "qtd": "Quarter",
    "ytd": "Year",
    "1y": "365 days",
    "5y": "5 years",
    "all": "All",
}
_OF_ALL = "since the beginning"
_SPELLED = {
    "var_95": "VaR 95 % of returns",
    "cvar_95": "CVaR 95 % of returns",
    "var_95_returns": "VaR 95 % of returns",
    "var_95_historical": "VaR 95 %, historical",
    "var_95_repricing": "VaR 95 %, repriced",
    "broker_return": "Return as the broker computes it",
    "xirr": "XIRR",
    "trades_all_in": "Trades, all-in",
    "win_rate_all_in": "Win rate, all-in",
    "expectancy_all_in": "Expectancy, all-in",
    "xirr_by_date": "XIRR by date",
    "dpi": "DPI",
    "rvpi": "RVPI",
    "tvpi": "TVPI",
    "gross_pnl": "Gross P&L",
    "net_pnl": "Net P&L",
    "opening_nav_official": "Official opening NAV",
    "opening_nav_calculated": "Calculated opening NAV",
    "closing_nav_official": "Official closing NAV",
    "closing_nav_calculated": "Calculated closing NAV",
    "broker_residual": "What the broker does not explain",
    "fx_translation": "Currency translation",
    "position_size_pct": "Position size",
    "trading_day_num": "Number of the trading day",
    "session_close_utc": "Close of the session, UTC",
}


def metric_name(name: str) -> str:
    """A metric in words, its window after a comma."""
    if name in _SPELLED:
        return _SPELLED[name]
    metric, _, window = name.rpartition("_")
    if metric and window in WINDOWS:
        return f"{metric_name(metric)}, {_OF_ALL if window == 'all' else WINDOWS[window].lower()}"
    return name.replace("_", " ").capitalize()
