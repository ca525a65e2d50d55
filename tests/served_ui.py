"""A `fntx ui` as tests use it: a process, its GraphQL, its terminal and the processes that it started."""

from __future__ import annotations

import http.client
import json
import os
import signal
import socket
import subprocess
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import psutil

from tests.processes import FNTX, environment

LAUNCH = """mutation {launchRun(executionParams: {selector: {repositoryLocationName: "fntx",
    repositoryName: "__repository__", jobName: "post_queue"}}) {__typename ... on PythonError {message}}}"""
DELIVER = LAUNCH.replace("post_queue", "deliver_alerts")
RELOAD = """mutation {reloadRepositoryLocation(repositoryLocationName: "fntx") {__typename}}"""
RUNS = "{runsOrError {... on Runs {results {runId jobName status}}}}"


class Ui:
    """A `fntx ui` on a home of its own, and what its terminal shows."""

    def __init__(
        self, home: Path, port: int, *, in_background: bool = False, token: str = "", **variables: str
    ) -> None:
        self.home, self.port = home, port
        self.authorization = {"Authorization": f"Bearer {token}"} if token else {}
        variables |= {"FNTX_UI_TOKEN": token} if token else {}
        self.screen = home / f"screen-{port}"
        with self.screen.open("w") as screen:
            self.process = subprocess.Popen(
                [FNTX, "ui", "--port", str(port)],
                env=environment(home, **variables),
                stdout=screen,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                # as a shell without job control starts a command with `&`
                preexec_fn=(lambda: signal.signal(signal.SIGINT, signal.SIG_IGN)) if in_background else None,
            )
        wait_for(lambda: self.process.poll() is not None or "Dagster UI on" in self.shown, 240)
        assert self.process.poll() is None, self.shown

    @property
    def shown(self) -> str:
        return self.screen.read_text()

    @property
    def origin(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def ask(self, query: str, **headers: str) -> tuple[int, Any]:
        """GraphQL by POST, as the UI itself sends it."""
        given = {"Content-Type": "application/json"} | self.authorization | headers
        return self.send("POST", "/graphql", json.dumps({"query": query}), **given)

    def send(self, method: str, path: str, body: str | None = None, **headers: str) -> tuple[int, Any]:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=120)
        connection.request(method, path, body, headers)
        answer = connection.getresponse()
        text = answer.read().decode()
        connection.close()
        return answer.status, json.loads(text) if text.startswith("{") else text

    def runs(self) -> list[dict[str, str]]:
        return self.ask(RUNS)[1]["data"]["runsOrError"]["results"]

    def launched(self) -> list[str]:
        """The numbers of its runs, however far each of them is."""
        return [run["runId"] for run in self.runs()]

    def children(self) -> list[psutil.Process]:
        """Its processes, without those that end just now; the database's are its own."""
        found = []
        for child in psutil.Process(self.process.pid).children(recursive=True):
            with suppress(psutil.NoSuchProcess):
                if child.name() != "postgres":
                    found.append(child)
        return found

    def end(self, how: signal.Signals = signal.SIGINT) -> int:
        os.kill(self.process.pid, how)
        return self.process.wait(timeout=300)


def code_servers(ui: Ui) -> list[psutil.Process]:
    return [child for child in ui.children() if "grpc" in command_line(child)]


def command_line(process: psutil.Process) -> list[str]:
    """Nothing for one that has just ended."""
    with suppress(psutil.NoSuchProcess):
        return process.cmdline()
    return []


def wait_for(happened: Callable[[], object], seconds: float) -> None:
    until = time.monotonic() + seconds
    while not happened():
        assert time.monotonic() < until, "it did not happen"
        time.sleep(0.2)


def free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return free.getsockname()[1]
