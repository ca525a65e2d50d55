"""What a hostile page, name or program sends, on the wire, and the headers of every answer."""

from __future__ import annotations

import socket
import time
from collections.abc import Callable
from contextlib import suppress
from unittest.mock import patch
from urllib.parse import urlsplit

import pytest
import requests

from fntx_dagster.services.orders.access import make_token
from fntx_dagster.web.guard import HEADERS, LARGEST_BODY
from tests.web.doors.conftest import FORM, Browser, House

FOREIGN = ["https://evil.example", "http://localhost:1", "null", "http://127.0.0.1"]


def raw(house: House, head: str) -> bytes:
    """The answer to bytes as they are."""
    parts = urlsplit(house.url)
    with socket.create_connection((parts.hostname, parts.port), timeout=60) as wire:
        wire.sendall(head.replace("\n", "\r\n").encode("latin-1"))
        answer = b""
        with suppress(ConnectionResetError):  # it is closed before all is read
            while part := wire.recv(65536):
                answer += part
        return answer


@pytest.mark.parametrize("site", ["cross-site", "same-site", "none", "", "same-origin, same-origin"])
def test_a_form_of_another_site_is_refused_and_does_nothing(house: House, site: str) -> None:
    browser = house.signed_in()
    answer = browser.post("/signout", None, **{"Sec-Fetch-Site": site})
    assert answer.status_code == 403
    assert browser.get("/account").status_code == 200


@pytest.mark.parametrize("origin", FOREIGN)
def test_where_a_browser_does_not_say_its_site_the_origin_decides(house: House, origin: str) -> None:
    browser = house.signed_in()

    def sent(**headers: str) -> int:
        headers |= {"Content-Type": FORM}
        url = f"{house.url}/signout"
        return browser.session.post(url, headers=headers, allow_redirects=False, timeout=60).status_code

    assert [sent(Origin=origin), sent(), sent(Origin=house.url)] == [403, 403, 303]


@pytest.mark.parametrize(
    "host", ["rebound.example", "rebound.example:{port}", "localhost.evil.example:{port}", "127.0.0.1:1", "localhost"]
)
@pytest.mark.parametrize("path", ["/account", "/enter", "/api/orders/pending", "/openapi.json", "/static/x/site.css"])
def test_a_name_that_leads_here_and_is_not_ours_is_refused(house: House, host: str, path: str) -> None:
    named = host.replace("{port}", f"{urlsplit(house.url).port}")
    answer = house.signed_in().get(path, Host=named)
    assert answer.status_code == 421
    assert "Set-Cookie" not in answer.headers


@pytest.mark.parametrize("hosts", ["", "Host: localhost:{port}\nHost: evil.example\n"])
def test_a_request_without_a_host_or_with_two_is_refused(house: House, hosts: str) -> None:
    named = hosts.replace("{port}", f"{urlsplit(house.url).port}")
    assert b" 400 " in raw(house, f"GET /enter HTTP/1.1\n{named}Connection: close\n\n").splitlines()[0]


def test_under_the_origin_of_the_settings_no_other_host_sees_pages_and_programs_of_this_machine_reach_the_api(
    serve: Callable[..., House],
) -> None:
    house = serve(origin="https://fntx.example.com")
    token = make_token(house.db, "ada", "trader")
    assert house.browser().get("/signin").status_code == 421
    assert house.browser().get("/signin", Host="fntx.example.com").status_code == 200
    assert house.browser().get("/signin", Host="fntx.example.com:8443").status_code == 421
    asked = house.browser().get("/api/orders/pending", Authorization=f"Bearer {token}")
    assert asked.status_code == 200, asked.text
    assert asked.headers["Strict-Transport-Security"] == "max-age=31536000"


def test_the_api_keeps_its_tokens_and_no_cookie_is_a_way_into_it(house: House) -> None:
    browser = house.signed_in()
    assert browser.get("/api/orders/pending").status_code == 401
    assert browser.get("/api/orders/pending").headers["Content-Type"] == "application/problem+json"
    token = make_token(house.db, "ada", "trader")
    program = requests.get(f"{house.url}/api/orders/pending", headers={"Authorization": f"Bearer {token}"}, timeout=60)
    assert program.status_code == 200
    foreign = browser.get("/api/orders/pending", Authorization=f"Bearer {token}", Origin="https://evil.example")
    assert foreign.status_code == 403


