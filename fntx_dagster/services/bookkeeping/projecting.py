"""Project a broker's statements into the account's live book: each row once, with the digest of what it books.

A row that changed is a reversal and a new entry in its place, a row that vanished a reversal; what came late counts
before what followed it. A trade that an order of the API made is in the book since its execution: the statement's row
confirms it, and is posted in its place only where price or commission differ. All of an account is one transaction
under the book's lock, so a run that was ended begins anew and two runs at once do it once.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta
from typing import Any, NamedTuple
from uuid import uuid4

from fntx_dagster.errors import Permanent, masked
from fntx_dagster.ledger import kinds, statements
from fntx_dagster.ledger.corrections import PLACE, REPLACES
from fntx_dagster.ledger.entries import moment
from fntx_dagster.model.orders import OrderFill
from fntx_dagster.model.shards import Accounts, is_among
from fntx_dagster.services.bookkeeping.batch import Batch, BookOwner, batch
from fntx_dagster.services.bookkeeping.statement_items import EXCHANGE, Item, items_of
from fntx_dagster.services.orders.turn import Desk
from fntx_dagster.store.labels import account_labels
from fntx_dagster.store.ledger import books, posted
from fntx_dagster.store.ledger.appending import StatementRow
from fntx_dagster.store.ledger.delivered import DeliveredAccount, accounts, base_currency, delivered
from fntx_dagster.store.ledger.posted import PostedFill

BY = "statement"
_TIMES_APART = timedelta(seconds=1)


class Projected(NamedTuple):
    """What a projection did to the book of an account (its label): entries that were posted, confirmed, changed
    (reversed and posted anew) and taken back, and rows that stood already; or why it was left as it was, where an
    order's fills closed lots that the broker closed otherwise."""

    account: str
    posted: int = 0
    confirmed: int = 0
    changed: int = 0
    taken_back: int = 0
    stood: int = 0
    refused: str | None = None

    @property
    def entries(self) -> int:
        return self.posted + self.confirmed + 2 * self.changed + self.taken_back


def project(desk: Desk, account_id: str | None = None, only: Accounts = None) -> list[Projected]:
    """Project the statements of an account, of those of `only`, or of all, into their books.

    Raises Permanent for an account without fills, Transient where a book's lock is not to be had in time.
    """
    known = accounts(desk.db)
    if account_id is not None and account_id not in known:
        raise Permanent(f"account {masked(account_id)} has no fills", "fntx load loads its statements")
    labels = account_labels(desk.db)
    chosen = [account for account in known if account_id in (None, account) and is_among(account, only)]
    return [_project(desk, account, labels[account]) for account in chosen]


def assign(desk: Desk, account_id: str, user_id: str) -> None:
    """Let an account's statements go into a user's live book, which its orders go through: before the first projection.

    Raises Permanent where either of them has another counterpart already.
    """
    with desk.db.connect() as connection:
        book_id = books.lock(connection, user_id, False, desk.currency)
        if not books.keep_account(connection, account_id, book_id):
            raise Permanent(
                f"account {masked(account_id)} or the live book of {user_id} belongs to another one",
                "An account's statements go into one book, and a book takes those of one account",
            )


def _project(desk: Desk, account_id: str, label: str) -> Projected:
    user_id = books.user_of_account(desk.db, account_id) or account_id
    try:
        with batch(desk, BookOwner(user_id, False, base_currency(desk.db, account_id))) as into:
            books.keep_account(into.connection, account_id, into.book_id)
            with desk.db.snapshot() as db:  # under the lock: what another run has projected from is not older
                said = delivered(db, account_id)
            return _Projection(into, said).run(label)
    except ValueError as error:
        words = f"account {label}: its rows do not fit the lots of its book: {error}"
        return Projected(label, refused=words)


