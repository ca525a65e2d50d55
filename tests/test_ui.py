"""`fntx ui` as a user runs it and as a hostile page finds it: real processes, a real browser, attacks on the wire."""

from __future__ import annotations

import json
import os
import re
import shutil
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import quote

import pytest
from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect

from fntx_dagster.serving.connections import MOST_CONNECTIONS, SILENT_SECONDS
from fntx_dagster.settings import DOCUMENTATION, Settings
from fntx_dagster.store.server import EmbeddedPostgres, database_url
from tests import homes
from tests.processes import run
from tests.served_ui import DELIVER, LAUNCH, RELOAD, RUNS, Ui, code_servers, free_port, wait_for
from tests.tools import needs_browser
from tests.verify.browser import Page, browser


@pytest.fixture(scope="module")
def ui() -> Iterator[Ui]:
    with homes.home() as home:
        served = Ui(home, free_port())
        yield served
        if served.process.poll() is None:
            served.end()


def test_by_get_no_run_is_launched_and_by_post_from_the_page_itself_it_is(ui: Ui) -> None:
    before = len(ui.runs())
    assert ui.send("GET", f"/graphql?query={quote(LAUNCH)}")[0] == 405
    assert len(ui.runs()) == before
    assert ui.ask(LAUNCH, Origin=ui.origin)[1]["data"]["launchRun"]["__typename"] == "LaunchRunSuccess"
    assert len(ui.runs()) == before + 1


def test_it_serves_the_definitions(ui: Ui) -> None:
    nodes = ui.ask("{assetNodes {assetKey {path}}}")[1]["data"]["assetNodes"]
    names = {node["assetKey"]["path"][0] for node in nodes}
    assert {"raw_flex_xml", "chronological_events", "daily_summary", "daily_signature", "chain_receipt"} <= names


def test_beside_dagsters_pages_it_serves_those_that_the_metadata_link_to(ui: Ui) -> None:
    status, page = ui.send("GET", "/fntx/docs/report.md", **{"Sec-Fetch-Site": "same-origin"})
    assert (status, page) == (200, (DOCUMENTATION / "report.md").read_text(encoding="utf-8"))
    assert ui.send("GET", "/fntx/reports/none.html")[0] == 404
    assert ui.send("GET", "/fntx/docs/report.md", **{"Sec-Fetch-Site": "cross-site"})[0] == 403


def test_a_name_of_somebody_else_that_leads_to_this_machine_is_refused(ui: Ui) -> None:
    """DNS rebinding: the page and its requests have one origin, a name that now resolves to 127.0.0.1."""
    before, body = ui.launched(), json.dumps({"query": LAUNCH}).encode()
    host = f"rebound.example:{ui.port}"
    request = (
        f"POST /graphql HTTP/1.1\r\nHost: {host}\r\nOrigin: http://{host}\r\nSec-Fetch-Site: same-origin\r\n"
        f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\nConnection: close\r\n\r\n"
    )
    with socket.create_connection(("127.0.0.1", ui.port)) as wire:
        wire.sendall(request.encode() + body)
        answer = b"".join(iter(lambda: wire.recv(65536), b""))
    assert answer.startswith(b"HTTP/1.1 403 ")
    assert b"FNTX_UI_HOSTS" in answer
    assert ui.launched() == before


@pytest.mark.parametrize("origin", ["https://evil.example", "http://localhost:1", "null"])
def test_a_websocket_of_a_foreign_page_is_refused_and_one_of_the_ui_is_not(ui: Ui, origin: str) -> None:
    address = f"ws://127.0.0.1:{ui.port}/graphql"
    with pytest.raises(InvalidStatus, match="403"), connect(address, origin=origin, subprotocols=["graphql-ws"]):
        pass
    with connect(address, origin=ui.origin, subprotocols=["graphql-ws"]) as websocket:
        websocket.send(json.dumps({"type": "connection_init"}))
        assert json.loads(websocket.recv(30)) == {"type": "connection_ack"}


