"""Every route of the site for every role, by real sessions over HTTP, against the table below.

A route that the table does not name fails. Each cell is the status of an answer; what a role may not see is 404, as
what does not exist, and who is not signed in is led to the door.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import requests
from starlette.applications import Starlette

from fntx_dagster.api.app import make_app
from fntx_dagster.api.serving import served
from fntx_dagster.report.clock import HONG_KONG
from fntx_dagster.services.database import open_database
from fntx_dagster.services.orders.desk import desk_of
from fntx_dagster.services.visitors import signing_in, users
from fntx_dagster.services.visitors.signing_in import From
from fntx_dagster.services.visitors.visitor import ROLES
from fntx_dagster.store.queries import own_sql
from fntx_dagster.web.app import make_site
from fntx_dagster.web.asking import Site
from fntx_dagster.web.rendering import static_path
from tests import homes
from tests.web.conftest import settings_of
from tests.web.doors.conftest import Browser, House

DEMO, ORDERS, SIGNALS, TREASURY = "demo", "orders", "signals", "treasury"
ACCOUNT = "U1000001"
NOBODY = "nobody"
WHO = (*ROLES, NOBODY)
"""Owner, trader, fund, auditor, source, and who is not signed in: the order of the statuses of a row."""
PEOPLE = {
    DEMO: {"owner": "olga", "trader": "ada", "fund": "fern", "auditor": "anna", "source": "sol"},
    ORDERS: {"owner": "olga", "trader": "ada", "fund": "fern", "auditor": "anna", "source": "sol"},
    SIGNALS: {"owner": "olga", "trader": "user-003", "fund": "fern", "auditor": "anna", "source": "provider"},
    TREASURY: {"owner": "olga", "trader": "ada", "fund": "fern", "auditor": "anna", "source": "sol"},
}
"""In the home of orders ada has the books, in that of signals user-003 has a share of what the source provides."""
GRANTED = ("trader", "fund", "source")
STRANGER = "bob"
"""A trader to whom nothing was granted."""


class Row(NamedTuple):
    """A route: where it is asked, and the statuses for each of `WHO` to GET and POST; `form`: what is posted."""

    route: str
    home: str
    address: str
    get: str
    post: str
    form: dict[str, str] = {}  # noqa: RUF012 - never changed


ALL_IN, NONE_POST = "200 200 200 200 200 door", "405 405 405 405 405 405"
READ = "200 404 404 200 404 door"
"""What an owner and an auditor see."""
UNPUBLISHED = f"/t/0x{1:040x}"
"""The page of a trader who publishes nothing."""
SHOWN = "?from=2025-07-14&to=2025-07-18&metric=net_pnl"
LINK = {"action": "link", "lasts": "7"}
"""With the plan that the page shows, once it has been asked."""

TABLE = (
    Row("/", DEMO, "/", ALL_IN, NONE_POST),
    Row("/a/{n:int}", DEMO, "/a/1", ALL_IN, NONE_POST),
    Row("/a/{n:int}/today", DEMO, "/a/1/today", ALL_IN, NONE_POST),
    Row("/a/{n:int}/day", DEMO, "/a/1/day", "303 303 303 303 303 door", NONE_POST),
    Row("/a/{n:int}/day/{date}", DEMO, "/a/1/day/2025-07-17", ALL_IN, NONE_POST),
    Row("/a/{n:int}/day/{date}/fills", DEMO, "/a/1/day/2025-07-17/fills", ALL_IN, NONE_POST),
    Row("/a/{n:int}/raw/{table}/{row}", DEMO, "/a/1/raw/trades/4", ALL_IN, NONE_POST),
    Row("/a/{n:int}/period", DEMO, "/a/1/period", ALL_IN, NONE_POST),
    Row("/a/{n:int}/report.{form}", DEMO, "/a/1/report.md", ALL_IN, NONE_POST),
    Row("/a/{n:int}/tables/{table}.csv", DEMO, "/a/1/tables/events.csv", ALL_IN, NONE_POST),
    Row("/a/{n:int}/performance", DEMO, "/a/1/performance", ALL_IN, NONE_POST),
    Row("/a/{n:int}/strategies", DEMO, "/a/1/strategies", ALL_IN, NONE_POST),
    Row("/a/{n:int}/positions", DEMO, "/a/1/positions", ALL_IN, NONE_POST),
    Row("/a/{n:int}/positions/{date}", DEMO, "/a/1/positions/2025-07-17", ALL_IN, NONE_POST),
    Row("/a/{n:int}/trades", DEMO, "/a/1/trades", ALL_IN, NONE_POST),
    Row("/a/{n:int}/trades.csv", DEMO, "/a/1/trades.csv", ALL_IN, NONE_POST),
    Row("/a/{n:int}/trades/{key:path}", DEMO, "/a/1/trades/3940000364", ALL_IN, NONE_POST),
    Row("/a/{n:int}/verification", DEMO, "/a/1/verification", ALL_IN, NONE_POST),
    Row(
        "/a/{n:int}/disclose",
        DEMO,
        f"/a/1/disclose{SHOWN}",
        "200 200 404 404 404 door",
        "200 200 404 404 404 401",
        LINK,
    ),
    Row("/a/{n:int}/shares", DEMO, "/a/1/shares", "200 200 404 404 404 door", "400 400 404 404 404 401"),
    Row("/orders", ORDERS, "/orders", ALL_IN, NONE_POST),
    Row("/orders/{order}", ORDERS, "/orders/{order}", "200 200 404 200 404 door", NONE_POST),
    Row("/ledger", ORDERS, "/ledger", ALL_IN, NONE_POST),
    Row(
        "/ledger/{user:path}/{book}/statement/{date}",
        ORDERS,
        "/ledger/ada/paper/statement/2026-03-02",
        "200 200 404 200 404 door",
        "404 404 404 404 404 401",  # posted, it is the book of a day: there is none
    ),
    Row(
        "/ledger/{user:path}/{book}", ORDERS, "/ledger/ada/paper", "200 200 404 200 404 door", "303 303 404 303 404 401"
    ),
    Row("/gates/{user:path}/{book}", ORDERS, "/gates/ada/live", "200 200 404 200 404 door", "400 400 404 404 404 401"),
    Row("/signals", SIGNALS, "/signals", ALL_IN, NONE_POST),
    Row("/signals/{execution:int}", SIGNALS, "/signals/2", "200 200 404 200 200 door", NONE_POST),
    Row(
        "/signals/{execution:int}/proof",
        SIGNALS,
        "/signals/2/proof?user=user-003",
        "200 200 404 200 200 door",
        NONE_POST,
    ),
    Row("/reports/{name}", DEMO, "/reports/2025-07-01_2025-07-18.html", READ, NONE_POST),
    Row("/treasury", TREASURY, "/treasury", READ, NONE_POST),
    Row("/treasury/queue", TREASURY, "/treasury/queue", READ, NONE_POST),
    Row("/treasury/escrows", TREASURY, "/treasury/escrows", READ, NONE_POST),
    Row("/treasury/escrows/{escrow}", TREASURY, "{escrow}", READ, NONE_POST),
    Row("/treasury/desk", TREASURY, "/treasury/desk", READ, "400 404 404 404 404 401"),
    Row("/treasury/desk/{strategy}", TREASURY, "{strategy}", READ, "400 404 404 404 404 401"),
    Row("/treasury/signers", TREASURY, "/treasury/signers", READ, "400 404 404 404 404 401"),
    Row("/treasury/states", TREASURY, "/treasury/states", READ, NONE_POST),
    Row("/treasury/bonds", TREASURY, "/treasury/bonds", READ, NONE_POST),
    Row("/treasury/bonds/{bond}", TREASURY, "/treasury/bonds/BOND-2026-1", READ, NONE_POST),
    Row(
        "/treasury/bonds/{bond}/{kind}.{form}",
        TREASURY,
        "/treasury/bonds/BOND-2026-1/trustee_report.html",
        READ,
        NONE_POST,
    ),
    Row(
        "/treasury/bonds/{bond}/distributions/{number:int}",
        TREASURY,
        "/treasury/bonds/BOND-2026-1/distributions/1",
        READ,
        NONE_POST,
    ),
    Row("/treasury/proposals/{proposal}", TREASURY, "{proposal}", READ, "400 404 404 404 404 401"),
    Row(
        "/treasury/proposals/{proposal}/signing.json",
        TREASURY,
        "{proposal}/signing.json",
        "409 404 404 409 404 door",  # it waits for decisions yet
        NONE_POST,
    ),
    Row("/treasury/proposals/{proposal}/{decision}.bin", TREASURY, "{proposal}/approve.bin", READ, NONE_POST),
    Row("/screening", TREASURY, "/screening", READ, NONE_POST),
    Row("/screening/{check:int}", TREASURY, "/screening/1", READ, "400 404 404 404 404 401"),
    Row("/audit", TREASURY, "/audit", READ, "400 404 404 404 404 401"),
    Row("/audit/events/{seq:int}", TREASURY, "/audit/events/0", READ, NONE_POST),
    Row("/audit/events/{seq:int}/proof.json", TREASURY, "/audit/events/0/proof.json", READ, NONE_POST),
    Row("/reconciliation", TREASURY, "/reconciliation", READ, NONE_POST),
    Row("/reconciliation/{number:int}", TREASURY, "/reconciliation/1", READ, NONE_POST),
    Row("/reconciliation/{number:int}/report.json", TREASURY, "/reconciliation/1/report.json", READ, NONE_POST),
    Row("/alerts", ORDERS, "/alerts", "200 404 404 200 404 door", "400 404 404 404 404 401"),
    Row("/system", DEMO, "/system", "200 404 404 200 404 door", "303 404 404 404 404 401"),
    Row("/system/visitors", DEMO, "/system/visitors", "200 404 404 200 404 door", NONE_POST),
    Row("/account", DEMO, "/account", ALL_IN, "400 400 400 400 400 401"),
    Row("/account/passkey", DEMO, "/account/passkey", "405 405 405 405 405 405", "200 200 200 200 200 401"),
    Row("/enter", DEMO, "/enter", "200 200 200 200 200 200", "403 403 403 403 403 403", {"code": "x"}),
    Row("/signin", DEMO, "/signin", "200 200 200 200 200 200", "403 403 403 403 403 403"),
    Row("/signin/passkey", DEMO, "/signin/passkey", "405 405 405 405 405 405", "200 200 200 200 200 200"),
    Row("/static/{digest}/{name:path}", DEMO, "{static}", "200 200 200 200 200 200", NONE_POST),
    Row("/live", DEMO, "/live", "404 404 404 404 404 404", "404 404 404 404 404 404"),  # a socket: tests of its own
    Row("/v", DEMO, "/v", "200 200 200 200 200 200", NONE_POST),
    Row("/s/{token}", DEMO, "{link}", "200 200 200 200 200 200", NONE_POST),
    Row("/s/{token}/series", DEMO, "{link}/series", "200 200 200 200 200 200", NONE_POST),
    Row("/s/{token}/series.json", DEMO, "{link}/series.json", "200 200 200 200 200 200", NONE_POST),
    Row("/t/{trader}", DEMO, UNPUBLISHED, "404 404 404 404 404 404", NONE_POST),
    Row("/t/{trader}/{link:int}", DEMO, f"{UNPUBLISHED}/1", "404 404 404 404 404 404", NONE_POST),
    Row("/t/{trader}/{link:int}/series", DEMO, f"{UNPUBLISHED}/1/series", "404 404 404 404 404 404", NONE_POST),
    Row(
        "/t/{trader}/{link:int}/series.json", DEMO, f"{UNPUBLISHED}/1/series.json", "404 404 404 404 404 404", NONE_POST
    ),
    Row("/badge/{token}", DEMO, "{badge}", "200 200 200 200 200 200", NONE_POST),
    Row("/chain", DEMO, "/chain", "405 405 405 405 405 405", "200 200 200 200 200 200"),
    Row("/healthz", DEMO, "/healthz", "200 200 200 200 200 200", NONE_POST),
    Row("/readyz", DEMO, "/readyz", "200 200 200 200 200 200", NONE_POST),
    Row("/signout", DEMO, "/signout", "405 405 405 405 405 405", "door door door door door door"),
)


class People:
    """A served home, and each role's browser with a session of its own."""

    def __init__(self, house: House, names: dict[str, str]) -> None:
        self.house, self.names = house, names
        self.places: dict[str, str] = {"static": static_path("site.css")}

    def browser(self, role: str) -> Browser:
        """A browser that has just signed in as the user of this role."""
        browser = self.house.browser()
        if role != NOBODY:
            secret = signing_in.link_of_user(self.house.db, self.names[role])
            cookie = signing_in.by_link(self.house.db, secret, From("127.0.0.1"), of_machine=False)
            browser.session.headers["Cookie"] = f"fntx={cookie}"
        return browser

    def asked(self, role: str, row: Row, method: str) -> requests.Response:
        with self.house.db.connect() as connection:
            connection.execute("delete from visitors.attempts")
        address, browser = row.address.format_map(self.places), self.browser(role)
        return browser.get(address) if method == "GET" else browser.post(address, row.form)


