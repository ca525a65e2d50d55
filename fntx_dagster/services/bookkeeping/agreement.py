"""Whether a broker's account and its book agree: realised P&L of each session, cash at the end of each Cash Report.

The ledger's side is a replay of all entries; realised P&L by the session in which a row happened, cash by the session
on which it is reported. The other side is Σ gross P&L of `position_lots`, and the statement's ending cash.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping
from datetime import date
from fractions import Fraction
from typing import Any, NamedTuple

from fntx_dagster.ledger import kinds
from fntx_dagster.ledger.corrections import Corrections, corrections
from fntx_dagster.ledger.entries import Entry
from fntx_dagster.ledger.exact import decimal, written
from fntx_dagster.ledger.replay import replay
from fntx_dagster.ledger.statements import CONFIRMATION
from fntx_dagster.model.finding import Finding
from fntx_dagster.model.period import Period
from fntx_dagster.model.shards import Accounts, is_among
from fntx_dagster.services.orders.turn import Desk
from fntx_dagster.store.database import Readable
from fntx_dagster.store.labels import account_labels
from fntx_dagster.store.ledger import books, checking, reading
from fntx_dagster.store.ledger.delivered import DeliveredAccount, accounts, delivered

REALISED, CASH = "realised P&L", "cash"
_ZERO = Fraction(0)
_PLACES = 24
"""Decimal places of a P&L of the lots; the cost of a lot that only its P&L shows may need more than are stored."""


class Disagreement(NamedTuple):
    """A session on which an account (by its label) and its book differ, in a currency."""

    account: str
    session: date
    what: str
    currency: str
    ledger: Fraction
    statement: Fraction

    @property
    def words(self) -> str:
        return (
            f"account {self.account} {self.session}: {self.what} is {written(self.ledger)} {self.currency} in the"
            f" ledger and {written(self.statement)} by the statements,"
            f" a difference of {written(self.ledger - self.statement)}"
        )


class Agreement(NamedTuple):
    """How many figures of accounts' sessions were compared, and those that differ."""

    compared: int
    differing: list[Disagreement]

    @property
    def findings(self) -> list[Finding]:
        return [Finding(one.account, one.words, one.session) for one in self.differing]


class _Sums(NamedTuple):
    """Session and currency → amount: realised P&L, and the cash that moved."""

    realised: Mapping[tuple[date, str], Fraction]
    cash: Mapping[tuple[date, str], Fraction]


def agreement(desk: Desk, period: Period | None = None, user_id: str | None = None, only: Accounts = None) -> Agreement:
    """Compare every account that has a book (or the one whose book a user has, or those of `only`) for the sessions of
    a period, or all."""
    compared, differing = 0, list[Disagreement]()
    with desk.db.snapshot() as db:
        labels = account_labels(db)
        for account in accounts(db):
            if not is_among(account, only):
                continue
            if user_id is not None and books.user_of_account(db, account) != user_id:
                continue
            for known, found in _of_account(desk, db, account, labels.get(account, account)):
                if period is None or period.first <= found.session <= period.last:
                    compared += 1
                    differing += [] if known else [found]
    return Agreement(compared, differing)


def _of_account(desk: Desk, db: Readable, account: str, label: str) -> Iterator[tuple[bool, Disagreement]]:
    """Each figure: whether both sides say the same, and both."""
    said = delivered(db, account)
    book_id = books.book_of_broker(db, account)
    if book_id is None:
        return
    booked = _booked(desk, db, book_id, said.base_currency)
    stated = _stated(said)
    for session, currency in sorted(booked.realised.keys() | stated.keys()):
        ours, theirs = (sums.get((session, currency), _ZERO) for sums in (booked.realised, stated))
        same = decimal(ours, _PLACES) == decimal(theirs, _PLACES)
        yield same, Disagreement(label, session, REALISED, currency, ours, theirs)
    for balance in said.balances:
        if balance.end is None:
            continue
        days = (
            amount for (day, name), amount in booked.cash.items() if name == balance.currency and day <= balance.last
        )
        ours, theirs = sum(days, _ZERO), Fraction(balance.end)
        places = max(-int(balance.end.as_tuple().exponent), 0)
        same = decimal(ours, places) == decimal(theirs, places)
        yield same, Disagreement(label, balance.last, CASH, balance.currency, ours, theirs)


def _booked(desk: Desk, db: Readable, book_id: int, currency: str) -> _Sums:
    """What the entries of the account's rows make."""
    rows: dict[int, Mapping[str, str]] = {}
    moved: dict[int, list[tuple[str, Fraction]]] = {}
    quoted: dict[int, str] = {}

    def entries() -> Iterator[Entry]:
        for entry in reading.all_entries(db, book_id):
            if "statement" in entry:
                number = entry["confirms"] if entry["event_type"] == CONFIRMATION else entry["entry_no"]
                rows[number] = entry["statement"]
            moved[entry["entry_no"]] = _cash(entry)
            quoted[entry["entry_no"]] = entry.get("symbol", "").partition("/")[2]
            yield entry

    with db.connect() as connection:
        known: Corrections = corrections(checking.correcting_entries(connection, book_id))
    results: dict[int, Fraction] = {}

    def booked(entry: Mapping[str, Any], result: Fraction) -> None:
        results[entry["entry_no"]] = result

    replay(currency, entries(), checking.quotes(db, book_id), desk.day, known, booked)
    realised: defaultdict[tuple[date, str], Fraction] = defaultdict(Fraction)
    cash: defaultdict[tuple[date, str], Fraction] = defaultdict(Fraction)
    for number, row in rows.items():
        if number in known.reversed:
            continue
        if result := results.get(number):
            realised[date.fromisoformat(row["session"]), quoted[number]] += result
        for name, amount in moved[number]:
            cash[date.fromisoformat(row["reported"]), name] += amount
    return _Sums(realised, cash)


def _cash(entry: Mapping[str, Any]) -> list[tuple[str, Fraction]]:
    """The cash that an entry moves; a reversal is counted by what it takes back."""
    return [(leg.currency, leg.amount) for leg in kinds.postings(entry) if leg.account == "cash"]


def _stated(said: DeliveredAccount) -> dict[tuple[date, str], Fraction]:
    """Session and currency → Σ gross P&L of the lots that closed."""
    sums: defaultdict[tuple[date, str], Fraction] = defaultdict(Fraction)
    for lot in said.lots:
        if lot.closed_session and lot.gross_pnl:
            sums[lot.closed_session, lot.currency] += Fraction(lot.gross_pnl)
    return sums
