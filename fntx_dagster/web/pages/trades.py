"""`/a/{n}/trades`: round trips, filtered, in an order, page by page; the same as CSV; and one with its fills."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote, urlencode

from starlette.responses import StreamingResponse

from fntx_dagster.model.round_trips import LAST_LOTS, ORDERS, RESULTS, TripFill, TripsAsked
from fntx_dagster.report import money, wording
from fntx_dagster.report.holdings import time_of
from fntx_dagster.report.round_trips import listed_table, summed, totals_table
from fntx_dagster.services.dashboard.trades import trade_of, trades_csv, trades_of, usual_period
from fntx_dagster.web.asking import Answer, Asked, NotFound, Shown
from fntx_dagster.web.words import block_number


def show(asked: Asked) -> Answer:
    """A page of the round trips that the address asks for."""
    wanted = _wanted(asked)
    if wanted is None:
        return Shown("trades.html.j2", "Trades", {"found": None})
    number = asked.account.number
    after = asked.text("after")
    found = trades_of(asked.site.db, asked.account.account_id, wanted, after)
    filters = _filters(wanted)
    values = {
        "found": found,
        "after": after,
        "trips": listed_table(found.trips, found.base_currency, asked.site.observer),
        "addresses": [trip_address(number, each.round_trip_id) for each in found.trips],
        "sums": totals_table(summed(found.trips), found.matching, found.base_currency),
        "endings": LAST_LOTS,
        "results": RESULTS,
        "orders": ORDERS,
        "first_page": f"/a/{number}/trades?{urlencode(filters)}",
        "next_page": f"/a/{number}/trades?{urlencode({**filters, 'after': found.next})}" if found.next else "",
        "csv": f"/a/{number}/trades.csv?{urlencode(filters)}",
    }
    return Shown("trades.html.j2", "Trades", values)


def download(asked: Asked) -> Answer:
    """All round trips that the address asks for, as CSV."""
    wanted = _wanted(asked)
    if wanted is None:
        raise NotFound
    name = f"trades-{asked.account.number}-{wanted.period.first}-{wanted.period.last}.csv"
    return StreamingResponse(
        trades_csv(asked.site.db, asked.account.account_id, wanted),
        media_type="text/csv; charset=utf-8",
        headers={"Content-Disposition": f'attachment; filename="{name}"', "Cache-Control": "no-store"},
    )


def show_one(asked: Asked) -> Answer:
    """The round trip that the address names, with its fills."""
    found = trade_of(asked.site.db, asked.account.account_id, asked.part("key"))
    if found is None:
        raise NotFound
    opened, base_currency = found
    trips = listed_table([opened.listed], base_currency, asked.site.observer)
    values = {
        "listed": opened.listed,
        "trip": list(zip(trips.headers, trips.rows[0], strict=True))[1:],
        "fills": [_fill(each, asked) for each in opened.fills],
        "base_currency": base_currency,
    }
    return Shown("trade.html.j2", trips.rows[0][0], values)


def trip_address(number: int, round_trip_id: str) -> str:
    """Where a round trip is shown."""
    return f"/a/{number}/trades/{quote(round_trip_id, safe='')}"


def _wanted(asked: Asked) -> TripsAsked | None:
    """What the query asks for; None where nothing is built."""
    usual = usual_period(asked.site.db, asked.account.account_id)
    if usual is None:
        return None
    return TripsAsked(
        asked.period(usual),
        (asked.text("underlying") or "").strip(),
        asked.word("ended", ("", *LAST_LOTS)),
        asked.word("result", ("", *RESULTS)),
        asked.word("order", ORDERS),
    )


def _filters(wanted: TripsAsked) -> dict[str, str]:
    filters = {"from": f"{wanted.period.first}", "to": f"{wanted.period.last}"}
    named = {name: getattr(wanted, name) for name in ("underlying", "ended", "result")}
    return filters | {name: value for name, value in named.items() if value} | {"order": wanted.order}


def _fill(fill: TripFill, asked: Asked) -> dict[str, Any]:
    event, observer = fill.event, asked.site.observer
    if event is None or fill.trading_day is None:
        return {"id": fill.fill_id, "event": None}
    account = f"/a/{asked.account.number}"
    number = block_number(fill.block_id or "")
    return {
        "id": fill.fill_id,
        "event": event,
        "name": wording.contract_name(event.contract, fill.trading_day) if event.contract else event.description,
        "at": time_of(event.at, observer),
        "quantity": "" if event.quantity is None else money.quantity(event.quantity),
        "price": "" if event.price is None else f"{money.price(event.price)} {event.currency}",
        "day": fill.trading_day,
        "block": f"{account}/day/{fill.trading_day}#block-{number}",
        "source": f"{account}/day/{fill.trading_day}/fills#block-{number}",
    }
