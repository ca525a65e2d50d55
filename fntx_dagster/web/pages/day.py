"""`/a/{n}/day/{date}`: one day: its story beside the NAV's steps, what was verified, and its proof."""

from __future__ import annotations

from starlette.responses import RedirectResponse

from fntx_dagster.model.day import Day
from fntx_dagster.report.figures import difference_figure, figures, steps_table
from fntx_dagster.report.market import nonzero_parts, part_label
from fntx_dagster.report.proofs import proof_state, proof_table
from fntx_dagster.services.dashboard.day import day_of
from fntx_dagster.services.dashboard.overview import newest_day
from fntx_dagster.web.asking import Answer, Asked, NotFound, Shown

_READ_FROM = {
    "mark_to_market": "open_positions",
    "assigned_option_mark": "open_positions",
    "expired_option_mark": "open_positions",
    "rate_difference": "conversion_rates",
    "fx_translation": "conversion_rates",
    "accrual_translation": "conversion_rates",
    "interest_accruals": "interest_accruals",
    "after_hours_trades": "blocks",
    **dict.fromkeys(("commissions", "interest", "dividends", "fees", "withdrawal_fee", "transfers", "other"), "blocks"),
}
"""Part of the difference → the section of the day's sources that has its rows; the NAV's own where none is named."""


def latest(asked: Asked) -> Answer:
    """The way to the newest day."""
    day = newest_day(asked.site.db, asked.account)
    if day is None:
        raise NotFound
    return RedirectResponse(f"/a/{asked.account.number}/day/{day}", 303)


def show(asked: Asked) -> Answer:
    """The day that the address names."""
    day = asked.day()
    if day is None:
        raise NotFound
    masked = not asked.visitor.sees_names
    found = day_of(asked.site.db, asked.account.account_id, day, asked.site.observer, masked=masked)
    if found.story is None:
        raise NotFound
    story = found.story
    official = story.day
    if not isinstance(official, Day):
        raise NotFound
    parts = [(name, part_label(name), amount) for name, amount in nonzero_parts(official)]
    named = [(label, amount) for _, label, amount in parts]
    bar = difference_figure(named, official.unexplained, official.base_currency, "difference")
    values = {
        "story": story,
        "day": official,
        "figures": figures([story], [official], "day"),
        "steps": steps_table(story),
        "parts": [(label, amount, _READ_FROM.get(name, "nav")) for name, label, amount in parts],
        "bar": bar if parts or official.unexplained else None,
        "proof": proof_table([day], {day: found.proof} if found.proof else {}),
        "proof_state": proof_state(found.proof),
        "verification": found.verification,
        "failed": [each for each in found.verification if not each.passed],
        "before": found.before,
        "after": found.after,
    }
    return Shown("day.html.j2", story.heading.removeprefix("US Trading Day: "), values)
