"""Who trades what, and who follows: strategies, the instruments of their signals, and subscriptions."""

from __future__ import annotations

from fntx_dagster.model.signals import SignalStrategy
from fntx_dagster.store.database import Readable
from fntx_dagster.store.signals import strategies


def list_strategies(db: Readable) -> list[SignalStrategy]:
    """All strategies, by code."""
    return strategies.strategies(db)
