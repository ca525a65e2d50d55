"""Asking both ledgers at once: every part that gives no answer has its reason in its place, and the rest goes on."""

from __future__ import annotations

import time
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor

from fntx_dagster.governance.config import TreasuryConfig
from fntx_dagster.services.reconciling.on_stellar import look_at_stellar
from fntx_dagster.services.reconciling.on_xrpl import look_at_xrpl
from fntx_dagster.services.reconciling.views import LedgerLook, LedgerView, Part, away, is_error
from fntx_dagster.settings import Settings

MOST_SECONDS = 120
"""For a whole look at both ledgers. What has not answered by then is an error."""


def observe(settings: Settings, config: TreasuryConfig, scope: str, ids: Mapping[str, Mapping[str, str]]) -> Part:
    """What the ledgers of a scope show, as the calculator reads it. `ids`: of each ledger who signs with which key. It
    raises nothing for what a server does."""
    until, treasury = time.monotonic() + MOST_SECONDS, settings.treasury
    ways = {
        "xrpl": (treasury.xrpl_url, "FNTX_XRPL_URL", look_at_xrpl),
        "stellar": (treasury.horizon_url, "FNTX_HORIZON_URL", look_at_stellar),
    }
    asked = [scope] if scope in ways else [*ways]
    is_both, views = len(asked) > 1, {}
    with ThreadPoolExecutor(2) as pool:
        for ledger in asked:
            url, name, look = ways[ledger]
            if url is None:
                views[ledger] = away(f"no server is named: set {name}")
                continue
            given = LedgerLook(config, url.get_secret_value(), scope == "deep", is_both, ids.get(ledger, {}), until)
            views[ledger] = pool.submit(look, given)
        views = {ledger: each if isinstance(each, LedgerView) else each.result() for ledger, each in views.items()}
    return _observation(views, scope)


def _observation(views: Mapping[str, LedgerView], scope: str) -> Part:
    observed: Part = {ledger: view.state for ledger, view in views.items()}
    if len(views) > 1:
        observed["anchors"] = {ledger: view.anchors for ledger, view in views.items()}
    if scope == "deep":
        errors = [view.transactions["error"] for view in views.values() if is_error(view.transactions)]
        rows = [row for view in views.values() for row in view.transactions.get("rows", [])]
        begins = {ledger: view.transactions.get("begins") for ledger, view in views.items()}
        observed["account_transactions"] = {"error": errors[0]} if errors else {"begins": begins, "rows": rows}
    return observed
