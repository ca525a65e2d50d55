"""Several days of one account as one: what the account made in them, and by what.

What belongs here: the sums of a range of official days and the sentences about them, which come before the days' own
stories. A day that still runs is in no sum. Amounts are exact, in base currency; the return is time-weighted
(`performance.py`).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import NamedTuple

from fntx_dagster.model.day import Day
from fntx_dagster.model.difference import in_order
from fntx_dagster.model.nav import NavDay
from fntx_dagster.model.round_trips import ENDINGS
from fntx_dagster.report import clock, money, wording
from fntx_dagster.report.charges import Charge, charge_lines, charges
from fntx_dagster.report.market import labelled_parts, part_lines
from fntx_dagster.report.narrative import Line, Story
from fntx_dagster.report.performance import linked

_MOST_MOVERS = 5
_COMPONENTS = {
    "gross_pnl": "Gross P&L",
    "commissions": "Commissions",
    "interest": "Interest",
    "fees": "Fees",
    "broker_residual": "Left over in the broker's own statement",
}
# How positions ended → the words for a single position, and for several.
_ENDINGS = {
    "expired": ("expires worthless", "expire worthless"),
    "settled": ("is settled in cash", "are settled in cash"),
    "assigned": ("is assigned", "are assigned"),
    "exercised": ("is exercised", "are exercised"),
    "closed": ("is closed by trades", "are closed by trades"),
    "delivered": ("is taken by an option", "are taken by options"),
    "otherwise": ("ends by a corporate action", "end by corporate actions"),
}


class DayResult(NamedTuple):
    """What one day made."""

    trading_day: date
    net_pnl: Decimal
    daily_return: float


class Mover(NamedTuple):
    """A block of the story that moved the NAV."""

    trading_day: date
    title: str
    nav_impact: Decimal


@dataclass(frozen=True, slots=True)
class PeriodSummary:
    """The official days of a range, in sum and in words.

    `best` and `worst` go by the daily return. `movers` are the blocks that moved the NAV most, deposits and withdrawals
    apart, the largest first. `endings` counts round trips by how they ended (`model.round_trips.ENDINGS`), as the
    metrics do; `held_at_end` those held at the last close, `open_at_end` those that outlive its night.
    `difference` is the sum of the differences at the closes, and `difference_parts` sums with `unexplained` to it;
    `released_marks` is the part of its mark-to-market that closing trades released.
    `never_closes`: the days are those of UTC, and exchanges charge.
    """

    account_id: str
    base_currency: str
    first_day: date
    last_day: date
    sessions: int
    opening_nav: Decimal
    closing_nav: Decimal
    deposits: Decimal
    withdrawals: Decimal
    gross_pnl: Decimal
    commissions: Decimal
    interest: Decimal
    fees: Decimal
    broker_residual: Decimal
    net_pnl: Decimal
    time_weighted_return: float | None
    best: DayResult | None
    worst: DayResult | None
    movers: tuple[Mover, ...]
    endings: Mapping[str, int]
    held_at_end: int
    open_at_end: int
    difference: Decimal
    difference_parts: Mapping[str, Decimal]
    unexplained: Decimal
    released_marks: Decimal
    charges: tuple[Charge, ...]
    never_closes: bool = False

    @property
    def heading(self) -> str:
        """`The Period: July 17 – July 18, 2025 (2 sessions)`."""
        return f"The Period: {clock.span(self.first_day, self.last_day)} ({self.sessions:,} sessions)"

    @property
    def lines(self) -> tuple[Line, ...]:
        """The period in sentences and sums, in the style of a day's blocks."""
        return (
            Line("NAV", f"It goes from {self._nav(self.opening_nav)} to {self._nav(self.closing_nav)}."),
            Line("Cash Flow", _flows(self)),
            *_pnl_lines(self),
            *charge_lines(self.charges, self.base_currency, "the exchanges" if self.never_closes else "the broker"),
            *_nav_lines(self),
            *_extremes(self),
            *_mover_lines(self),
            Line("Positions", _positions(self)),
            *_difference_lines(self),
        )

    def _nav(self, amount: Decimal) -> str:
        return f"{money.display(amount)} {self.base_currency}"


