"""The end of a day that still runs: its NAV at the moment at which the gateway was asked.

What belongs here: what a provisional day says in place of its close. It claims nothing that only a statement can say:
what the day's trades do not explain is named, in one amount, and left open.
"""

from __future__ import annotations

from zoneinfo import ZoneInfo

from fntx_dagster.model.day import AnyDay, OpenPosition, ProvisionalDay
from fntx_dagster.report import clock, money, wording
from fntx_dagster.report.market import nav_line, part_label
from fntx_dagster.report.narrative import Line, Paragraph
from fntx_dagster.report.wording import Holding


def provisional(day: AnyDay, observer: ZoneInfo) -> str:
    """` (provisional, as of 22:15 HKT / 10:15 EDT)` for a day that still runs, else empty."""
    if day.as_of is None:
        return ""
    when = clock.both_zones(day.as_of, day.as_of, observer, market=day.zone, undated=day.trading_day)
    return f" (provisional, as of {when})"


def narrate_now(day: ProvisionalDay, observer: ZoneInfo) -> Paragraph:
    """The NAV now, what is held at which marks, and the amount that no trade explains yet."""
    return Paragraph(
        kind="now",
        phase=_phase(day),
        title="Now",
        when=clock.both_zones(day.as_of, day.as_of, observer, market=day.zone, undated=day.trading_day),
        starts_at=day.as_of,
        ends_at=day.as_of,
        nav_after=day.closing_nav_official,
        lines=(
            *_position_lines(day),
            _current_nav(day),
            _difference(day),
            *_later_trades(day),
            Line("Provisional", _reservation(day)),
        ),
    )


def _phase(day: ProvisionalDay) -> str:
    if day.as_of > day.closes_at:
        return "at_close"
    return day.session.phase(day.as_of)


def _market(day: ProvisionalDay) -> str:
    if day.as_of < day.opens_at:
        return "The market has not opened yet."
    return "The market is open." if day.as_of < day.closes_at else "The market has closed; its statement is to come."


def _position_lines(day: ProvisionalDay) -> tuple[Line, ...]:
    positions = sorted(day.open_at_close, key=lambda position: wording.ladder_key(position.contract))
    if not positions:
        return (Line("Event", f"{_market(day)} You hold no open positions."),)
    noun = "position is" if len(positions) == 1 else "positions are"
    named = positions if len(positions) <= wording.MOST_NAMED else positions[: wording.MOST_NAMED - 1]
    lines = [Line("Event", f"{_market(day)} Your open {noun} valued at the gateway's marks:")]
    lines += [_position_line(position, day) for position in named]
    if len(named) < len(positions):
        lines.append(Line(text=f"{len(positions) - len(named):,} more positions", depth=1))
    return tuple(lines)


def _position_line(position: OpenPosition, day: ProvisionalDay) -> Line:
    name = wording.held(Holding(position.contract, position.quantity), day.trading_day)
    if position.mark is None or position.market_value is None or position.currency is None:
        changed = "The gateway now reports another quantity; the day's statement will explain it"
        return Line(name[0].upper() + name[1:], changed, depth=1)
    worth = f"{money.display(position.market_value)} {position.currency}"
    valued = f"market value {worth} at {money.priced(position.mark, position.currency)}"
    amount = {"amount": position.market_value, "currency": position.currency}
    return Line(name[0].upper() + name[1:], valued, depth=1, **amount)


def _current_nav(day: ProvisionalDay) -> Line:
    line = nav_line("Current NAV", day.closing_nav_official, day)
    if day.gateway_currency == day.base_currency:
        return line
    shown = f"{money.display(day.gateway_nav)} {day.gateway_currency}"
    if money.cents(money.cents(day.gateway_nav) * day.rate) != money.cents(day.closing_nav_official):
        shown += f" (exactly {money.exactly(day.gateway_nav)})"
    return Line(
        line.label,
        f"{shown} × {money.rate(day.rate)}",
        line.result,
        note=" (configured real-time rate)",
        amount=line.amount,
        currency=line.currency,
    )


def _difference(day: ProvisionalDay) -> Line:
    label = part_label("not_yet_attributed")
    if day.difference is None or day.closing_nav_calculated is None:
        return Line(label, "The day's P&L is not shown, because the official NAV of the previous close is missing.")
    terms = (day.closing_nav_official, -day.closing_nav_calculated)
    exact = "" if money.adds_up(terms, day.difference) else f" (exactly {money.exactly(day.difference, signed=True)})"
    return Line(
        label,
        money.summed(terms),
        f"{money.display(day.difference, signed=True)} {day.base_currency}",
        note=f"{exact}; the day's statement will name its parts.",
        amount=day.difference,
        currency=day.base_currency,
    )


def _later_trades(day: ProvisionalDay) -> tuple[Line, ...]:
    if not day.later_trades:
        return ()
    single = day.later_trades == 1
    subject = "1 fill after the close belongs" if single else f"{day.later_trades:,} fills after the close belong"
    return (
        Line(
            "After the close", f"{subject} to the next trading day; the current NAV holds {'it' if single else 'them'}."
        ),
    )


def _reservation(day: ProvisionalDay) -> str:
    converted = ", and the rate is a fixed one" if day.gateway_currency != day.base_currency else ""
    return (
        f"The gateway reports no deposits, interest, fees or assignments{converted}. "
        "The day's statement replaces this entry."
    )
