"""The stream's socket with real sessions: it ends with its session, and no page of another site opens one."""

from __future__ import annotations

import json
import time
from collections.abc import Callable

import pytest
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import connect
from websockets.sync.connection import Connection

from fntx_dagster.errors import Permanent
from fntx_dagster.services.orders import access
from fntx_dagster.services.visitors import users
from fntx_dagster.services.visitors.entering import require_safe
from fntx_dagster.services.visitors.programs import visitor_of_token
from fntx_dagster.services.visitors.visitor import Visitor
from fntx_dagster.settings import Settings
from fntx_dagster.settings.web import WebSettings
from fntx_dagster.store.database import Database
from fntx_dagster.store.queries import own_sql
from fntx_dagster.web import doors
from tests.web.doors.conftest import Browser, House

LOOK_SECONDS = 0.2


@pytest.fixture(autouse=True)
def soon(monkeypatch: pytest.MonkeyPatch) -> None:
    """A socket looks more often whether its session goes on: a test need not wait ten seconds."""
    monkeypatch.setattr(doors, "_LOOK_SECONDS", LOOK_SECONDS)


def follow(house: House, browser: Browser | None, **headers: str) -> Connection:
    """The stream, as a browser opens it."""
    cookie = {"Cookie": f"fntx={browser.cookie}"} if browser else {}
    return connect(house.url.replace("http:", "ws:") + "/live", additional_headers=cookie | headers)


def the_end(socket: Connection) -> int | None:
    """The code that a socket is closed with."""
    try:
        while True:
            socket.recv(timeout=20)
    except ConnectionClosed as ended:
        return ended.rcvd.code if ended.rcvd else None


def sign_out(_house: House, browser: Browser) -> None:
    assert browser.post("/signout").status_code == 303


def sql(statement: str) -> Callable[[House, Browser], None]:
    def change(house: House, _browser: Browser) -> None:
        with house.db.connect() as connection:
            connection.execute(own_sql(statement))

    return change


def another_role(house: House, _browser: Browser) -> None:
    assert users.change_role(house.db, "ada", "fund")


def no_user(house: House, _browser: Browser) -> None:
    users.remove_user(house.db, "ada")


def another_password(house: House, _browser: Browser) -> None:
    users.set_password(house.db, "ada", "another horse battery")


ENDS: dict[str, Callable[[House, Browser], None]] = {
    "signed out": sign_out,
    "over": sql("update visitors.sessions set ends_at = clock_timestamp()"),
    "idle": sql("update visitors.sessions set seen_at = clock_timestamp() - interval '61 minutes'"),
    "another role": another_role,
    "another password": another_password,
    "removed": no_user,
}


@pytest.mark.parametrize("how", ENDS)
def test_a_socket_is_closed_for_good_when_its_session_ends(house: House, how: str) -> None:
    house.user("ada", "owner")
    browser, other = house.signed_in("ada"), house.signed_in("ada")
    with follow(house, browser) as socket, follow(house, other) as beside:
        assert json.loads(socket.recv(timeout=20))["role"] == "owner"
        time.sleep(3 * LOOK_SECONDS)  # it is looked at while all is well
        ENDS[how](house, browser)
        assert the_end(socket) == 1008
        if how == "signed out":
            assert json.loads(beside.recv(timeout=20))["hello"] == 1
            beside.ping().wait(20)
    with pytest.raises(InvalidStatus) as refused:
        follow(house, browser)
    assert refused.value.response.status_code == 403


def test_a_session_that_ends_after_the_database_was_away_still_closes_its_socket(house: House) -> None:
    house.user("ada", "owner")
    browser = house.signed_in("ada")
    with follow(house, browser) as socket:
        assert json.loads(socket.recv(timeout=20))["role"] == "owner"
        sql("alter table visitors.sessions rename to gone")(house, browser)
        time.sleep(3 * LOOK_SECONDS)
        sql("alter table visitors.gone rename to sessions")(house, browser)
        sign_out(house, browser)
        assert the_end(socket) == 1008


