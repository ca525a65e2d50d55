"""Books that were verified and, where a book takes a broker's statements, whether both agree."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable

from fntx_dagster.services.bookkeeping.agreement import agreement
from fntx_dagster.services.orders.turn import Desk
from fntx_dagster.services.orders.verifying import Verified
from fntx_dagster.store.labels import account_labels
from fntx_dagster.store.ledger import books


def with_statements(desk: Desk, verified: Iterable[Verified], user_id: str | None = None) -> list[Verified]:
    """What was verified of books, with what disagrees between a broker's statements and the book that takes them. A
    book whose user is a broker's account is named by the label of the account."""
    found = agreement(desk, user_id=user_id)
    labels = account_labels(desk.db)
    words: defaultdict[str | None, list[str]] = defaultdict(list)
    for one in found.differing:
        words[one.account].append(one.words)
    users = {books.user_of_account(desk.db, account): label for account, label in labels.items()}
    whole: list[Verified] = []
    for book in verified:
        label = None if book.is_paper else users.get(book.user_id)
        differing = (*book.differing, *words.get(label, ()))
        whole.append(book._replace(user_id=labels.get(book.user_id, book.user_id), differing=differing))
    return whole