def test_who_tries_tokens_behind_a_proxy_locks_nobody_else_out_of_the_api(serve: Callable[..., House]) -> None:
    house = serve(origin="https://fntx.example.com")
    good = [make_token(house.db, user, "trader") for user in ("ada", "ben")]

    def asked(token: str, forwarded: str) -> int:
        headers = {"Host": "fntx.example.com", "Authorization": f"Bearer {token}", "X-Forwarded-For": forwarded}
        return house.browser().get("/api/orders/pending", **headers).status_code

    assert asked(good[0], "198.51.100.7") == 200
    tried = [asked(f"wrong{number}", f"10.0.0.{number}, 203.0.113.9") for number in range(21)]
    assert tried == [401] * 20 + [429]
    assert asked(good[1], "198.51.100.8") == 200
    assert asked(good[1], "203.0.113.9") == 200, "a token that was good"
    time.sleep(1.1)
    assert asked(good[0], "203.0.113.9") == 200, "also once it is asked for again"
    assert asked(make_token(house.db, "ada", "trader"), "203.0.113.9") == 429


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/enter", 200),
        ("/account", 303),
        ("/nothing", 404),
        ("/signout", 405),
        ("/api/orders/pending", 401),
        ("/api/nothing", 404),
        ("/healthz", 200),
        ("/static/x/y", 404),
    ],
)
def test_every_answer_has_the_headers_also_where_something_is_wrong(house: House, path: str, status: int) -> None:
    answer = house.browser().get(path)
    assert answer.status_code == status
    for name, value in HEADERS.items():
        assert name == "cache-control" or answer.headers[name] == value, name
    assert "Server" not in answer.headers
    refused = house.browser().get(path, Host="evil.example")
    assert refused.headers["Content-Security-Policy"] == HEADERS["content-security-policy"]


def test_a_body_that_is_too_large_is_refused_whether_it_says_so_or_not(house: House) -> None:
    browser = house.signed_in()
    answer = browser.post("/account", {"do": "x" * (LARGEST_BODY + 1)})
    assert answer.status_code == 413
    chunks = f"{LARGEST_BODY:x}\n{'a' * LARGEST_BODY}\n" * 2 + "0\n\n"
    host = house.url.removeprefix("http://")
    head = (
        f"POST /enter HTTP/1.1\nHost: {host}\nSec-Fetch-Site: same-origin\nConnection: close\n"
        "Content-Type: application/x-www-form-urlencoded\nTransfer-Encoding: chunked\n\n"
    )
    assert b" 413 " in raw(house, head + chunks).splitlines()[0]


def test_a_strangers_form_is_refused_before_it_has_come(house: House) -> None:
    parts = urlsplit(house.url)
    head = f"POST /account HTTP/1.1\r\nHost: {parts.netloc}\r\nSec-Fetch-Site: same-origin\r\nContent-Type: {FORM}\r\n"
    with socket.create_connection((parts.hostname, parts.port), timeout=20) as wire:
        wire.sendall(f"{head}Content-Length: 100\r\n\r\na".encode())
        assert wire.recv(65536).startswith(b"HTTP/1.1 401")


def test_a_form_that_breaks_off_is_no_failure_in_the_log(house: House, caplog: pytest.LogCaptureFixture) -> None:
    parts = urlsplit(house.url)
    head = f"POST /enter HTTP/1.1\r\nHost: {parts.netloc}\r\nSec-Fetch-Site: same-origin\r\nContent-Type: {FORM}\r\n"
    with socket.create_connection((parts.hostname, parts.port), timeout=20) as wire:
        wire.sendall(f"{head}Content-Length: 100\r\n\r\na".encode())
        time.sleep(0.5)
    time.sleep(1)
    assert not [record for record in caplog.records if record.exc_info]


def test_headers_that_are_too_large_are_refused_and_a_head_without_end_is_cut_off(house: House) -> None:
    assert house.browser().get("/enter", Cookie="a=" + "b" * 40_000).status_code == 431
    host = house.url.removeprefix("http://")
    assert b" 200 " not in raw(house, f"GET /enter HTTP/1.1\nHost: {host}\nX: " + "a" * 200_000)


@pytest.mark.parametrize(
    "path",
    [
        "/static/../../../../etc/passwd",
        "/static/x/../../app.py",
        "/static/%2e%2e/%2e%2e/app.py",
        "/static/x/..%2f..%2fapp.py",
        "/static/x//etc/passwd",
        "/static/x/%00",
        "/static/x/\\..\\app.py",
        "//static/x/site.css",
        "/static/../account",
        "/api/../account",
    ],
)
def test_no_path_leads_out_of_the_static_files_or_around_the_door(house: House, path: str) -> None:
    host = house.url.removeprefix("http://")
    answer = raw(house, f"GET {path} HTTP/1.1\nHost: {host}\nConnection: close\n\n")
    assert answer.split(b" ")[1] in (b"404", b"401", b"400"), answer[:200]
    assert b"root:" not in answer
    assert b"import" not in answer


def test_a_request_of_another_user_of_this_machine_is_refused_where_there_are_no_users(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    browser: Browser = house.signed_in()
    monkeypatch.setattr("fntx_dagster.web.doors.is_of_our_user", lambda scope: False)
    assert browser.get("/account").status_code == 403
    assert browser.get("/enter").status_code == 403


@pytest.mark.parametrize(
    ("path", "what"),
    [("/", "pages.overview.overview"), ("/s/x", "public.ShownLinks.shown_by")],
    ids=["pages", "strangers"],
)
def test_a_failure_has_the_headers_of_every_answer_no_detail_and_one_traceback(
    house: House, path: str, what: str, caplog: pytest.LogCaptureFixture
) -> None:
    with patch(f"fntx_dagster.web.{what}", side_effect=ValueError("of no stranger's concern")):
        answer = house.signed_in().get(path)
    assert answer.status_code == 500
    assert {*HEADERS} <= {name.lower() for name in answer.headers}
    assert "text/html" in answer.headers["Content-Type"]
    assert "The server failed" in answer.text
    assert "concern" not in answer.text
    assert caplog.text.count("Traceback") == 1
