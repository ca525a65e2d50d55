"""Dagster's webserver and daemon in this process, on a code server of its own. Like `defs.internals`, this module uses
what Dagster has and does not export; tests/defs/test_dagster_servers.py fails on a release that changes it.

`dagster dev` and `dagster-webserver` have no place for a guard in front of GraphQL, and `dagster dev` starts its parts
where nobody else can watch them. What is used of each part is its class: the webserver's application, the daemon's
controller, and the client of a code server.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import dagster as dg
import uvicorn
from dagster._core.errors import DagsterUserCodeUnreachableError
from dagster._core.workspace.context import WorkspaceProcessContext
from dagster._core.workspace.load_target import GrpcServerTarget
from dagster._daemon.controller import DagsterDaemonController, create_daemons_from_instance
from dagster._grpc.client import DagsterGrpcClient
from dagster_webserver.version import __version__
from dagster_webserver.webserver import DagsterWebserver
from graphql import GraphQLError, OperationDefinitionNode, OperationType, parse
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse
from starlette.websockets import WebSocket
from uvicorn.middleware.proxy_headers import ProxyHeadersMiddleware

from fntx_dagster.defs.guard import Guard
from fntx_dagster.defs.pages import pages
from fntx_dagster.serving.connections import OurConnection, WatchedConnection, allow_files
from fntx_dagster.settings import CODE_LOCATION, Settings

_STATEMENT_MILLISECONDS, _RECYCLE_SECONDS, _OVERFLOW = 15_000, 3600, 20
"""What `dagster-webserver` sets for its own connections to the storage."""
_POLL_MILLISECONDS, _END_SECONDS = 2000, 3


class GuardedWebserver(DagsterWebserver):
    """Dagster's webserver, which executes by GET nothing but queries, and over a websocket nothing but subscriptions.

    It is refused where it would be executed, so that no other reading of the address or the body gets around it.
    """

    async def execute_graphql_request(
        self, request: Request, query: str, variables: dict[str, Any] | None, operation_name: str | None
    ) -> JSONResponse:
        if request.method != "POST" and not _holds_only(OperationType.QUERY, query):
            text = "By GET a query is answered and nothing else is executed: send a mutation by POST, as JSON."
            return PlainTextResponse(text, 405, {"Allow": "POST"})  # pyright: ignore[reportReturnType]  # it is sent as it is
        return await super().execute_graphql_request(request, query, variables, operation_name)

    async def execute_graphql_subscription(
        self,
        websocket: WebSocket,
        operation_id: str,
        query: str,
        variables: dict[str, Any] | None,
        operation_name: str | None,
    ) -> Any:
        if not _holds_only(OperationType.SUBSCRIPTION, query):
            return None, GraphQLError("Over a websocket nothing but subscriptions is executed.").formatted
        return await super().execute_graphql_subscription(websocket, operation_id, query, variables, operation_name)


@contextmanager
def webserver(
    settings: Settings, host: str, socket: str, reload: Callable[[], None], read_only: bool = False
) -> Iterator[uvicorn.Server]:
    """The UI behind its guard, ready to run. `host` is where it will listen, `socket` the code server's, and `reload`
    replaces the code server when somebody asks the UI for the definitions of now. `read_only`: Dagster refuses all that
    changes something."""
    allow_files()
    token = settings.ui.token.get_secret_value() if settings.ui.token else None
    with dg.DagsterInstance.get() as instance:
        instance.optimize_for_webserver(_STATEMENT_MILLISECONDS, _RECYCLE_SECONDS, _OVERFLOW)
        with _Workspace(instance, socket, reload, read_only) as workspace:
            app = GuardedWebserver(workspace, live_data_poll_rate=_POLL_MILLISECONDS).create_asgi_app()
            app.router.routes[:0] = pages(settings)  # the last of Dagster's own answers every address
            # The guard comes before the headers of a proxy, in which anybody could name another client than himself.
            behind = ProxyHeadersMiddleware(app)  # pyright: ignore[reportArgumentType]  # ASGI, in Starlette's types
            guarded = Guard(behind, settings.ui.hosts | {f"[{host}]" if ":" in host else host}, token)  # pyright: ignore[reportArgumentType]  # ASGI, in uvicorn's types
            yield uvicorn.Server(
                uvicorn.Config(
                    guarded,
                    http=WatchedConnection if token else OurConnection,
                    log_config=None,
                    access_log=False,
                    proxy_headers=False,
                    timeout_graceful_shutdown=_END_SECONDS,
                )
            )


@contextmanager
def daemon(socket: str) -> Iterator[tuple[dg.DagsterInstance, Callable[[], None]]]:
    """The daemon's threads, on the same code server: its instance, and what raises where one of them has ended."""
    with ExitStack() as stack:
        instance = stack.enter_context(dg.DagsterInstance.get())
        workspace = stack.enter_context(_Workspace(instance, socket))
        daemons = [stack.enter_context(each) for each in create_daemons_from_instance(instance)]
        controller = stack.enter_context(DagsterDaemonController(workspace, daemons))
        yield instance, controller.check_daemon_threads


def answers(socket: str) -> bool:
    """Send the code server a heartbeat, and say whether it answers."""
    try:
        DagsterGrpcClient(socket=socket).heartbeat()
    except DagsterUserCodeUnreachableError:
        return False
    return True


class _Workspace(WorkspaceProcessContext):
    """The definitions as the code server has them."""

    def __init__(
        self,
        instance: dg.DagsterInstance,
        socket: str,
        reload: Callable[[], None] | None = None,
        read_only: bool = False,
    ) -> None:
        self._renew = reload
        target = GrpcServerTarget(host="localhost", port=None, socket=socket, location_name=CODE_LOCATION)
        super().__init__(instance, target, version=__version__, read_only=read_only)

    def reload_code_location(self, name: str) -> None:
        if self._renew:
            self._renew()
        super().reload_code_location(name)


def _holds_only(kind: OperationType, query: str) -> bool:
    """Whether every operation of a GraphQL document is of a kind. One that cannot be read executes nothing: Dagster
    answers what is wrong with it."""
    try:
        document = parse(query)
    except GraphQLError:
        return True
    operations = (node for node in document.definitions if isinstance(node, OperationDefinitionNode))
    return all(node.operation is kind for node in operations)