@pytest.fixture(scope="module")
def people(demo_home: Path, orders_home: Path, signals_home: Path, treasury_home: Path) -> Iterator[dict[str, People]]:
    """The four homes, each with a user of every role and one to whom nothing was granted."""
    with ExitStack() as stack:
        left = {DEMO: demo_home, ORDERS: orders_home, SIGNALS: signals_home, TREASURY: treasury_home}
        found = {name: stack.enter_context(_people(name, home)) for name, home in left.items()}
        [order] = _rows(found[ORDERS].house, "select order_id::text from ledger.orders order by created_at limit 1")
        found[ORDERS].places["order"] = order[0]
        proposals = _rows(
            found[TREASURY].house, "select proposal_id::text from treasury.proposal where state = 'pending_approval'"
        )
        [kept_one] = _rows(found[TREASURY].house, "select escrow_id::text from treasury.escrow")
        found[TREASURY].places["escrow"] = f"/treasury/escrows/{kept_one[0]}"
        [started] = _rows(found[TREASURY].house, "select strategy_id::text from treasury.strategy")
        found[TREASURY].places["strategy"] = f"/treasury/desk/{started[0]}"
        found[TREASURY].places["proposal"] = f"/treasury/proposals/{proposals[0][0]}"
        owner = found[DEMO].browser("owner")
        LINK["plan"] = owner.get(f"/a/1/disclose{SHOWN}").text.partition('name="plan" value="')[2].partition('"')[0]
        made = owner.post(f"/a/1/disclose{SHOWN}", LINK)
        token = made.text.partition('href="/s/')[2].partition('"')[0]
        found[DEMO].places |= {"link": f"/s/{token}", "badge": f"/badge/{token}"}
        yield found


