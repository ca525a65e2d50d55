"""The guard of the UI: who gets through to Dagster, asked as ASGI asks."""

from __future__ import annotations

import asyncio
import re
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any
from urllib.parse import urlencode

import pytest
import uvicorn
from hypothesis import given
from hypothesis import strategies as st

from fntx_dagster.defs.guard import COOKIE, LOGIN_PATH, Guard
from tests.tools import needs_browser
from tests.verify.browser import browser

TOKEN = "correct horse battery"
OWN = {"host": "127.0.0.1:3000"}
JSON = {"content-type": "application/json"}
FORM = {"content-type": "application/x-www-form-urlencoded"}
LISTENING = socket.create_server(("127.0.0.1", 0))
CONNECTED = socket.create_connection(LISTENING.getsockname())


class Inner:
    """What stands for Dagster: it counts who got through."""

    def __init__(self) -> None:
        self.seen = 0

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        self.seen += 1
        if scope["type"] == "http":
            await send({"type": "http.response.start", "status": 200, "headers": [(b"x-inner", b"1")]})
            await send({"type": "http.response.body", "body": b"inner"})
        else:
            await send({"type": "websocket.accept"})


class Answer:
    """What came back, and whether Dagster was reached."""

    def __init__(self, messages: list[dict[str, Any]], reached: bool) -> None:
        self.first, self.reached = messages[0], reached
        self.status = self.first.get("status")
        self.headers = {key.decode(): value.decode() for key, value in self.first.get("headers", ())}
        self.text = b"".join(message.get("body", b"") for message in messages).decode()


def ask(
    headers: dict[str, str] | list[tuple[str, str]],
    *,
    method: str = "GET",
    path: str = "/",
    query: str = "",
    hosts: frozenset[str] = frozenset(),
    token: str | None = None,
    kind: str = "http",
    scheme: str = "http",
    body: str | None = None,
) -> Answer:
    inner, messages = Inner(), []
    pairs = headers.items() if isinstance(headers, dict) else headers
    scope = {
        "type": kind,
        "scheme": scheme,
        "method": method,
        "path": path,
        "query_string": query.encode(),
        "client": CONNECTED.getsockname(),
        "server": CONNECTED.getpeername(),
        "headers": [(name.encode(), value.encode("latin-1")) for name, value in pairs],
    }

    async def send(message: dict[str, Any]) -> None:
        messages.append(message)

    async def receive() -> dict[str, Any]:
        assert body is not None, "nothing is read"
        return {"type": "http.request", "body": body.encode()}

    asyncio.run(Guard(inner, hosts, token)(scope, receive, send))
    return Answer(messages, inner.seen == 1)


@pytest.mark.parametrize(
    "host", ["127.0.0.1:3000", "127.0.0.1", "localhost:3000", "LOCALHOST", "[::1]:3000", "127.8.9.10:80"]
)
@pytest.mark.parametrize("kind", ["http", "websocket"])
def test_this_machines_own_hosts_get_through(host: str, kind: str) -> None:
    assert ask({"host": host}, kind=kind).reached


@pytest.mark.parametrize(
    "host",
    [
        "evil.example",
        "evil.example:3000",
        "127.0.0.1.evil.example",
        "localhost.evil.example",
        "localhost.",
        "x.localhost",
        "127.1",
        "0.0.0.0:3000",
        "192.168.1.2:3000",
        "[::]:3000",
        "127.0.0.1@evil.example",
        "127.0.0.1:3000, evil.example",
        "127.0.0.1/",
        "",
    ],
)
@pytest.mark.parametrize("kind", ["http", "websocket"])
def test_a_host_that_may_be_somebody_elses_name_is_refused(host: str, kind: str) -> None:
    answer = ask({"host": host}, kind=kind)
    assert not answer.reached
    assert answer.status == 403 if kind == "http" else answer.first["type"] == "websocket.close"


MINE = frozenset({"fntx.example.com", "other.example:8443"})
ALLOWED = ["localhost", "127.0.0.1", "127.255.0.9", "[::1]", "[0:0:0:0:0:0:0:1]", *sorted(MINE)]


