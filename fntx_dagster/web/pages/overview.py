"""`/`: the accounts side by side, and what needs a person."""

from __future__ import annotations

from fntx_dagster.report.performance import wealth
from fntx_dagster.services.dashboard.overview import AccountNow, overview
from fntx_dagster.web.asking import Answer, Asked, Shown


def show(asked: Asked) -> Answer:
    """The accounts that the visitor may see."""
    found = overview(asked.site.settings, asked.site.db, asked.accounts)
    accounts = [_card(each) for each in found.accounts]
    alerts = found.alerts if asked.visitor.sees_system else []
    return Shown("overview.html.j2", "Accounts", {"accounts": accounts, "alerts": alerts})


def _card(now: AccountNow) -> dict[str, object]:
    window = {name: now.metrics.get(name, {}).get("total_return") for name in ("mtd", "ytd")}
    return {"now": now, "account": now.account, **window, "wealth": wealth(day.daily_return for day in now.nav)}
