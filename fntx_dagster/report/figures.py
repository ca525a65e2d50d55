"""The charts of a report, each with its key and the figures that it is drawn from.

What belongs here: which charts a range or a day has, and what is said beside them; `charts.py` draws.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import date
from decimal import Decimal

from fntx_dagster.foreign import cleaned
from fntx_dagster.model.against_market import AgainstMarket
from fntx_dagster.model.day import Day
from fntx_dagster.model.nav import NavDay
from fntx_dagster.report import charts, clock, money, performance
from fntx_dagster.report.against_market import market_figures
from fntx_dagster.report.narrative import Story
from fntx_dagster.report.nav_path import NavPath, day_steps, nav_path
from fntx_dagster.report.period import nav_day
from fntx_dagster.report.rows import difference_chart
from fntx_dagster.report.tables import Figure, Table


def figures(
    stories: Sequence[Story],
    official: Sequence[Day],
    key: str,
    words: Callable[[str], str] = cleaned,
    market: AgainstMarket | None = None,
) -> list[Figure]:
    """The charts in the order of the page. Several official days begin with their return, which deposits and
    withdrawals do not bend, beside the benchmark's where `market` has it; a single day has its steps. `key` makes the
    ids of the charts their own; what others wrote passes `words`."""
    if len(stories) == 1:
        return _of_a_day(stories[0], key, words)
    path = nav_path(stories)
    nav = [_nav(path, stories[-1].day.base_currency, key)] if path.sessions else []
    if len(official) < 2:
        return nav
    made, fell = return_figures([nav_day(day) for day in official], key, market)
    return [made, *nav, fell, *(market_figures(market, key) if market else [])]


def return_figures(days: Sequence[NavDay], key: str, market: AgainstMarket | None = None) -> tuple[Figure, Figure]:
    """The linked return, beside the benchmark's where `market` has it, and the drawdown, of sessions in the order of
    time: at least one."""
    sessions, daily_returns = [day.trading_day for day in days], [day.daily_return for day in days]
    linked_returns = [wealth - 1 for wealth in performance.wealth(daily_returns)]
    drawdowns = performance.drawdowns(daily_returns)
    span, deepest = clock.span(sessions[0], sessions[-1]), min(drawdowns)
    total = money.percent(linked_returns[-1], signed=True)
    benchmark = _benchmark(market, sessions)
    deepest_text = f"the deepest is {money.percent(deepest)}"
    return (
        Figure(
            "Return",
            charts.return_chart(
                sessions,
                linked_returns,
                f"{key}-return",
                f"Return, {span}",
                f"{total}, time-weighted, at the last close.",
                benchmark,
            ),
            [
                ("accent", f"time-weighted, linked from daily returns: {total}; deposits and withdrawals do not count"),
                *_benchmarks_key(market, benchmark),
            ],
            _return_table(days, linked_returns, drawdowns),
        ),
        Figure(
            "Drawdown",
            charts.drawdown_chart(
                sessions,
                drawdowns,
                f"{key}-drawdown",
                f"Drawdown, {span}",
                f"The deepest is {money.percent(deepest)}, on {clock.full_date(sessions[drawdowns.index(deepest)])}."
                if deepest < 0
                else "There is none.",
            ),
            [("loss", f"below the highest linked return of the range; {deepest_text}")],
        ),
    )


def difference_figure(parts: Sequence[tuple[str, Decimal]], unexplained: Decimal, currency: str, key: str) -> Figure:
    """The named parts of a difference at the close, what is unexplained, and their sum; amounts are exact, in
    `currency`."""
    return Figure(
        "The Difference by Part",
        difference_chart(parts, unexplained, currency, key, "The official NAV less the calculated one, by part"),
        [
            ("gain", "raises the official NAV above the calculated one"),
            ("loss", "lowers it"),
            ("ink", "unexplained"),
            ("accent", "in sum"),
        ],
    )


def steps_table(story: Story) -> Table:
    """The steps of a day in the order of time, the parts of the difference among them, each with what it moves and the
    NAV after it. Without rows where no opening NAV is known."""
    return Table(
        headers=("Step", "Time", "Impact", f"NAV ({story.day.base_currency})"),
        rows=tuple(
            (
                step.label,
                step.when,
                money.display(step.impact, signed=True) if step.kind != "level" else "",
                money.display(step.after),
            )
            for step in day_steps(story)
        ),
        title="The Day's Steps",
        words=2,
        results=("Impact",),
    )


def _benchmark(market: AgainstMarket | None, sessions: Sequence[date]) -> list[float | None]:
    """The benchmark's linked return after each session; empty where it has none."""
    known = {day.trading_day: day.benchmark_linked for day in market.days} if market else {}
    linked = [known.get(session) for session in sessions]
    return linked if any(each is not None for each in linked) else []


def _benchmarks_key(market: AgainstMarket | None, linked: Sequence[float | None]) -> list[tuple[str, str]]:
    known = [each for each in linked if each is not None]
    if market is None or market.comparison is None or not known:
        return []
    begins = next(day.trading_day for day in market.days if day.benchmark_linked is not None)
    since = "" if market.days[0].benchmark_return is not None else f" since the close of {begins}"
    until = "" if linked[-1] is not None else ", at its last close that is known"
    return [("step", f"{market.comparison.benchmark}: {money.percent(known[-1], signed=True)}{since}{until}")]


def _nav(path: NavPath, currency: str, key: str) -> Figure:
    opening, closing = (f"{money.display(point.nav)} {currency}" for point in (path.closes[0], path.closes[-1]))
    flows = [("ink", "deposits (▲) and withdrawals (▼)")] if path.flows else []
    return Figure(
        "Net Asset Value",
        charts.nav_chart(
            path,
            f"{key}-nav",
            f"Net asset value, {clock.span(path.sessions[0], path.sessions[-1])}",
            f"From {opening} to {closing}. The tables below hold every figure.",
        ),
        [("accent", "official, at each close"), ("step", "calculated, after each block"), *flows],
    )


def _return_table(days: Sequence[NavDay], linked_returns: Sequence[float], drawdowns: Sequence[float]) -> Table:
    return Table(
        headers=("Trading Day", "Closing NAV", "Return", "Linked", "Drawdown"),
        rows=tuple(
            (
                day.trading_day.isoformat(),
                money.display(day.closing_nav),
                "" if day.daily_return is None else money.percent(day.daily_return, signed=True),
                money.percent(total, signed=True),
                money.percent(below),
            )
            for day, total, below in zip(days, linked_returns, drawdowns, strict=True)
        ),
        title="The figures of the chart",
        results=("Return", "Linked"),
    )


def _of_a_day(story: Story, key: str, words: Callable[[str], str]) -> list[Figure]:
    steps = day_steps(story)
    if not steps:
        return []
    currency = story.day.base_currency
    first, last = (money.display(step.after) for step in (steps[0], steps[-1]))
    return [
        Figure(
            "The Day's Steps",
            charts.day_chart(
                steps,
                currency,
                f"{key}-day",
                f"Steps of the net asset value, {clock.full_date(story.day.trading_day)}",
                f"From {first} to {last}, in the order of time.",
                words,
            ),
            [("accent", "a NAV that is stated"), ("gain", "what raised it"), ("loss", "what lowered it")],
            steps_table(story)._replace(title="The figures of the chart"),
        )
    ]