def is_mine(host: str) -> bool:
    """What the guard has to say of a host, by the system's own reading of addresses."""
    end = host.find("]") + 1 if host.startswith("[") else host.find(":") if ":" in host else len(host)
    name, port = host[:end], host[end:]
    if port and not (port[0] == ":" and port[1:].isdecimal() and port.isascii()):
        return False
    try:
        if name.startswith("["):
            return int.from_bytes(socket.inet_pton(socket.AF_INET6, name[1:-1])) == 1
        return socket.inet_pton(socket.AF_INET, name)[0] == 127
    except (OSError, UnicodeEncodeError):
        return name.lower() in ("localhost", "fntx.example.com") or host.lower() == "other.example:8443"


@st.composite
def nearly_allowed(draw: st.DrawFn) -> str:
    """A host that is allowed, with a port or not, after up to three changes of a character."""
    host = draw(st.sampled_from(ALLOWED)) + draw(st.sampled_from(["", "", ":3000", ":0", ":"]))
    for _ in range(draw(st.integers(0, 3))):
        at, length = draw(st.integers(0, len(host))), draw(st.integers(0, 1))
        host = host[:at] + draw(st.sampled_from(["", *"al01789f.:[]@-_/%AL"])) + host[at + length :]
    return host


@given(host=nearly_allowed())
def test_the_hosts_of_loopback_and_of_the_settings_get_through_and_no_other(host: str) -> None:
    assert ask({"host": host}, hosts=MINE).reached is is_mine(host)


def test_no_host_and_two_hosts_are_refused() -> None:
    assert ask([]).status == 400
    assert ask([("host", "127.0.0.1"), ("host", "evil.example")]).status == 400


def test_a_host_of_the_settings_gets_through_with_and_without_a_port() -> None:
    mine = frozenset({"Fntx.example.com", "other.example:8443"})
    assert ask({"host": "fntx.example.com"}, hosts=mine).reached
    assert ask({"host": "fntx.example.com:3000"}, hosts=mine).reached
    assert ask({"host": "other.example:8443"}, hosts=mine).reached
    assert not ask({"host": "other.example:8444"}, hosts=mine).reached


@pytest.mark.parametrize("kind", ["http", "websocket"])
@pytest.mark.parametrize(
    "origin",
    [
        "null",
        "https://evil.example",
        "http://127.0.0.1:8000",
        "http://localhost:3000",
        "http://127.0.0.1",
        "file://",
        "chrome-extension://127.0.0.1:3000",
        "http://127.0.0.1:3000.evil.example",
        "http://evil@127.0.0.1:3000@evil.example",
        "http://[",
    ],
)
def test_a_foreign_origin_is_refused_even_of_another_port_of_this_machine(origin: str, kind: str) -> None:
    answer = ask(OWN | JSON | {"origin": origin}, method="POST", path="/graphql", kind=kind)
    assert not answer.reached


def test_the_uis_own_origin_gets_through_also_behind_a_proxy() -> None:
    assert ask(OWN | JSON | {"origin": "http://127.0.0.1:3000"}, method="POST").reached
    hosts = frozenset({"fntx.example.com"})
    behind = JSON | {"origin": "https://fntx.example.com"}
    assert ask(behind | {"host": "fntx.example.com"}, method="POST", hosts=hosts).reached
    assert ask(behind | {"host": "127.0.0.1:3000"}, method="POST", hosts=hosts).reached
    assert not ask(behind | {"host": "127.0.0.1:3000"}, method="POST").reached


@pytest.mark.parametrize("site", ["cross-site", "same-site", "anything"])
@pytest.mark.parametrize(
    ("mode", "dest"), [("no-cors", "image"), ("cors", "empty"), ("no-cors", "script"), ("navigate", "iframe")]
)
def test_what_another_site_fetches_or_frames_is_refused(site: str, mode: str, dest: str) -> None:
    said = {"sec-fetch-site": site, "sec-fetch-mode": mode, "sec-fetch-dest": dest}
    assert ask(OWN | said).status == 403
    assert not ask(OWN | said, kind="websocket").reached