def nav_day(day: Day) -> NavDay:
    """An official day's NAVs and flows."""
    return NavDay(day.trading_day, day.opening_nav_official, day.closing_nav_official, day.deposits, day.withdrawals)


def narrate_periods(stories: Iterable[Story]) -> list[PeriodSummary]:
    """The period of each account with several official days among the stories, in the order of the accounts."""
    by_account: dict[str, list[Story]] = {}
    for story in stories:
        if isinstance(story.day, Day):
            by_account.setdefault(story.day.account_id, []).append(story)
    return [_period(own) for own in by_account.values() if len(own) > 1]


def _period(stories: Sequence[Story]) -> PeriodSummary:
    stories = sorted(stories, key=lambda story: story.day.trading_day)
    days = [story.day for story in stories if isinstance(story.day, Day)]
    results = [
        DayResult(day.trading_day, day.net_pnl, made) for day in days if (made := nav_day(day).daily_return) is not None
    ]
    parts: dict[str, Decimal] = {}
    for day in days:
        for name, amount in day.difference_parts.items():
            parts[name] = parts.get(name, Decimal(0)) + amount
    return PeriodSummary(
        account_id=days[0].account_id,
        base_currency=days[0].base_currency,
        first_day=days[0].trading_day,
        last_day=days[-1].trading_day,
        sessions=len(days),
        opening_nav=days[0].opening_nav_official,
        closing_nav=days[-1].closing_nav_official,
        deposits=_sum(days, "deposits"),
        withdrawals=_sum(days, "withdrawals"),
        gross_pnl=_sum(days, "gross_pnl"),
        commissions=_sum(days, "commissions"),
        interest=_sum(days, "interest"),
        fees=_sum(days, "fees"),
        broker_residual=_sum(days, "broker_residual"),
        net_pnl=_sum(days, "net_pnl"),
        time_weighted_return=linked(result.daily_return for result in results),
        best=max(results, key=lambda result: result.daily_return, default=None),
        worst=min(results, key=lambda result: result.daily_return, default=None),
        movers=_movers(stories),
        endings=_endings(days),
        held_at_end=len(days[-1].open_at_close),
        open_at_end=sum(position.ends is None for position in days[-1].open_at_close),
        difference=_sum(days, "difference"),
        difference_parts=in_order(parts),
        unexplained=_sum(days, "unexplained"),
        released_marks=_sum(days, "released_marks"),
        charges=charges(days),
        never_closes=days[0].never_closes,
    )


def _sum(days: Iterable[Day], name: str) -> Decimal:
    return sum((getattr(day, name) for day in days), Decimal(0))


def _movers(stories: Iterable[Story]) -> tuple[Mover, ...]:
    moved = [
        Mover(story.day.trading_day, paragraph.title, paragraph.source.nav_impact)
        for story in stories
        for paragraph in story.paragraphs
        if paragraph.source is not None and paragraph.source.nav_impact and not paragraph.source.is_flow
    ]
    return tuple(sorted(moved, key=lambda mover: -abs(mover.nav_impact))[:_MOST_MOVERS])


def _endings(days: Iterable[Day]) -> dict[str, int]:
    """The round trips that ended in the days, by how."""
    counted = Counter[str]()
    for day in days:
        counted.update(day.ended)
    return {how: counted[how] for how in ENDINGS}


def _flows(period: PeriodSummary) -> str:
    flows = [
        f"{verb} {money.display(amount)} {period.base_currency}"
        for verb, amount in (("deposit", period.deposits), ("withdraw", period.withdrawals))
        if amount
    ]
    return f"You {wording.listed(flows)}; it counts in no return." if flows else "Nothing is deposited or withdrawn."


def _pnl_lines(period: PeriodSummary) -> tuple[Line, ...]:
    currency = period.base_currency
    outcome = "a gain" if period.net_pnl > 0 else "a loss" if period.net_pnl < 0 else "neither a gain nor a loss"
    made = period.time_weighted_return
    weighted = "" if made is None else f", a time-weighted return of {money.percent(made)}"
    parts = [(label, getattr(period, name)) for name, label in _COMPONENTS.items()]
    return (
        Line("Net P&L", f"The days make {outcome}{weighted}."),
        *(_amount_line(label, amount, currency) for label, amount in parts if amount),
        Line(
            "Net P&L",
            result=f"{money.display(period.net_pnl, signed=True)} {currency}",
            depth=1,
            total=True,
            amount=period.net_pnl,
            currency=currency,
        ),
    )