STRANGER = """import socket, sys
for request in sys.argv[2:]:
    with socket.create_connection(("127.0.0.1", int(sys.argv[1]))) as wire:
        wire.sendall(request.replace("\\n", "\\r\\n").encode())
        answer = b""
        while more := wire.recv(65536):
            answer += more
        print(answer.split()[1].decode(), b"FNTX_UI_TOKEN" in answer)
with socket.create_connection(("127.0.0.1", int(sys.argv[1]))) as wire:  # who is gone has no user any more
    wire.sendall(sys.argv[2].replace("\\n", "\\r\\n").encode())
"""


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can start a process of another user")
def test_another_user_of_this_machine_is_refused_over_http_and_over_websockets(ui: Ui) -> None:
    before, body = ui.launched(), json.dumps({"query": LAUNCH})
    own = f"HTTP/1.1\nHost: 127.0.0.1:{ui.port}\nX-Forwarded-For: 127.0.0.1\n"
    post = f"POST /graphql {own}Content-Type: application/json\nContent-Length: {len(body)}\nConnection: close\n"
    opening = "Upgrade: websocket\nConnection: Upgrade\nSec-WebSocket-Version: 13\nSec-WebSocket-Protocol: graphql-ws\n"
    websocket = f"GET /graphql {own}{opening}Sec-WebSocket-Key: MDEyMzQ1Njc4OWFiY2RlZg==\n\n"
    python = shutil.which("python3", path="/usr/bin:/usr/local/bin") or sys.executable
    command = [python, "-c", STRANGER, str(ui.port), f"{post}\n{body}", websocket]
    done = subprocess.run(command, user=65534, cwd="/", capture_output=True, text=True, check=True, timeout=120)
    http_answer, websocket_answer = done.stdout.splitlines()
    assert http_answer == "403 True"
    assert websocket_answer.startswith("403 ")
    assert ui.launched() == before


class Hostile(BaseHTTPRequestHandler):
    """A page on another origin that tries what a page can."""

    page = ""

    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "text/html")
        self.end_headers()
        self.wfile.write(self.page.encode())

    def log_message(self, *_: object) -> None:
        pass


@contextmanager
def hostile_page(target: str, address: str) -> Iterator[str]:
    """A page's URL on `address`: it tries an image, scripts' fetches, a form and a frame against the UI at `target`."""
    get = f"{target}/graphql?query={quote(LAUNCH)}"
    Hostile.page = f"""<!doctype html><title>hostile</title><img src="{get}"><iframe name="there"></iframe>
        <iframe src="{get}"></iframe><iframe id="ui" src="{target}/"></iframe>
        <form id="form" method="post" enctype="text/plain" target="there" action="{get}"><input name="a"></form>
        <script>
        const post = {{method: "POST", mode: "no-cors", body: JSON.stringify({{query: {json.dumps(LAUNCH)}}})}};
        const tries = [
            fetch("{get}", {{mode: "no-cors"}}),
            fetch("{get}", {{method: "POST", mode: "no-cors"}}),
            fetch("{target}/graphql", {{...post, headers: {{"Content-Type": "text/plain"}}}}),
            fetch("{target}/graphql", {{...post, headers: {{"Content-Type": "text/plain; application/json"}}}}),
            fetch("{target}/graphql", {{...post, mode: "cors", headers: {{"Content-Type": "application/json"}}}}),
            fetch("{target}/report_asset_materialization/lots", {{method: "POST", mode: "no-cors"}}),
            new Promise((done) => {{
                const socket = new WebSocket("{target.replace("http", "ws")}/graphql", "graphql-ws");
                socket.onopen = () => done("open"); socket.onerror = () => done("refused");
            }}),
        ];
        document.getElementById("form").submit();
        window.tried = Promise.allSettled(tries)
            .then((all) => all.map((one) => one.value === "open" ? "open" : "shut"));
        </script>"""
    server = ThreadingHTTPServer(("127.0.0.1", 0), Hostile)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"http://{address}:{server.server_address[1]}/"
    server.shutdown()
    server.server_close()


@pytest.fixture
def page() -> Iterator[Page]:
    with browser() as opened:
        yield opened


@needs_browser
@pytest.mark.parametrize("address", ["localhost", "127.0.0.1"], ids=["another site", "another port of the same host"])
def test_a_hostile_page_in_a_real_browser_launches_nothing(ui: Ui, page: Page, address: str) -> None:
    before = ui.launched()
    with hostile_page(ui.origin, address) as url:
        page.events.clear()
        page.send("Page.navigate", url=url)
        page.wait_for("Page.loadEventFired")
        assert page.ask("window.tried") == ["shut"] * 7
        page.ask("new Promise((done) => setTimeout(done, 1500))")  # the form's frame
        answers = [event["params"] for event in page.events if event.get("method") == "Network.responseReceived"]
        theirs = [each for each in answers if each["response"]["url"].startswith(ui.origin)]
        assert {each["response"]["status"] for each in theirs} == {403}
        assert len(theirs) >= 6, "the attack did not reach the UI"
        sent = [event["params"] for event in page.events if event.get("method") == "Network.requestWillBeSent"]
        tried = {(each["type"], each["request"]["method"]) for each in sent if ui.origin in each["request"]["url"]}
        assert tried >= {("Image", "GET"), ("Fetch", "GET"), ("Fetch", "POST"), ("Document", "POST")}
    assert ui.launched() == before


