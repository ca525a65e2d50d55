"""The internals of Dagster's servers that `defs.dagster_servers` uses: they are as it expects them, and the webserver
that it makes of them executes nothing that a page of somebody else could ask for by an address or a websocket."""

from __future__ import annotations

import http.client
import inspect
import json
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.metadata import version
from typing import Any
from urllib.parse import quote

import dagster as dg
import pytest
import uvicorn
from dagster._core.workspace.context import WorkspaceProcessContext
from dagster._core.workspace.load_target import EmptyWorkspaceTarget, GrpcServerTarget
from dagster._daemon.controller import DagsterDaemonController, create_daemons_from_instance
from dagster._grpc.client import DagsterGrpcClient
from dagster_webserver.webserver import DagsterWebserver
from websockets.sync.client import connect

from fntx_dagster.defs.dagster_servers import GuardedWebserver, answers
from fntx_dagster.settings import CODE_LOCATION, PROJECT

WAKE = "mutation {setAutoMaterializePaused(paused: false)}"
PAUSED = "{instance {autoMaterializePaused}}"


@contextmanager
def served(application: type[DagsterWebserver]) -> Iterator[int]:
    """A webserver on an empty workspace and an instance of its own; its port."""
    with (
        dg.DagsterInstance.local_temp() as instance,
        WorkspaceProcessContext(instance, EmptyWorkspaceTarget()) as workspace,
        socket.create_server(("127.0.0.1", 0)) as listening,
    ):
        server = uvicorn.Server(uvicorn.Config(application(workspace).create_asgi_app(), log_config=None))
        thread = threading.Thread(target=server.run, args=([listening],))
        thread.start()
        try:
            yield listening.getsockname()[1]
        finally:
            server.should_exit = True
            thread.join()


@pytest.fixture(scope="module")
def ours() -> Iterator[int]:
    with served(GuardedWebserver) as port:
        yield port


def ask(port: int, method: str, path: str, body: str | None = None) -> tuple[int, Any]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    connection.request(method, path, body, {"Content-Type": "application/json"} if body else {})
    answer = connection.getresponse()
    text = answer.read().decode()
    connection.close()
    return answer.status, json.loads(text) if text.startswith("{") else text


def is_paused(port: int) -> bool:
    return ask(port, "POST", "/graphql", json.dumps({"query": PAUSED}))[1]["data"]["instance"]["autoMaterializePaused"]


def test_dagsters_own_webserver_executes_a_mutation_by_get() -> None:
    """What makes the rule necessary; when this fails, Dagster has mended it."""
    with served(DagsterWebserver) as port:
        assert is_paused(port)
        assert ask(port, "GET", f"/graphql?query={quote(WAKE)}")[0] == 200
        assert not is_paused(port)


@pytest.mark.parametrize("path", ["/graphql", "/graphql%0A", "/%67raphql"])
@pytest.mark.parametrize(
    "query",
    [
        quote(WAKE),
        quote(f"query Harmless {PAUSED} {WAKE.replace('mutation', 'mutation Hidden')}") + "&operationName=Hidden",
        quote(PAUSED) + "&query=" + quote(WAKE),
        quote("subscription {locationStateChangeEvents {__typename}}"),
        quote(f"# query\n{WAKE}"),
    ],
)
def test_ours_executes_nothing_but_queries_by_get(ours: int, path: str, query: str) -> None:
    status, said = ask(ours, "GET", f"{path}?query={query}")
    assert status == 405
    assert "by POST" in said
    assert is_paused(ours)


def test_ours_answers_queries_by_get_and_says_what_is_wrong_with_others(ours: int) -> None:
    assert ask(ours, "GET", f"/graphql?query={quote(PAUSED)}") == (
        200,
        {"data": {"instance": {"autoMaterializePaused": True}}},
    )
    assert ask(ours, "GET", f"/graphql?query={quote('mutation {')}")[0] == 400
    assert ask(ours, "HEAD", f"/graphql?query={quote(WAKE)}")[0] == 405
    assert is_paused(ours)


