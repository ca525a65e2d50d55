"""Trading on the XRP Ledger for Dagster: profiles of volume, in words."""

from __future__ import annotations

from typing import NamedTuple

from fntx_dagster.services.building.treasury import is_configured
from fntx_dagster.services.execution.profiles import KeptProfile, profile_markets
from fntx_dagster.settings import Settings
from fntx_dagster.store.database import Database
from fntx_dagster.store.treasury.strategies import ProfileRow


class ProfiledMarkets(NamedTuple):
    """A row of texts for each profile, and the markets in which nothing was traded."""

    rows: list[tuple[str, ...]]
    without: list[str]


def profiled_markets(settings: Settings, db: Database) -> ProfiledMarkets:
    """Profile every market that a strategy trades; none without a treasury or its server."""
    if not is_configured(settings) or settings.treasury.xrpl_url is None:
        return ProfiledMarkets([], [])
    done = profile_markets(settings, db)
    rows = [_texts(each.row) for each in done if isinstance(each, KeptProfile)]
    return ProfiledMarkets(rows, [f"{each[0][0]}/{each[0][2]}" for each in done if not isinstance(each, KeptProfile)])


def _texts(row: ProfileRow) -> tuple[str, ...]:
    busiest = max(range(len(row.hours)), key=lambda hour: row.hours[hour])
    window = (f"{row.first_at:%Y-%m-%d %H:%M}", f"{row.last_at:%Y-%m-%d %H:%M}")
    return (f"{row.base_code}/{row.quote_code}", *window, f"{sum(row.hours):f}", f"{busiest}:00", row.hash[:16])
