"""Which charts an account beside its benchmark has."""

from __future__ import annotations

from datetime import date, timedelta
from decimal import Decimal

from fntx_dagster.model.against_market import AgainstMarket, Costs, Distribution, MarketDay
from fntx_dagster.model.period import Period
from fntx_dagster.report.against_market import market_figures


def view(count: int) -> AgainstMarket:
    first = date(2022, 1, 3)
    days = [MarketDay(first + timedelta(days=number), 0.001, None, None) for number in range(count)]
    spread = Distribution(count, 0.001, 0.001, 0.0, 0.001, 0.001, 1.0, [(0.0, 0.005, count)])
    costs = Costs(Decimal(0), Decimal(0), Decimal(0), Decimal(1))
    return AgainstMarket("U1000001", Period(first, days[-1].trading_day), "USD", days, None, spread, [], costs)


def test_the_calendar_shows_a_leaf_for_each_month_and_leads_to_its_days() -> None:
    calendar, _ = market_figures(view(60), "k", "/a/1/day/{}".format)
    assert calendar.svg.count('class="leaf"') == 3
    assert 'href="/a/1/day/2022-03-03"' in calendar.svg
    assert calendar.key[0] == ("gain", "gained, in per cent")


def test_the_calendar_of_ten_years_shows_the_last_two_and_says_so() -> None:
    calendar, _ = market_figures(view(3650), "k")
    assert calendar.svg.count('class="leaf"') == 24
    assert "Daily returns, January 1, 2030 – December 31, 2031" in calendar.svg
    assert calendar.key[0] == ("gain", "gained, in per cent; the last 24 months")