@contextmanager
def _people(name: str, left: Path) -> Iterator[People]:
    with homes.home(left) as path:
        settings = settings_of(path)
        db = open_database(settings)
        try:
            for role, user in PEOPLE[name].items():
                granted = [ACCOUNT] if name == DEMO and role in GRANTED else []
                users.add_user(db, user, role, granted)
            users.add_user(db, STRANGER, "trader")
            site = Site(settings, db, HONG_KONG)
            with served(make_site(site, make_app(desk_of(settings, db), settings))) as url:
                yield People(House(site, url), PEOPLE[name] | {STRANGER: STRANGER})
        finally:
            db.close()


def _rows(house: House, query: str) -> list[tuple[Any, ...]]:
    with house.db.connect() as connection:
        return connection.execute(own_sql(query)).fetchall()


def routes_of(app: object, seen: set[int] | None = None) -> set[str]:
    """The path of every route of the applications that an application is made of, but the API's."""
    seen = set() if seen is None else seen
    if id(app) in seen or not type(app).__module__.startswith(("fntx_dagster.", "starlette.applications")):
        return set()
    seen.add(id(app))
    if isinstance(app, Starlette):
        return {route.path for route in app.routes}  # pyright: ignore[reportAttributeAccessIssue]
    return set().union(*(routes_of(each, seen) for each in getattr(app, "__dict__", {}).values()))