def test_nobody_follows_without_a_session(house: House) -> None:
    for headers in ({}, {"Cookie": "fntx=" + "x" * 43}, {"Authorization": "Bearer x"}):
        with pytest.raises(InvalidStatus) as refused:
            follow(house, None, **headers)
        assert refused.value.response.status_code == 403


@pytest.mark.parametrize(("role", "seen_as"), [("reader", "auditor"), ("admin", "auditor"), ("trader", "trader")])
def test_a_program_follows_with_its_token_until_that_is_revoked(house: House, role: str, seen_as: str) -> None:
    token = access.make_token(house.db, "ada", role)
    with follow(house, None, Authorization=f"Bearer {token}") as socket:
        assert json.loads(socket.recv(timeout=20))["role"] == seen_as
        access.revoke_token(house.db, access.list_tokens(house.db)[0].token_id)
        assert the_end(socket) == 1008
    with pytest.raises(InvalidStatus):
        follow(house, None, Authorization=f"Bearer {token}")


def test_a_trader_s_token_shows_no_account_and_a_source_s_token_opens_nothing(house: House) -> None:
    token = access.make_token(house.db, "ada", "trader")
    assert visitor_of_token(house.db, token) == Visitor("ada", "trader", frozenset())
    with pytest.raises(InvalidStatus):
        follow(house, None, Authorization=f"Bearer {access.make_token(house.db, 'ada', 'signal_source')}")


@pytest.mark.parametrize(
    "origin", ["https://evil.example", "http://localhost:1", "http://127.0.0.1", "null", "file://"]
)
def test_a_page_of_another_origin_opens_no_socket_with_the_cookie_of_ours(house: House, origin: str) -> None:
    browser = house.signed_in()
    with pytest.raises(InvalidStatus) as refused:
        follow(house, browser, Origin=origin)
    assert refused.value.response.status_code == 403
    with follow(house, browser, Origin=house.url) as socket:
        assert json.loads(socket.recv(timeout=20))["hello"] == 1


def test_a_name_that_leads_here_and_is_not_ours_opens_no_socket(house: House) -> None:
    browser = house.signed_in()
    port = house.url.rpartition(":")[2]
    with pytest.raises(InvalidStatus) as refused:
        follow(house, browser, Host=f"rebound.example:{port}", Origin=f"http://rebound.example:{port}")
    assert refused.value.response.status_code == 403


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.0.2.1"])
@pytest.mark.parametrize("origin", [None, "http://localhost:8765"])
def test_the_dashboard_of_one_machine_listens_nowhere_else_with_or_without_users(
    database: Database, host: str, origin: str | None
) -> None:
    settings = Settings(web=WebSettings(origin=origin))
    for name in (None, "ada"):
        if name:
            users.add_user(database, name, "owner")
        with pytest.raises(Permanent, match="FNTX_WEB_ORIGIN"):
            require_safe(settings, database, host)
        for loopback in ("127.0.0.1", "::1"):
            require_safe(settings, database, loopback)


def test_a_container_listens_on_every_address_of_its_own_where_its_port_is_published_on_loopback_alone(
    database: Database,
) -> None:
    require_safe(Settings(web=WebSettings(published_locally=True)), database, "0.0.0.0")
    with pytest.raises(Permanent, match="no user"):  # an origin of others needs a user all the same
        require_safe(
            Settings(web=WebSettings(origin="https://fntx.example.com", published_locally=True)), database, "0.0.0.0"
        )


@pytest.mark.parametrize("host", ["127.0.0.1", "0.0.0.0"])
def test_the_dashboard_of_an_origin_does_not_start_before_it_has_a_user(database: Database, host: str) -> None:
    settings = Settings(web=WebSettings(origin="https://fntx.example.com"))
    with pytest.raises(Permanent, match="has no user"):
        require_safe(settings, database, host)
    users.add_user(database, "ada", "owner")
    require_safe(settings, database, host)
