"""`/a/{n}/today`: the account now: what the tables hold when the page is asked for, and then what the stream says."""

from __future__ import annotations

from fntx_dagster.services.live.today import account_today
from fntx_dagster.web.asking import Answer, Asked, Shown

STATES = {
    "following": "following IB Gateway",
    "connecting": "connecting to IB Gateway",
    "cut_off": "IB Gateway is cut off from the broker",
    "away": "IB Gateway does not answer",
    "not_followed": "nothing follows this account",
}
"""How the account's gateway is followed → what the page says; the script takes its words from the page."""


def show(asked: Asked) -> Answer:
    """The account that the address names, as it is now."""
    found = account_today(asked.site.db, asked.account.account_id)
    return Shown("today.html.j2", "Today", {"now": found, "states": STATES})
