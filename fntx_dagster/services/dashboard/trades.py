"""The round trips of one account: a page of those that match, their sums, all of them as CSV, and one with its
fills."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import timedelta
from tempfile import SpooledTemporaryFile
from typing import IO, NamedTuple

from fntx_dagster.model.period import Period
from fntx_dagster.model.round_trips import ListedTrip, OpenedTrip, TripsAsked, TripTotals
from fntx_dagster.report.spreadsheet import csv_head, csv_lines
from fntx_dagster.store.database import Database
from fntx_dagster.store.marts import trips
from fntx_dagster.store.marts.status import last_days_of
from fntx_dagster.store.marts.summaries import summary

PAGE = 100
"""Round trips of a page."""
_YEAR = timedelta(days=364)
_PIECE = 2000
"""Round trips that an export reads at once."""
_IN_MEMORY, _PIECE_LENGTH = 4_000_000, 64_000
"""Characters of an export that stay in memory, those above it on disk; and of each piece that is sent."""


class TradesShown(NamedTuple):
    """`trips`: a page of them in the order that was asked for; `matching` the sums of all that match; `next` the id
    after which the next page begins, None at the end. `base_currency` is empty where nothing is built."""

    asked: TripsAsked
    trips: Sequence[ListedTrip]
    matching: TripTotals
    next: str | None
    base_currency: str


def usual_period(db: Database, account: str) -> Period | None:
    """The year that ends with the newest built session; None before the first run."""
    last = last_days_of(db, account).built
    return Period(last - _YEAR, last) if last else None


def trades_of(db: Database, account: str, asked: TripsAsked, after: str | None = None) -> TradesShown:
    """Read a page from one snapshot: from the beginning, or what comes after a round trip by its id."""
    with db.snapshot() as snapshot:
        found = trips.listed_trips(snapshot, account, asked, PAGE + 1, after)
        last = last_days_of(snapshot, account).built
        newest = summary(snapshot, Period.on(last), account) if last else []
        return TradesShown(
            asked,
            found[:PAGE],
            trips.trip_totals(snapshot, account, asked),
            found[PAGE - 1].round_trip_id if len(found) > PAGE else None,
            newest[0]["base_currency"] if newest else "",
        )


def trades_csv(db: Database, account: str, asked: TripsAsked) -> Iterator[str]:
    """All that match as CSV with exact decimals, from one snapshot. It is read whole into a file before the first piece
    is handed out: a rebuild changes nothing in it, and no transaction waits for a slow reader."""
    spool = SpooledTemporaryFile(_IN_MEMORY, "w+", encoding="utf-8", newline="")  # noqa: SIM115 - _pieces closes it
    try:
        spool.write(csv_head(trips.EXPORTED))
        after = None
        with db.snapshot() as snapshot:
            while rows := trips.exported_trips(snapshot, account, asked, _PIECE, after):
                spool.write(csv_lines(trips.EXPORTED, rows))
                after = rows[-1][0]
    except BaseException:
        spool.close()
        raise
    spool.seek(0)
    return _pieces(spool)


def _pieces(spool: IO[str]) -> Iterator[str]:
    with spool:
        while piece := spool.read(_PIECE_LENGTH):
            yield piece


def trade_of(db: Database, account: str, round_trip_id: str) -> tuple[OpenedTrip, str] | None:
    """One round trip with its fills, and the base currency; None where the account has none with that id."""
    with db.snapshot() as snapshot:
        found = trips.opened_trip(snapshot, account, round_trip_id)
        if found is None:
            return None
        day = Period.on(found.listed.trading_day)
        summaries = summary(snapshot, day, account)
        return found, summaries[0]["base_currency"] if summaries else ""
