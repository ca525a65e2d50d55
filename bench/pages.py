"""How fast the dashboard's pages are, and how heavy: `python bench/pages.py`.

A month of some 20 orders a session is simulated, loaded and built, and laid before itself to a year, and in another
home to ten years (`history.py`). Each page of the account is asked of both in turns, and by a headless chromium of the
second, where there is one: its first contentful paint, and its bytes on the wire with an empty cache. Times are medians
of 21, paints of nine.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from statistics import median
from typing import NamedTuple

import history
import requests
from measuring import Measurement, alone, home, shown, timed

from fntx_dagster.api.app import make_app
from fntx_dagster.api.serving import served
from fntx_dagster.report.clock import HONG_KONG
from fntx_dagster.services.orders.desk import desk_of
from fntx_dagster.services.visitors.signing_in import link_of_machine
from fntx_dagster.store.database import Database
from fntx_dagster.store.opening import open_database
from fntx_dagster.store.queries import one_value
from fntx_dagster.web.app import PAGES, make_site
from fntx_dagster.web.asking import Site
from tests.tools import CHROMIUM
from tests.verify.browser import browser
from tests.web.looking import first_paint, look, weight

ORDERS_PER_DAY, A_YEAR, TEN_YEARS, RUNS, PAINTS = 20, 12, 120, 21, 9
_ALSO = (
    "round_trips",
    "trading_sessions",
    "official_days",
    "closing_days",
    "day_rates",
    "daily_verification",
    "all_in_trades",
    *(
        f"raw_flex.{table}"
        for table in (
            "statements",
            "coverage",
            "change_in_nav",
            "equity_summary",
            "open_positions",
            "interest_accruals",
            "conversion_rates",
            "cash_report",
            "trades",
            "cash_transactions",
        )
    ),
)
"""What pages read beside the tables of a report."""
_NAMED = {"{n:int}": "1", "{date}": f"{history.DAY}"}
_FEW_DAYS = "from=2025-07-14&to=2025-07-18"
_CHOSEN = (
    f"/a/1/period?{_FEW_DAYS}",
    "/a/1/performance?window=mtd",
    "/a/1/strategies?window=1y",
    "/a/1/trades?from=2025-07-01&to=2025-07-31&order=best",
    "/a/1/trades.csv?from=2025-07-01&to=2025-07-31",
    f"/a/1/tables/fills.csv?{_FEW_DAYS}",
    f"/a/1/report.json?{_FEW_DAYS}",
)
"""Pages and files of a choice that a history does not lengthen."""


class _Dashboard(NamedTuple):
    """One that is served, its database, and a visitor who is signed in."""

    db: Database
    address: str
    visitor: requests.Session


def measure() -> list[Measurement]:
    with _served_after(A_YEAR) as year, _served_after(TEN_YEARS) as years:
        paths = [*_paths(), *_opened(year.db), *_CHOSEN]
        rows = [_row(path, *_seconds(path, years, year)) for path in paths]
        return rows + (_painted(years, [*_paths()]) if CHROMIUM else [])


def _paths() -> Iterator[str]:
    """The pages that are named by an account's number and a day alone."""
    for page in PAGES:
        path = page.path
        for name, value in _NAMED.items():
            path = path.replace(name, value)
        if not {"{", "."} & {*path} and "GET" in page.methods:
            yield path


def _opened(db: Database) -> Iterator[str]:
    """A round trip that ended on the day, and a row of it as delivered."""
    with db.connect() as connection:
        yield "/a/1/trades/" + one_value(
            connection.execute(
                "select min(round_trip_id) from alm_reporting.round_trips where trading_day = %s", (history.DAY,)
            )
        )
        row = one_value(
            connection.execute("select min(row_id) from raw_flex.trades where row_date = %s", (history.DAY,))
        )
        yield f"/a/1/raw/trades/{row}"


@contextmanager
def _served_after(copies: int) -> Iterator[_Dashboard]:
    """That of a home with so many further months."""
    with home() as settings:
        alone(history.__file__, ORDERS_PER_DAY, settings=settings)
        db = open_database(settings)
        history.lengthen(db, -copies, 0, (*history.TABLES, *_ALSO))
        site = make_site(Site(settings, db, HONG_KONG), make_app(desk_of(settings, db), settings))
        with served(site) as address, requests.Session() as session:
            form, own = {"code": link_of_machine(db)}, {"Sec-Fetch-Site": "same-origin"}
            session.post(f"{address}/enter", form, headers=own, allow_redirects=False, timeout=60).raise_for_status()
            yield _Dashboard(db, address, session)


def _seconds(path: str, *dashboards: _Dashboard) -> list[float]:
    """The median of each dashboard, asked in turns: what else the machine does meets all alike."""

    def ask(dashboard: _Dashboard) -> None:
        dashboard.visitor.get(dashboard.address + path, timeout=60).raise_for_status()

    for each in dashboards:
        ask(each)
    turns = [[timed(partial(ask, each)) for each in dashboards] for _ in range(RUNS)]
    return [median(times) for times in zip(*turns, strict=True)]


def _row(path: str, after: float, before: float) -> Measurement:
    what = f"page {path} after ten years"
    return Measurement(
        what, f"{after * 1000:.0f} ms", f"after one {before * 1000:.0f} ms", f"{after / before:.2f}", "1.2 at most"
    )


def _painted(dashboard: _Dashboard, paths: list[str]) -> list[Measurement]:
    rows = []
    with browser() as page:
        page.send("Network.setCacheDisabled", cacheDisabled=True)
        page.send("Network.setCookie", name="fntx", value=dashboard.visitor.cookies["fntx"], url=dashboard.address)
        for path in paths:
            paints = []
            for _ in range(PAINTS):
                look(page, dashboard.address + path)
                paints.append(first_paint(page))
            rows.append(Measurement(f"first paint of {path}", f"{median(paints) * 1000:.0f} ms", "", "", "300 ms"))
            rows.append(Measurement(f"weight of {path}", f"{weight(page) / 1000:.0f} kB", "", "", "200 kB"))
    return rows


if __name__ == "__main__":
    shown(measure())
