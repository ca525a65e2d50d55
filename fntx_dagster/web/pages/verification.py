"""`/a/{n}/verification`: a cell for each session of a year, how far it has come, and its record on the chain."""

from __future__ import annotations

from collections import Counter
from datetime import date
from itertools import groupby

from fntx_dagster.model import live
from fntx_dagster.model.period import Period
from fntx_dagster.services.dashboard.overview import newest_day
from fntx_dagster.services.dashboard.verification import SessionState, session_states
from fntx_dagster.web import words
from fntx_dagster.web.asking import Answer, Asked, Shown
from fntx_dagster.web.following import following
from fntx_dagster.web.grids import Badge, Grid, Link

_HEADERS = ("Day", "State", "Version", "After the close", "Posted", "Block", "Root", "Transaction")


def show(asked: Asked) -> Answer:
    """The year that the address names, else that of the newest built day."""
    streamed = following(asked, live.TOLD, live.SIGNATURE, account=asked.account.number)
    newest = newest_day(asked.site.db, asked.account)
    year = asked.number("year", 9999) or (newest or asked.site.clock().date()).year
    of_year = session_states(asked.site.db, asked.account.account_id, Period(date(year, 1, 1), date(year, 12, 31)))
    states = [state for state in of_year if newest and state.day <= newest]
    months = groupby(states, lambda state: state.day.strftime("%B"))
    values = {
        "streamed": streamed,
        "year": year,
        "counts": Counter(state.state for state in states).most_common(),
        "months": [(month, list(own)) for month, own in months],
        "records": Grid("Records", _HEADERS, [_record(asked, state) for state in reversed(states)], words=8),
        "newest": newest,
        "later": len(of_year) - len(states),
        "may_act": asked.visitor.may_act,
    }
    return Shown("verification.html.j2", f"Verification, {year}", values)


def _record(asked: Asked, state: SessionState) -> tuple[str | Link | Badge, ...]:
    signed, posted = state.signed, state.posted
    return (
        Link(f"{state.day}", f"/a/{asked.account.number}/day/{state.day}")
        if state.state != "missing"
        else f"{state.day}",
        Badge(state.state, state.health),
        f"{signed.version}" if signed else words.NONE,
        state.delay,
        words.moment(posted.posted_at if posted else None),
        f"{posted.block_number}" if posted else words.NONE,
        f"0x{signed.root.hex()}" if signed else words.NONE,
        posted.tx_hash if posted else words.NONE,
    )