class _Projection:
    """The rows of one account against what its book has of them."""

    def __init__(self, into: Batch, said: DeliveredAccount) -> None:
        self.into = into
        self.rows = posted.statement_rows(into.connection, into.book_id)
        self.standing = {source: row for source, row in self.rows.items() if row.digest}
        self.unclaimed = list(posted.unclaimed(into.connection, into.book_id, EXCHANGE))
        self.executed: dict[str, PostedFill] = {}
        self.items = self._items(said)
        self.confirmed = self.posted = self.changed = self.stood = 0

    def run(self, label: str) -> Projected:
        wanted = {item.source for item in self.items}
        gone = [row for source, row in self.standing.items() if source not in wanted]
        for row in gone:
            number = self.into.reverse(row.money_no, "the statements do not have this row any more", BY)
            self.into.rows.append(StatementRow(number, row.source, "", 0))
        for item, place in zip(self.items, self._places(), strict=True):
            self._book(item, place)
        return Projected(label, self.posted, self.confirmed, self.changed, len(gone), self.stood)

    def _items(self, said: DeliveredAccount) -> list[Item]:
        """The items, with what bots' orders opened as the bots'."""
        self.known = posted.executed(self.into.connection, self.into.book_id, EXCHANGE)
        owners: dict[str, str] = {}
        for item in items_of(said, {}) if self.known else ():
            if item.body["type"] != "fill":
                continue
            row = self.standing.get(item.source)
            fill = self.known.get(row.money_no) if row is not None else self._executed(item)
            if row is None and fill is not None:
                self.unclaimed.remove(fill)
                self.executed[item.source] = fill
            if fill is not None:
                owners[item.source.partition(":")[2]] = fill.key.bot_id
        return items_of(said, owners)

    def _places(self) -> list[int | None]:
        """For each item the entry before which it counts, if it is new: that of the next one that stands."""
        places: list[int | None] = []
        following: int | None = None
        for item in reversed(self.items):
            row = self.standing.get(item.source)
            changed = row is not None and row.digest != item.digest
            places.append(row.money_no if row is not None and changed else following)
            following = row.money_no if row is not None else following
        return places[::-1]

    def _book(self, item: Item, place: int | None) -> None:
        row = self.standing.get(item.source)
        if row is None:
            self._new(item, place)
        elif row.digest == item.digest:
            self.stood += 1
        else:
            self.into.reverse(row.money_no, "the statement's row changed", BY)
            self._post(item, {PLACE: row.money_no, REPLACES: row.money_no} | self._kept(row.money_no))
            self.changed += 1

    def _new(self, item: Item, place: int | None) -> None:
        fill = self.executed.get(item.source)
        if fill is None:
            gone = self.rows.get(item.source)
            own: dict[str, Any] = {} if place is None else {PLACE: place}
            self._post(item, own | ({REPLACES: gone.entry_no} if gone else {}))
            self.posted += 1
            return
        if _is_same(fill.execution, kinds.execution_of(item.body)):
            stated = {"timestamp": item.body["timestamp"], "recorded_at": moment(self.into.recorded_at)}
            body = statements.confirmation(stated, fill.entry_no) | self._statement(item)
            number = self.into.add(body)
            self.into.rows.append(StatementRow(number, item.source, item.digest, fill.entry_no))
            self.confirmed += 1
            return
        self.into.reverse(fill.entry_no, "the statement shows another price or commission", BY)
        self._post(item, {PLACE: fill.entry_no, REPLACES: fill.entry_no} | _of_order(fill))
        self.changed += 1

    def _executed(self, item: Item) -> PostedFill | None:
        """The fill of an order that a row of the statement shows: by its execution; where the row names none, by time,
        contract, quantity and price."""
        if item.exec_id:
            name = _execution(item.exec_id)
            return next((fill for fill in self.unclaimed if _execution(fill.execution.trade_id) == name), None)
        told = kinds.execution_of(item.body)
        for fill in self.unclaimed:
            same = (fill.key.symbol, fill.execution.side, fill.execution.quantity, fill.execution.price)
            apart = abs(fill.execution.at - told.at)
            if same == (item.body["symbol"], told.side, told.quantity, told.price) and apart <= _TIMES_APART:
                return fill
        return None

    def _kept(self, number: int) -> dict[str, Any]:
        """Of an execution's fill that is posted anew: whose order it was."""
        fill = self.known.get(number)
        return _of_order(fill) if fill is not None else {}

    def _post(self, item: Item, own: dict[str, Any]) -> None:
        recorded = {"recorded_at": moment(self.into.recorded_at)}
        recorded |= {name: f"{uuid4()}" for name in ("fill_id", "event_id") if name in item.body}
        number = self.into.add(item.body | recorded | self._statement(item) | own)
        self.into.rows.append(StatementRow(number, item.source, item.digest, number))

    def _statement(self, item: Item) -> dict[str, Any]:
        """The row of the statement, as the entry states it."""
        row = {"row": item.source, "session": f"{item.session}", "reported": f"{item.report}", "digest": item.digest}
        return {"statement": row}


def _of_order(fill: PostedFill) -> dict[str, Any]:
    return {"order_id": fill.order_id, "exchange_trade_id": fill.execution.trade_id, "executed": True}


def _is_same(told: OrderFill, stated: OrderFill) -> bool:
    names: Iterable[str] = ("side", "quantity", "price", "fee", "fee_currency")
    return all(getattr(told, name) == getattr(stated, name) for name in names)


def _execution(exec_id: str) -> str:
    """An execution without the number of its correction, which is its last part."""
    return exec_id.rpartition(".")[0] or exec_id
