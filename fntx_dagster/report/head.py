"""The sentences at a report's head about the statements that it is made of.

What belongs here: what a missing section means for the figures below, and which currency counts where sections differ.
"""

from __future__ import annotations

from fntx_dagster.model.lacking import Lacking

_WITHOUT = {
    "trades": "Without Trades: no fill of these days is known, and no P&L of one.",
    "change_in_nav": "Without Change in NAV: the NAV's components are known by their rows alone.",
    "cash_transactions": "Without Cash Transactions: deposits, interest, dividends and fees are the broker's sums.",
    "open_positions": "Without Open Positions: marks are the broker's sums.",
    "option_eae": "Without Exercises, Assignments and Expirations: only shares that moved say how an option ended.",
}


def notes(lacking: Lacking) -> tuple[str, ...]:
    """One sentence for each missing section, and one for each contradiction."""
    return (
        *(sentence for section, sentence in _WITHOUT.items() if section in lacking.sections),
        *(
            f"The base currency is {lacking.base_currency}, as {lacking.source} says; {contradiction}."
            for contradiction in lacking.contradictions
        ),
    )
