"""What an account traded in a report's range, as a table.

What belongs here: headers and rows of display strings. Gross P&L and fees are in the currency of the contract, what was
realised after fees is in base currency.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from decimal import Decimal
from zoneinfo import ZoneInfo

from fntx_dagster.model.day import AnyDay, OpenPosition
from fntx_dagster.model.round_trips import ListedTrip, RoundTrip, RoundTrips, TripTotals
from fntx_dagster.report import money, wording
from fntx_dagster.report.holdings import NONE, UNKNOWN, head_of, in_order, opening, time_of
from fntx_dagster.report.tables import Table

MOST_TRADES = 250
"""So many round trips a report lists, those that made or lost most."""


def trades_table(trades: RoundTrips, day: AnyDay, observer: ZoneInfo) -> Table:
    """The round trips that ended in a range, in the order in which they ended, and below them what is still open at the
    close of `day`, the last: the same positions as in `positions_table`."""
    realised = f"Realised, after fees ({day.base_currency})"
    footnote = "A round trip is a position from zero back to zero. Fees are the commissions of all its fills."
    if trades.ended > len(trades.trips):
        listed = f"{len(trades.trips):,} of {trades.ended:,}, those that made or lost most; the total is of all."
        footnote = f"{listed} {footnote}"
    if trades.unknown:
        whose = f"The result of {trades.unknown:,} of them is unknown, because no statement says what the opening cost"
        footnote = f"{footnote} {whose}; the total is of the others."
    return Table(
        ("Trade", "Opened", "Closed", "Ended", "Quantity", "Gross P&L", "Fees", realised),
        (
            *(_trip(trip, observer) for trip in trades.trips),
            *(_open(position, observer) for position in in_order(day.open_at_close)),
        ),
        totals=("Total realised", *[""] * 6, money.display(trades.net_pnl, signed=True)) if trades.ended else (),
        footnote=footnote,
        title="Trades",
        words=4,
        results=("Gross P&L", realised),
    )


def listed_table(trips: Sequence[ListedTrip], base_currency: str, observer: ZoneInfo) -> Table:
    """Round trips in the order in which they come, with the session that each counts in."""
    realised = f"Realised, after fees ({base_currency})"
    return Table(
        ("Trade", "Session", "Opened", "Closed", "Ended", "Quantity", "Gross P&L", "Fees", realised),
        tuple(_listed(each, observer) for each in trips),
        title="Round Trips",
        words=5,
        results=("Gross P&L", realised),
    )


def totals_table(shown: TripTotals, matching: TripTotals, base_currency: str) -> Table:
    """What a page shows of round trips, and all that match, in sums."""
    net = f"Realised, after fees ({base_currency})"
    return Table(
        ("Sum of", "Round trips", "Won", "Lost", "Unknown", f"Fees ({base_currency})", net),
        tuple(
            (
                name,
                *(f"{count:,}" for count in (sums.number, sums.won, sums.lost, sums.unknown)),
                money.display(sums.fees, signed=True),
                money.display(sums.net_pnl, signed=True),
            )
            for name, sums in (("those shown", shown), ("all that match", matching))
        ),
        title="Sums",
        results=(net,),
    )


def summed(trips: Sequence[ListedTrip]) -> TripTotals:
    """The sums of some round trips."""
    known = [each.trip.net_pnl for each in trips if each.trip.net_pnl is not None]
    return TripTotals(
        len(trips),
        sum(net > 0 for net in known),
        sum(net < 0 for net in known),
        len(trips) - len(known),
        sum((each.fees_in_base for each in trips), Decimal(0)),
        sum(known, Decimal(0)),
    )


def _listed(each: ListedTrip, observer: ZoneInfo) -> tuple[str, ...]:
    name, *others = _trip(each.trip, observer)
    return name, each.trading_day.isoformat(), *others


def _trip(trip: RoundTrip, observer: ZoneInfo) -> tuple[str, ...]:
    return (
        wording.contract_name(trip.contract, date.min),
        opening(trip.opened_at, trip.opened_before, observer),
        time_of(trip.closed_at, observer),
        trip.how_ended.replace("_", " "),
        money.quantity(trip.quantity),
        UNKNOWN if trip.gross_pnl is None else f"{money.display(trip.gross_pnl, signed=True)} {trip.currency}",
        f"{money.display(trip.fees, signed=True)} {trip.currency}",
        UNKNOWN if trip.net_pnl is None else money.display(trip.net_pnl, signed=True),
    )


def _open(position: OpenPosition, observer: ZoneInfo) -> tuple[str, ...]:
    name, opened, outcome, quantity = head_of(position, observer)
    ended = NONE if position.ended_at is None else time_of(position.ended_at, observer)
    return (name, opened, ended, outcome, quantity, NONE, NONE, NONE)
