"""The dividends that are known at a close: those that statements accrue, and before them those of the settings."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, date, datetime, time
from decimal import Decimal
from typing import NamedTuple

from fntx_dagster.metrics.terms import Dividend
from fntx_dagster.model.session import NEW_YORK
from fntx_dagster.settings import Settings
from fntx_dagster.store.database import Readable
from fntx_dagster.store.raw_flex.dividends import AccruedDividend, accrued_dividends

_OPEN = time(9, 30)


class KnownDividends(NamedTuple):
    """The dividends of the settings by underlying and ex-date, and those that statements accrue."""

    configured: Mapping[str, Mapping[date, Decimal]]
    accrued: list[AccruedDividend]

    def at(self, account_id: str, day: date) -> dict[str, list[Dividend]]:
        """What the account knew at a day's close of the dividends after it, by the underlying's symbol."""
        amounts: dict[str, dict[date, Decimal]] = {}
        for row in self.accrued:
            if row.account_id == account_id and row.known_on <= day:
                amounts.setdefault(row.symbol, {})[row.ex_date] = row.amount
        for symbol, dated in self.configured.items():
            amounts.setdefault(symbol, {}).update(dated)
        return {
            symbol: [Dividend(ex_date, _open(ex_date), amount) for ex_date, amount in dated.items() if ex_date > day]
            for symbol, dated in amounts.items()
        }


def known_dividends(settings: Settings, db: Readable, last: date) -> KnownDividends:
    """What the settings and the statements up to a day say."""
    return KnownDividends(settings.risk.dividends, accrued_dividends(db, last))


def _open(ex_date: date) -> datetime:
    return datetime.combine(ex_date, _OPEN, NEW_YORK).astimezone(UTC)
