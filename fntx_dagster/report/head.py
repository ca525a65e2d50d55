"""The sentences at a report's head about the statements that it is made of.

What belongs here: what a missing section means for the figures below, and which currency counts where sections differ.
"""

from __future__ import annotations

from collections.abc import Iterator

from fntx_dagster.model.lacking import Lacking

_WITHOUT = {
    "trades": "Without Trades: no fill of these days is known, and no P&L of one.",
    "change_in_nav": "Without Change in NAV: the NAV's components are known by their rows alone.",
    "cash_transactions": "Without Cash Transactions: deposits, interest, dividends and fees are the broker's sums.",
    "open_positions": "Without Open Positions: marks are the broker's sums.",
    "option_eae": "Without Exercises, Assignments and Expirations: only shares that moved say how an option ended.",
}


def notes(lacking: Lacking) -> tuple[str, ...]:
    """One sentence for each missing section, one for each contradiction, and one for options without their terms."""
    return (
        *(sentence for section, sentence in _WITHOUT.items() if section in lacking.sections),
        *(
            f"The base currency is {lacking.base_currency}, as {lacking.source} says; {contradiction}."
            for contradiction in lacking.contradictions
        ),
        *_without_terms(lacking),
    )


def _without_terms(lacking: Lacking) -> Iterator[str]:
    if named := [" ".join(symbol.split()) for symbol in lacking.without_terms]:
        more = f" and {len(named) - _NAMED} more" if len(named) > _NAMED else ""
        yield (
            f"Open Positions do not say strike, expiry or putCall of {', '.join(named[:_NAMED])}{more}: what was held"
            " of them before the statements has no lot, and they have no Greeks."
        )


_NAMED = 5