def test_the_table_names_every_route_of_the_site(people: dict[str, People]) -> None:
    site = people[DEMO].house.site
    whole = routes_of(make_site(site, make_app(desk_of(site.settings, site.db), site.settings)))
    assert {"/a/{n:int}", "/live", "/v", "/healthz"} <= whole
    assert sorted(row.route for row in TABLE) == sorted(whole)


@pytest.mark.parametrize("row", TABLE, ids=[row.route for row in TABLE])
def test_every_route_answers_each_role_as_the_table_says(people: dict[str, People], row: Row) -> None:
    of_home = people[row.home]
    found = {method: " ".join(cell(of_home.asked(role, row, method)) for role in WHO) for method in ("GET", "POST")}
    assert found == {"GET": row.get, "POST": row.post}


def cell(answer: requests.Response) -> str:
    """The status of an answer, or that it leads to the door."""
    return "door" if answer.headers.get("Location", "").partition("?")[0] == "/signin" else f"{answer.status_code}"


def test_no_session_of_any_role_is_a_way_into_the_api(people: dict[str, People]) -> None:
    house = people[DEMO].house
    api = make_app(desk_of(house.site.settings, house.db), house.site.settings)
    paths = api.openapi()["paths"]
    assert len(paths) > 20
    for role in WHO:
        browser = people[DEMO].browser(role)
        for path, methods in paths.items():
            address = path.replace("{number}", "1")
            for method in methods:
                ask = browser.get if method == "get" else browser.post
                assert ask(address).status_code == 401, (role, method, path)


