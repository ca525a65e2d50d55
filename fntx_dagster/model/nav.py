"""An account's official NAVs, session by session, and the return of one."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import NamedTuple

FEW_OBSERVATIONS = 30
"""Below so many daily returns, what is estimated from them can change much with the next."""

RETURN_FIELDS = ("trading_day", "opening_nav_official", "closing_nav_official", "deposits", "withdrawals")
"""The columns of `daily_summary` that make a `NavDay`, in its order."""


class NavDay(NamedTuple):
    """A session's official NAVs and flows; deposits and withdrawals are both 0 or more."""

    trading_day: date
    opening_nav: Decimal
    closing_nav: Decimal
    deposits: Decimal
    withdrawals: Decimal

    @property
    def daily_return(self) -> float | None:
        """(closing + withdrawals) ÷ (opening + deposits) − 1; None where the denominator is not positive."""
        invested = self.opening_nav + self.deposits
        return float((self.closing_nav + self.withdrawals) / invested - 1) if invested > 0 else None
