"""Which pages follow the stream: what a page shows changes when an event of these kinds comes, and it is loaded anew.

The number is read before the page's figures, so that what is recorded meanwhile comes as an event again.
"""

from __future__ import annotations

from typing import NamedTuple

from fntx_dagster.model import live
from fntx_dagster.services.accounts import numbered_accounts
from fntx_dagster.services.dashboard.books import SeenBook
from fntx_dagster.services.live.stream import newest_event
from fntx_dagster.web.asking import Asked

OF_BOOKS = (live.ORDER, live.FILL, live.BOOKING, live.TRIP, live.ENTRY, live.MANY)
OF_ACCOUNTS = (live.TOLD, live.SIGNATURE, live.ALERT)


class Streamed(NamedTuple):
    """What a page follows: events after a number, of these kinds; of one account or book, or of all that the visitor
    sees."""

    after: int
    kinds: tuple[str, ...]
    account: int | None = None
    book: str = ""


def following(asked: Asked, *kinds: str, account: int | None = None) -> Streamed:
    """What a page follows; to be asked for before its figures are read."""
    return Streamed(newest_event(asked.site.db), kinds, account)


def following_book(asked: Asked, book: SeenBook) -> Streamed:
    """The same of a book's page. The book of a broker's account is named by the number of that account alone."""
    streamed = following(asked, *OF_BOOKS)
    numbers = {each.account_id: each.number for each in numbered_accounts(asked.site.db)}
    if (number := numbers.get(book.row.user_id)) is not None:
        return streamed._replace(account=number)
    return streamed._replace(book=f"{book.name}-{book.kind}")