def _nav_lines(period: PeriodSummary) -> tuple[Line, ...]:
    """The sum from the opening to the closing NAV; not where days between are missing, for then it is none."""
    moved = (period.deposits, -period.withdrawals, period.net_pnl)
    terms = (period.opening_nav, *(amount for amount in moved if amount))
    if sum(terms, Decimal(0)) != period.closing_nav:
        said = "The days of this report do not follow on each other; what moved the NAV between them is in no sum here."
        return (Line("NAV", said),)
    exact = f" (rounded; exactly {money.summed(terms, exact=True)} = {money.exactly(period.closing_nav)})"
    return (
        Line(
            "NAV becomes",
            money.summed(terms),
            f"{money.display(period.closing_nav)} {period.base_currency}",
            note="" if money.adds_up(terms, period.closing_nav) else exact,
            amount=period.closing_nav,
            currency=period.base_currency,
        ),
    )


def _extremes(period: PeriodSummary) -> tuple[Line, ...]:
    best, worst = period.best, period.worst
    if best is None or worst is None or best.daily_return == worst.daily_return:
        return ()
    return (
        Line(
            "Best and Worst Day",
            f"Your best day is {_result(best, period)}, your worst {_result(worst, period)}.",
        ),
    )


def _result(result: DayResult, period: PeriodSummary) -> str:
    amount = f"{money.display(result.net_pnl, signed=True)} {period.base_currency}"
    return f"{_day(result.trading_day, period)} ({amount}, {money.percent(result.daily_return, signed=True)})"


def _mover_lines(period: PeriodSummary) -> tuple[Line, ...]:
    if not period.movers:
        return (Line("Largest Movers", "No trade, assignment or payment moved the NAV."),)
    movers = [
        _amount_line(f"{mover.title}, {_day(mover.trading_day, period)}", mover.nav_impact, period.base_currency)
        for mover in period.movers
    ]
    return (Line("Largest Movers", "What moved the NAV most, apart from deposits, withdrawals and transfers:"), *movers)


def _positions(period: PeriodSummary) -> str:
    ended = [(count, _ENDINGS[how][count > 1]) for how, count in period.endings.items() if count]
    counts = [
        f"{count:,} {'' if index else 'position ' if count == 1 else 'positions '}{verb}"
        for index, (count, verb) in enumerate(ended)
    ]
    held = f"{period.held_at_end:,} {'is' if period.held_at_end == 1 else 'are'}" if period.held_at_end else "None is"
    ended_then = period.held_at_end - period.open_at_end
    then = f", of which {ended_then:,} {'ends' if ended_then == 1 else 'end'} that night" if ended_then else ""
    return f"{wording.listed(counts) or 'None ends'}. {held} held at the last close{then}."


def _difference_lines(period: PeriodSummary) -> tuple[Line, ...]:
    parts = labelled_parts(period.difference_parts, period.released_marks)
    if not period.difference and not parts:
        return (Line("Reconciliation", "The calculated and the official NAV agree at every close."),)
    head = Line(
        "Reconciliation",
        "In sum over the closes, the official NAV less the calculated one",
        f"{money.display(period.difference, signed=True)} {period.base_currency}",
        note=", made up of:",
        amount=period.difference,
        currency=period.base_currency,
    )
    return (head, *part_lines(parts, period.unexplained, period.difference, period.base_currency, depth=1))


def _day(day: date, period: PeriodSummary) -> str:
    same_year = period.first_day.year == period.last_day.year
    return clock.month_day(day) if same_year else clock.full_date(day)


def _amount_line(label: str, amount: Decimal, currency: str) -> Line:
    text = f"{money.display_small(amount, signed=True)} {currency}"
    return Line(label, text, depth=1, amount=amount, currency=currency)
