"""What the broker delivers of its books: a user's Flex query over a window of days, as it stood on an evening.

A query names its sections, as users define them: all in one query, or one query per section. A document goes out
statement by statement, so that its size costs no memory. What happens is in `trading`, the books are in `account`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from pathlib import Path

from fntx_dagster.model.period import Period
from fntx_dagster.model.session import NEW_YORK
from fntx_dagster.simulate.account import EVERY_SECTION, Account
from fntx_dagster.simulate.day import SimulatedDay
from fntx_dagster.simulate.documents import TAIL, document, head, stamp, write


@dataclass(frozen=True)
class FlexQuery:
    """A query as a user defines it; without `by_day` one statement covers the whole window."""

    name: str
    sections: tuple[str, ...] = EVERY_SECTION
    by_day: bool = True


ACTIVITY = "100000"
TRADES = "100001"
NAV = "100002"
EXERCISES = "100003"
CASH = "100004"
ACCRUALS = "100005"
POSITIONS = "100006"
ACTIONS = "100007"
TRANSFERS = "100008"
RATES = "100009"

QUERIES: Mapping[str, FlexQuery] = {
    ACTIVITY: FlexQuery("Activity"),
    TRADES: FlexQuery("Trades", ("Trades",)),
    NAV: FlexQuery("NAV", ("EquitySummaryInBase", "CashReport", "ChangeInNAV")),
    EXERCISES: FlexQuery("Exercises and Expiries", ("OptionEAE",)),
    CASH: FlexQuery("Cash Transactions", ("CashTransactions", "ChangeInDividendAccruals")),
    ACCRUALS: FlexQuery("Interest Accruals", ("InterestAccruals", "TierInterestDetails")),
    POSITIONS: FlexQuery("Open Positions", ("OpenPositions",)),
    ACTIONS: FlexQuery("Corporate Actions", ("CorporateActions",)),
    TRANSFERS: FlexQuery("Transfers", ("Transfers",)),
    RATES: FlexQuery("Rates", ("ConversionRates", "MTMPerformanceSummaryInBase")),
}
"""By id: everything in one, and one query per section."""

ONE_PER_SECTION = (TRADES, NAV, EXERCISES, CASH, ACCRUALS, POSITIONS, ACTIONS, TRANSFERS, RATES)


def delivered(
    accounts: Sequence[Account], query: FlexQuery, first: date, last: date, *, as_of: date
) -> Iterator[bytes] | None:
    """One document in UTF-8, in pieces: the days from `first` to `last` that had ended by the evening of `as_of`.

    Generated at five the next morning, New York time, with the corrections known by then; the same arguments give the
    same bytes. None where the window holds no day. The accounts' days must all have happened.
    """
    books = [account.as_of(as_of) for account in accounts]
    periods = [(account, days) for account in books for days in _periods(account, query, first, min(last, as_of))]
    return _document(periods, query, as_of) if periods else None


def month_to_date(as_of: date) -> Period:
    """The window of a request that names none."""
    return Period(as_of.replace(day=1), as_of)


def answers(
    customers: Mapping[str, Sequence[Account]],
    evening: Callable[[], date],
    queries: Mapping[str, FlexQuery] = QUERIES,
) -> Callable[[str, str, date | None, date | None], Iterable[bytes] | None]:
    """What a web service answers: (token, query id, first, last) → document, or None where there are no data.

    `customers` are the accounts behind each token; `evening` returns the day that ended last, and is called at every
    request.
    """

    def statements(token: str, query_id: str, first: date | None, last: date | None) -> Iterable[bytes] | None:
        if token not in customers or query_id not in queries:
            return None
        as_of = evening()
        from_month, to_month = month_to_date(as_of)
        return delivered(customers[token], queries[query_id], first or from_month, last or to_month, as_of=as_of)

    return statements


def write_document(path: Path, pieces: Iterable[bytes]) -> Path:
    """Write a delivered document to a file."""
    with path.open("wb") as file:
        file.writelines(pieces)
    return path


def deliver(folder: Path, name: str, *accounts: Account, generated: str = "20260105;050000 EST") -> Path:
    """Write one file, `name`.xml, with every statement of the accounts."""
    statements = [text for account in accounts for text in account.statements(generated)]
    return write(folder / f"{name}.xml", document(*statements))


def _periods(account: Account, query: FlexQuery, first: date, last: date) -> list[list[SimulatedDay]]:
    days = [day for day in account.days if first <= day.date <= last]
    return [[day] for day in days] if query.by_day else [days] if days else []


def _document(periods: Sequence[tuple[Account, list[SimulatedDay]]], query: FlexQuery, as_of: date) -> Iterator[bytes]:
    generated = stamp(datetime.combine(as_of + timedelta(days=1), time(5), tzinfo=NEW_YORK))
    yield f"{head(len(periods), query.name)}\n".encode()
    for account, days in periods:
        yield f"{account.statement(days, generated, query.sections)}\n".encode()
    yield f"{TAIL}\n".encode()