def test_ours_executes_mutations_by_post(ours: int) -> None:
    assert ask(ours, "POST", "/graphql", json.dumps({"query": WAKE}))[0] == 200
    assert not is_paused(ours)
    ask(ours, "POST", "/graphql", json.dumps({"query": WAKE.replace("false", "true")}))
    assert is_paused(ours)


@pytest.mark.parametrize(
    "query", [WAKE, PAUSED, f"subscription S {{__typename}} {WAKE.replace('mutation', 'mutation M')}"]
)
def test_over_a_websocket_nothing_but_subscriptions_is_executed(ours: int, query: str) -> None:
    with connect(f"ws://127.0.0.1:{ours}/graphql", subprotocols=["graphql-ws"]) as websocket:
        websocket.send(json.dumps({"type": "connection_init"}))
        assert json.loads(websocket.recv(30)) == {"type": "connection_ack"}
        websocket.send(json.dumps({"type": "start", "id": "1", "payload": {"query": query}}))
        answer = json.loads(websocket.recv(30))
        assert answer["type"] == "error"
        assert "nothing but subscriptions" in answer["payload"]["message"]
    assert is_paused(ours)


def test_a_subscription_is_served_over_a_websocket(ours: int) -> None:
    with connect(f"ws://127.0.0.1:{ours}/graphql", subprotocols=["graphql-ws"]) as websocket:
        query = 'subscription {pipelineRunLogs(runId: "none") {__typename}}'
        websocket.send(json.dumps({"type": "start", "id": "1", "payload": {"query": query}}))
        answer = json.loads(websocket.recv(30))
    assert answer["payload"]["data"]["pipelineRunLogs"]["__typename"] == "PipelineRunLogsSubscriptionFailure"


def test_a_code_server_that_is_not_there_does_not_answer(tmp_path: Any) -> None:
    assert not answers(str(tmp_path / "none"))


def test_the_location_is_called_as_in_workspace_yaml() -> None:
    """Else the records of schedules, sensors and runs of `dagster dev` and of `fntx ui` would be two."""
    assert f"location_name: {CODE_LOCATION}\n" in (PROJECT / "workspace.yaml").read_text()


def parameters(function: Any) -> list[str]:
    return [*inspect.signature(function).parameters]


def test_the_internals_look_as_they_did_when_they_were_read() -> None:
    """A release that changes one fails here: compare `defs.dagster_servers` with that release, and mend both."""
    for name in ("dagster", "dagster-webserver"):
        assert version(name).split(".")[:2] == ["1", "13"], "read the internals of this release, then raise the bound"
    for name in ("execute_graphql_request", "execute_graphql_subscription"):
        expected = parameters(getattr(DagsterWebserver, name))
        assert parameters(getattr(GuardedWebserver, name)) == expected, name
    for name in ("graphql_http_endpoint", "graphql_ws_endpoint"):
        source = inspect.getsource(getattr(DagsterWebserver, name))
        assert "self.execute_graphql_" in source, "a request is executed elsewhere"
        assert "execute(" not in source.replace("self.execute_graphql_", ""), name
    assert parameters(DagsterWebserver.__init__)[1:4] == ["process_context", "app_path_prefix", "live_data_poll_rate"]
    assert parameters(WorkspaceProcessContext.__init__)[1:4] == ["instance", "workspace_load_target", "version"]
    assert parameters(WorkspaceProcessContext.reload_code_location) == ["self", "name"]
    assert [*GrpcServerTarget.__annotations__] == ["host", "port", "socket", "location_name", "use_ssl"]
    assert parameters(DagsterDaemonController.__init__)[1:3] == ["workspace_process_context", "daemons"]
    assert parameters(DagsterDaemonController.check_daemon_threads) == ["self"]
    assert parameters(create_daemons_from_instance) == ["instance"]
    assert parameters(DagsterGrpcClient.heartbeat) == ["self", "echo"]
    assert parameters(dg.DagsterInstance.optimize_for_webserver)[1:] == [
        "statement_timeout",
        "pool_recycle",
        "max_overflow",
    ]
