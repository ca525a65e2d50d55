"""`/`: the accounts side by side, and what needs a person."""

from __future__ import annotations

from fntx_dagster.report import clock, money
from fntx_dagster.report.performance import wealth
from fntx_dagster.report.sparkline import sparkline
from fntx_dagster.services.dashboard.overview import AccountNow, overview
from fntx_dagster.services.dashboard.treasury import needs_of
from fntx_dagster.web.asking import Answer, Asked, Shown
from fntx_dagster.web.following import OF_ACCOUNTS, following

_FEWEST = 2
"""Values of which there is no line to draw."""


def show(asked: Asked) -> Answer:
    """The accounts that the visitor may see."""
    streamed = following(asked, *OF_ACCOUNTS)
    found = overview(asked.site.settings, asked.site.db, asked.accounts, with_alerts=asked.visitor.sees_system)
    needs = needs_of(asked.site.settings, asked.site.db, asked.site.clock()) if asked.visitor.sees_system else []
    values = {
        "streamed": streamed,
        "accounts": [_card(each) for each in found.accounts],
        "alerts": found.alerts,
        "needs": needs,
    }
    return Shown("overview.html.j2", "Accounts", values)


def _card(now: AccountNow) -> dict[str, object]:
    window = {name: now.metrics.get(name, {}).get("total_return") for name in ("mtd", "ytd")}
    return {"now": now, "account": now.account, **window, "spark": _spark(now)}


def _spark(now: AccountNow) -> str:
    """How the linked return went over the newest sessions."""
    grown = [1.0, *wealth(day.daily_return for day in now.nav)]
    if len(grown) <= _FEWEST:
        return ""
    span = clock.span(now.nav[0].trading_day, now.nav[-1].trading_day)
    made = money.percent(grown[-1] - 1, signed=True)
    return sparkline(grown, f"a{now.account.number}-return", f"Return, {span}", f"{made}, time-weighted.", level=1.0)
