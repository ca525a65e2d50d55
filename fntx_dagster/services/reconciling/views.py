"""What is asked of a ledger, and what it shows: plain values, with the reason in the place of what has no answer."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from fntx_dagster.errors import FntxError
from fntx_dagster.governance.config import TreasuryConfig

THREADS = 8
Part = dict[str, Any]


class LedgerLook(NamedTuple):
    """What is asked of a ledger. `deep`: supply and transactions too; `with_anchors`: the anchors too; `ids`: address →
    who signs with its key; `until`: by `time.monotonic`, the end of it."""

    config: TreasuryConfig
    url: str
    deep: bool
    with_anchors: bool
    ids: Mapping[str, str]
    until: float


class LedgerView(NamedTuple):
    """What a ledger showed: its state, its anchors, the transactions of our accounts. Each may be `{"error": …}`."""

    state: Part
    anchors: Part
    transactions: Part


def answered(ask: Callable[[], Any]) -> Any:
    """What a question gives; `{"error": why}` where it gives nothing."""
    try:
        return ask()
    except FntxError as error:
        return {"error": error.message}


def away(why: str) -> LedgerView:
    """A ledger that said nothing."""
    return LedgerView({"error": why}, {"error": why}, {"error": why})


def is_error(part: Any) -> bool:
    """Whether a part has no answer."""
    return isinstance(part, dict) and "error" in part
