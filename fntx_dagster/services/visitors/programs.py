"""A program that follows the stream with a token of the API: what it sees, as the token's role lets it read."""

from __future__ import annotations

from fntx_dagster.services.orders import access
from fntx_dagster.services.visitors.visitor import AUDITOR, TRADER, Visitor
from fntx_dagster.store.database import Readable


def visitor_of_token(db: Readable, token: str) -> Visitor | None:
    """Who follows with a token: an admin and a reader see every account and book, a trader the books of his user; None
    where it is unknown, over, or of a role that reads nothing."""
    caller = access.caller_of(db, token)
    if caller is None or not (caller.reads_every_account or caller.may_trade):
        return None
    if caller.reads_every_account:
        return Visitor(caller.user_id, AUDITOR)
    return Visitor(caller.user_id, TRADER, frozenset())
