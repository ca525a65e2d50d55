"""What each metric is, in a line beside its figure.

What belongs here: one sentence or formula for each column of rolling_metrics. docs/metrics.md has them whole, with when
a metric is undefined and where its formula comes from. r is a daily return, n how many a window has, A the sessions of
a year.
"""

from __future__ import annotations

DEFINITIONS = {
    "observations": "Daily returns in the window: n.",
    "total_return": "∏(1 + r) − 1, time-weighted: deposits and withdrawals do not count.",
    "broker_return": "The same of the broker's daily returns, which count every flow from the start of its day.",
    "volatility": "Sample standard deviation of r · √A.",
    "sharpe": "Mean of r ÷ its standard deviation · √A; risk-free rate 0.",
    "sortino": "Mean of r · A ÷ (√mean(min(r, 0)²) · √A), the mean over all n.",
    "max_drawdown": "Lowest wealth ÷ its highest so far − 1; the window's opening is a peak.",
    "calmar": "Return per year ÷ the maximum drawdown; from a year on.",
    "var_95": "The 5 % percentile of r.",
    "cvar_95": "Mean of the ⌊(n − 1) · 0.05⌋ + 1 lowest r.",
    "money_weighted_return": "The growth that makes what was paid in worth what was paid out and the closing NAV, − 1.",
    "xirr": "The money-weighted return per year of 365 days; from a year on.",
    "xirr_by_date": "The same with each flow at the date of its session, as in a spreadsheet.",
    "wins": "Round trips with net P&L above 0.",
    "losses": "Round trips with net P&L below 0.",
    "break_evens": "Round trips with net P&L of 0.",
    "win_rate": "Wins ÷ (wins + losses).",
    "average_win": "Mean net P&L of the wins.",
    "average_loss": "Mean net P&L of the losses.",
    "profit_factor": "Net P&L of the wins ÷ that of the losses, without its sign.",
    "expectancy": "Mean net P&L of all round trips, break-evens included.",
    "average_holding_hours": "Mean hours from the first fill of a round trip to its last, by the clock.",
    "ended_traded": "Round trips whose last lot a trade closed.",
    "ended_expired": "Round trips whose last lot expired.",
    "ended_assigned": "Round trips whose last lot was assigned.",
    "ended_exercised": "Round trips whose last lot was exercised.",
    "ended_delivered": "Round trips in shares whose last lot an option took.",
    "ended_otherwise": "Round trips that a corporate action ended.",
    "trades_all_in": "Trades that ended, an option with the shares that it brought or took counted as one.",
    "win_rate_all_in": "Won ÷ (won + lost) of them, by net P&L with interest.",
    "expectancy_all_in": "Mean net P&L of them, with interest.",
    "paid_in": "Initial capital and deposits.",
    "dpi": "Withdrawals ÷ paid in.",
    "rvpi": "NAV ÷ paid in.",
    "tvpi": "DPI + RVPI.",
}
"""Column of rolling_metrics → its definition."""
