"""`/a/{n}/today`: the account now: what the tables hold when the page is asked for, and then what the stream says.

An account of a broker shows what its gateway says; a book's own account has no gateway, and shows its book.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from fntx_dagster.report import money
from fntx_dagster.services.dashboard.book_today import book_today, is_of_a_book
from fntx_dagster.services.live.today import account_today
from fntx_dagster.web import words
from fntx_dagster.web.asking import Answer, Asked, Shown
from fntx_dagster.web.following import OF_BOOKS, following
from fntx_dagster.web.grids import Cell, Grid, path_of

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
    if is_of_a_book(asked.account.account_id):
        return _of_a_book(asked)
    found = account_today(asked.site.db, asked.account.account_id)
    return Shown("today.html.j2", "Today", {"now": found, "states": STATES})


def _of_a_book(asked: Asked) -> Answer:
    streamed = following(asked, *OF_BOOKS, account=asked.account.number)
    now = book_today(asked.desk, asked.visitor, asked.account.account_id)
    headers = ("Time", "Bot", "Exchange", "Fill", "Quantity", "Price", "Fee", "Realised P&L")
    values = {
        "streamed": streamed,
        "now": now,
        "book_path": path_of("ledger", now.book.name, now.book.kind) if now.book else "",
        "fills": Grid("Fills", headers, [_fill(fill) for fill in now.fills], words=4, results=headers[-1:]),
    }
    return Shown("book_today.html.j2", "Today", values)


def _fill(fill: Mapping[str, Any]) -> tuple[Cell, ...]:
    return (
        words.moment(fill["executed_at"]),
        fill["bot_id"],
        fill["exchange"],
        f"{fill['side']} {fill['symbol']}",
        money.plain(fill["qty"]),
        money.plain(fill["price"]),
        f"{money.plain(fill['fee'])} {fill['fee_currency']}",
        money.exactly(fill["realized_pnl"], signed=True),
    )