@needs_browser
def test_the_ui_itself_works_in_that_browser_and_launches_a_run(ui: Ui, page: Page) -> None:
    before = len(ui.runs())
    page.events.clear()
    page.send("Page.navigate", url=f"{ui.origin}/locations/fntx/jobs/post_queue")
    page.wait_for("Page.loadEventFired")
    wait_for(lambda: "post_queue" in page.ask("document.body.innerText"), 60)
    statuses = {
        event["params"]["response"]["status"]
        for event in page.events
        if event.get("method") == "Network.responseReceived"
    }
    assert statuses <= {200, 304}, statuses
    sent = f"""fetch("/graphql", {{method: "POST", headers: {{"Content-Type": "application/json"}},
        body: JSON.stringify({{query: {json.dumps(LAUNCH)}}})}}).then((answer) => answer.status)"""
    assert page.ask(sent) == 200
    assert len(ui.runs()) == before + 1


def test_connections_that_say_nothing_are_few_and_end(ui: Ui) -> None:
    """Their number would fill the table of open files that webserver and daemon share."""
    port = int(ui.origin.rpartition(":")[2])
    silent = [socket.create_connection(("127.0.0.1", port)) for _ in range(MOST_CONNECTIONS + 50)]
    try:
        silent[-1].settimeout(30)
        with suppress(ConnectionResetError):
            assert silent[-1].recv(1) == b"", "one too many is ended at once"
        silent[0].settimeout(SILENT_SECONDS + 30)
        with suppress(ConnectionResetError):
            assert silent[0].recv(1) == b"", "the first one when its time is over"
        assert ui.ask(RUNS)[0] == 200
    finally:
        for each in silent:
            each.close()


def test_the_terminal_shows_a_line_for_each_thing_that_happens_and_the_log_is_its_owners(ui: Ui) -> None:
    ui.ask(DELIVER)
    ui.ask(LAUNCH)
    number = next(each["runId"][:8] for each in ui.runs() if each["jobName"] == "deliver_alerts")
    wait_for(lambda: re.search(rf"deliver_alerts, run {number}: succeeded after \d+ s", ui.shown), 120)
    lines = [line for line in ui.shown.splitlines() if re.match(r"\d\d:\d\d:\d\d  ", line)]
    assert [line[10:] for line in lines if number in line and "started" in line] in (
        [f"deliver_alerts, run {number}: started"],
        [],  # it was over at the next look
    )
    wait_for(lambda: re.search(r"post_queue, run [0-9a-f]{8}: failed after \d+ s: chain_receipt: ", ui.shown), 120)
    assert all(re.search(r"(, run [0-9a-f]{8}|alert|error)", line) for line in lines), lines
    log = ui.home / "logs" / "ui.log"
    assert (log.stat().st_mode & 0o777, log.parent.stat().st_mode & 0o777) == (0o600, 0o700)
    assert "Checking for new runs for sensor" in log.read_text()


def test_a_second_one_on_the_home_a_taken_port_and_another_home_on_the_same_database_are_refused(
    ui: Ui, tmp_path: Path
) -> None:
    second = run(ui.home, "ui", "--port", str(free_port()))
    assert second.returncode == 1
    said = f"fntx ui` already runs on the home {ui.home} (process {ui.process.pid}, {ui.origin}). "
    assert second.stderr.startswith("fntx: `")
    assert second.stderr.endswith(said + "Use that one, or end it first\n")

    taken = run(tmp_path, "ui", "--port", str(ui.port))
    assert taken.returncode == 1
    assert taken.stderr == f"fntx: port {ui.port} of 127.0.0.1 is taken. Choose another one with --port\n"
    assert not (tmp_path / "postgres").exists(), "something was started"

    url = database_url(EmbeddedPostgres(Settings(home=ui.home).paths.postgres).start(), "fntx")
    other = run(tmp_path, "ui", "--port", str(free_port()), FNTX_DATABASE_URL=url)
    assert other.returncode == 1
    assert "daemon works on this database" in other.stderr
    assert not (tmp_path / "postgres").exists()


def test_an_address_that_others_reach_is_refused_without_a_token(tmp_path: Path) -> None:
    for host in ("0.0.0.0", "::"):
        done = run(tmp_path, "ui", "--host", host, "--port", str(free_port()))
        assert done.returncode == 1
        assert f"fntx: others can reach {host}, and whoever reaches the UI can sign and post. Set FNTX_UI_TOKEN" in (
            done.stderr
        )


def test_the_code_server_that_is_killed_comes_back_and_the_definitions_can_be_read_anew(ui: Ui) -> None:
    [before] = code_servers(ui)
    assert ui.ask(RELOAD)[1]["data"]["reloadRepositoryLocation"]["__typename"] == "WorkspaceLocationEntry"
    wait_for(lambda: not before.is_running(), 180)  # it has no run, and hears no heartbeat
    [code_server] = code_servers(ui)
    code_server.kill()
    wait_for(lambda: "the code server had ended, and is started again" in ui.shown, 180)
    wait_for(lambda: ui.ask(LAUNCH)[1]["data"]["launchRun"]["__typename"] == "LaunchRunSuccess", 180)
    assert [each.pid for each in code_servers(ui)] not in ([], [code_server.pid])