def test_a_link_on_another_site_leads_to_a_page_and_its_form_does_not() -> None:
    link = {"sec-fetch-site": "cross-site", "sec-fetch-mode": "navigate", "sec-fetch-dest": "document"}
    assert ask(OWN | link, path="/runs/1a2b").reached
    assert ask(OWN | link | JSON, method="POST").status == 403


@pytest.mark.parametrize("site", ["same-origin", "none"])
def test_the_uis_own_fetches_get_through(site: str) -> None:
    assert ask(OWN | {"sec-fetch-site": site, "sec-fetch-mode": "cors", "sec-fetch-dest": "empty"}).reached


@pytest.mark.parametrize(
    "media",
    [
        None,
        "text/plain",
        "text/plain; application/json",
        "application/x-www-form-urlencoded",
        "multipart/form-data; boundary=application/json",
        "application/jsonx",
        "application/graphql",
    ],
)
def test_a_post_that_is_no_json_is_refused_because_any_page_could_send_it_unasked(media: str | None) -> None:
    headers = OWN | ({"content-type": media} if media else {})
    for path in ("/graphql", "/report_asset_materialization/lots"):
        assert ask(headers, method="POST", path=path).status == 415


@pytest.mark.parametrize("media", ["application/json", "Application/JSON; charset=utf-8"])
def test_json_gets_through(media: str) -> None:
    assert ask(OWN | {"content-type": media}, method="POST").reached


def test_no_page_shows_the_ui_in_a_frame() -> None:
    answer = ask(OWN)
    assert answer.headers["x-frame-options"] == "DENY"
    assert answer.headers["cross-origin-resource-policy"] == "same-origin"
    assert answer.headers["x-inner"] == "1"


def test_a_refusal_says_what_to_do_and_repeats_nothing_of_the_request() -> None:
    answer = ask({"host": "evil.example"}, query="token=abc")
    assert "FNTX_UI_HOSTS" in answer.text
    assert "evil" not in answer.text
    assert answer.headers["x-content-type-options"] == "nosniff"


