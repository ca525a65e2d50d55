"""What happens by itself, as a user has it: real processes, a daemon, a simulated broker on loopback."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import psutil

from fntx_dagster.accounting.calendar import sessions
from fntx_dagster.settings import Settings
from fntx_dagster.simulate.delivery import ACTIVITY, answers
from fntx_dagster.simulate.trading import trade
from fntx_dagster.simulate.webservice import serve
from fntx_dagster.store.database import Database
from fntx_dagster.store.opening import open_database
from fntx_dagster.store.raw_flex.coverage import due_session
from tests import homes
from tests.processes import run, start

OUTAGE = 10
MINE, THEIRS = "4711000000001", "4711000000002"


def test_the_live_demo_fetches_shows_today_sees_it_replaced_and_ends_what_it_started() -> None:
    with homes.home() as home:
        done = run(home, "demo", "--live")
        assert done.returncode == 0, done.stdout + done.stderr
        assert "generation in progress" in done.stdout
        assert "too many requests" in done.stdout
        assert "You sell 3 SPY 638 Calls and 3 SPY 635 Puts" in done.stdout
        assert re.search(r"25,520\.41 USD × 7\.8 = \*\*199,059\.20 HKD\*\*", done.stdout)
        assert re.search(r"2025-07-28 \*.*198,675\.31.*199,059\.20", done.stdout)
        assert "the provisional row of 2025-07-28 (199,059.20 HKD) has given way to the official one" in done.stdout
        for port in re.findall(r"127\.0\.0\.1:(\d+)", done.stdout):
            with socket.socket() as closed:
                assert closed.connect_ex(("127.0.0.1", int(port))) != 0, "a server of the demo still listens"
        assert not [process for process in psutil.process_iter() if str(home) in _command(process)]


def test_ten_missing_sessions_heal_in_order_and_a_refused_token_is_one_alert_and_nobody_elses_trouble(
    used_home: Path,
) -> None:
    """The daemon was off for ten sessions, and meanwhile the token of one of two accounts has expired."""
    due = due_session(datetime.now(UTC))
    known = [session.day for session in sessions(due - timedelta(days=60), due)]
    before, evening = known[-OUTAGE - 1], known[-OUTAGE - 1]
    books = trade(3, ["U5000001", "U5000002"], known[-25], due, trades_per_day=4)
    customers = {MINE: books[:1], THEIRS: books[1:]}
    with (
        serve(answers(customers, lambda: evening), {MINE: [ACTIVITY], THEIRS: [ACTIVITY]}) as broker,
        listening() as heard,
        homes.home(used_home) as home,
    ):
        variables = {
            "FNTX_FLEX_URL": broker.url,
            "FNTX_FLEX_TOKENS": json.dumps({"mine": MINE, "theirs": THEIRS}),
            "FNTX_FLEX_QUERIES": json.dumps({"mine": {"Mine": ACTIVITY}, "theirs": {"Theirs": ACTIVITY}}),
            "FNTX_FLEX_WAIT": "0.2",
            "FNTX_ALERT_URLS": json.dumps([f"json://127.0.0.1:{heard.port}/"]),
        }
        first = run(home, "run", "--fetch", "--from", f"{before}", "--to", f"{before}", **variables)
        assert first.returncode == 0, first.stdout + first.stderr
        db = open_database(Settings(home=home))
        with db.connect() as connection:  # what was asked a moment ago would wait for an hour
            connection.execute("update raw_flex.fetches set asked_at = asked_at - interval '1 day'")
        evening = due
        broker.expired.add(THEIRS)
        daemon = start(home, "ui", "--port", str(_free_port()), **variables)
        try:
            wait_for(lambda: posted(db, "U5000001")[-1:] == [due] and heard.about("Statements"), 360)
        finally:
            os.killpg(daemon.pid, signal.SIGINT)
            daemon.wait(timeout=60)
        assert posted(db, "U5000001") == known[-OUTAGE - 1 :]
        assert sent(db, "U5000001") == known[-OUTAGE - 1 :], "signed once each, in order"
        assert posted(db, "U5000002") == [before]
        [message] = heard.about("Statements")
        assert message.startswith("theirs: ")
        assert "expired" in message
        assert "\n" not in message
        assert THEIRS not in str(heard.messages)


class Heard:
    """Messages that came to a webhook: title → texts."""

    def __init__(self) -> None:
        self.port = 0
        self.messages: dict[str, list[str]] = {}

    def about(self, word: str) -> list[str]:
        return [text for title, texts in self.messages.items() if word in title for text in texts]


@contextmanager
def listening() -> Iterator[Heard]:
    """A webhook as Apprise's `json://` calls it."""
    heard = Heard()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            said = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            heard.messages.setdefault(said["title"], []).append(said["message"])
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    server = HTTPServer(("127.0.0.1", 0), Handler)
    heard.port = server.server_address[1]
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield heard
    server.shutdown()
    server.server_close()


def posted(db: Database, account: str) -> list[date]:
    query = "select trading_day from alm_reporting.chain_postings where account_id = %s and state = 'final' order by 1"
    return _days(db, query, account)


def sent(db: Database, account: str) -> list[date]:
    """The days of an account's transactions, by nonce; a transaction's in order."""
    query = """select trading_day from alm_reporting.chain_postings as posting
        join alm_reporting.chain_sendings using (sending_id)
        where posting.account_id = %s order by nonce, trading_day"""
    return _days(db, query, account)


def _days(db: Database, query: str, account: str) -> list[date]:
    with db.connect() as connection:
        return [row[0] for row in connection.execute(query, (account,))]


def wait_for(happened, seconds: float) -> None:
    until = time.monotonic() + seconds
    while not happened():
        assert time.monotonic() < until, "it did not happen"
        time.sleep(1)


def _free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return free.getsockname()[1]


def _command(process: psutil.Process) -> str:
    try:
        return " ".join(process.cmdline())
    except psutil.Error:
        return ""
