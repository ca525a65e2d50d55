"""How fast the dashboard's pages are, and how heavy: `python bench/pages.py`.

A month of some 20 orders a session is simulated, loaded and built, and laid before itself to a year, and in another
home to ten years (`history.py`). Each page of the account is asked of both, and by a headless chromium of the second,
where there is one: its first contentful paint, and its bytes on the wire with an empty cache. A figure is the median of
nine.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from statistics import median

import history
import requests
from measuring import Measurement, alone, home, shown, timed

from fntx_dagster.api.app import make_app
from fntx_dagster.api.serving import served
from fntx_dagster.report.clock import HONG_KONG
from fntx_dagster.services.orders.desk import desk_of
from fntx_dagster.services.visitors.signing_in import link_of_machine
from fntx_dagster.store.opening import open_database
from fntx_dagster.web.app import PAGES, make_site
from fntx_dagster.web.asking import Site
from tests.tools import CHROMIUM
from tests.verify.browser import browser
from tests.web.looking import first_paint, look, weight

ORDERS_PER_DAY, A_YEAR, TEN_YEARS, RUNS = 20, 12, 120, 9
_ALSO = (
    "round_trips",
    "trading_sessions",
    "official_days",
    "closing_days",
    "day_rates",
    "daily_verification",
    "all_in_trades",
)
"""What pages read beside the tables of a report."""
_NAMED = {"{n:int}": "1", "{date}": f"{history.DAY}"}


def measure() -> list[Measurement]:
    paths = list(_paths())
    with _served_after(A_YEAR) as (address, session):
        year = {path: _seconds(session, address + path) for path in paths}
    with _served_after(TEN_YEARS) as (address, session):
        years = {path: _seconds(session, address + path) for path in paths}
        rows = [_row(path, years[path], year[path]) for path in paths]
        return rows + (_painted(address, session, paths) if CHROMIUM else [])


def _paths() -> Iterator[str]:
    """The pages that are named by an account's number and a day alone."""
    for page in PAGES:
        path = page.path
        for name, value in _NAMED.items():
            path = path.replace(name, value)
        if not {"{", "."} & {*path} and "GET" in page.methods:
            yield path


@contextmanager
def _served_after(copies: int) -> Iterator[tuple[str, requests.Session]]:
    """The dashboard of a home with so many further months, and a visitor who is signed in."""
    with home() as settings:
        alone(history.__file__, ORDERS_PER_DAY, settings=settings)
        db = open_database(settings)
        history.lengthen(db, -copies, 0, (*history.TABLES, *_ALSO))
        site = make_site(Site(settings, db, HONG_KONG), make_app(desk_of(settings, db), settings))
        with served(site) as address, requests.Session() as session:
            form, own = {"code": link_of_machine(db)}, {"Sec-Fetch-Site": "same-origin"}
            session.post(f"{address}/enter", form, headers=own, allow_redirects=False, timeout=60).raise_for_status()
            yield address, session


def _seconds(session: requests.Session, url: str) -> float:
    session.get(url, timeout=60).raise_for_status()
    return median(timed(lambda: session.get(url, timeout=60)) for _ in range(RUNS))


def _row(path: str, after: float, before: float) -> Measurement:
    what = f"page {path} after ten years"
    return Measurement(
        what, f"{after * 1000:.0f} ms", f"after one {before * 1000:.0f} ms", f"{after / before:.2f}", "1.2 at most"
    )


def _painted(address: str, session: requests.Session, paths: list[str]) -> list[Measurement]:
    rows = []
    with browser() as page:
        page.send("Network.setCacheDisabled", cacheDisabled=True)
        page.send("Network.setCookie", name="fntx", value=session.cookies["fntx"], url=address)
        for path in paths:
            paints = []
            for _ in range(RUNS):
                look(page, address + path)
                paints.append(first_paint(page))
            rows.append(Measurement(f"first paint of {path}", f"{median(paints) * 1000:.0f} ms", "", "", "300 ms"))
            rows.append(Measurement(f"weight of {path}", f"{weight(page) / 1000:.0f} kB", "", "", "200 kB"))
    return rows


if __name__ == "__main__":
    shown(measure())
