"""`fntx webserver` and `fntx daemon` as a server runs them: two processes, one database, one run between them."""

from __future__ import annotations

import http.client
import json
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests import homes
from tests.processes import FNTX, environment, run
from tests.served_ui import DELIVER, RUNS, free_port, wait_for

pytestmark = pytest.mark.slow
TOKEN = "correct horse battery"


class Server:
    """A webserver on a port, asked by GraphQL with its token."""

    def __init__(self, port: int) -> None:
        self.port = port

    def get(self, path: str, **headers: str) -> tuple[int, str]:
        return self._send("GET", path, None, headers)

    def ask(self, query: str) -> dict[str, Any]:
        headers = {"Content-Type": "application/json", "Authorization": f"Bearer {TOKEN}"}
        status, text = self._send("POST", "/graphql", json.dumps({"query": query}), headers)
        assert status == 200, text
        return json.loads(text)["data"]

    def _send(self, method: str, path: str, body: str | None, headers: dict[str, str]) -> tuple[int, str]:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=120)
        connection.request(method, path, body, headers)
        answer = connection.getresponse()
        text = answer.read().decode()
        connection.close()
        return answer.status, text


@contextmanager
def process(home: Path, ready: str, *arguments: str) -> Iterator[subprocess.Popen[bytes]]:
    """A command of `fntx` that has said that it is ready; SIGTERM ends it, with the exit code 0."""
    screen = home / f"screen-{arguments[0]}-{time.monotonic_ns()}"
    with screen.open("w") as shown:
        started = subprocess.Popen(
            [FNTX, *arguments],
            env=environment(home, FNTX_UI_TOKEN=TOKEN),
            stdout=shown,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    wait_for(lambda: started.poll() is not None or ready in screen.read_text(), 240)
    assert started.poll() is None, screen.read_text()
    try:
        yield started
    finally:
        started.send_signal(signal.SIGTERM)
        assert started.wait(120) == 0, screen.read_text()


def test_what_the_webserver_queues_the_daemon_runs_and_both_say_that_they_work(used_home: Path) -> None:
    with homes.home(used_home) as home, ExitStack() as both:
        port = free_port()
        both.enter_context(process(home, "The daemon runs", "daemon"))
        both.enter_context(process(home, "Dagster UI on", "webserver", "--host", "0.0.0.0", "--port", str(port)))
        server = Server(port)
        assert server.get("/healthz", Host="10.0.0.7") == (200, "alive\n")
        assert server.get("/server_info")[0] == 401
        assert server.ask(DELIVER)["launchRun"]["__typename"] == "LaunchRunSuccess"
        wait_for(lambda: "SUCCESS" in str(server.ask(RUNS)), 120)
        assert run(home, "healthy", "webserver", "--port", str(port)).returncode == 0
        wait_for(lambda: run(home, "healthy", "daemon").returncode == 0, 60)
        second = run(home, "daemon")
        assert second.returncode == 1
        assert "already runs on the home" in second.stderr


def test_by_a_read_only_webserver_nothing_is_started(used_home: Path) -> None:
    with homes.home(used_home) as home:
        port = free_port()
        with process(home, "Dagster UI on", "webserver", "--port", str(port), "--read-only"):
            server = Server(port)
            assert server.ask(DELIVER)["launchRun"]["__typename"] == "UnauthorizedError"
            assert server.ask(RUNS)["runsOrError"]["results"] == []
            assert run(home, "healthy", "daemon").returncode == 1
