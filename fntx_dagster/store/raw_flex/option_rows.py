"""Which rows of a statement need the terms of an option: those that state one of them, and those of its categories."""

from __future__ import annotations

from typing import LiteralString

NEEDS_TERMS: LiteralString = "(put_call is not null or strike is not null or asset_category in ('OPT', 'FOP', 'FSFOP'))"
"""Of a row of trades or of open positions. Wider than `model.contract.is_option`, which says what a whole contract is:
here a row may lack what would say so. FSFOP: an option on a future that is settled like one."""