@pytest.mark.parametrize("name", [DEMO, ORDERS, SIGNALS, TREASURY])
def test_an_auditor_changes_nothing_anywhere(people: dict[str, People], name: str) -> None:
    """With every form, empty and as a page sends it; beside the sign-ins themselves."""
    of_home = people[name]
    forms: dict[str, list[dict[str, str]]] = {
        "/gates/{user:path}/{book}": [{"action": "trip", "bot": "", "reason": "the auditor trips it"}],
        "/alerts": [{"alert": f"{number}", "reason": "an auditor dismisses it"} for number in range(1, 6)],
        "/a/{n:int}/shares": [{"link": "1"}],
        "/audit": [{"action": "checkpoint"}],
        "/screening/{check:int}": [{"action": "record", "verdict": "true_match", "reason": "an auditor decides"}],
        "/treasury/desk": [{"action": each, "reason": "an auditor halts it"} for each in ("halt", "kill", "resume")],
        "/treasury/desk/{strategy}": [{"action": "halt", "reason": "an auditor halts it"}],
        "/treasury/signers": [{"action": "pause", "reason": "an auditor pauses it"}],
        "/treasury/proposals/{proposal}": [{"action": "cancel", "reason": "an auditor cancels it"}],
        "/a/{n:int}/disclose": [LINK, {"action": "file", "lasts": ""}],
    }
    before = kept(of_home.house)
    assert len(before) > 50
    browser = of_home.browser("auditor")
    for row in TABLE:
        if row.home == name and row.route != "/signout":
            address = row.address.format_map(of_home.places)
            for form in [{}, *forms.get(row.route, ())]:
                browser.post(address, form)
    after = kept(of_home.house)
    assert {table for table in before if before[table] != after[table]} == set()
    if name == DEMO:
        assert ['method="post"' in browser.get(path).text for path in ("/alerts", "/system")] == [False, False]
        assert 'action="/system"' in of_home.browser("owner").get("/system").text


def kept(house: House) -> dict[str, str]:
    """What is in every table, but the visitors' own and the views of links that strangers ask for."""
    tables = _rows(
        house,
        """select format('%I.%I', schemaname, tablename) from pg_tables
        where schemaname not in ('pg_catalog', 'information_schema', 'visitors')""",
    )
    found = {}
    for (table,) in tables:
        rows = _rows(house, f"select each::text from {table} each order by 1")
        found[table] = hashlib.sha256(repr(rows).encode()).hexdigest()
    return found


def others(name: str, of_home: People) -> list[tuple[str, str]]:
    """Addresses of what is not a stranger's, and of what does not exist."""
    if name == DEMO:
        rows = [row.address for row in TABLE if row.route.startswith("/a/{n:int}")]
        return [(address, address.replace("/a/1", "/a/999")) for address in rows]
    if name == ORDERS:
        order = of_home.places["order"]
        books = [f"/{page}/ada/{kind}" for page in ("ledger", "gates") for kind in ("paper", "live")]
        books.append("/ledger/ada/paper/statement/2026-03-02")
        return [
            (f"/orders/{order}", "/orders/00000000-0000-4000-8000-000000000000"),
            ("/orders?user=ada", "/orders?user=eve"),
            *((book, book.replace("ada", "eve")) for book in books),
        ]
    return [
        ("/signals/2", "/signals/999"),
        ("/signals/2/proof", "/signals/999/proof"),
        ("/signals/2/proof?user=user-003", "/signals/999/proof?user=user-003"),
        ("/signals?strategy=STRATEGY_100", "/signals?strategy=NOBODYS"),
    ]


@pytest.mark.parametrize("name", [DEMO, ORDERS, SIGNALS])
def test_what_is_somebody_elses_is_answered_byte_for_byte_as_what_does_not_exist(
    people: dict[str, People], name: str
) -> None:
    of_home = people[name]
    browser = of_home.browser(STRANGER)
    for his, nothing in others(name, of_home):
        for ask in (browser.get, browser.post):
            found, missing = ask(his), ask(nothing)
            assert found.status_code in (404, 405), his
            assert found.content == missing.content, his
            assert without_date(found) == without_date(missing), his


def without_date(answer: requests.Response) -> dict[str, str]:
    return {name: value for name, value in answer.headers.items() if name.lower() != "date"}
