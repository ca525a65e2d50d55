"""The market's own moments: the previous official close, the open, a session without events, and the close.

What belongs here: what every day has, whatever was traded, and the reconciliation of the calculated with the official
NAV. All amounts are in base currency.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from decimal import Decimal
from zoneinfo import ZoneInfo

from fntx_dagster.model.day import AnyDay, Day, OpenPosition
from fntx_dagster.model.difference import in_order
from fntx_dagster.model.rates import StandInRate
from fntx_dagster.report import clock, money, wording
from fntx_dagster.report.charges import interest_lines
from fntx_dagster.report.narrative import Line, Paragraph
from fntx_dagster.report.wording import Holding

# The names of Day.difference_parts in the words of a trader.
PART_LABELS = {
    "mark_to_market": "Open positions marked to the closing prices",
    "assigned_option_mark": "Last closing mark of the assigned option, released by the assignment",
    "expired_option_mark": "Last closing mark of the expired option, released by the expiration",
    "rate_difference": "The trades' exchange rates against the day's rate",
    "after_hours_trades": "Trades outside this day that the broker counts in it, or the reverse",
    "interest_accruals": "Change in accrued interest",
    "fx_translation": "FX translation of balances in other currencies",
    "commissions": "Commissions not counted with the trades",
    "interest": "Interest",
    "dividends": "Dividends",
    "fees": "Fees",
    "transfers": "Transfers",
    "other": "Other entries of the broker's statement",
    "accrual_translation": "FX translation of accrued interest",
    "withdrawal_fee": "Withdrawal fee",
    "broker_residual": "Rounding in the broker's own statement",
    "not_yet_attributed": "Not yet attributed",
}
_RELEASED = "Earlier marks of positions that trades closed, released"
_EXPIRING = "Expiring options carried at their closing marks"
_ENDED = "Positions that ended, against their last closing marks"
# What becomes P&L only later. It is no unrealised P&L of the positions unless it is their mark.
_UNREALISED = ("mark_to_market", "interest_accruals", "fx_translation")


def narrate_previous_close(day: AnyDay, observer: ZoneInfo) -> Paragraph:
    """The official NAV that the day starts from."""
    nav = day.opening_nav_official
    before = "end of the day before" if day.never_closes else "previous close"
    summary = f"The day starts from the official NAV of the {before}."
    return Paragraph(
        kind="previous_close",
        phase="overnight",
        title="Start of the Day" if day.never_closes else "Previous Official Close",
        when=clock.both_zones(day.previous_close, day.previous_close, observer, market=day.zone),
        starts_at=day.previous_close,
        ends_at=day.previous_close,
        nav_after=nav,
        summary=summary if nav is not None else "Its official NAV is not known yet: no statement covers it.",
        lines=(*(() if nav is None else (nav_line("Official NAV", nav, day),)), *_stand_in_lines(day)),
    )


def narrate_open(day: AnyDay, before: Iterable[Paragraph], observer: ZoneInfo) -> Paragraph:
    """The market open with one NAV, or with both and the reason. `before`: the paragraphs since the previous close."""
    return Paragraph(
        kind="market_open",
        phase="intraday",
        title="Market Open",
        when=clock.both_zones(day.opens_at, day.opens_at, observer, market=day.zone, undated=day.trading_day),
        starts_at=day.opens_at,
        ends_at=day.opens_at,
        nav_after=day.opening_nav_calculated,
        summary="The day begins.",
        lines=_opening_lines(day, before),
    )


def narrate_no_events(day: AnyDay, observer: ZoneInfo) -> Paragraph:
    """The session of a day on which nothing touched the account, or has not so far."""
    until = day.closes_at if day.as_of is None else min(day.as_of, day.closes_at)
    nav = day.closing_nav_calculated
    paid = "Nothing was traded, assigned or paid." if day.as_of is None else "Nothing was traded so far."
    return Paragraph(
        kind="no_events",
        phase="intraday",
        title="Trading Session",
        when=clock.both_zones(day.opens_at, until, observer, market=day.zone, undated=day.trading_day),
        starts_at=day.opens_at,
        ends_at=until,
        nav_after=nav,
        summary=f"No events. {paid}",
        lines=() if nav is None else (nav_line("NAV remains", nav, day),),
    )


def narrate_close(day: Day, observer: ZoneInfo) -> Paragraph:
    """The market close: what became of the open positions, the official NAV, and the difference, attributed."""
    early = f" early, at {_at(day.closes_at, day)}" if day.early_close else ""
    ends = "The day ends" if day.never_closes else f"The market closes{early}"
    event = Line("Event", f"{ends}. {_positions_sentence(day)}")
    official, difference = _official_lines(day), _difference_lines(day)
    lines = (*difference, *official) if _is_marked(day) else (*official, *difference)
    return Paragraph(
        kind="market_close",
        phase="at_close",
        title="End of the Day" if day.never_closes else "Market Close",
        when=clock.both_zones(day.closes_at, day.closes_at, observer, market=day.zone, undated=day.trading_day),
        starts_at=day.closes_at,
        ends_at=day.closes_at,
        nav_after=day.closing_nav_official,
        lines=(event, *lines, *interest_lines(day)),
    )


def early_close(day: AnyDay) -> str:
    """` (early close 13:00 EST)` on a day that closes early, else empty."""
    return f" (early close {_at(day.closes_at, day)})" if day.early_close else ""


def nav_line(label: str, nav: Decimal, day: AnyDay) -> Line:
    """`label: 79,402.22 HKD`: a NAV in base currency."""
    result = f"{money.display(nav)} {day.base_currency}"
    return Line(label, result=result, amount=nav, currency=day.base_currency)


def part_label(name: str) -> str:
    """What a part of the difference is called; a name that is not listed here is written as words."""
    return PART_LABELS.get(name, name.replace("_", " ").capitalize())


def nonzero_parts(day: AnyDay) -> list[tuple[str, Decimal]]:
    """The non-zero parts of the difference in the order of `model.difference.PARTS`."""
    return [(name, amount) for name, amount in in_order(day.difference_parts).items() if amount]


def labelled_parts(
    parts: Mapping[str, Decimal], released: Decimal, marked: str = PART_LABELS["mark_to_market"]
) -> list[tuple[str, Decimal]]:
    """The non-zero parts in their order, with labels. The mark-to-market is split: `released` is what closing trades
    took out of earlier marks, the rest is called `marked`."""
    labelled: list[tuple[str, Decimal]] = []
    for name, amount in in_order(parts).items():
        if name == "mark_to_market":
            labelled += [(marked, amount - released), (_RELEASED, released)]
        else:
            labelled.append((part_label(name), amount))
    return [(label, amount) for label, amount in labelled if amount]


def part_lines(
    parts: Sequence[tuple[str, Decimal]], unexplained: Decimal, difference: Decimal, currency: str, depth: int
) -> tuple[Line, ...]:
    """The labelled parts of a difference, what is unexplained, and the exact sum where the rounded one is off."""
    labelled = [*parts, ("Unexplained", unexplained)]
    lines = [
        Line(
            label,
            f"{money.display_small(amount, signed=True)} {currency}",
            depth=depth,
            amount=amount,
            currency=currency,
        )
        for label, amount in labelled
    ]
    terms = tuple(amount for _, amount in labelled if amount)
    if terms and not money.adds_up(terms, difference):
        exact = f"{money.summed(terms, exact=True, signed=True)} = {money.exactly(difference, signed=True)}"
        lines.append(Line("Exactly, before rounding", f"{exact} {currency}", depth=depth))
    return tuple(lines)


def _stand_in_lines(day: AnyDay) -> tuple[Line, ...]:
    """The rates of the day that no statement gives."""
    rates = day.stand_in_rates if isinstance(day, Day) else ()
    return tuple(Line("Exchange Rate", _stand_in(rate, day)) for rate in rates)


def _stand_in(rate: StandInRate, day: AnyDay) -> str:
    counts = f"{money.rate(rate.rate)} {day.base_currency} per {rate.currency}"
    if rate.rate_day is None:
        return (
            f"No statement gives a rate of {rate.currency} for this day or before it: the configured {counts} counts."
        )
    old = clock.full_date(rate.rate_day)
    return f"No statement gives a rate of {rate.currency} for this day: the last known one counts, {counts} of {old}."


def _official_lines(day: Day) -> tuple[Line, ...]:
    nav = nav_line("Closing NAV", day.closing_nav_official, day)
    return (
        Line(
            f"Official Closing NAV (at {_at(day.closes_at, day)})",
            f"{wording.keeper(day)} books the official NAV of the day.",
        ),
        replace(nav, depth=1, total=True),
    )


def _opening_lines(day: AnyDay, before: Iterable[Paragraph]) -> tuple[Line, ...]:
    official, nav = day.opening_nav_official, day.opening_nav_calculated
    if official is None or nav is None:
        return ()
    if money.cents(official) == money.cents(nav):
        return (nav_line("Opening NAV", nav, day),)
    return (
        nav_line("Official Opening NAV", official, day),
        nav_line("Calculated Opening NAV", nav, day),
        Line("Why they differ", _opening_reason(nav - official, day.base_currency, before)),
    )


def _opening_reason(gap: Decimal, base_currency: str, before: Iterable[Paragraph]) -> str:
    moved = [
        (paragraph, paragraph.source.nav_impact)
        for paragraph in before
        if paragraph.source is not None and paragraph.source.nav_impact
    ]
    if sum((impact for _, impact in moved), Decimal(0)) != gap:
        return f"The two differ by {money.display(gap, signed=True)} {base_currency}."
    named = [
        f"the {_lower(paragraph.title)} ({money.display(impact, signed=True)} {base_currency})"
        for paragraph, impact in moved
    ]
    return f"The broker's official figure does not yet include {wording.capped(named, 'events')}."


def _lower(title: str) -> str:
    return title.lower().replace("0dte", "0DTE")


def _at(moment: datetime, day: AnyDay) -> str:
    return clock.clock_time(moment, day.zone)


def _is_marked(day: AnyDay) -> bool:
    """Whether a position lives on after the close; options that expire worthless with it do not."""
    return any(not _expires_with(position, day) for position in day.open_at_close)


def _expires_with(position: OpenPosition, day: AnyDay) -> bool:
    return position.ends == "expired" and position.contract.expiry == day.trading_day


def _positions_sentence(day: AnyDay) -> str:
    if not day.open_at_close:
        return "You hold no open positions."
    if not _is_marked(day):
        return _expired_sentence(day)
    positions = wording.bracketed(_held(day.open_at_close, day), "positions")
    if len(day.open_at_close) == 1:
        marked = f"Your open position {positions} is marked to the closing price."
    else:
        marked = f"Your open positions {positions} are marked to the closing prices."
    return f"{marked}{_pending_sentence(day)}"


def _expired_sentence(day: AnyDay) -> str:
    positions = day.open_at_close
    names = wording.bracketed(_held(positions, day), "options")
    if len(positions) == 1:
        subject = f"Your {wording.owned(_holding(positions[0]), day.trading_day)}"
        verb = "expires" if abs(positions[0].quantity) == 1 else "expire"
    else:
        subject = f"{'Both' if len(positions) == 2 else f'All {len(positions):,}'} options {names}"
        verb = "expire"
    if isinstance(day, Day) and _new_marks(day):
        carried = "it at its closing mark" if verb == "expires" else "them at their closing marks"
        return f"{subject} {verb} worthless; the broker carries {carried} until the next statement."
    if all(position.quantity > 0 for position in positions):
        return f"{subject} {verb} worthless; the premium paid is lost."
    return f"{subject} {verb} worthless; the premium is fully realised."


def _pending_sentence(day: AnyDay) -> str:
    pending = [
        position
        for position in day.open_at_close
        if position.ends is None
        and wording.is_option(position.contract)
        and position.contract.expiry == day.trading_day
    ]
    if not pending:
        return ""
    ladder = wording.ladder(map(_holding, pending))
    owned = [wording.owned(holding, day.trading_day) for holding in ladder]
    single = len(pending) == 1 and abs(pending[0].quantity) == 1
    expire, outcome = ("expires", "its outcome arrives") if single else ("expire", "their outcome arrives")
    return f" Your {wording.capped(owned, 'options')} {expire} today; {outcome} with the next statement."


def _held(positions: Sequence[OpenPosition], day: AnyDay) -> list[str]:
    ladder = wording.ladder(_holding(position) for position in positions)
    return [wording.held(holding, day.trading_day) for holding in ladder]


def _holding(position: OpenPosition) -> Holding:
    return Holding(position.contract, position.quantity)


def _difference_lines(day: Day) -> tuple[Line, ...]:
    parts = labelled_parts(day.difference_parts, day.released_marks, _marked_label(day))
    if not day.difference and not parts:
        nav = money.display(day.closing_nav_official)
        return (Line("Reconciliation", f"The calculated and the official NAV agree at {nav} {day.base_currency}."),)
    terms = money.difference(day.closing_nav_official, day.closing_nav_calculated)
    result = f"{money.display(day.difference, signed=True)} {day.base_currency}"
    amount = {"amount": day.difference, "currency": day.base_currency}
    if _is_marked(day):
        names = [name for name, part in nonzero_parts(day) if part]
        is_unrealised = {*names} <= {*_UNREALISED} and not day.released_marks and not day.unexplained
        sum_of = "Unrealised P&L" if is_unrealised else "Official less calculated NAV"
        head: tuple[Line, ...] = (
            Line("Mark-to-Market P&L", _marked_sentence(day)),
            Line(text=f"{sum_of} = ({terms})", result=result, note=", made up of:", depth=1, **amount),
        )
    else:
        said = f"The difference between the calculated NAV and the official one is {terms}"
        head = (Line("Reconciliation", said, result, note=", made up of:", **amount),)
    depth = head[-1].depth + 1
    return (*head, *part_lines(parts, day.unexplained, day.difference, day.base_currency, depth))


def _new_marks(day: Day) -> Decimal:
    """The day's mark-to-market beyond what its closing trades released."""
    return day.difference_parts.get("mark_to_market", Decimal(0)) - day.released_marks


def _marked_label(day: Day) -> str:
    if not day.open_at_close:
        touched = any(event.contract is not None for block in day.blocks for event in block.events)
        return _ENDED if touched else PART_LABELS["fx_translation"]  # without a position there is nothing to mark
    return PART_LABELS["mark_to_market"] if _is_marked(day) else _EXPIRING


def _marked_sentence(day: Day) -> str:
    """What of the difference is the open positions'; interest, translation and the rest are beside it."""
    marks = _new_marks(day)
    if marks == day.difference:
        return f"{wording.keeper(day)} calculates the day's unrealised P&L on these open positions."
    made = f"{money.display(marks, signed=True)} {day.base_currency}"
    return (
        f"{wording.keeper(day)} calculates {made} on these open positions; the rest of the difference is beside them."
    )