class TestWhereATokenIsSet:
    def test_whoever_has_not_shown_it_is_asked_for_it(self) -> None:
        page = ask(OWN, token=TOKEN)
        assert (page.status, page.reached) == (401, False)
        assert "FNTX_UI_TOKEN" in page.text
        assert ask(OWN | JSON, method="POST", path="/graphql", token=TOKEN).status == 401
        assert not ask(OWN, kind="websocket", token=TOKEN).reached

    @pytest.mark.parametrize(
        ("query", "headers"),
        [
            (f"token={TOKEN}", {}),
            ("", {"authorization": "Bearer wrong"}),
            ("", {"authorization": TOKEN}),
            ("", {"cookie": f"{COOKIE}={TOKEN}"}),
            ("", {"cookie": f"other={TOKEN}; {COOKIE}="}),
        ],
    )
    def test_nothing_but_the_token_opens_it(self, query: str, headers: dict[str, str]) -> None:
        answer = ask(OWN | headers, query=query, token=TOKEN)
        assert (answer.status, answer.reached) == (401, False)
        assert "set-cookie" not in answer.headers

    def test_a_program_sends_it_as_a_header(self) -> None:
        sent = {"authorization": f"Bearer {TOKEN}"}
        assert ask(OWN | JSON | sent, method="POST", path="/graphql", token=TOKEN).reached
        assert ask(OWN | sent, kind="websocket", token=TOKEN).reached

    def test_a_browser_shows_it_once_and_then_has_a_strict_cookie_that_does_not_tell_it(self) -> None:
        page = ask(OWN, path="/runs", query="a=1&b=%26", token=TOKEN)
        assert 'method="post"' in page.text
        assert re.findall(r'name="to" value="([^"]*)"', page.text) == ["/runs?a=1&amp;b=%26"]
        answer = login(TOKEN, "/runs?a=1&b=%26")
        assert (answer.status, answer.reached) == (200, False)
        cookie, *attributes = answer.headers["set-cookie"].split("; ")
        assert {"HttpOnly", "SameSite=Strict", "Path=/"} <= {*attributes}
        assert "Secure" not in attributes
        assert "url=/runs?a=1&amp;b=%26" in answer.text
        assert not any(TOKEN in said for said in (cookie, answer.text))
        assert ask(OWN | {"cookie": f"x=1; {cookie}; y"}, path="/runs", token=TOKEN).reached
        assert ask(OWN | {"cookie": cookie}, kind="websocket", token=TOKEN).reached
        assert not ask(OWN | {"cookie": cookie}, token=f"{TOKEN} of tomorrow").reached

    @pytest.mark.parametrize("token", ["", "wrong", f"{TOKEN}x", "\u20ac"])
    def test_a_wrong_one_in_the_form_gets_the_form_again(self, token: str) -> None:
        answer = login(token, "/runs")
        assert (answer.status, answer.reached) == (401, False)
        assert "set-cookie" not in answer.headers
        assert 'name="to" value="/runs"' in answer.text

    def test_the_form_is_taken_from_the_uis_own_page_alone_and_on_its_path_alone(self) -> None:
        body = urlencode({"token": TOKEN})
        for foreign in ({"origin": "https://evil.example"}, {"origin": "null"}, {"sec-fetch-site": "cross-site"}):
            sent = OWN | FORM | foreign
            assert ask(sent, method="POST", path=LOGIN_PATH, token=TOKEN, body=body).status == 403
        assert ask(OWN | FORM, method="POST", path="/graphql", token=TOKEN, body=body).status == 415
        assert ask(OWN | FORM, method="POST", path=LOGIN_PATH, body=body).status == 415, "no token is asked for"

    @pytest.mark.parametrize("said", [{"scheme": "https"}, {"forwarded": "https"}])
    def test_over_https_the_cookie_stays_there(self, said: dict[str, str]) -> None:
        headers = {"x-forwarded-proto": said["forwarded"]} if "forwarded" in said else {}
        answer = login(TOKEN, "/", headers, said.get("scheme", "http"))
        assert answer.headers["set-cookie"].endswith("; Secure")

    @pytest.mark.parametrize(
        "path", ["//evil.example", "/\\evil.example", '/"><script>', "/\n", "\t//evil", "https://evil"]
    )
    def test_the_way_on_leads_nowhere_else(self, path: str) -> None:
        [there] = re.findall(r'content="0; url=([^"]*)"', login(TOKEN, path).text)
        assert re.fullmatch(r"/([\w.%-][\w./%-]*)?", there)

    @needs_browser
    def test_a_real_browser_sends_the_form_and_is_let_in(self) -> None:
        with served(Guard(Inner(), token=TOKEN)) as origin, browser() as page:
            page.send("Page.navigate", url=f"{origin}/runs?a=1")
            page.wait_for("Page.loadEventFired")
            page.events.clear()
            page.ask(f"document.querySelector('[name=token]').value = '{TOKEN}'; document.forms[0].submit()")
            said = ""
            for _ in range(100):
                with suppress(AssertionError):  # it goes from page to page, and may leave one while it is asked
                    said = page.ask("location.pathname + location.search + ' ' + (document.body?.innerText ?? '')")
                if "inner" in said:
                    break
                time.sleep(0.1)
            assert said == "/runs?a=1 inner"

    def test_the_token_opens_no_way_around_the_other_rules(self) -> None:
        sent = {"authorization": f"Bearer {TOKEN}"}
        assert ask({"host": "evil.example"} | sent, token=TOKEN).status == 403
        assert ask(OWN | sent | {"origin": "https://evil.example"}, token=TOKEN).status == 403


def login(token: str, there: str, headers: dict[str, str] | None = None, scheme: str = "http") -> Answer:
    """The form as a browser sends it."""
    sent = OWN | FORM | {"origin": f"{scheme}://127.0.0.1:3000", "sec-fetch-site": "same-origin"} | (headers or {})
    body = urlencode({"to": there, "token": token})
    return ask(sent, method="POST", path=LOGIN_PATH, token=TOKEN, body=body, scheme=scheme)


@contextmanager
def served(application: Any) -> Iterator[str]:
    """The origin of a server of an application."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        server = uvicorn.Server(uvicorn.Config(application, log_config=None, lifespan="off"))
        thread = threading.Thread(target=server.run, args=([listening],))
        thread.start()
        try:
            yield f"http://127.0.0.1:{listening.getsockname()[1]}"
        finally:
            server.should_exit = True
            thread.join()
